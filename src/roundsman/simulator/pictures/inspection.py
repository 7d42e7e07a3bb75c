"""Pictures of things that are inspected: a trouble grows in them from not there (0) to plain (1).

Scenes are traced once and kept. Where the trouble grows evenly (a puddle, rust) two pictures are kept, without and
with all of it, and for every pixel the condition from which it is spoilt; the rest goes from good to bad in steps.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from roundsman.simulator.pictures import canvas, overviews, scenes
from roundsman.simulator.pictures.canvas import Pixels
from roundsman.simulator.pictures.kept import kept
from roundsman.simulator.pictures.raytrace import Scene, Traced, developed, draw, in_view, meet, shade
from roundsman.simulator.pictures.shapes import Floats, Vector
from roundsman.simulator.pictures.textures import clouds, rust

EXPOSURE = 1.5
EDGE = 0.035
"""How far in condition the edge of a trouble is soft."""
KINDS = {
    "puddle": "pump", "pump": "pump", "spill": "pump", "oil": "pump",
    "corrosion": "vessel", "tank": "vessel",
    "valve": "valve", "leak": "valve", "gauge": "valve",
    "door": "door", "exit": "exit", "extinguisher": "extinguisher", "fire_extinguisher": "extinguisher",
    "conveyor": "conveyor",
}  # fmt: skip
_DRIPS: dict[str, Vector] = {"pump": (-0.75, -0.35, 0.0), "valve": (0.15, 2.1, 0.0)}


@dataclass(frozen=True, slots=True)
class _Growth:
    """A picture without trouble, one full of it, and the condition from which each pixel shows it."""

    good: Floats
    bad: Floats
    onset: Floats

    def at(self, condition: float) -> Pixels:
        """The picture at a condition."""
        share = np.clip((condition - self.onset) / EDGE, 0, 1)
        rows = np.flatnonzero(share.max(axis=1))
        pixels = self.good.copy()
        if len(rows):
            span = slice(rows[0], rows[-1] + 1)
            pixels[span] += (self.bad[span] - pixels[span]) * share[span, :, None]
        return pixels.astype(np.uint8)


def inspection_jpeg(*, kind: str, condition: float, seed: int = 0, label: str = "") -> bytes:
    """A picture by the pan-tilt-zoom camera, 1012 × 564.

    Args:
        kind: What is looked at, a key of `KINDS`; anything else is a view into the hall that `label` speaks of.
        condition: How bad it is, 0 (as new) to 1.
        seed: Changes grain, exposure and the exact stand, nothing that matters.
        label: Name of the item, written below.
    """
    name = KINDS.get(kind)
    if name is None:
        pixels = canvas.decoded(_overview(overviews.overview_named(label)))
    elif name in scenes.STEPPED:
        pixels = canvas.decoded(_step(name, round(float(np.clip(condition, 0, 1)) * (scenes.STEPS - 1))))
    else:
        pixels = _growth(name).at(float(np.clip(condition, 0, 1)))
    image = Image.fromarray(canvas.sensed(canvas.nudged(pixels, seed), seed))
    canvas.caption(image, label or kind.replace("_", " ").capitalize(), "PTZ")
    return canvas.jpeg(image)


@kept(40)
def _step(name: str, step: int) -> bytes:
    return _kept(draw(scenes.STEPPED[name](step)))


@kept(8)
def _overview(name: str) -> bytes:
    return _kept(draw(overviews.BUILDERS[name]()))


def _kept(traced: Traced) -> bytes:
    return canvas.jpeg(Image.fromarray(developed(traced.linear, exposure=EXPOSURE)), quality=94)


@kept(3)
def _growth(name: str) -> _Growth:
    scene = scenes.SMOOTH[name]()
    traced = draw(scene)
    bad, onset = _rusted(traced) if name == "vessel" else _wet(scene, traced, _DRIPS[name])
    good = developed(traced.linear, exposure=EXPOSURE).astype(np.float32)
    return _Growth(good, developed(bad, exposure=EXPOSURE).astype(np.float32), onset)


def _rusted(traced: Traced) -> tuple[Floats, Floats]:
    """All steel but the room rusted; rust begins low, at seams and in blotches."""
    height, width = traced.shape.shape
    point = traced.point.reshape(-1, 3)
    steel = np.flatnonzero((traced.shape.ravel() > 0) & (point[:, 1] < 2.6))
    linear = traced.linear.reshape(-1, 3).copy()
    light = linear[steel].mean(axis=1, keepdims=True) / np.float32(0.45)
    linear[steel] = rust(point[steel]) * light
    # Along slanted axes, so that the blotches run around a mantle without a break.
    along, up = (point[steel] @ np.array([[1.0, 0.0], [0.7, -0.45], [0.0, 1.0]], np.float32)).T
    blotch = clouds(along, up, size_m=2.6, roughness=0.75)
    seam = np.abs((point[steel, 2] - 0.25) % np.float32(1.07) - 0.05)
    door = np.abs(np.linalg.norm(point[steel] - np.array((0.25, 0.7, 1.25), np.float32), axis=1) - 0.44)
    near = np.minimum(np.minimum(seam, door), 0.5)
    onset = np.full(height * width, 2.0, np.float32)
    onset[steel] = 0.12 + 0.9 * blotch + 0.55 * near
    return linear.reshape(height, width, 3), onset.reshape(height, width)


def _wet(scene: Scene, traced: Traced, drip: Vector) -> tuple[Floats, Floats]:
    """The floor under a dark film that mirrors the hall; it spreads from where it drips."""
    height, width = traced.shape.shape
    point = traced.point.reshape(-1, 3)
    floor = np.flatnonzero((traced.normal[..., 2].ravel() > 0.9) & (point[:, 2] < 0.02))
    x, y = point[floor, 0], point[floor, 1]
    uneven = clouds(x, y, size_m=3.1, roughness=0.25) - np.float32(0.5)
    away = np.hypot((x - drip[0]) * np.float32(0.75), y - drip[1]) * (1 + uneven * np.float32(1.3))
    onset = np.full(height * width, 2.0, np.float32)
    onset[floor] = 0.05 + 0.55 * away
    some = np.flatnonzero(onset <= 1.0)
    linear = traced.linear.reshape(-1, 3).copy()
    linear[some] = _mirrored(scene, some, point[some], linear[some])
    return linear.reshape(height, width, 3), onset.reshape(height, width)


def _mirrored(scene: Scene, floor: npt.NDArray[np.intp], point: Floats, dry: Floats) -> Floats:
    """What the floor's pixels show when wet: the hall as seen by an eye as far below the floor as ours is above."""
    below = np.array(scene.camera.eye, np.float32) * np.array((1, 1, -1), np.float32)
    rays = point - below
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    row, column = np.divmod(floor, scene.camera.size[0])
    near = in_view(scene, column + np.float32(0.5), row + np.float32(0.5), mirrored=True)
    hits = meet(scene.shapes, below, rays, near)
    seen = shade(scene, hits, rays, [np.full(len(rays), 0.75, np.float32)] * len(scene.lights))
    share = 0.24 + 0.76 * (1 - rays[:, 2:]) ** 5
    film = dry * np.array((0.17, 0.14, 0.10), np.float32)
    return film + np.minimum(seen, 1.5) * share


def prepare() -> None:
    """Draws every scene that is kept, so that the pictures asked for later are quick. Takes a minute of one core."""
    for name in scenes.SMOOTH:
        _growth(name)
    for name in overviews.BUILDERS:
        _overview(name)
    for name in scenes.STEPPED:
        for step in range(scenes.STEPS):
            _step(name, step)

"""What the thermal camera measures: a believable field of temperatures, and its picture in false colours.

Source: robot-link.md §4 (640 × 512 big-endian uint16 in decikelvin, no header).
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from roundsman.simulator.pictures import canvas, thermal_scenes
from roundsman.simulator.pictures.kept import kept
from roundsman.simulator.pictures.palette import warmth
from roundsman.simulator.pictures.raytrace import in_view, meet
from roundsman.simulator.pictures.shapes import Floats

WIDTH, HEIGHT = thermal_scenes.SIZE
ZERO_C_DK = 2731.5
"""0 °C in decikelvin."""
_LENS = tuple(np.float32(weight) for weight in (0.07, 0.24, 0.38, 0.24, 0.07))


@dataclass(frozen=True, slots=True)
class _Structure:
    """A scene for the thermal camera, (h, w) each: warmth of the things by themselves in kelvin, share of the heat."""

    warm_k: Floats
    heat: Floats


def thermal_raw(*, scene: str, hot_c: float, ambient_c: float, seed: int = 0) -> bytes:
    """Raw temperatures: 512 rows of 640 big-endian uint16 in decikelvin; the hottest is `hot_c`.

    Args:
        scene: `bearing`, `motor`, `flange`, `steam_trap`, `busbar` or `switchgear`, `transformer`; else a hall.
        hot_c: The highest temperature in the picture, in °C.
        ambient_c: The temperature of the hall, in °C.
        seed: Changes noise and the exact stand.
    """
    structure = _structure(thermal_scenes.scene_named(scene))
    rng = np.random.default_rng(seed)
    rise = max(0.0, hot_c - ambient_c)
    # Things run warm by themselves, but never as warm as the hot spot.
    warm = structure.warm_k * np.float32(min(2.0, rise / 32))
    field = np.maximum(warm, structure.heat * np.float32(rise)) + warm * np.float32(0.15) * (1 - structure.heat)
    dy, dx = rng.integers(-4, 5, 2)
    field = np.pad(field, 4, mode="edge")[4 + dy : 4 + dy + HEIGHT, 4 + dx : 4 + dx + WIDTH]
    celsius = ambient_c + field + rng.standard_normal((HEIGHT, WIDTH), np.float32) * np.float32(0.12)
    limited = np.minimum(celsius, np.float32(hot_c - 0.1))
    limited.ravel()[celsius.argmax()] = hot_c
    return np.round(limited * 10 + ZERO_C_DK).astype(">u2").tobytes()


@kept(8)
def _structure(name: str) -> _Structure:
    warm_scene = thermal_scenes.BUILDERS[name]()
    scene = warm_scene.scene
    py, px = (grid.ravel().astype(np.float32) + 0.5 for grid in np.mgrid[0:HEIGHT, 0:WIDTH])
    rays = scene.camera.rays(px, py)
    hits = meet(scene.shapes, np.array(scene.camera.eye, np.float32), rays, in_view(scene, px, py))
    own = np.array([warm_scene.warm_k.get(index, 0.0) for index in range(len(scene.shapes))], np.float32)[hits.shape]
    # Surfaces seen at a slant and those that look upward are a little different: what makes shapes visible at all.
    slant = -np.einsum("ni,ni->n", rays, hits.normal)
    room = hits.shape == 0
    relief = np.where(room, 0.5 * hits.point[:, 2] - 0.6, -1.4 * (1 - slant) + 0.7 * hits.normal[:, 2])
    away = np.linalg.norm((hits.point - np.array(warm_scene.spot, np.float32)), axis=1)
    spread = np.where(np.isin(hits.shape, list(warm_scene.conducting)), warm_scene.reach_m, warm_scene.reach_m * 0.35)
    heat = np.exp(-((away / spread) ** 1.4))
    heat *= np.where(room, 0.25, 1.0)
    return _Structure(_blurred(own + relief.astype(np.float32)), _blurred(heat.astype(np.float32)))


def _blurred(flat: Floats) -> Floats:
    """As the lens gives it: a little soft."""
    wide = np.pad(flat.reshape(HEIGHT, WIDTH).astype(np.float32), 2, mode="edge")
    rows = np.sum([weight * wide[i : i + HEIGHT] for i, weight in enumerate(_LENS)], axis=0)
    return np.sum([weight * rows[:, i : i + WIDTH] for i, weight in enumerate(_LENS)], axis=0)


def thermal_jpeg(raw: bytes, *, label: str = "") -> bytes:
    """A false-colour picture, 640 × 512, of raw temperatures: colour bar, its ends, and a mark at the hottest spot."""
    celsius = (np.frombuffer(raw, ">u2").reshape(HEIGHT, WIDTH).astype(np.float32) - np.float32(ZERO_C_DK)) / 10
    low, high = float(np.percentile(celsius, 0.5)), float(celsius.max())
    high = max(high, low + 4.0)
    level = np.clip((celsius - low) * np.float32(255 / (high - low)), 0, 255).astype(np.uint8)
    image = Image.fromarray(warmth()[level])
    _bar(image, low, high)
    _mark(image, hottest_px(celsius), float(celsius.max()))
    canvas.caption(image, label, "")
    return canvas.jpeg(image, quality=88)


def hottest_px(celsius: Floats) -> tuple[int, int]:
    """Column and row of the hottest pixel."""
    row, column = np.unravel_index(int(celsius.argmax()), celsius.shape)
    return int(column), int(row)


def _outlined(pen: ImageDraw.ImageDraw, spot: tuple[float, float], text: str, size_px: int, anchor: str) -> None:
    pen.text(spot, text, fill=(255, 255, 255), font=canvas.font(size_px), anchor=anchor, stroke_width=2, stroke_fill=0)


def _bar(image: Image.Image, low: float, high: float) -> None:
    ramp = np.repeat(warmth()[::-1, None, :], 14, axis=1)
    bar = Image.fromarray(ramp).resize((14, 340))
    image.paste(bar, (WIDTH - 30, 86))
    pen = ImageDraw.Draw(image)
    pen.rectangle((WIDTH - 31, 85, WIDTH - 16, 426), outline=(230, 230, 230))
    _outlined(pen, (WIDTH - 14, 70), f"{high:.1f} °C", 17, "rm")
    _outlined(pen, (WIDTH - 14, 442), f"{low:.1f} °C", 17, "rm")


def _mark(image: Image.Image, spot: tuple[int, int], hot_c: float) -> None:
    x, y = spot
    pen = ImageDraw.Draw(image)
    for width, colour in ((4, (0, 0, 0)), (2, (255, 255, 255))):
        pen.ellipse((x - 11, y - 11, x + 11, y + 11), outline=colour, width=width)
        for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            pen.line((x + 11 * dx, y + 11 * dy, x + 19 * dx, y + 19 * dy), fill=colour, width=width)
    left = x > WIDTH * 0.7
    _outlined(pen, (x - 26 if left else x + 26, y - 16), f"{hot_c:.1f} °C", 22, "rm" if left else "lm")

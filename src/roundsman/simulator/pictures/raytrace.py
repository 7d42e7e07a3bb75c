"""A small ray tracer: draws a scene of solid shapes once, to be kept and drawn upon.

Made for a few dozen shapes and pictures of about a megapixel: each takes some tenths of a second, so callers keep
what they have drawn.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from roundsman.simulator.pictures.shapes import Floats, Shape, Vector

Ids = npt.NDArray[np.int16]
Number = TypeVar("Number", np.int16, np.float32)
AMBIENT = (0.30, 0.33, 0.37)


@lru_cache(maxsize=16)
def _axes(eye: Vector, target: Vector) -> Floats:
    """Rows: right, up, forward; unit vectors."""
    forward = np.array(target, np.float32) - np.array(eye, np.float32)
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, (0, 0, 1))
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(right, forward), forward]).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Camera:
    """Where the picture is taken from, at what, how wide (horizontal opening angle) and how large in pixels."""

    eye: Vector
    target: Vector
    fov_deg: float
    size: tuple[int, int]

    @property
    def focal_px(self) -> float:
        """Focal length in pixels."""
        return self.size[0] / 2 / float(np.tan(np.radians(self.fov_deg) / 2))

    def rays(self, px: Floats, py: Floats) -> Floats:
        """Unit directions (n, 3) through pixel coordinates."""
        x, y = (px - self.size[0] / 2) / self.focal_px, (self.size[1] / 2 - py) / self.focal_px
        along = np.stack([x, y, np.ones_like(x)], axis=-1).astype(np.float32)
        directions = along @ _axes(self.eye, self.target)
        return directions / np.linalg.norm(directions, axis=-1, keepdims=True)

    def project(self, points: npt.ArrayLike) -> Floats:
        """Pixel coordinates and depth (n, 3) of points (n, 3); the depth is negative behind the camera."""
        seen = (np.asarray(points, np.float32) - np.array(self.eye, np.float32)) @ _axes(self.eye, self.target).T
        depth = np.where(np.abs(seen[:, 2]) < 1e-6, np.float32(1e-6), seen[:, 2])
        x = self.size[0] / 2 + self.focal_px * seen[:, 0] / depth
        y = self.size[1] / 2 - self.focal_px * seen[:, 1] / depth
        return np.stack([x, y, seen[:, 2]], axis=-1)


@dataclass(frozen=True, slots=True)
class Light:
    """A lamp: where, how bright at one metre, of what colour, and how large (for soft shadows)."""

    position: Vector
    power: float
    colour: Vector = (1.0, 0.95, 0.86)
    radius: float = 0.5
    casts: bool = True


@dataclass(frozen=True, slots=True)
class Scene:
    """Shapes in lamp light, seen by a camera."""

    camera: Camera
    shapes: tuple[Shape, ...]
    lights: tuple[Light, ...]
    ambient: Vector = AMBIENT


@dataclass(slots=True)
class Hits:
    """What rays met: distance, normal, index of the shape, point in space."""

    t: Floats
    normal: Floats
    shape: Ids
    point: Floats


@dataclass(frozen=True, slots=True)
class Traced:
    """A drawn scene: the linear picture (h, w, 3), and of each pixel the shape (h, w), point and normal (h, w, 3)."""

    linear: Floats
    shape: Ids
    point: Floats
    normal: Floats


def meet(shapes: Sequence[Shape], origin: Floats, rays: Floats, near: Sequence[npt.NDArray[np.intp] | None]) -> Hits:
    """The nearest meetings of rays with shapes; `near` names the rays that can meet a shape at all, None for all."""
    count = len(rays)
    hits = Hits(
        np.full(count, np.inf, np.float32), np.zeros((count, 3), np.float32), np.zeros(count, np.int16), np.empty(0)
    )
    closest = [_closest(shape, origin) for shape in shapes]
    # From the front to the back, so that what nearer things hide is not met at all; the room around all comes last.
    for index in sorted(range(len(shapes)), key=lambda i: (shapes[i].bounds() is None, closest[i])):
        some = near[index]
        some = np.flatnonzero(hits.t > closest[index]) if some is None else some[hits.t[some] > closest[index]]
        if not len(some):
            continue
        t, normal = shapes[index].hit(origin if origin.ndim == 1 else origin[some], rays[some])
        better = np.flatnonzero(t < hits.t[some])
        target = some[better]
        hits.t[target], hits.normal[target], hits.shape[target] = t[better], normal[better], index
    hits.point = origin + np.where(np.isfinite(hits.t), hits.t, np.float32(50))[:, None] * rays
    return hits


def _closest(shape: Shape, origin: Floats) -> float:
    """A distance that no meeting with a shape is nearer than, for rays from one point; 0 when it cannot be told."""
    bounds = shape.bounds()
    if bounds is None or origin.ndim > 1:
        return 0.0
    low, high = np.array(bounds, np.float32)
    return float(np.linalg.norm(np.maximum(np.maximum(low - origin, origin - high), 0)))


def in_view(scene: Scene, px: Floats, py: Floats, *, mirrored: bool = False) -> list[npt.NDArray[np.intp] | None]:
    """For each shape, or its mirror image in the floor, the indices of the pixels that may show it; None for all."""
    return [_pixels_of(scene.camera, shape, px, py, -1.0 if mirrored else 1.0) for shape in scene.shapes]


def _pixels_of(camera: Camera, shape: Shape, px: Floats, py: Floats, up: float) -> npt.NDArray[np.intp] | None:
    bounds = shape.bounds()
    if bounds is None:
        return None
    low, high = bounds
    corners = [(x, y, z * up) for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])]
    seen = camera.project(corners)
    if seen[:, 2].min() < 0.05:
        return None
    (x0, y0), (x1, y1) = seen[:, :2].min(axis=0) - 1, seen[:, :2].max(axis=0) + 1
    return np.flatnonzero((px >= x0) & (px <= x1) & (py >= y0) & (py <= y1))


def shade(scene: Scene, hits: Hits, rays: Floats, lit: Sequence[Floats]) -> Floats:
    """Linear colours (n, 3) of meetings; `lit` says for each light how much of it arrives (n,)."""
    albedo, gloss, glow = _surfaces(scene.shapes, hits)
    # Light from above counts more than from below: the cheapest likeness of an open hall.
    sky = (0.62 + 0.38 * hits.normal[:, 2:]) * np.array(scene.ambient, np.float32)
    colour = albedo * sky
    for light, share in zip(scene.lights, lit, strict=True):
        to_light = np.array(light.position, np.float32) - hits.point
        away = np.linalg.norm(to_light, axis=-1)
        to_light /= away[:, None]
        facing = np.clip(np.einsum("ni,ni->n", hits.normal, to_light), 0, 1)
        strength = share * np.float32(light.power) / (1 + away**2)
        tint = np.array(light.colour, np.float32)
        half = to_light - rays
        half /= np.linalg.norm(half, axis=-1, keepdims=True)
        shine = np.clip(np.einsum("ni,ni->n", hits.normal, half), 0, 1) ** 48
        colour += (albedo * (facing * strength)[:, None] + (gloss * shine * strength)[:, None]) * tint
    return colour * (1 - glow[:, None]) + albedo * 2.4 * glow[:, None]


def _surfaces(shapes: Sequence[Shape], hits: Hits) -> tuple[Floats, Floats, Floats]:
    finishes = [shape.finish for shape in shapes]
    albedo = np.array([finish.colour for finish in finishes], np.float32)[hits.shape]
    for index, finish in enumerate(finishes):
        if finish.paint is not None:
            some = np.flatnonzero(hits.shape == index)
            if len(some):
                albedo[some] = finish.paint(hits.point[some], hits.normal[some])
    gloss = np.array([finish.gloss for finish in finishes], np.float32)[hits.shape]
    return albedo, gloss, np.array([finish.glow for finish in finishes], np.float32)[hits.shape]


def shadows(scene: Scene, light: Light, points: Floats, normals: Floats) -> Floats:
    """How much of a light arrives at points: 0 or 1, towards a random spot of the lamp each."""
    rng = np.random.default_rng(11)
    lamp = np.array(light.position, np.float32)
    to_light = lamp + light.radius * rng.uniform(-1, 1, points.shape).astype(np.float32) - points
    away = np.linalg.norm(to_light, axis=-1)
    start = points + normals * np.float32(0.012)
    from_lamp = points - lamp
    from_lamp /= np.linalg.norm(from_lamp, axis=-1, keepdims=True)
    dark = np.zeros(len(points), bool)
    for shape in scene.shapes:
        cone = _cone(shape, lamp, light.radius)
        if cone is None:
            continue
        some = np.flatnonzero((from_lamp @ cone[0] > cone[1]) & ~dark)
        t, _ = shape.hit(start[some], to_light[some] / away[some, None])
        dark[some] = t < away[some]
    return np.where(dark, np.float32(0), np.float32(1))


def _cone(shape: Shape, lamp: Floats, lamp_radius: float) -> tuple[Floats, float] | None:
    """Where a shape can cast its shadow: axis from the lamp and cosine of the opening; None when it casts none."""
    bounds = shape.bounds()
    if bounds is None or shape.finish.glow > 0.5:
        return None
    low, high = np.array(bounds, np.float32)
    radius = float(np.linalg.norm(high - low)) / 2
    to_middle = (low + high) / 2 - lamp
    away = float(np.linalg.norm(to_middle))
    if radius < 0.06:
        return None
    reach = (radius + lamp_radius) / away
    return to_middle / away, float(np.sqrt(1 - reach**2)) if reach < 1 else -1.0


def draw(scene: Scene, *, smooth: bool = True) -> Traced:
    """Draws a scene at half its size and enlarges it: a quarter of the time, and lenses are not sharper either."""
    width, height = scene.camera.size
    return _enlarged(_draw(replace(scene, camera=replace(scene.camera, size=(width // 2, height // 2))), smooth))


def _enlarged(traced: Traced) -> Traced:
    """Twice as wide and high: colours between the pixels, everything else by the nearest."""
    height, width = traced.shape.shape
    size = (width * 2, height * 2)
    channels = [Image.fromarray(np.ascontiguousarray(traced.linear[..., c])) for c in range(3)]
    linear = np.stack([np.asarray(c.resize(size, Image.Resampling.BICUBIC)) for c in channels], axis=-1)
    return Traced(np.maximum(linear, 0), _doubled(traced.shape), _doubled(traced.point), _doubled(traced.normal))


def _doubled(values: npt.NDArray[Number]) -> npt.NDArray[Number]:
    return values.repeat(2, axis=0).repeat(2, axis=1)


def _draw(scene: Scene, smooth: bool) -> Traced:
    """Traces a scene: soft shadows at a third of the size, smooth edges."""
    width, height = scene.camera.size
    py, px = (grid.ravel().astype(np.float32) + 0.5 for grid in np.mgrid[0:height, 0:width])
    origin = np.array(scene.camera.eye, np.float32)
    rays = scene.camera.rays(px, py)
    hits = meet(scene.shapes, origin, rays, in_view(scene, px, py))
    lit = [_soft_shadows(scene, light, hits) for light in scene.lights]
    linear = shade(scene, hits, rays, lit).reshape(height, width, 3)
    ids = hits.shape.reshape(height, width)
    normal = hits.normal.reshape(height, width, 3)
    if smooth:
        _smooth_edges(scene, linear, _edges(ids, normal), lit)
    return Traced(linear, ids, hits.point.reshape(height, width, 3), normal)


def _soft_shadows(scene: Scene, light: Light, hits: Hits) -> Floats:
    width, height = scene.camera.size
    if not light.casts:
        return np.ones(width * height, np.float32)
    points = hits.point.reshape(height, width, 3)[::3, ::3]
    normals = hits.normal.reshape(height, width, 3)[::3, ::3]
    dark = shadows(scene, light, points.reshape(-1, 3), normals.reshape(-1, 3)).reshape(points.shape[:2])
    image = Image.fromarray((dark * 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(1.6))
    large = image.resize((width, height), Image.Resampling.BILINEAR)
    return (np.asarray(large, np.float32) / 255).ravel()


def _edges(ids: Ids, normal: Floats) -> npt.NDArray[np.intp]:
    """Flat indices of the pixels that border on something else."""
    edge = np.zeros(ids.shape, bool)
    down = (ids[1:] != ids[:-1]) | (np.abs(normal[1:] - normal[:-1]).max(axis=-1) > 0.4)
    right = (ids[:, 1:] != ids[:, :-1]) | (np.abs(normal[:, 1:] - normal[:, :-1]).max(axis=-1) > 0.4)
    edge[1:] |= down
    edge[:-1] |= down
    edge[:, 1:] |= right
    edge[:, :-1] |= right
    return np.flatnonzero(edge)


def _smooth_edges(scene: Scene, linear: Floats, edges: npt.NDArray[np.intp], lit: Sequence[Floats]) -> None:
    """Draws the pixels at edges again, from four rays each."""
    width = scene.camera.size[0]
    origin = np.array(scene.camera.eye, np.float32)
    row, column = np.divmod(edges, width)
    mean = np.zeros((len(edges), 3), np.float32)
    for dx, dy in ((0.125, 0.375), (0.375, 0.875), (0.625, 0.125), (0.875, 0.625)):
        px, py = (column + dx).astype(np.float32), (row + dy).astype(np.float32)
        rays = scene.camera.rays(px, py)
        hits = meet(scene.shapes, origin, rays, in_view(scene, px, py))
        # Clipped first, or one ray that meets a lamp outshines the other three.
        mean += np.clip(shade(scene, hits, rays, [share[edges] for share in lit]), 0, 1.2) / 4
    linear.reshape(-1, 3)[edges] = mean


def developed(linear: Floats, *, exposure: float = 1.0) -> npt.NDArray[np.uint8]:
    """Linear light as 8-bit sRGB-like colours, with highlights that roll off softly."""
    light = np.maximum(linear * np.float32(exposure), 0)
    mapped = light * (1 + light / 6) / (1 + light * np.float32(0.75))
    return (255 * np.clip(mapped, 0, 1) ** np.float32(1 / 2.2)).astype(np.uint8)

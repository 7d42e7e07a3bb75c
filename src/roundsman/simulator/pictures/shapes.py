"""Solid shapes that rays can meet: what the drawn plant is built of.

Lengths in metres; x to the right, y away from the viewer, z up. A ray is origin + t · direction; `hit` answers the
distance t to the nearest meeting (infinite when there is none) and the outward normal there, as float32 arrays of
shape (n,) and (n, 3).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Vector = tuple[float, float, float]
Paint = Callable[[Floats, Floats], Floats]
"""Colours (n, 3), linear 0…1, of points (n, 3) with normals (n, 3)."""
NEAR = 1e-3


@dataclass(frozen=True, slots=True)
class Finish:
    """How a surface looks: a colour or a paint, how glossy it is, how much it glows by itself."""

    colour: Vector = (0.5, 0.5, 0.5)
    gloss: float = 0.15
    glow: float = 0.0
    paint: Paint | None = None
    heat: float = 0.0
    """For the thermal camera: how warm it runs, 0 as the hall … 1 as the hottest point."""


class Shape(Protocol):
    """Anything that rays can meet."""

    @property
    def finish(self) -> Finish:
        """How its surface looks."""
        ...

    def hit(self, origin: Floats, direction: Floats) -> tuple[Floats, Floats]:
        """Distances and normals of the nearest meetings."""
        ...

    def bounds(self) -> tuple[Vector, Vector] | None:
        """Lowest and highest corner of a box around it; None when it is around everything."""
        ...


def _array(vector: Vector) -> Floats:
    return np.array(vector, np.float32)


def _dot(a: Floats, b: Floats) -> Floats:
    return np.einsum("...i,...i->...", a, b)


@dataclass(frozen=True, slots=True)
class Box:
    """A box standing upright, turned about its vertical axis by `yaw_rad`."""

    centre: Vector
    size: Vector
    finish: Finish
    yaw_rad: float = 0.0

    def hit(self, origin: Floats, direction: Floats) -> tuple[Floats, Floats]:
        """Distances and normals, by slabs."""
        turn = self._turn()
        local = (origin - _array(self.centre)) @ turn
        ray = direction @ turn
        inverse = np.float32(1) / np.where(np.abs(ray) < 1e-9, np.float32(1e-9), ray)
        half = _array(self.size) / 2
        enter = -local * inverse - half * np.abs(inverse)
        leave = -local * inverse + half * np.abs(inverse)
        axis = enter.argmax(axis=-1)
        near, far = enter.max(axis=-1), leave.min(axis=-1)
        t = np.where((near < far) & (near > NEAR), near, np.float32(np.inf))
        normal = np.zeros_like(ray)
        rows = np.arange(len(ray))
        normal[rows, axis] = -np.sign(ray[rows, axis])
        return t, normal @ turn.T

    def bounds(self) -> tuple[Vector, Vector]:
        """A box around it, whatever its turn."""
        reach = float(np.hypot(self.size[0], self.size[1])) / 2 if self.yaw_rad else 0.0
        half = (reach or self.size[0] / 2, reach or self.size[1] / 2, self.size[2] / 2)
        x, y, z = self.centre
        return (x - half[0], y - half[1], z - half[2]), (x + half[0], y + half[1], z + half[2])

    def _turn(self) -> Floats:
        c, s = np.cos(self.yaw_rad), np.sin(self.yaw_rad)
        return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]], np.float32)


@dataclass(frozen=True, slots=True)
class Cylinder:
    """A solid cylinder with flat ends between the points `a` and `b`."""

    a: Vector
    b: Vector
    radius: float
    finish: Finish

    def hit(self, origin: Floats, direction: Floats) -> tuple[Floats, Floats]:
        """Distances and normals: where the ray is within the mantle and between the ends."""
        a, along = _array(self.a), _array(self.b) - _array(self.a)
        length = np.float32(np.linalg.norm(along))
        axis = along / length
        start = origin - a
        ray_along, start_along = direction @ axis, start @ axis
        ray_across = direction - ray_along[..., None] * axis
        start_across = start - start_along[..., None] * axis
        qa = np.maximum(_dot(ray_across, ray_across), np.float32(1e-9))
        qb = _dot(ray_across, np.broadcast_to(start_across, ray_across.shape))
        qc = _dot(start_across, start_across) - np.float32(self.radius**2)
        root = qb * qb - qa * qc
        reach = np.sqrt(np.maximum(root, 0))
        mantle_in, mantle_out = (-qb - reach) / qa, (-qb + reach) / qa
        inverse = np.float32(1) / np.where(np.abs(ray_along) < 1e-9, np.float32(1e-9), ray_along)
        one, two = -start_along * inverse, (length - start_along) * inverse
        ends_in, ends_out = np.minimum(one, two), np.maximum(one, two)
        t = np.maximum(mantle_in, ends_in)
        met = (root > 0) & (t < np.minimum(mantle_out, ends_out)) & (t > NEAR)
        side = (start_across + t[..., None] * ray_across) / np.float32(self.radius)
        end = -np.sign(ray_along)[..., None] * axis
        normal = np.where((mantle_in > ends_in)[..., None], side, end).astype(np.float32)
        return np.where(met, t, np.float32(np.inf)), normal

    def bounds(self) -> tuple[Vector, Vector]:
        """A box around it."""
        low, high = np.minimum(self.a, self.b) - self.radius, np.maximum(self.a, self.b) + self.radius
        return (float(low[0]), float(low[1]), float(low[2])), (float(high[0]), float(high[1]), float(high[2]))


@dataclass(frozen=True, slots=True)
class Sphere:
    """A ball, or with `squash` other than 1 a ball flattened along z."""

    centre: Vector
    radius: float
    finish: Finish
    squash: float = 1.0

    def hit(self, origin: Floats, direction: Floats) -> tuple[Floats, Floats]:
        """Distances and normals."""
        stretch = np.array([1, 1, 1 / self.squash], np.float32) / np.float32(self.radius)
        start, ray = (origin - _array(self.centre)) * stretch, direction * stretch
        start = np.broadcast_to(start, ray.shape)
        qa, qb, qc = _dot(ray, ray), _dot(ray, start), _dot(start, start) - np.float32(1)
        root = qb * qb - qa * qc
        t = (-qb - np.sqrt(np.maximum(root, 0))) / qa
        normal = (start + t[..., None] * ray) * stretch
        normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), np.float32(1e-9))
        return np.where((root > 0) & (t > NEAR), t, np.float32(np.inf)), normal

    def bounds(self) -> tuple[Vector, Vector]:
        """A box around it."""
        x, y, z = self.centre
        r, up = self.radius, self.radius * self.squash
        return (x - r, y - r, z - up), (x + r, y + r, z + up)


@dataclass(frozen=True, slots=True)
class Room:
    """The inside of a box: floor, walls and ceiling around everything. Its normals look inward."""

    low: Vector
    high: Vector
    finish: Finish

    def hit(self, origin: Floats, direction: Floats) -> tuple[Floats, Floats]:
        """Distances and normals of the walls seen from inside."""
        safe = np.where(np.abs(direction) < 1e-9, np.float32(1e-9), direction)
        wall = np.where(safe > 0, _array(self.high), _array(self.low))
        distances = (wall - origin) / safe
        axis = distances.argmin(axis=-1)
        rows = np.arange(len(direction))
        normal = np.zeros_like(direction)
        normal[rows, axis] = -np.sign(safe[rows, axis])
        return distances[rows, axis], normal

    def bounds(self) -> None:
        """It is around everything."""
        return

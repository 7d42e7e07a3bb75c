"""Surfaces that are not of one colour: concrete, worn paint, rust, hazard stripes."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from roundsman.simulator.pictures.shapes import Floats, Paint, Vector

_TILE = 512


@lru_cache(maxsize=4)
def _tile(roughness: float) -> Floats:
    """A seamless tile of clouds, spread evenly over 0…1. The higher the roughness, the finer its grain."""
    rng = np.random.default_rng(7)
    fy, fx = np.meshgrid(np.fft.fftfreq(_TILE), np.fft.fftfreq(_TILE), indexing="ij")
    away = np.hypot(fx, fy)
    away[0, 0] = 1.0
    spectrum = np.fft.fft2(rng.standard_normal((_TILE, _TILE))) / away ** (2.2 - roughness)
    spectrum[0, 0] = 0.0
    field = np.real(np.fft.ifft2(spectrum))
    ranks = field.ravel().argsort().argsort().reshape(field.shape)
    return (ranks / ranks.max()).astype(np.float32)


def clouds(u: Floats, v: Floats, *, size_m: float = 2.0, roughness: float = 0.6) -> Floats:
    """Cloudy noise 0…1 at plane coordinates in metres; it repeats after `size_m`."""
    x, y = u * np.float32(_TILE / size_m), v * np.float32(_TILE / size_m)
    x0, y0 = np.floor(x), np.floor(y)
    fx, fy = x - x0, y - y0
    column, row = x0.astype(np.int32) % _TILE, y0.astype(np.int32) % _TILE
    right, below = (column + 1) % _TILE, (row + 1) % _TILE
    tile = _tile(roughness)
    top = tile[row, column] * (1 - fx) + tile[row, right] * fx
    return top * (1 - fy) + (tile[below, column] * (1 - fx) + tile[below, right] * fx) * fy


def flat(points: Floats, normals: Floats) -> tuple[Floats, Floats]:
    """Plane coordinates on a surface: the two axes that its normal leans to least."""
    axis = np.abs(normals).argmax(axis=-1)
    u = np.where(axis == 0, points[:, 1], points[:, 0])
    v = np.where(axis == 2, points[:, 1], points[:, 2])
    return u, v


def noise_on(points: Floats, normals: Floats, *, size_m: float, roughness: float = 0.6) -> Floats:
    """Cloudy noise 0…1 on a surface."""
    u, v = flat(points, normals)
    return clouds(u, v, size_m=size_m, roughness=roughness)


def worn(colour: Vector, *, amount: float = 0.18, size_m: float = 1.7) -> Paint:
    """A coat of paint that has seen some years."""

    def paint(points: Floats, normals: Floats) -> Floats:
        shade = 1 - amount * noise_on(points, normals, size_m=size_m, roughness=0.9)
        return np.array(colour, np.float32) * shade[:, None]

    return paint


def stripes(one: Vector, other: Vector, *, width_m: float = 0.12) -> Paint:
    """Slanted hazard stripes."""

    def paint(points: Floats, normals: Floats) -> Floats:
        u, v = flat(points, normals)
        first = np.floor((u + v) / np.float32(width_m)) % 2 == 0
        return np.where(first[:, None], np.array(one, np.float32), np.array(other, np.float32))

    return paint


def rust(points: Floats) -> Floats:
    """Bare rusted steel."""
    along, up = points[:, 0] + np.float32(0.7) * points[:, 1], points[:, 2] - np.float32(0.45) * points[:, 1]
    grain = clouds(along, up, size_m=1.1, roughness=0.9)[:, None]
    fleck = clouds(along, up, size_m=0.43, roughness=1.1)[:, None]
    dark, bright = np.array((0.09, 0.032, 0.018), np.float32), np.array((0.36, 0.14, 0.055), np.float32)
    return dark + (bright - dark) * np.clip(0.1 + 0.7 * grain + 0.5 * (fleck - 0.5), 0, 1)


def hall(wall: Vector, floor: Vector, *, wainscot_m: float = 1.3, joints_m: float = 2.5) -> Paint:
    """Walls with a darker lower part, a floor of concrete slabs, a dark ceiling of ribbed steel."""

    def paint(points: Floats, normals: Floats) -> Floats:
        broad = noise_on(points, normals, size_m=6.0, roughness=0.5)
        fine = noise_on(points, normals, size_m=1.3, roughness=1.0)
        z = points[:, 2]
        upper, lower = np.array(wall, np.float32), np.array(wall, np.float32) * np.array((0.48, 0.56, 0.58), np.float32)
        painted = np.where((z > wainscot_m)[:, None], upper, lower)
        painted[np.abs(z - wainscot_m) < 0.025] *= np.float32(0.55)
        painted = painted * (0.86 + 0.16 * broad - 0.10 * fine * np.exp(-z))[:, None]
        slab = np.array(floor, np.float32) * (0.72 + 0.30 * broad + 0.16 * fine)[:, None]
        gap = np.minimum(points[:, 0] % joints_m, points[:, 1] % joints_m)
        slab[gap < 0.018] *= np.float32(0.5)
        roof = np.where((points[:, 0] % 0.5 < 0.25)[:, None], np.float32(0.10), np.float32(0.13)) * np.ones(
            3, np.float32
        )
        up = normals[:, 2:]
        return np.where(up > 0.5, slab, np.where(up < -0.5, roof, painted)).astype(np.float32)

    return paint


def poster(picture: npt.NDArray[np.uint8], left_m: float, top_m: float, width_m: float, around: Vector) -> Paint:
    """A picture (h, w, 3) printed on a surface that faces the viewer, in front of one colour."""
    height, width = picture.shape[:2]
    pixel_m = width_m / width
    printed = (picture.astype(np.float32) / 255) ** np.float32(2.2)

    def paint(points: Floats, normals: Floats) -> Floats:
        colours = np.empty_like(points)
        colours[:] = np.array(around, np.float32)
        column = ((points[:, 0] - left_m) / pixel_m).astype(np.int32)
        row = ((top_m - points[:, 2]) / pixel_m).astype(np.int32)
        inside = (points[:, 0] > left_m) & (column < width) & (points[:, 2] < top_m) & (row < height)
        inside &= normals[:, 1] < -0.5
        colours[inside] = printed[row[inside], column[inside]]
        return colours

    return paint

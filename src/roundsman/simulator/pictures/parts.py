"""Parts of the drawn plant: pipes, flanges, wheels, motors, pumps, vessels. Each gives the shapes it is made of."""

import math
from collections.abc import Iterator
from itertools import pairwise

from roundsman.simulator.pictures.shapes import Box, Cylinder, Finish, Shape, Sphere, Vector
from roundsman.simulator.pictures.textures import stripes, worn

STEEL = Finish((0.42, 0.44, 0.46), 0.5, paint=worn((0.42, 0.44, 0.46), amount=0.25))
DARK = Finish((0.06, 0.065, 0.07), 0.25)
BLACK = Finish((0.02, 0.02, 0.02), 0.3)
WHITE = Finish((0.78, 0.78, 0.75), 0.2)
BLUE = Finish((0.05, 0.15, 0.36), 0.45, paint=worn((0.05, 0.16, 0.38)))
GREEN = Finish((0.06, 0.25, 0.16), 0.4, paint=worn((0.07, 0.27, 0.17)))
GREY = Finish((0.36, 0.38, 0.39), 0.3, paint=worn((0.36, 0.38, 0.39)))
RED = Finish((0.50, 0.035, 0.025), 0.55, paint=worn((0.52, 0.035, 0.025), amount=0.1))
YELLOW = Finish((0.72, 0.46, 0.03), 0.35, paint=worn((0.72, 0.46, 0.03), amount=0.12))
SILVER = Finish((0.62, 0.64, 0.66), 0.8, paint=worn((0.62, 0.64, 0.66), amount=0.15, size_m=0.8))
CONCRETE = Finish((0.42, 0.41, 0.39), 0.05, paint=worn((0.44, 0.43, 0.41), amount=0.4))
CARTON = Finish((0.45, 0.29, 0.15), 0.05, paint=worn((0.46, 0.30, 0.16), amount=0.2))
WOOD = Finish((0.42, 0.30, 0.17), 0.05, paint=worn((0.44, 0.31, 0.18), amount=0.35, size_m=0.6))
HAZARD = Finish((0.7, 0.5, 0.0), 0.2, paint=stripes((0.72, 0.48, 0.02), (0.03, 0.03, 0.03)))
LAMP = Finish((1.0, 0.97, 0.9), 0.0, glow=1.0)


def between(a: Vector, b: Vector, share: float) -> Vector:
    """The point at a share of the way from a to b."""
    return (a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share, a[2] + (b[2] - a[2]) * share)


def disc(centre: Vector, along: Vector, radius: float, thick: float, finish: Finish) -> Cylinder:
    """A flat round plate whose axis points `along` (a unit vector)."""
    x, y, z = (thick / 2 * part for part in along)
    a, b = (centre[0] - x, centre[1] - y, centre[2] - z), (centre[0] + x, centre[1] + y, centre[2] + z)
    return Cylinder(a, b, radius, finish)


def _around(along: Vector) -> tuple[Vector, Vector]:
    """Two unit vectors across a direction."""
    ax, ay, az = along
    if abs(az) > 0.9:
        return (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)
    size = math.hypot(ax, ay)
    first = (-ay / size, ax / size, 0.0)
    return first, (
        ay * first[2] - az * first[1],
        az * first[0] - ax * first[2],
        ax * first[1] - ay * first[0],
    )


def ring_points(centre: Vector, along: Vector, radius: float, count: int) -> list[Vector]:
    """Points on a circle around an axis."""
    one, two = _around(along)
    turns = [math.tau * i / count for i in range(count)]
    return [
        (
            centre[0] + radius * (math.cos(t) * one[0] + math.sin(t) * two[0]),
            centre[1] + radius * (math.cos(t) * one[1] + math.sin(t) * two[1]),
            centre[2] + radius * (math.cos(t) * one[2] + math.sin(t) * two[2]),
        )
        for t in turns
    ]


def pipe(points: list[Vector], radius: float, finish: Finish) -> Iterator[Shape]:
    """A pipe through points, with rounded corners."""
    for a, b in pairwise(points):
        yield Cylinder(a, b, radius, finish)
    for corner in points[1:-1]:
        yield Sphere(corner, radius * 1.02, finish)


def flange(centre: Vector, along: Vector, radius: float, finish: Finish, *, bolts: int = 8) -> Iterator[Shape]:
    """Two plates bolted together."""
    gap = 0.16 * radius
    for side in (-1, 1):
        middle = tuple(c + side * gap * 0.55 * d for c, d in zip(centre, along, strict=True))
        yield disc((middle[0], middle[1], middle[2]), along, radius, gap, finish)
    for point in ring_points(centre, along, radius * 0.8, bolts):
        yield disc(point, along, radius * 0.085, gap * 3.4, DARK)


def handwheel(centre: Vector, along: Vector, radius: float, finish: Finish) -> Iterator[Shape]:
    """A wheel to turn by hand: rim, spokes, hub."""
    rim = ring_points(centre, along, radius, 16)
    for a, b in pairwise([*rim, rim[0]]):
        yield Cylinder(a, b, radius * 0.09, finish)
        yield Sphere(a, radius * 0.09, finish)
    for point in rim[::4]:
        yield Cylinder(centre, point, radius * 0.07, finish)
    yield disc(centre, along, radius * 0.2, radius * 0.3, DARK)


def valve(centre: Vector, radius: float, body: Finish) -> Iterator[Shape]:
    """A gate valve in a pipe along x, its spindle upright."""
    x, y, z = centre
    r = radius
    yield Sphere(centre, 1.55 * r, body)
    for side in (-1, 1):
        yield Cylinder(centre, (x + side * 2.1 * r, y, z), 1.12 * r, body)
        yield from flange((x + side * 2.3 * r, y, z), (1.0, 0.0, 0.0), 1.75 * r, STEEL)
    yield Cylinder(centre, (x, y, z + 2.3 * r), 0.95 * r, body)
    yield from flange((x, y, z + 2.4 * r), (0.0, 0.0, 1.0), 1.35 * r, STEEL, bolts=6)
    yield Cylinder((x, y, z + 2.4 * r), (x, y, z + 3.6 * r), 0.5 * r, body)
    yield Cylinder((x, y, z + 3.4 * r), (x, y, z + 5.3 * r), 0.17 * r, SILVER)
    yield from handwheel((x, y, z + 4.7 * r), (0.0, 0.0, 1.0), 1.7 * r, RED)


def motor(start: Vector, length: float, radius: float, finish: Finish) -> Iterator[Shape]:
    """An electric motor with cooling fins along x, its shaft end at `start`, on feet."""
    x, y, z = start
    yield Cylinder((x, y, z), (x + length, y, z), radius, finish)
    for i in range(9):
        at = x + length * (0.14 + 0.075 * i)
        yield disc((at, y, z), (1.0, 0.0, 0.0), radius * 1.09, length * 0.03, finish)
    yield Cylinder((x + length * 0.86, y, z), (x + length * 1.08, y, z), radius * 0.97, DARK)
    yield disc((x, y, z), (1.0, 0.0, 0.0), radius * 1.02, length * 0.06, finish)
    yield Cylinder((x - length * 0.08, y, z), (x, y, z), radius * 0.5, STEEL)
    yield Box((x + length * 0.45, y - radius * 0.35, z + radius * 1.05), (length * 0.34, radius, radius * 0.5), GREY)
    for at in (0.18, 0.72):
        yield Box((x + length * at, y, z - radius * 0.95), (length * 0.14, radius * 1.7, radius * 0.5), finish)


def pump(centre: Vector, radius: float, finish: Finish) -> Iterator[Shape]:
    """A centrifugal pump: casing with its axis along x, suction to the left, discharge upward, bearing to the right."""
    x, y, z = centre
    r = radius
    yield Cylinder((x - 0.45 * r, y, z), (x + 0.45 * r, y, z), r, finish)
    yield disc((x + 0.5 * r, y, z), (1.0, 0.0, 0.0), 0.86 * r, 0.16 * r, STEEL)
    for point in ring_points((x + 0.6 * r, y, z), (1.0, 0.0, 0.0), 0.72 * r, 10):
        yield disc(point, (1.0, 0.0, 0.0), 0.06 * r, 0.14 * r, DARK)
    yield Cylinder((x - 1.0 * r, y, z), (x - 0.4 * r, y, z), 0.5 * r, finish)
    yield from flange((x - 1.1 * r, y, z), (1.0, 0.0, 0.0), 0.72 * r, STEEL)
    yield Cylinder((x, y, z), (x, y, z + 1.5 * r), 0.42 * r, finish)
    yield from flange((x, y, z + 1.6 * r), (0.0, 0.0, 1.0), 0.66 * r, STEEL)
    yield Cylinder((x + 0.5 * r, y, z), (x + 1.75 * r, y, z), 0.42 * r, finish)
    yield disc((x + 1.55 * r, y, z), (1.0, 0.0, 0.0), 0.5 * r, 0.34 * r, finish)
    yield Box((x + 1.3 * r, y, z - 0.85 * r), (0.5 * r, 0.6 * r, 0.9 * r), finish)
    yield Box((x, y, z - 0.95 * r), (0.7 * r, 1.2 * r, 0.6 * r), finish)


def pump_set(at: Vector, *, body: Finish = GREEN, drive: Finish = BLUE) -> Iterator[Shape]:
    """A pump with its motor on a plinth on the floor; `at` is the middle of the plinth's footprint."""
    x, y, z = at
    axis_z = z + 0.95
    yield Box((x, y, z + 0.15), (3.5, 1.25, 0.30), CONCRETE)
    yield Box((x, y, z + 0.36), (3.2, 0.95, 0.12), GREY)
    yield from pump((x - 0.85, y, axis_z), 0.44, body)
    yield Box((x + 0.08, y, axis_z - 0.12), (0.46, 0.42, 0.66), YELLOW)
    yield Cylinder((x - 0.15, y, axis_z + 0.18), (x + 0.31, y, axis_z + 0.18), 0.21, YELLOW)
    yield from motor((x + 0.42, y, axis_z), 1.1, 0.38, drive)


def vessel(at: Vector, radius: float, height: float, finish: Finish) -> Iterator[Shape]:
    """An upright vessel on a skirt, with a domed top and weld bands."""
    x, y, z = at
    yield Cylinder((x, y, z), (x, y, z + 0.25), radius * 0.96, CONCRETE)
    yield Cylinder((x, y, z + 0.25), (x, y, z + height), radius, finish)
    yield Sphere((x, y, z + height), radius, finish, 0.35)
    for share in (0.34, 0.68, 1.0):
        yield disc((x, y, z + height * share), (0.0, 0.0, 1.0), radius * 1.012, 0.07, finish)


def manway(centre: Vector, along: Vector, radius: float, finish: Finish) -> Iterator[Shape]:
    """A round door in a vessel: neck, bolted cover, hinge arm."""
    x, y, z = centre
    dx, dy, dz = along
    yield Cylinder((x - 0.4 * dx, y - 0.4 * dy, z - 0.4 * dz), centre, radius * 0.86, finish)
    yield disc(centre, along, radius, 0.07, finish)
    cover = (x + 0.07 * dx, y + 0.07 * dy, z + 0.07 * dz)
    yield disc(cover, along, radius, 0.06, finish)
    yield disc((x + 0.1 * dx, y + 0.1 * dy, z + 0.1 * dz), along, radius * 0.62, 0.05, finish)
    for point in ring_points(cover, along, radius * 0.86, 16):
        yield disc(point, along, 0.035, 0.16, STEEL)


def lamps(z: float, places: list[tuple[float, float]]) -> Iterator[Shape]:
    """Long lamps under the ceiling."""
    for x, y in places:
        yield Box((x, y, z), (1.5, 0.24, 0.10), LAMP)
        yield Box((x, y, z + 0.09), (1.6, 0.32, 0.08), DARK)


def worn_finish(colour: Vector, *, gloss: float = 0.35) -> Finish:
    """A coat of that colour, not quite new."""
    return Finish(colour, gloss, paint=worn(colour))


def pallet(at: Vector) -> Iterator[Shape]:
    """A wooden pallet."""
    x, y, z = at
    for i in range(5):
        yield Box((x - 0.5 + 0.25 * i, y, z + 0.135), (0.2, 0.8, 0.025), WOOD)
    for side in (-0.36, 0.0, 0.36):
        yield Box((x, y + side, z + 0.06), (1.2, 0.1, 0.11), WOOD)

"""The floor plan behind the body cameras' views: the walls of the halls with their doors, and what stands in them.

Metres in the seed frame, from the same plain data as the site map, so that a picture agrees with the place.
"""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from roundsman.simulator.pictures.shapes import Floats
from roundsman.simulator.world import plant

DOOR_M = 2.6
"""How wide a door is."""
OUTER = (-5.0, -7.0, 91.0, 52.0)
"""The outer walls: low x and y, high x and y."""
Segment = tuple[float, float, float, float]
Circle = tuple[float, float, float, float, float]


@dataclass(frozen=True, slots=True)
class FloorPlan:
    """Walls as rows of x0, y0, x1, y1; round things as rows of x, y, radius, height, grey, by class."""

    segments: Floats
    circles: dict[str, Floats]


@lru_cache(maxsize=1)
def plant_plan() -> FloorPlan:
    """The plan of the simulated plant."""
    walls = list(_box(OUTER, []))
    kinds: dict[str, list[Circle]] = {"column": list(_columns()), "tall": [], "low": []}
    for hall in plant.HALLS:
        walls += _box((hall.x_m, hall.y_m, hall.x_m + hall.width_m, hall.y_m + hall.depth_m), list(_doors(hall)))
        for kind, circle in _contents(hall):
            kinds[kind].append(circle)
    circles = {kind: np.array(rows, np.float32) for kind, rows in kinds.items()}
    return FloorPlan(np.array(walls, np.float32), circles)


def _doors(hall: plant.Hall) -> Iterator[tuple[float, float]]:
    """Where the way to a corridor leaves the hall."""
    for index, name in hall.doors:
        right, up = hall.waypoints[index]
        x, y = hall.x_m + right * hall.width_m, hall.y_m + up * hall.depth_m
        kind, _, number = name.rpartition(" ")
        xs, to_y = (plant.GALLERY_XS_M, plant.GALLERY_Y_M)
        if kind == "Corridor":
            xs, to_y = plant.CORRIDOR_XS_M, plant.CORRIDOR_Y_M
        to_x = xs[int(number) - 1]
        wall_y = hall.y_m if to_y < y else hall.y_m + hall.depth_m
        yield x + (to_x - x) * (wall_y - y) / (to_y - y), wall_y


def _box(bounds: tuple[float, float, float, float], doors: list[tuple[float, float]]) -> Iterator[Segment]:
    """Four walls; those along x with gaps at the doors."""
    x0, y0, x1, y1 = bounds
    yield (x0, y0, x0, y1)
    yield (x1, y0, x1, y1)
    for y in (y0, y1):
        start = x0
        for door_x in sorted(x for x, door_y in doors if math.isclose(door_y, y)):
            yield (start, y, max(start, door_x - DOOR_M / 2), y)
            start = min(x1, door_x + DOOR_M / 2)
        yield (start, y, x1, y)


def _columns() -> Iterator[Circle]:
    """Columns along both sides of the corridor and of the gallery, clear of the ways."""
    for i in range(13):
        x = 3.5 + 7.0 * i
        yield (x, plant.CORRIDOR_Y_M + 2.6, 0.22, 6.0, 0.36)
        yield (x, plant.CORRIDOR_Y_M - 2.6, 0.22, 6.0, 0.36)
        yield (x, plant.GALLERY_Y_M + 2.4, 0.22, 6.0, 0.36)


def _contents(hall: plant.Hall) -> Iterator[tuple[str, Circle]]:
    """Tanks and machines in the middle of a hall, well inside its ring of waypoints."""
    dice = random.Random(hall.name)
    tall = 2.0 if "Tank" in hall.name else 0.95
    columns = max(2, round(hall.width_m * 0.52 / (2 * tall + 1.2)))
    for row in (0.38, 0.62):
        for i in range(columns):
            x = hall.x_m + hall.width_m * (0.27 + 0.46 * i / (columns - 1))
            y = hall.y_m + hall.depth_m * row
            grey = dice.uniform(0.42, 0.72)
            if "Tank" in hall.name or dice.random() < 0.45:
                yield "tall", (x, y, tall * dice.uniform(0.8, 0.95), dice.uniform(2.6, 4.4), grey)
            else:
                yield "low", (x, y, tall * dice.uniform(0.75, 1.0), dice.uniform(0.9, 1.5), grey)

"""The drawing of a site map: paths, marks and a scale, in metres, north up, ready for an SVG."""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from roundsman.site.walk_map import Plan, Pose

ROUND_LENGTHS = (1, 2, 5)


class Mark(NamedTuple):
    """An action or a dock on the map: where, what it is called, and a word or number in it."""

    x: float
    y: float
    label: str
    title: str


class Drawing(NamedTuple):
    """What the template draws. `unit` is a hundredth of the width: strokes and letters are measured in it."""

    box: str
    unit: float
    edges: str
    places: str
    docks: list[Mark]
    actions: list[Mark]
    scale_x: float
    scale_y: float
    scale_m: float
    size: str
    waypoints: int


def drawing_of(
    plan: Plan, actions: Sequence[tuple[str, str]], docks: Iterable[tuple[str, str]], *, numbered: bool
) -> Drawing | None:
    """The plan with actions and docks, each a waypoint's id and a name; None for a map without a place.

    Actions at one waypoint share a mark. Those of which the waypoint is not on the map are left out.
    """
    if not plan.poses:
        return None
    spots = {id_: _spot(pose) for id_, pose in plan.poses.items()}
    xs, ys = [x for x, _ in spots.values()], [y for _, y in spots.values()]
    width = max(max(xs) - min(xs), 0.6 * (max(ys) - min(ys)), 10.0)
    unit, margin = width / 100, width / 20
    left, top = (min(xs) + max(xs) - width) / 2 - margin, min(ys) - margin
    height = max(ys) - min(ys) + 2 * margin + 4 * unit
    edges = " ".join(f"M{_pair(spots[a])}L{_pair(spots[b])}" for a, b in plan.edges)
    places = " ".join(f"M{_pair(spot)}h0" for spot in spots.values())
    return Drawing(
        box=f"{left:.2f} {top:.2f} {width + 2 * margin:.2f} {height:.2f}",
        unit=round(unit, 4),
        edges=edges,
        places=places,
        docks=_marks(spots, [(waypoint, name, "") for waypoint, name in docks]),
        actions=_marks(
            spots,
            [(place, name, str(number) if numbered else "") for number, (place, name) in enumerate(actions, 1)],
        ),
        scale_x=round(left + margin, 2),
        scale_y=round(top + height - 2 * unit, 2),
        scale_m=round_length(width / 5),
        size=f"{max(xs) - min(xs):.0f} × {max(ys) - min(ys):.0f} m",
        waypoints=len(spots),
    )


def round_length(longest_m: float) -> float:
    """The longest of 1, 2, 5, 10, 20, … metres that is not longer."""
    power = 10 ** math.floor(math.log10(longest_m))
    return max(length * power for length in ROUND_LENGTHS if length * power <= longest_m)


def _marks(spots: dict[str, tuple[float, float]], named: Iterable[tuple[str, str, str]]) -> list[Mark]:
    at: dict[str, list[tuple[str, str]]] = {}
    for waypoint, name, label in named:
        if waypoint in spots:
            at.setdefault(waypoint, []).append((name, label))
    return [
        Mark(*spots[waypoint], ", ".join(filter(None, (label for _, label in found))), _title(found))
        for waypoint, found in at.items()
    ]


def _title(found: list[tuple[str, str]]) -> str:
    return "; ".join(dict.fromkeys(f"{label} {name}".strip() for name, label in found))


def _spot(pose: Pose) -> tuple[float, float]:
    """On a page y goes down."""
    return round(pose.x_m, 2), round(-pose.y_m, 2)


def _pair(spot: tuple[float, float]) -> str:
    return f"{spot[0]:g} {spot[1]:g}"

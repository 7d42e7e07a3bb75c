"""What the filters of a list come down to: ranges of indexes to read, and series of tallies to sum.

A filter names one value or several. A *point* holds one value for each filter; the points of a request exclude each
other, so that its list is the merge of theirs and its total their sum.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import cache
from itertools import product
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, select

from roundsman.kit import tally
from roundsman.kit.database import Reader, Statement
from roundsman.kit.listing import Listed, Order, Window, count_rows, counted_within, read_page
from roundsman.kit.problem import BadRequest
from roundsman.runs.tables import run_robots

ROBOT_NAMES = ("robot_serial", "robot_hostname", "robot_nickname")
POINTS_MAX = 200
GATHERED_MAX = 1000  # rows gathered and sorted for a page, where nothing says in which part of the order they lie
GATHERED_FEW = 100  # the same where something does: cheaper than asking

Wanted = Mapping[str, Sequence[str]]
Point = dict[str, Any]

_all_robots = Statement(select(*(run_robots.c[name] for name in ROBOT_NAMES)))


class Ranges(NamedTuple):
    """The half-open range of one time; None is open."""

    from_us: int | None = None
    until_us: int | None = None


class Matching(NamedTuple):
    """The filters of one request. `series` is None where nothing is tallied for them.

    All of `series` that lies in `range` matches. Of what lies in `fringes`, ranges (from_us, until_us) outside of it,
    some does by another time: it is counted row by row.
    `widen` gives points the range of the ordering time in which all lies that they match by another time.
    """

    points: list[Point]
    series: list[str] | None
    axis: str = ""
    range: Ranges = Ranges()
    fringes: Sequence[tuple[int, int]] = ()
    widen: Callable[[Reader, list[Point], Order], Awaitable[list[Point]]] | None = None


class Found(NamedTuple):
    """A page of rows and how many there are in all."""

    rows: list[tuple[Any, ...]]
    total: int


def spread(wanted: Wanted) -> list[Point]:
    """One point for each combination of values.

    Raises: BadRequest when they are too many to be merged.
    """
    names = list(wanted)
    chosen = [list(dict.fromkeys(wanted[name])) for name in names]
    points = [dict(zip(names, values, strict=True)) for values in product(*chosen)]
    if len(points) > POINTS_MAX:
        raise BadRequest(None, f"the filters name {len(points)} combinations of values; {POINTS_MAX} are the most")
    return points


def cross(*factors: list[Point]) -> list[Point]:
    """Each point of one with each of the others."""
    return [{name: value for point in points for name, value in point.items()} for points in product(*factors)]


async def known_robots(reader: Reader) -> list[Point]:
    """Every combination of names under which a robot was seen."""
    return [dict(zip(ROBOT_NAMES, row, strict=True)) for row in await reader.all(_all_robots)]


def bearing(rows: Iterable[Point], wanted: Wanted) -> list[Point]:
    """Those rows that bear a wanted value for each wanted name that they have."""
    return [row for row in rows if all(row[name] in values for name, values in wanted.items() if name in row)]


def robot_points(known: Sequence[Point], borne: Sequence[Point]) -> list[Point]:
    """The points of the robots `borne`: just the serial where all that is known of it is meant.

    Lists have indexes by serial only; after a robot was renamed the other names are checked row by row.
    """
    whole = {robot["robot_serial"] for robot in borne}
    whole -= {robot["robot_serial"] for robot in known if robot not in borne}
    serials = dict.fromkeys(robot["robot_serial"] for robot in borne if robot["robot_serial"] in whole)
    return [
        *({"robot_serial": serial} for serial in serials),
        *(robot for robot in borne if robot["robot_serial"] not in whole),
    ]


async def total_of(reader: Reader, listed: Listed, matching: Matching) -> int:
    """How many rows match: from the tallies where they are kept, else counted by an index."""
    points, series, axis, range_, fringes, _ = matching
    if series is None:
        return await count_rows(reader, listed, points)
    if not series:
        return 0
    buckets, edges = tally.ranges(*range_)
    edges += fringes
    if len(points) == 1 and buckets:  # in one statement: three cost as much as the page itself
        statement = _total_statement(listed, frozenset(points[0]), axis, (len(series), len(buckets), len(edges)))
        row = await reader.one(statement, **points[0], **tally.summed_values(series, buckets), **_edge_values(edges))
        return row[0] if row else 0

    async def edge(from_us: int, until_us: int) -> int:
        bounds = {f"{axis}_from": from_us, f"{axis}_until": until_us}
        return await count_rows(reader, listed, [point | bounds for point in points], axis)

    return await tally.total(reader, series, *range_, edge) + sum([await edge(*fringe) for fringe in fringes])


@cache
def _total_statement(listed: Listed, names: frozenset[str], axis: str, counts: tuple[int, int, int]) -> Statement:
    """The sum of so many series over so many ranges of buckets, and what lies in so many edges."""
    series, buckets, edges = counts
    total: ColumnElement[int] = tally.summed(series, buckets)
    within = names - {f"{axis}_from", f"{axis}_until"}
    for index in range(edges):
        total += counted_within(listed, within, axis, f"edge_{index}").scalar_subquery()
    return Statement(select(total))


def _edge_values(edges: Sequence[tuple[int, int]]) -> dict[str, int]:
    ends = ("from", "until")
    return {f"edge_{at}_{end}": us for at, edge in enumerate(edges) for end, us in zip(ends, edge, strict=True)}


async def find(reader: Reader, listed: Listed, matching: Matching, order: Order, window: Window) -> Found:
    """A page and the total."""
    total = await total_of(reader, listed, matching)
    if total == 0:
        return Found([], 0)
    points, gather = matching.points, False
    if _across(points[0], order):
        gather = total <= (GATHERED_MAX if matching.widen is None else GATHERED_FEW)
        if not gather and matching.widen is not None:
            points = await matching.widen(reader, points, order)
    return Found(await read_page(reader, listed, points, order, window, gather), total)


def _across(point: Point, order: Order) -> bool:
    """Whether a range lies across the order: then no index has both."""
    ends = ("_from", "_until", "_above")
    return any(name.endswith(ends) and not name.startswith(order.columns[0]) for name in point)

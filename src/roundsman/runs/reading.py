"""Runs read: lists, and one by its uuid."""

from collections.abc import Mapping
from functools import cache
from itertools import product
from typing import Any

from sqlalchemy import bindparam, func, select

from roundsman.kit.database import Reader, Statement
from roundsman.kit.listing import Listed, Order, Window, one_statement
from roundsman.kit.times import iso, iso_or_none
from roundsman.runs import matching as match
from roundsman.runs.aliases import present_uuid
from roundsman.runs.lags import narrowed
from roundsman.runs.matching import POINTS_MAX, Found, Matching, Point, Ranges, Wanted
from roundsman.runs.tables import RUN_FILTERS, runs
from roundsman.runs.tallies import BY_START, mission_names, robot_names, series_of
from roundsman.runs.types import Run

RUNS = Listed(
    runs,
    (
        "uuid",
        "run_type",
        "start_us",
        "end_us",
        "mission_name",
        "mission_status",
        "action_count",
        "pending_action_count",
        "robot_hostname",
        "robot_serial",
        "robot_nickname",
        "operator_id",
        "software_major",
        "software_minor",
        "software_patch",
        "software_git_hash",
    ),
    tuple(sorted(RUN_FILTERS, key=len, reverse=True)),
)

_NEWEST = Order(("start_us",), descending=True)
_MISSION = Order(("mission_name", "start_us"))

# `mission`, `sessions` and `lastRunStartTime` belong to the facet of missions (scout-api.md §2.13); on runs a session
# is one run, so the latter two are the newest first.
ORDERS: Mapping[str, Order] = {
    "newest": _NEWEST,
    "oldest": Order(("start_us",)),
    "robots": Order(("robot_nickname", "start_us")),
    "missions": _MISSION,
    "mission": _MISSION,
    "missionStatus": Order(("mission_status", "start_us")),
    "sessions": _NEWEST,
    "lastRunStartTime": _NEWEST,
}


def run_of(row: tuple[Any, ...]) -> Run:
    """A row of `RUNS` as the API shows it."""
    uuid, run_type, start_us, end_us, *rest = row
    return Run(uuid, run_type, iso(start_us), iso_or_none(end_us), *rest)


async def find_runs(
    reader: Reader, wanted: Wanted, start: Ranges, modified_above_us: int | None, order: Order, window: Window
) -> Found:
    """A page of runs. `wanted`: values of robot_serial, robot_hostname, robot_nickname, mission_name, run_type."""
    matching = await match_runs(reader, wanted, start, modified_above_us)
    return await match.find(reader, RUNS, matching, order, window)


async def match_runs(reader: Reader, wanted: Wanted, start: Ranges, modified_above_us: int | None) -> Matching:
    """What the filters come down to."""
    counted, fringes = start, list[tuple[int, int]]()
    if modified_above_us is not None:
        both = await narrowed(reader, BY_START, start, Ranges(modified_above_us + 1))
        start, counted, fringes = both.time, both.whole, both.fringes
    bounds = {"start_us_from": start.from_us, "start_us_until": start.until_us, "modified_us_above": modified_above_us}
    given = {name: value for name, value in bounds.items() if value is not None}
    own = {name: values for name, values in wanted.items() if name not in match.ROBOT_NAMES}
    points: list[Point] = [{}]
    robots: list[tuple[str, ...]] = [()]
    if len(own) < len(wanted):
        known = await match.known_robots(reader)
        borne = match.bearing(known, wanted)
        points, robots = match.robot_points(known, borne), [robot_names(robot) for robot in borne]
    points = [{**point, **given} for point in match.cross(points, match.spread(own))]
    if counted is None:
        return Matching(points, None)
    return Matching(points, _series(robots, own), "start_us", counted, fringes, widen=_split)


async def _split(reader: Reader, points: list[Point], order: Order) -> list[Point]:
    """The points by the values of what is ordered by first, where that is no time: each is one range of an index."""
    first = order.columns[0]
    if first == "start_us" or first in points[0]:
        return points
    values = await values_of(reader, first, POINTS_MAX // len(points))
    return points if values is None else [point | {first: value} for point in points for value in values]


async def values_of(reader: Reader, column: str, most: int | None = None) -> list[str] | None:
    """What runs have in a column, sorted: one look into an index for each; None where it is more than `most`."""
    values: list[str] = []
    row = await reader.one(_next_value(column, after=False))
    while row is not None and row[0] is not None:
        values.append(row[0])
        if most is not None and len(values) > most:
            return None
        row = await reader.one(_next_value(column, after=True), value=row[0])
    return values


@cache
def _next_value(column: str, after: bool) -> Statement:
    least = select(func.min(runs.c[column]))
    return Statement(least.where(runs.c[column] > bindparam("value")) if after else least)


async def find_run(reader: Reader, uuid: str) -> Run | None:
    """The run that has this uuid, or had it before it was joined to another."""
    row = await reader.one(one_statement(RUNS), uuid=uuid)
    if row is None and (present := await present_uuid(reader, uuid)) != uuid:
        row = await reader.one(one_statement(RUNS), uuid=present)
    return run_of(row) if row else None


def _series(robots: list[tuple[str, ...]], own: Wanted) -> list[str]:
    return [series_of(BY_START, *robot, *_names(point)) for robot, point in product(robots, match.spread(own))]


def _names(point: Point) -> tuple[str, ...]:
    mission = mission_names(point) if "mission_name" in point else ()
    return (*mission, "type", point["run_type"]) if "run_type" in point else mission

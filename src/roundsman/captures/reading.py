"""Run events and run captures read: lists, and one by its uuid."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple, cast

import msgspec
from sqlalchemy import bindparam, select

from roundsman.captures.tables import FILTERS, run_actions, run_captures, run_events
from roundsman.captures.tallies import ALERTS, CAPTURES, EVENTS, action_names
from roundsman.captures.types import RunCapture, RunEvent
from roundsman.captures.urls import ARCHIVE, METADATA, capture_url, event_url
from roundsman.kit.database import Reader, Statement, in_binds, in_values
from roundsman.kit.listing import Listed, Order, Window, one_statement
from roundsman.kit.times import iso
from roundsman.runs import matching as match
from roundsman.runs.lags import lags, narrowed
from roundsman.runs.matching import Found, Matching, Point, Ranges, Wanted
from roundsman.runs.tallies import mission_names, robot_names, series_of

# The more a filter tells apart, the earlier it stands: what is bounded by nature, actions, then the rest.
_PREFIXES = (
    ("uuid",),
    ("run_event_uuid",),
    ("run_uuid",),
    ("action_uuid",),
    ("action_name",),
    *sorted((chosen for chosen in FILTERS if "action_uuid" not in chosen and chosen), key=len, reverse=True),
)
_BOUNDED = {"uuid", "run_uuid", "run_event_uuid"}
_ACTION = ("action_uuid", "action_name")

CAPTURES_LISTED = Listed(
    run_captures,
    (
        "time_us",
        "uuid",
        "run_event_uuid",
        "created_us",
        "key_results",
        "channel_name",
        "action_channel_run_flag_uuid",
        "robot_nickname",
        "action_name",
        "file_name",
    ),
    _PREFIXES,
)
EVENTS_LISTED = Listed(
    run_events,
    (
        "uuid",
        "run_uuid",
        "time_us",
        "created_us",
        "action_name",
        "error",
        "action_uuid",
        "mission_name",
        "event_type",
        "robot_nickname",
    ),
    _PREFIXES,
    {"alerts": run_events.c.worst_severity > 0},
)

ORDERS: Mapping[str, Order] = {
    "time": Order(("time_us",)),
    "-time": Order(("time_us",), descending=True),
    "created_at": Order(("created_us",)),
    "-created_at": Order(("created_us",), descending=True),
}


class StoredFile(NamedTuple):
    """A capture's content."""

    sha256: str
    size_bytes: int
    created_us: int
    media_type: str
    file_name: str


_FILE_COLUMNS = ("blob_sha256", "size_bytes", "created_us", "media_type", "file_name")
_file = Statement(
    select(*(run_captures.c[name] for name in _FILE_COLUMNS)).where(run_captures.c.uuid == bindparam("uuid"))
)
_NULL = msgspec.Raw(b"null")


def capture_of(row: tuple[Any, ...]) -> RunCapture:
    """A row of `CAPTURES_LISTED` as the API shows it."""
    time_us, uuid, event, created_us, key_results, channel, flag, robot, action, file_name = row
    time = iso(time_us)
    # The stored JSON goes out as it is; the type says what is in it.
    raw = cast("Any", _NULL if key_results is None else msgspec.Raw(key_results.encode()))
    url = capture_url(robot, time, action, channel, uuid, file_name)
    return RunCapture(time, uuid, event, url, iso(created_us), raw, channel, flag)


def event_of(row: tuple[Any, ...], captures: list[RunCapture]) -> RunEvent:
    """A row of `EVENTS_LISTED` as the API shows it."""
    uuid, run, time_us, created_us, action, error, action_uuid, mission, event_type, robot = row
    time = iso(time_us)
    archive, metadata = (event_url(robot, time, action, uuid, file) for file in (ARCHIVE, METADATA))
    created = iso(created_us)
    return RunEvent(
        uuid, run, time, created, action, archive, error, action_uuid, mission, metadata, event_type, captures
    )


async def find_captures(reader: Reader, wanted: Wanted, created: Ranges, order: Order, window: Window) -> Found:
    """A page of run captures. `wanted`: values of the columns of `run_captures` that the API filters by."""
    matching = await match_captures(reader, wanted, created)
    return await match.find(reader, CAPTURES_LISTED, matching, order, window)


async def match_captures(reader: Reader, wanted: Wanted, created: Ranges) -> Matching:
    """What the filters of run captures come down to."""
    return await _match(reader, CAPTURES, wanted, {"created_us": created}, {})


async def find_events(
    reader: Reader, wanted: Wanted, time: Ranges, created: Ranges, alerts: bool, order: Order, window: Window
) -> Found:
    """A page of run events, only those that raised an alert if `alerts`."""
    matching = await match_events(reader, wanted, time, created, alerts)
    return await match.find(reader, EVENTS_LISTED, matching, order, window)


async def match_events(reader: Reader, wanted: Wanted, time: Ranges, created: Ranges, alerts: bool) -> Matching:
    """What the filters of run events come down to."""
    base, flags = (ALERTS, {"alerts": True}) if alerts else (EVENTS, {})
    return await _match(reader, base, wanted, {"created_us": created, "time_us": time}, flags)


async def find_capture(reader: Reader, uuid: str) -> RunCapture | None:
    """The run capture with this uuid."""
    row = await reader.one(one_statement(CAPTURES_LISTED), uuid=uuid)
    return capture_of(row) if row else None


async def find_file(reader: Reader, uuid: str) -> StoredFile | None:
    """Where the content of the run capture with this uuid is."""
    row = await reader.one(_file, uuid=uuid)
    return StoredFile(*row) if row else None


async def find_event(reader: Reader, uuid: str) -> RunEvent | None:
    """The run event with this uuid."""
    row = await reader.one(one_statement(EVENTS_LISTED), uuid=uuid)
    return (await events_of(reader, [row]))[0] if row else None


async def events_of(reader: Reader, rows: Sequence[tuple[Any, ...]]) -> list[RunEvent]:
    """Rows of `EVENTS_LISTED` as the API shows them, with the captures of all of them read at once."""
    captures = await captures_of_events(reader, [row[0] for row in rows])
    return [event_of(row, captures[row[0]]) for row in rows]


async def captures_of_events(reader: Reader, run_event_uuids: Sequence[str]) -> dict[str, list[RunCapture]]:
    """The captures of each of some events, in the order of time."""
    captures: dict[str, list[RunCapture]] = {uuid: [] for uuid in run_event_uuids}
    if captures:
        found = await reader.all(_captures_of_events(len(run_event_uuids)), **in_values("event", run_event_uuids))
        for row in sorted(found):  # by time, then uuid
            captures[row[2]].append(capture_of(row))
    return captures


# in_binds rounds the number up, so that there are few of these.
@cache
def _captures_of_events(count: int) -> Statement:
    table = run_captures
    columns = [table.c[name] for name in CAPTURES_LISTED.columns]
    return Statement(select(*columns).where(table.c.run_event_uuid.in_(in_binds("event", count))))


async def _match(
    reader: Reader, base: str, wanted: Wanted, ranges: Mapping[str, Ranges], flags: Mapping[str, Any]
) -> Matching:
    own = {name: values for name, values in wanted.items() if name not in match.ROBOT_NAMES}
    points: list[Point] = [{}]
    robots: list[Point] | None = None
    if len(own) < len(wanted):
        known = await match.known_robots(reader)
        robots = match.bearing(known, wanted)
        points = match.robot_points(known, robots)
    points = match.cross(points, match.spread(own))
    used = [axis for axis, range_ in ranges.items() if range_ != Ranges()] or ["created_us"]
    if _BOUNDED & wanted.keys():
        return Matching(_within(points, ranges, flags), None)
    if len(used) > 1:
        both = await narrowed(reader, f"{base}.time_us", ranges["time_us"], ranges["created_us"])
        points = _within(points, {"time_us": both.time, "created_us": both.later}, flags)
        series = await _series(reader, f"{base}.time_us", wanted, robots)
        return Matching(points, None if both.whole is None else series, "time_us", both.whole or Ranges(), both.fringes)
    axis = used[0]

    async def widen(reader: Reader, points: list[Point], order: Order) -> list[Point]:
        bounds = await _other_bounds(reader, f"{base}.{axis}", ranges[axis], order.columns[0])
        return [point | bounds for point in points]

    series = await _series(reader, f"{base}.{axis}", wanted, robots)
    return Matching(_within(points, ranges, flags), series, axis, ranges[axis], widen=widen)


async def _other_bounds(reader: Reader, base: str, range_: Ranges, other: str) -> dict[str, int]:
    """The range of the other time in which all lies whose one time lies in `range_`."""
    late_us, early_us = await lags(reader, base, *range_)
    before, after = (late_us, early_us) if other == "time_us" else (early_us, late_us)
    bounds: dict[str, int] = {}
    if range_.from_us is not None and before is not None:
        bounds[f"{other}_from"] = range_.from_us - before
    if range_.until_us is not None and after is not None:
        bounds[f"{other}_until"] = range_.until_us + after
    return bounds


def _within(points: list[Point], ranges: Mapping[str, Ranges], flags: Mapping[str, Any]) -> list[Point]:
    given = dict(flags) | _bounds(ranges)
    return [point | given for point in points]


def _bounds(ranges: Mapping[str, Ranges]) -> dict[str, int]:
    ends = {
        f"{axis}_{end}": value
        for axis, range_ in ranges.items()
        for end, value in zip(("from", "until"), range_, strict=True)
    }
    return {name: value for name, value in ends.items() if value is not None}


async def _series(reader: Reader, base: str, wanted: Wanted, robots: list[Point] | None) -> list[str]:
    """The series whose sum is how many there are."""
    if any(name in wanted for name in _ACTION):
        actions = match.bearing(await _known_actions(reader, wanted), wanted)
        return [series_of(base, *robot_names(action), *action_names(action)) for action in actions]
    named = wanted.get("mission_name")
    missions = [()] if named is None else [mission_names({"mission_name": name}) for name in dict.fromkeys(named)]
    borne = [()] if robots is None else [robot_names(robot) for robot in robots]
    return [series_of(base, *robot, *mission) for robot in borne for mission in missions]


async def _known_actions(reader: Reader, wanted: Wanted) -> list[Point]:
    """What is known of the actions wanted: by which robots, in which missions."""
    names = [column.name for column in run_actions.columns]
    points = match.spread({name: values for name, values in wanted.items() if name in _ACTION})
    rows = [row for point in points for row in await reader.all(_actions_with(frozenset(point)), **point)]
    return [dict(zip(names, row, strict=True)) for row in rows]


@cache
def _actions_with(names: frozenset[str]) -> Statement:
    conditions = [run_actions.c[name] == bindparam(name) for name in sorted(names)]
    return Statement(select(run_actions).where(*conditions))

"""What is exported, read in pages that continue each other, and laid out in columns.

Pages and not one long read: a long read keeps the database from clearing away what was changed since it began.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any, Literal, NamedTuple

import msgspec

from roundsman.captures.tables import run_captures, run_events
from roundsman.captures.urls import capture_url
from roundsman.exports.types import FILTERS, Kind, Selection
from roundsman.kit.database import Database, Row, Statement
from roundsman.kit.listing import Listed, Order, Window, key_of, read_page
from roundsman.kit.times import iso, iso_or_none
from roundsman.runs.tables import RUN_FILTERS, runs

PAGE = 2000
Type = Literal["text", "time", "whole", "number"]


class Column(NamedTuple):
    """A column of an export. Times are microseconds since 1970 UTC until they are written."""

    name: str
    type: Type


class Source(NamedTuple):
    """Where a kind comes from. `columns` are those of a row as `laid_out` makes it."""

    listed: Listed
    axis: str
    columns: tuple[Column, ...]


def _columns(**named: Type) -> tuple[Column, ...]:
    return tuple(Column(name, type_) for name, type_ in named.items())


_RUNS = _columns(
    uuid="text", runType="text", startTime="time", endTime="time", missionName="text", missionStatus="text",
    actionCount="whole", pendingActionCount="whole", robotHostname="text", robotSerial="text", robotNickname="text",
    operatorId="text", robotSoftwareMajorVersion="whole", robotSoftwareMinorVersion="whole",
    robotSoftwarePatchVersion="whole", robotSoftwareGitHash="text", worstSeverity="whole", distanceM="number",
)  # fmt: skip
_RUN_COLUMNS = (
    "uuid", "run_type", "start_us", "end_us", "mission_name", "mission_status", "action_count", "pending_action_count",
    "robot_hostname", "robot_serial", "robot_nickname", "operator_id", "software_major", "software_minor",
    "software_patch", "software_git_hash", "worst_severity", "distance_m",
)  # fmt: skip
_EVENTS = _columns(
    uuid="text", runUuid="text", time="time", createdAt="time", eventType="text", actionName="text", actionUuid="text",
    missionName="text", robotHostname="text", robotSerial="text", robotNickname="text", error="whole",
    worstSeverity="whole",
)  # fmt: skip
_EVENT_COLUMNS = (
    "uuid", "run_uuid", "time_us", "created_us", "event_type", "action_name", "action_uuid", "mission_name",
    "robot_hostname", "robot_serial", "robot_nickname", "error", "worst_severity",
)  # fmt: skip
_CAPTURES = _columns(
    uuid="text", runEventUuid="text", runUuid="text", time="time", createdAt="time", channelName="text",
    actionName="text", actionUuid="text", missionName="text", robotHostname="text", robotSerial="text",
    robotNickname="text", fileName="text", mediaType="text", sizeBytes="whole", sha256="text", dataUrl="text",
    keyResultName="text", keyResultValue="number", keyResultText="text", keyResultUnits="text",
)  # fmt: skip
_CAPTURE_COLUMNS = (
    "uuid", "run_event_uuid", "run_uuid", "time_us", "created_us", "channel_name", "action_name", "action_uuid",
    "mission_name", "robot_hostname", "robot_serial", "robot_nickname", "file_name", "media_type", "size_bytes",
    "blob_sha256", "key_results", "crc32",
)  # fmt: skip
READING = 4  # columns of one key result, the last ones of a capture
KEY_RESULTS, CRC32 = _CAPTURE_COLUMNS.index("key_results"), _CAPTURE_COLUMNS.index("crc32")

_PREFIXES = (("robot_serial", "mission_name"), ("robot_serial",), ("mission_name",))
SOURCES: dict[Kind, Source] = {
    "runs": Source(Listed(runs, _RUN_COLUMNS, tuple(sorted(RUN_FILTERS, key=len, reverse=True))), "start_us", _RUNS),
    "run_events": Source(Listed(run_events, _EVENT_COLUMNS, _PREFIXES), "time_us", _EVENTS),
    "run_captures": Source(Listed(run_captures, _CAPTURE_COLUMNS, _PREFIXES), "time_us", _CAPTURES),
}
_readings = msgspec.json.Decoder(list[dict[str, Any]] | None).decode


class _Beside:
    """Reads beside the quick reads, in a thread where the database has them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self, statement: Statement, /, **values: Any) -> list[Row]:
        return [row async for rows in self._database.scan(statement, batch=PAGE, **values) for row in rows]

    async def one(self, statement: Statement, /, **values: Any) -> Row | None:
        return next(iter(await self.all(statement, **values)), None)


async def pages(database: Database, selection: Selection) -> AsyncIterator[list[Row]]:
    """All rows of a selection in the order of time, as they stand in the database."""
    listed, axis, _ = SOURCES[selection.kind]
    order, reader = Order((axis,)), _Beside(database)
    point: dict[str, Any] = {name: value for name in FILTERS if (value := getattr(selection, name)) is not None}
    bounds = {f"{axis}_from": selection.from_us, f"{axis}_until": selection.until_us}
    point |= {name: value for name, value in bounds.items() if value is not None}
    window = Window(PAGE)
    while rows := await read_page(reader, listed, [point], order, window):
        yield rows
        if len(rows) < PAGE:
            return
        window = Window(PAGE, 0, key_of(listed, order)(rows[-1]))


def laid_out(kind: Kind, rows: Sequence[Row]) -> Iterator[tuple[Any, ...]]:
    """Rows in the columns of their kind: of a capture one for each key result, and one if it has none."""
    return chain.from_iterable(map(_readings_of, rows)) if kind == "run_captures" else iter(rows)


def documents(kind: Kind, rows: Sequence[Row]) -> Iterator[dict[str, Any]]:
    """Rows as objects: a capture once, with its key results as they are stored."""
    columns = SOURCES[kind].columns
    if kind == "run_captures":
        columns = columns[:-READING]
    for row in rows:
        values = (*_base(row), None) if kind == "run_captures" else row
        shown: dict[str, Any] = {
            name: iso_or_none(value) if type_ == "time" else value
            for (name, type_), value in zip(columns, values, strict=False)
        }
        if kind == "run_captures":
            shown["keyResults"] = None if row[KEY_RESULTS] is None else msgspec.Raw(row[KEY_RESULTS].encode())
        yield shown


def time_of(selection: Selection) -> Callable[[Row], int]:
    """Takes the time out of a row that its selection goes by."""
    source = SOURCES[selection.kind]
    return itemgetter(source.listed.columns.index(source.axis))


def _base(row: Row) -> tuple[Any, ...]:
    uuid, time_us, channel, action = row[0], row[3], row[5], row[6]
    return (*row[:KEY_RESULTS], capture_url(row[11], iso(time_us), action, channel, uuid, row[12]))


def _readings_of(row: Row) -> Iterator[tuple[Any, ...]]:
    base, stored = _base(row), row[KEY_RESULTS]
    readings: list[dict[str, Any]] = (_readings(stored) if stored else None) or [{}]
    for reading in readings:
        value = reading.get("value")
        number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
        text = None if value is None or number is not None else _text(value)
        yield (*base, reading.get("name"), number, text, reading.get("units"))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()

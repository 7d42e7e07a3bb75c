"""A run's log: its start, what happened at each action, alerts, and its end, in the order of time.

Nothing of it is stored twice: it is made of the run, its events and its alerts when it is asked for.
Source: scout-api.md §2.9.
"""

from collections import defaultdict
from typing import Annotated, Any
from uuid import UUID, uuid5

import msgspec
from sqlalchemy import bindparam, select

from roundsman.captures.record import ERRORS
from roundsman.captures.tables import run_captures, run_event_documents, run_events
from roundsman.captures.urls import capture_url
from roundsman.kit.database import Reader, Statement
from roundsman.kit.times import iso, parse_time
from roundsman.runs.reading import find_run
from roundsman.runs.types import Run, Time

SEVERITIES: tuple[str, ...] = ("", "INFO", "WARN", "ERROR", "CRITICAL")
"""AlertData.SeverityLevel in words; an unknown one is taken to be the highest, as the robot's protocol asks."""

_EVENT: tuple[str, ...] = ("uuid", "time_us", "action_name", "error", "event_type", "robot_nickname")
_events = Statement(
    select(*(run_events.c[name] for name in _EVENT))
    .where(run_events.c.run_uuid == bindparam("run_uuid"))
    .order_by(run_events.c.time_us, run_events.c.uuid)
)
_captures = Statement(
    select(
        *(run_captures.c[name] for name in ("run_event_uuid", "uuid", "time_us", "channel_name", "kind", "file_name"))
    )
    .join(run_events, run_events.c.uuid == run_captures.c.run_event_uuid)
    .where(run_events.c.run_uuid == bindparam("run_uuid"))
    .order_by(run_captures.c.time_us, run_captures.c.uuid)
)
_alerts = Statement(
    select(*(run_event_documents.c[name] for name in ("run_event_uuid", "uuid", "severity", "document")))
    .where(run_event_documents.c.run_uuid == bindparam("run_uuid"), run_event_documents.c.kind == "alert")
    .order_by(run_event_documents.c.uuid)
)
_ERROR_NAMES: dict[int, str] = {number: name for name, number in ERRORS.items()}
_ENDS: dict[str, str] = {"FAILURE": "ERROR", "ERROR": "ERROR", "STOPPED": "WARN"}


class LogImage(msgspec.Struct, frozen=True, rename="camel"):
    """A picture that belongs to an entry."""

    channel: str
    data_path: Annotated[str, msgspec.Meta(description="path of the file on this host, already percent-encoded")]


class LogEntry(msgspec.Struct, frozen=True, rename="camel"):
    """One line of a run's log."""

    uuid: str
    start: Time
    time_from_start_s: int
    severity: Annotated[str, msgspec.Meta(description="INFO, WARN, ERROR or CRITICAL")]
    event: str
    detail: str
    image_files: list[LogImage] | None


async def log_of(reader: Reader, run_uuid: str) -> list[LogEntry] | None:
    """The log of a run; None when there is no such run."""
    run = await find_run(reader, run_uuid)
    if run is None:
        return None
    events = [dict(zip(_EVENT, row, strict=True)) for row in await reader.all(_events, run_uuid=run_uuid)]
    names = {event["uuid"]: event for event in events}
    images: defaultdict[str, list[LogImage]] = defaultdict(list)
    for event_uuid, uuid, time_us, channel, kind, file_name in await reader.all(_captures, run_uuid=run_uuid):
        if kind == "image":
            images[event_uuid].append(LogImage(channel, _url(names[event_uuid], uuid, time_us, channel, file_name)))
    alerts: defaultdict[str, list[LogEntry]] = defaultdict(list)
    for event_uuid, uuid, severity, document in await reader.all(_alerts, run_uuid=run_uuid):
        event = names[event_uuid]
        alerts[event_uuid].append(_alert(run, event, uuid, severity, document))
    entries = [_entry(run, _of(run, "start"), run.start_time, "INFO", "Run started", run.mission_name)]
    for event in events:
        entries += [_action(run, event, images[event["uuid"]]), *alerts[event["uuid"]]]
    if run.end_time is not None:
        severity = _ENDS.get(run.mission_status, "INFO")
        entries.append(_entry(run, _of(run, "end"), run.end_time, severity, "Run ended", run.mission_status))
    return entries


def _action(run: Run, event: dict[str, Any], images: list[LogImage]) -> LogEntry:
    failed = event["error"]
    what = "Screenshot" if event["event_type"] == "screenshot" else "Action"
    detail = f"{_name(event)}: {_ERROR_NAMES.get(failed, f'error {failed}')}" if failed else _name(event)
    word = "ERROR" if failed else "INFO"
    return _entry(run, event["uuid"], iso(event["time_us"]), word, what, detail, images or None)


def _alert(run: Run, event: dict[str, Any], uuid: str, severity: int, document: str) -> LogEntry:
    title = msgspec.json.decode(document).get("title") or "Alert"
    word = SEVERITIES[severity] if 0 < severity < len(SEVERITIES) else SEVERITIES[-1]
    return _entry(run, uuid, iso(event["time_us"]), word, "Alert", f"{_name(event)}: {title}")


def _entry(
    run: Run, uuid: str, time: str, severity: str, event: str, detail: str, images: list[LogImage] | None = None
) -> LogEntry:
    since_s = int(_seconds(time) - _seconds(run.start_time))
    return LogEntry(uuid, time, max(since_s, 0), severity, event, detail, images)


def _seconds(time: str) -> float:
    return parse_time(time) / 1_000_000


def _of(run: Run, what: str) -> str:
    """The uuid of an entry that has no row of its own: the same each time."""
    return str(uuid5(UUID(run.uuid), what))


def _name(event: dict[str, Any]) -> str:
    return event["action_name"] or "(no name)"


def _url(event: dict[str, Any], uuid: str, time_us: int, channel: str, file_name: str) -> str:
    return capture_url(event["robot_nickname"], iso(time_us), event["action_name"], channel, uuid, file_name)

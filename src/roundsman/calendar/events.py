"""An event of the calendar: what is read from a body, what is kept, what is shown.

Members that we do not know are kept and given back unchanged; those that we know are checked and brought to one form:
numbers to numbers, a repeat that means "once" to 0, `blackouts` and `disableReason` left out where they say nothing, as
programs look whether they are there. Source: scout-api.md §2.7.
"""

from typing import Any, cast

import msgspec

from roundsman.calendar.occurrences import WEEK_MS, Times, Window
from roundsman.kit.members import Members
from roundsman.kit.problem import BadRequest

LAST_MS = 253_402_300_799_999  # the end of the year 9999
LONGEST_REPEAT_MS = 100 * 366 * 24 * 3600 * 1000
MOST_BLACKOUTS = 1000
MOST_BYTES = 200_000

Document = dict[str, Any]


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """An event. `document` is what v0 shows; the others are read from it."""

    event_id: str  # empty: it has none yet
    name: str
    nickname: str
    mission_id: str
    times: Times
    disable_reason: str
    document: Document


def event_of(body: Document) -> Event:
    """The event that a body describes. Raises: BadRequest that names the member."""
    if len(msgspec.json.encode(body)) > MOST_BYTES:
        raise BadRequest(None, f"an event may have at most {MOST_BYTES} bytes")
    members = Members(body)
    metadata, agent = members.object("eventMetadata"), members.object("agent", needed=True)
    task, schedule = members.object("task", needed=True), members.object("schedule", needed=True)
    event_id = event_id_of(metadata)
    known = {
        "eventMetadata": {"eventId": event_id, "name": metadata.text("name")},
        "agent": {"nickname": agent.needed_text("nickname", "the robot's nickname")},
        "task": _task(task),
        "schedule": _schedule(schedule),
    }
    document = {**body, **{name: {**members.object(name).values, **part} for name, part in known.items()}}
    for name in ("blackouts", "disableReason"):
        if name not in known["schedule"]:
            document["schedule"].pop(name, None)
    return _event(document)


def event_id_of(metadata: Members) -> str:
    """The event's id, as it can stand in a path; empty when there is none."""
    event_id = metadata.text("eventId", longest=200)
    if event_id and (
        any(sign in event_id for sign in "#?/\\%") or not event_id.isprintable() or event_id in (".", "..")
    ):
        raise metadata.wrong("eventId", "has characters that no path can have: # ? / \\ %")
    return event_id


def stored_event(document: str) -> Event:
    """The event of a row."""
    return _event(msgspec.json.decode(document))


def stamped(event: Event, event_id: str, modified_ms: int, user: str) -> Event:
    """The event with its id, and with who changed it when."""
    metadata = {"eventId": event_id, "modificationTimeMs": modified_ms, "modificationUser": user}
    return _event({**event.document, "eventMetadata": {**event.document["eventMetadata"], **metadata}})


def disabled(event: Event, reason: str) -> Event:
    """The event with another reason for which it is disabled; empty: it is enabled."""
    schedule = {name: value for name, value in event.document["schedule"].items() if name != "disableReason"}
    if reason:
        schedule["disableReason"] = reason
    return _event({**event.document, "schedule": schedule})


def _event(document: Document) -> Event:
    metadata, schedule = document["eventMetadata"], document["schedule"]
    windows = [(window["startMs"], window["endMs"]) for window in schedule.get("blackouts", [])]
    return Event(
        event_id=metadata["eventId"],
        name=metadata["name"],
        nickname=document["agent"]["nickname"],
        mission_id=document["task"]["missionId"],
        times=Times(schedule["timeMs"], schedule["repeatMs"], tuple(windows)),
        disable_reason=schedule.get("disableReason", ""),
        document=document,
    )


def _task(task: Members) -> Document:
    mission_id = task.text("missionId", longest=200) or task.object("dispatchTarget").text("missionId", longest=200)
    if not mission_id.strip():
        raise task.wrong("missionId", "is needed: the uuid of the site walk. Only a site walk can be scheduled")
    return {
        "missionId": mission_id,
        "forceAcquireEstop": task.flag("forceAcquireEstop"),
        "requireDocked": task.flag("requireDocked"),
    }


def _schedule(schedule: Members) -> Document:
    repeat_ms = schedule.whole("repeatMs", -LAST_MS, LONGEST_REPEAT_MS, default=0)
    known: Document = {"timeMs": schedule.whole("timeMs", 0, LAST_MS), "repeatMs": max(0, repeat_ms)}
    if blackouts := _blackouts(schedule):
        known["blackouts"] = blackouts
    if reason := schedule.text("disableReason"):
        known["disableReason"] = reason
    return known


def _blackouts(schedule: Members) -> list[Document]:
    windows: Any = schedule.values.get("blackouts")
    if windows is None:
        return []
    if not isinstance(windows, list):
        raise schedule.wrong("blackouts", "must be a list of windows {startMs, endMs}")
    listed = cast("list[Any]", windows)
    if len(listed) > MOST_BLACKOUTS:
        raise schedule.wrong("blackouts", f"may have at most {MOST_BLACKOUTS} windows, not {len(listed)}")
    return [_blackout(schedule, place, window) for place, window in enumerate(listed)]


def _blackout(schedule: Members, place: int, window: Any) -> Document:
    name = f"blackouts[{place}]"
    members = Members({name: window}, schedule.path).object(name, needed=True)
    start, end = members.whole("startMs", 0, WEEK_MS - 1), members.whole("endMs", 0, WEEK_MS)
    _check_window(members, (start, end))
    return {**members.values, "startMs": start, "endMs": end}


def _check_window(members: Members, window: Window) -> None:
    start, end = window
    if start == end:
        raise members.wrong("endMs", "must lie behind startMs: the window is empty")
    if end < start:
        raise members.wrong(
            "endMs",
            "lies before startMs. Times are milliseconds since Sunday 00:00 UTC; a window over the end of the week is "
            f"written as two: {start} to {WEEK_MS}, and 0 to {end}",
        )

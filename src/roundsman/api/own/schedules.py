"""The schedule with what version 0 cannot say: when each event starts next, and what stands in its way."""

from typing import Annotated

import msgspec
from litestar import Response, get
from litestar.openapi.datastructures import ResponseSpec
from msgspec import Meta

from roundsman.api.authentication import requires
from roundsman.api.parts import Given
from roundsman.calendar import service
from roundsman.calendar.events import LAST_MS, Event
from roundsman.calendar.icalendar import icalendar
from roundsman.calendar.occurrences import blacked_out, next_start
from roundsman.kit.times import iso


class Schedule(msgspec.Struct, rename="camel"):
    """An event of the calendar and its next start."""

    event_id: str
    name: str
    nickname: str
    mission_id: str
    next_start: Annotated[str | None, Meta(description="In UTC, out of blackouts; null: it does not start again.")]
    repeat_ms: Annotated[int, Meta(description="From one ideal start to the next; 0: once.")]
    in_blackout: Annotated[bool, Meta(description="Whether nothing of it may be started at this moment.")]
    disable_reason: Annotated[str, Meta(description="Why it is disabled; empty: it is enabled.")]
    problems: Annotated[
        tuple[str, ...], Meta(description="Why it will not start, for people; empty: nothing is known.")
    ]


class Schedules(msgspec.Struct):
    """All of them."""

    items: list[Schedule]


@get("/schedules", opt=requires("read", "calendar"), tags=["calendar"], summary="The schedule with its next starts")
async def list_schedules(parts: Given) -> Schedules:
    """All events of the calendar, the oldest first."""
    known = set(await service.nicknames(parts.database))
    now_ms = parts.clock.now_us() // 1000
    return Schedules([_shown(event, now_ms, known) for event in await service.list_events(parts.database)])


@get(
    "/schedules.ics",
    opt=requires("read", "calendar"),
    tags=["calendar"],
    summary="The starts of the next four weeks, for calendar programs",
    responses={200: ResponseSpec(bytes, media_type="text/calendar", description="RFC 5545")},
)
async def download_schedules(parts: Given) -> Response[bytes]:
    """An iCalendar document; at most 700 starts of each event."""
    body = icalendar(await service.list_events(parts.database), parts.clock.now_us() // 1000)
    headers = {"content-disposition": 'attachment; filename="schedules.ics"'}
    return Response(body, media_type="text/calendar; charset=utf-8", headers=headers)


def _shown(event: Event, now_ms: int, known: set[str]) -> Schedule:
    start = None if event.disable_reason else next_start(event.times, now_ms)
    return Schedule(
        event_id=event.event_id,
        name=event.name,
        nickname=event.nickname,
        mission_id=event.mission_id,
        next_start=None if start is None or start > LAST_MS else iso(start * 1000),
        repeat_ms=event.times.repeat_ms,
        in_blackout=blacked_out(event.times.blackouts, now_ms),
        disable_reason=event.disable_reason,
        problems=tuple(_problems(event, start, known)),
    )


def _problems(event: Event, start: int | None, known: set[str]) -> list[str]:
    found = ["this version of Roundsman does not move robots yet"]
    if event.nickname not in known:
        found.append(f"there is no robot with the nickname {event.nickname}")
    if event.disable_reason:
        found.append(f"it is disabled: {event.disable_reason}")
    elif start is None:
        found.append("its blackouts cover the whole week" if event.times.repeat_ms else "its only start has passed")
    return found


routes = [list_schedules, download_schedules]

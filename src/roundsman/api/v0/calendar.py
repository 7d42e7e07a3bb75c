"""The calendar: when which robot walks which site walk; and orders for now.

Source: scout-api.md §2.7, §2.8. Where it knows no answer's body: the stored event; for several, `activeEvents`.
"""

from typing import Any

import msgspec
from litestar import Request, Response, delete, get, post
from litestar.params import FromPath

from roundsman.api.answers import Json
from roundsman.api.authentication import identity_of, requires
from roundsman.api.bodies import bodied, json_object
from roundsman.api.parts import Given, Parts
from roundsman.api.v0.calendar_shapes import (
    DELETE_IN,
    DISABLE_IN,
    DISPATCH_IN,
    EVENT_IN,
    EVENT_OUT,
    EVENTS_OUT,
    SEND_IN,
    links_of,
)
from roundsman.api.v0.query import Query, text
from roundsman.calendar import orders, service
from roundsman.calendar.events import Event, event_id_of, event_of
from roundsman.kit.members import Members
from roundsman.kit.problem import BadRequest

OPERATE = requires("operate", "calendar")
Asked = Request[Any, Any, Any]
_encode = msgspec.json.Encoder().encode


@get(
    "/calendar/schedule",
    opt=requires("read", "calendar"),
    tags=["calendar"],
    summary="All events",
    operation_class=bodied(None, EVENTS_OUT, links=links_of("/activeEvents/0")),
)
async def list_events(parts: Given) -> Json[dict[str, Any]]:
    """Enabled and disabled ones, the oldest first."""
    return Json(_encode({"activeEvents": await service.list_documents(parts.database)}))


@post(
    "/calendar/schedule",
    status_code=200,
    opt=OPERATE,
    tags=["calendar"],
    summary="Make or overwrite an event",
    operation_class=bodied(EVENT_IN, EVENT_OUT, links=links_of()),
)
async def save_event(parts: Given, request: Asked) -> Json[dict[str, Any]]:
    """Without an eventId it makes one; with one it takes the place of that event. Answers what is stored."""
    return await _saved(parts, request)


@post(
    "/calendar/set",
    status_code=200,
    opt=OPERATE,
    tags=["calendar"],
    summary="Make or overwrite an event, as Scout 3.3 does",
    operation_class=bodied(EVENT_IN, EVENT_OUT, links=links_of()),
)
async def set_event(parts: Given, request: Asked) -> Json[dict[str, Any]]:
    """The same as POST calendar/schedule."""
    return await _saved(parts, request)


@delete("/calendar/schedule/{event_id:str}", status_code=200, opt=OPERATE, tags=["calendar"], summary="Delete an event")
async def delete_event(parts: Given, request: Asked, event_id: FromPath[str]) -> Response[dict[str, str]]:
    """A mission that it has started goes on."""
    return await _deleted(parts, request, event_id)


@post(
    "/calendar/delete",
    status_code=200,
    opt=OPERATE,
    tags=["calendar"],
    summary="Delete an event, as Scout 3.3 does",
    operation_class=bodied(DELETE_IN),
)
async def delete_event_by_body(parts: Given, request: Asked) -> Response[dict[str, str]]:
    """The same as DELETE calendar/schedule/{eventId}."""
    members = Members(await json_object(request))
    event_id = event_id_of(members) or event_id_of(members.object("eventMetadata"))
    if not event_id:
        raise BadRequest("eventId", "eventId is needed: which event is to be deleted")
    return await _deleted(parts, request, event_id)


@post(
    "/calendar/disable-enable",
    status_code=200,
    opt=OPERATE,
    tags=["calendar"],
    summary="Disable or enable one event or all",
    operation_class=bodied(DISABLE_IN, EVENTS_OUT),
)
async def disable_events(parts: Given, request: Asked) -> Json[dict[str, Any]]:
    """An empty disableReason enables. Without an eventId it is for all that there are now. Answers those concerned."""
    members = Members(await json_object(request))
    reason = members.text("disableReason")
    if members.values.get("disableReason") is None:
        raise members.wrong("disableReason", "is needed: why, or an empty text to enable")
    event_id = event_id_of(members) or None
    if event_id is None and members.values.get("eventId") is not None:
        raise members.wrong("eventId", "is empty; leave it out to mean all events")
    return _events(await service.disable_events(parts.database, parts.clock, _by(request), reason, event_id))


@post(
    "/calendar/mission/dispatch/{nickname:str}",
    status_code=200,
    opt=OPERATE,
    tags=["calendar"],
    summary="Start a site walk now",
    operation_class=bodied(DISPATCH_IN, also=text("currentDriverId", "who drives the robot; `None` means nobody")),
)
async def dispatch(parts: Given, request: Asked, nickname: FromPath[str]) -> Json[dict[str, Any]]:
    """Not yet: what is well-formed is refused with 409, as this version moves no robot."""
    order = orders.dispatch_of(nickname, Query(request).last("currentDriverId"), await json_object(request))
    return await orders.dispatch(parts.database, order)


@post(
    "/graph/send-robot",
    status_code=200,
    opt=OPERATE,
    tags=["calendar"],
    summary="Send a robot to a dock now",
    operation_class=bodied(SEND_IN),
)
async def send_robot(parts: Given, request: Asked) -> Json[dict[str, Any]]:
    """Not yet: what is well-formed is refused with 409, as this version moves no robot."""
    return await orders.send(parts.database, orders.send_of(await json_object(request)))


async def _saved(parts: Parts, request: Asked) -> Json[dict[str, Any]]:
    event = event_of(await json_object(request))
    stored = await service.save_event(parts.database, parts.clock, _by(request), event)
    return Json(_encode(stored.document))


async def _deleted(parts: Parts, request: Asked, event_id: str) -> Response[dict[str, str]]:
    event = await service.delete_event(parts.database, parts.clock, _by(request), event_id)
    return Response({"removed": event.event_id})


def _events(events: list[Event]) -> Json[dict[str, Any]]:
    return Json(_encode({"activeEvents": [event.document for event in events]}))


def _by(request: Asked) -> str:
    identity = identity_of(request)
    return identity.name if identity else ""


routes = [
    list_events, save_event, set_event, delete_event, delete_event_by_body, disable_events, dispatch, send_robot,
]  # fmt: skip

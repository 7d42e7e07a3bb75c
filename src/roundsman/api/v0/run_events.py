"""Run events with their captures: a list and one by its uuid. Source: scout-api.md §2.10."""

from typing import Any

from litestar import Request, get
from litestar.params import FromPath

from roundsman.api.answers import Json
from roundsman.api.authentication import requires
from roundsman.api.parts import Given, Parts
from roundsman.api.v0.query import (
    ROBOT,
    ROBOT_COLUMNS,
    Listing,
    Query,
    choice,
    documented,
    encoded,
    flag,
    text,
    time,
)
from roundsman.captures.reading import EVENTS_LISTED, ORDERS, events_of, find_event, find_events
from roundsman.captures.types import RunEvent
from roundsman.kit.page import Envelope
from roundsman.kit.problem import NotFound
from roundsman.runs.aliases import present_uuid
from roundsman.runs.matching import Found, Ranges

# A site element's uuid is what its action's uuid is.
COLUMNS = {
    **ROBOT_COLUMNS,
    "uuid": "uuid",
    "runUuid": "run_uuid",
    "actionUuid": "action_uuid",
    "elementId": "action_uuid",
    "missionName": "mission_name",
}
PARAMETERS = (
    text("uuid", "the event's uuid"),
    text("runUuid", "the run it belongs to"),
    text("actionUuid", "the action's uuid"),
    text("elementId", "the site element's uuid"),
    *ROBOT,
    text("missionName", "the mission's name"),
    flag("excludeNonAlerts", "only events that raised an alert"),
    time("startTime", "time at this or later"),
    time("endTime", "time before this"),
    time("startCreatedAt", "createdAt at this time or later"),
    time("endCreatedAt", "createdAt before this time"),
    choice(
        "orderBy",
        "the default is the newest first: by createdAt if only createdAt is filtered, else by time",
        list(ORDERS),
    ),
)


@get(
    "/run_events",
    opt=requires("read", "captures"),
    tags=["run events"],
    summary="Run events",
    operation_class=documented(*PARAMETERS),
)
async def list_run_events(parts: Given, request: Request[Any, Any, Any]) -> Json[Envelope[RunEvent]]:
    """What robots did at the actions of their runs. `total` is exact."""
    asked, found = await find(parts, Query(request))
    return asked.answer(found, await events_of(parts.database, asked.rows(found)))


async def find(parts: Parts, query: Query) -> tuple[Listing, Found]:
    """The page that a query asks for. Raises: BadRequest."""
    times, created = query.times("startTime", "endTime"), query.times("startCreatedAt", "endCreatedAt")
    newest = "-created_at" if times == Ranges() != created else "-time"
    asked = Listing(parts, query, EVENTS_LISTED, ORDERS, newest)
    wanted = query.texts(COLUMNS)
    if "run_uuid" in wanted:
        wanted["run_uuid"] = [await present_uuid(parts.database, uuid) for uuid in wanted["run_uuid"]]
    only_alerts = query.flag("excludeNonAlerts")
    found = await find_events(parts.database, wanted, times, created, only_alerts, asked.order, asked.window)
    return asked, found


@get("/run_events/{uuid:str}", opt=requires("read", "captures"), tags=["run events"], summary="One run event")
async def one_run_event(parts: Given, uuid: FromPath[str]) -> Json[RunEvent]:
    """By its uuid; 404 when there is none."""
    event = await find_event(parts.database, uuid)
    if event is None:
        raise NotFound(f"there is no run event {uuid}")
    return Json(encoded(event))


routes = [list_run_events, one_run_event]

"""Run captures: a list and one by its uuid. Source: scout-api.md §2.10."""

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
    text,
    time,
)
from roundsman.captures.reading import CAPTURES_LISTED, ORDERS, capture_of, find_capture, find_captures
from roundsman.captures.types import RunCapture
from roundsman.kit.page import Envelope
from roundsman.kit.problem import NotFound
from roundsman.runs.matching import Found

COLUMNS = {
    **ROBOT_COLUMNS,
    "uuid": "uuid",
    "runEventUuid": "run_event_uuid",
    "actionUuid": "action_uuid",
    "actionName": "action_name",
    "missionName": "mission_name",
}
PARAMETERS = (
    text("uuid", "the capture's uuid"),
    text("runEventUuid", "the run event it belongs to"),
    text("actionUuid", "the action's (site element's) uuid"),
    text("actionName", "the action's name"),
    *ROBOT,
    text("missionName", "the mission's name"),
    time("startCreatedAt", "createdAt at this time or later"),
    time("endCreatedAt", "createdAt before this time"),
    choice("orderBy", "the default is the newest by createdAt first", list(ORDERS), "-created_at"),
)


@get(
    "/run_captures",
    opt=requires("read", "captures"),
    tags=["run captures"],
    summary="Run captures",
    operation_class=documented(*PARAMETERS),
)
async def list_run_captures(parts: Given, request: Request[Any, Any, Any]) -> Json[Envelope[RunCapture]]:
    """What robots captured. `total` is exact, and a cursor neither repeats nor skips while captures arrive."""
    asked, found = await find(parts, Query(request))
    return asked.answer(found, [capture_of(row) for row in asked.rows(found)])


async def find(parts: Parts, query: Query) -> tuple[Listing, Found]:
    """The page that a query asks for. Raises: BadRequest."""
    asked = Listing(parts, query, CAPTURES_LISTED, ORDERS, "-created_at")
    created = query.times("startCreatedAt", "endCreatedAt")
    return asked, await find_captures(parts.database, query.texts(COLUMNS), created, asked.order, asked.window)


@get("/run_captures/{uuid:str}", opt=requires("read", "captures"), tags=["run captures"], summary="One run capture")
async def one_run_capture(parts: Given, uuid: FromPath[str]) -> Json[RunCapture]:
    """By its uuid; 404 when there is none."""
    capture = await find_capture(parts.database, uuid)
    if capture is None:
        raise NotFound(f"there is no run capture {uuid}")
    return Json(encoded(capture))


routes = [list_run_captures, one_run_capture]

"""Runs, run events and run captures as version 0 shows them, in lists that are read on by a cursor."""

from typing import Any

from litestar import Request, get
from litestar.params import FromPath

from roundsman.api.answers import Json
from roundsman.api.authentication import requires
from roundsman.api.own.collection import Collection, Conditional, collection, listing, resource
from roundsman.api.parts import Given
from roundsman.api.v0 import run_captures, run_events, runs
from roundsman.api.v0.query import Listing, Query
from roundsman.captures.reading import capture_of, events_of, find_capture, find_event
from roundsman.captures.types import RunCapture, RunEvent
from roundsman.kit.problem import NotFound
from roundsman.runs.reading import ORDERS, RUNS, find_run, find_runs, run_of
from roundsman.runs.types import Run

Asked = Request[Any, Any, Any]
OF_RUNS, OF_CAPTURES = requires("read", "runs"), requires("read", "captures")


def _filters(parameters: Any) -> Any:
    return [one for one in parameters if one.name != "format"]


@get("/runs", opt=OF_RUNS, tags=["runs"], summary="Runs", operation_class=listing(*_filters(runs.PARAMETERS)))
async def list_runs(parts: Given, request: Asked) -> Json[Collection[Run]]:
    """Missions and teleoperation sessions, the newest first."""
    query = Query(request)
    filters = runs.filters_of(query)
    asked = Listing(parts, query, RUNS, ORDERS, "newest")
    found = await find_runs(parts.database, *filters, asked.order, asked.window)
    return collection(asked, found, [run_of(row) for row in asked.rows(found)])


@get("/runs/{uuid:str}", opt=OF_RUNS, tags=["runs"], summary="One run", operation_class=Conditional)
async def one_run(parts: Given, request: Asked, uuid: FromPath[str]) -> Json[Run]:
    """By its uuid."""
    run = await find_run(parts.database, uuid)
    if run is None:
        raise NotFound(f"there is no run {uuid}", "RUN_NOT_FOUND")
    return resource(request, run)


@get(
    "/run_events",
    opt=OF_CAPTURES,
    tags=["run events"],
    summary="Run events",
    operation_class=listing(*run_events.PARAMETERS),
)
async def list_run_events(parts: Given, request: Asked) -> Json[Collection[RunEvent]]:
    """What robots did at the actions of their runs, with what they captured there."""
    asked, found = await run_events.find(parts, Query(request))
    return collection(asked, found, await events_of(parts.database, asked.rows(found)))


@get(
    "/run_events/{uuid:str}",
    opt=OF_CAPTURES,
    tags=["run events"],
    summary="One run event",
    operation_class=Conditional,
)
async def one_run_event(parts: Given, request: Asked, uuid: FromPath[str]) -> Json[RunEvent]:
    """By its uuid."""
    event = await find_event(parts.database, uuid)
    if event is None:
        raise NotFound(f"there is no run event {uuid}", "RUN_EVENT_NOT_FOUND")
    return resource(request, event)


@get(
    "/run_captures",
    opt=OF_CAPTURES,
    tags=["run captures"],
    summary="Run captures",
    operation_class=listing(*run_captures.PARAMETERS),
)
async def list_run_captures(parts: Given, request: Asked) -> Json[Collection[RunCapture]]:
    """What robots captured. With `orderBy=created_at` a cursor reads on for ever, as captures arrive."""
    asked, found = await run_captures.find(parts, Query(request))
    return collection(asked, found, [capture_of(row) for row in asked.rows(found)])


@get(
    "/run_captures/{uuid:str}",
    opt=OF_CAPTURES,
    tags=["run captures"],
    summary="One run capture",
    operation_class=Conditional,
)
async def one_run_capture(parts: Given, request: Asked, uuid: FromPath[str]) -> Json[RunCapture]:
    """By its uuid."""
    capture = await find_capture(parts.database, uuid)
    if capture is None:
        raise NotFound(f"there is no run capture {uuid}", "RUN_CAPTURE_NOT_FOUND")
    return resource(request, capture)


routes = [list_runs, one_run, list_run_events, one_run_event, list_run_captures, one_run_capture]

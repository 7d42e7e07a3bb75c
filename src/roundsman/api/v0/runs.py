"""Runs: a list, also as a table, and one by its uuid. Source: scout-api.md §2.9."""

from collections.abc import AsyncIterator
from typing import Any

from litestar import Request, get
from litestar.openapi.spec import Schema
from litestar.params import FromPath
from litestar.response import Stream

from roundsman.api.answers import Json
from roundsman.api.authentication import requires
from roundsman.api.parts import Given
from roundsman.api.v0.query import (
    ROBOT,
    ROBOT_COLUMNS,
    Listing,
    Query,
    choice,
    documented,
    encoded,
    texts,
    time,
)
from roundsman.kit.csv_text import csv_lines
from roundsman.kit.database import Database
from roundsman.kit.listing import Order, Window, key_of
from roundsman.kit.page import Envelope
from roundsman.kit.problem import BadRequest, NotFound
from roundsman.runs.matching import Ranges
from roundsman.runs.reading import ORDERS, RUNS, find_run, find_runs, run_of
from roundsman.runs.types import Run

RUN_TYPES = {"0": "mission", "1": "teleop", "mission": "mission", "teleop": "teleop"}
PARAMETERS = (
    time("startTime", "startTime at this or later"),
    time("endTime", "startTime before this"),
    time("modifiedAt", "modified after this"),
    texts("missions", "names of missions"),
    texts("robots", "hostnames of robots"),
    texts("types", "0: mission, 1: teleoperation", Schema(enum=[0, 1])),
    *ROBOT,
    choice(
        "orderBy",
        "sessions and lastRunStartTime, which order missions, mean newest here",
        list(ORDERS),
        "newest",
    ),
    choice("format", "csv: all that match, as a table with a heading", ["json", "csv"], "json"),
)
_TABLE_PAGE = 500  # rows read at a time for a table


@get(
    "/runs",
    opt=requires("read", "runs"),
    tags=["runs"],
    summary="Runs",
    operation_class=documented(*PARAMETERS, also=["text/csv"]),
)
async def list_runs(parts: Given, request: Request[Any, Any, Any]) -> Json[Envelope[Run]]:
    """Missions and teleoperation sessions. `total` is exact.

    As csv: the columns are the members of a run, in their order and by their names. Every run that matches is in it
    unless `limit` is given. A cell that a spreadsheet would take for a formula begins with an apostrophe.
    """
    query = Query(request)
    filters = filters_of(query)
    asked = Listing(parts, query, RUNS, ORDERS, "newest")
    if query.choice("format", ("json", "csv"), "json") == "csv":
        limited = query.last("limit") is not None
        window = asked.window._replace(limit=asked.page.limit if limited else 0)
        return _table(parts.database, filters, asked.order, window)
    found = await find_runs(parts.database, *filters, asked.order, asked.window)
    return asked.answer(found, [run_of(row) for row in asked.rows(found)])


@get("/runs/{uuid:str}", opt=requires("read", "runs"), tags=["runs"], summary="One run")
async def one_run(parts: Given, uuid: FromPath[str]) -> Json[Run]:
    """By its uuid; 404 when there is none."""
    run = await find_run(parts.database, uuid)
    if run is None:
        raise NotFound(f"there is no run {uuid}")
    return Json(encoded(run))


Filters = tuple[dict[str, list[str]], Ranges, int | None]


def filters_of(query: Query) -> Filters:
    """The filters of a query. Raises: BadRequest."""
    return _wanted(query), query.times("startTime", "endTime"), query.time("modifiedAt")


def _wanted(query: Query) -> dict[str, list[str]]:
    wanted = query.texts(ROBOT_COLUMNS)
    hostnames, missions, types = (query.parts_of(name) for name in ("robots", "missions", "types"))
    if hostnames is not None:
        both = wanted.get("robot_hostname")
        wanted["robot_hostname"] = [name for name in hostnames if both is None or name in both]
    if missions is not None:
        wanted["mission_name"] = missions
    if types is not None:
        wanted["run_type"] = [_run_type(text) for text in types]
    return wanted


def _run_type(text: str) -> str:
    if text not in RUN_TYPES:
        raise BadRequest("types", f"types must be 0 (mission) or 1 (teleoperation), not {text!r}", ("0", "1"))
    return RUN_TYPES[text]


def _table(database: Database, filters: Filters, order: Order, window: Window) -> Any:
    headers = {"content-disposition": 'attachment; filename="runs.csv"'}
    return Stream(_lines(database, filters, order, window), media_type="text/csv", headers=headers)


async def _lines(database: Database, filters: Filters, order: Order, window: Window) -> AsyncIterator[bytes]:
    """The table, in pages that continue each other; `window.limit` 0 means all."""
    yield csv_lines([Run.__struct_encode_fields__])
    left = window.limit or None
    while left is None or left > 0:
        take = _TABLE_PAGE if left is None else min(left, _TABLE_PAGE)
        rows = (await find_runs(database, *filters, order, window._replace(limit=take))).rows
        if rows:
            yield csv_lines([_cells(run_of(row)) for row in rows])
        if len(rows) < take:
            return
        left = None if left is None else left - take
        window = Window(take, 0, key_of(RUNS, order)(rows[-1]))


def _cells(run: Run) -> list[Any]:
    return [getattr(run, name) for name in Run.__struct_fields__]


routes = [list_runs, one_run]

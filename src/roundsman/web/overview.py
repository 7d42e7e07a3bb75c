"""The page after login: robots, latest runs, latest captures."""

from functools import cache
from typing import Any

from litestar import Request, Response, get
from sqlalchemy import select

from roundsman.api.authentication import PUBLIC
from roundsman.api.parts import Given, Parts
from roundsman.captures import reading as captures_reading
from roundsman.captures.tables import run_events
from roundsman.kit.database import Statement, in_binds, in_values
from roundsman.kit.listing import Window
from roundsman.runs.matching import Ranges
from roundsman.web.entrance import login_page
from roundsman.web.records import capture_row_shown
from roundsman.web.rendering import page
from roundsman.web.robots import cards
from roundsman.web.runs import latest_runs
from roundsman.web.visitors import visit

CAPTURES_SHOWN = 18


@get("/", opt=PUBLIC)
async def start(parts: Given, request: Request[Any, Any, Any]) -> Response[str]:
    """Answers 200 to everybody, with the two cookies: the login form, or the overview.

    Source: scout-api.md §1.1, §1.2.
    """
    seen = await visit(parts, request)
    if seen.identity is None or seen.identity.scopes:  # a token that is limited may not see everything
        return await login_page(parts, request)
    shown: dict[str, Any] = {"robots": await cards(parts)} | await latest_runs(parts) | await _captures(parts)
    return page("overview.html", cookies=seen.cookies, identity=seen.identity, csrf=seen.csrf, **shown)


async def _captures(parts: Parts) -> dict[str, Any]:
    order, now_us = captures_reading.ORDERS["-time"], parts.clock.now_us()
    found = await captures_reading.find_captures(parts.database, {}, Ranges(), order, Window(CAPTURES_SHOWN))
    place = captures_reading.CAPTURES_LISTED.columns.index("run_event_uuid")
    runs = await _runs_of_events(parts, [row[place] for row in found.rows])
    captures = [capture_row_shown(row, runs, now_us) for row in found.rows]
    return {"captures": captures, "captures_total": found.total}


async def _runs_of_events(parts: Parts, events: list[str]) -> dict[str, str]:
    if not events:
        return {}
    rows = await parts.database.all(_run_of_events(len(events)), **in_values("event", events))
    return dict(rows)  # pyright: ignore[reportArgumentType] - pairs, as selected


@cache
def _run_of_events(count: int) -> Statement:
    condition = run_events.c.uuid.in_(in_binds("event", count))
    return Statement(select(run_events.c.uuid, run_events.c.run_uuid).where(condition))


routes = [start]

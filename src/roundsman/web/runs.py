"""The pages of runs: the list with its filters, and one with its events and what was captured at each."""

from typing import Any

from litestar import Request, Response, get
from litestar.params import FromPath

from roundsman.acquisition.losses import lost_of_run
from roundsman.api.authentication import requires
from roundsman.api.parts import Given, Parts
from roundsman.api.v0.query import Listing, Query
from roundsman.captures import reading as captures_reading
from roundsman.captures.reading import EVENTS_LISTED
from roundsman.kit.listing import Window
from roundsman.kit.problem import NotFound
from roundsman.runs import reading
from roundsman.runs.matching import Ranges
from roundsman.runs.reading import ORDERS, RUNS
from roundsman.web.records import event_shown, run_shown
from roundsman.web.rendering import page
from roundsman.web.visitors import visit

Asked = Request[Any, Any, Any]
PATH = "/runs"
READ = requires("read", "runs")
COLUMNS = {"mission": "mission_name", "robot": "robot_nickname", "type": "run_type"}
TYPES = {"mission": "missions", "teleop": "drives by hand"}
FILTERS = (*COLUMNS, "startTime", "endTime")
NAMES_OFFERED = 200  # to choose from; any other may be typed
EVENTS_SHOWN = 100
LATEST_SHOWN = 10


async def latest_runs(parts: Parts, robot_nickname: str | None = None) -> dict[str, Any]:
    """The newest runs, of one robot or of all, and how many there are: what the section of latest runs shows."""
    wanted = {} if robot_nickname is None else {"robot_nickname": [robot_nickname]}
    order, now_us = ORDERS["newest"], parts.clock.now_us()
    found = await reading.find_runs(parts.database, wanted, Ranges(), None, order, Window(LATEST_SHOWN))
    return {"runs": [run_shown(reading.run_of(row), now_us) for row in found.rows], "runs_total": found.total}


@get(PATH, opt=READ)
async def list_page(parts: Given, request: Asked) -> Response[str]:
    """The newest first, narrowed as its address says."""
    seen, now_us, query = await visit(parts, request), parts.clock.now_us(), Query(request)
    query.choice("type", list(TYPES), "mission")
    asked = Listing(parts, query, RUNS, {"newest": ORDERS["newest"]}, "newest")
    start = query.times("startTime", "endTime")
    found = await reading.find_runs(parts.database, query.texts(COLUMNS), start, None, asked.order, asked.window)
    return page(
        "runs.html",
        identity=seen.identity,
        csrf=seen.csrf,
        runs=[run_shown(reading.run_of(row), now_us) for row in asked.rows(found)],
        total=found.total,
        filters={name: value for name in FILTERS if (value := query.last(name))},
        missions=await reading.values_of(parts.database, "mission_name", NAMES_OFFERED) or [],
        robots=await reading.values_of(parts.database, "robot_nickname", NAMES_OFFERED) or [],
        types=TYPES,
        older=asked.next(found)[0],
        newest=query.last("cursor") is None,
    )


@get(f"{PATH}/{{uuid:str}}", opt=READ)
async def one_page(parts: Given, request: Asked, uuid: FromPath[str]) -> Response[str]:
    """One run, its events in the order of time."""
    run = await reading.find_run(parts.database, uuid)
    if run is None:
        raise NotFound(f"there is no run {uuid}")
    seen, now_us, query = await visit(parts, request), parts.clock.now_us(), Query(request)
    order = {"time": captures_reading.ORDERS["time"]}
    asked = Listing(parts, query, EVENTS_LISTED, order, "time", limit=EVENTS_SHOWN)
    wanted = {"run_uuid": [run.uuid]}
    found = await captures_reading.find_events(
        parts.database, wanted, Ranges(), Ranges(), False, asked.order, asked.window
    )
    events = await captures_reading.events_of(parts.database, asked.rows(found))
    return page(
        "run.html",
        identity=seen.identity,
        csrf=seen.csrf,
        run=run_shown(run, now_us),
        events=[event_shown(event, now_us) for event in events],
        total=found.total,
        later=asked.next(found)[0],
        first=query.last("cursor") is None,
        lost=await lost_of_run(parts.database, run.uuid),
    )


routes = [list_page, one_page]

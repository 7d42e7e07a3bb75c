"""What is told of runs beside the runs: a log, facets, statistics. Source: scout-api.md §2.9, §2.13, §2.14."""

from typing import Any

from litestar import Request, get
from litestar.params import FromPath

from roundsman.api.answers import Json
from roundsman.api.authentication import requires
from roundsman.api.parts import Given
from roundsman.api.v0.query import Query, choice, documented, encoded, flag, text, texts, time
from roundsman.captures.facets import (
    MISSION_ORDERS,
    ActionFacet,
    MissionFacet,
    RobotFacet,
    actions_of,
    missions_run,
    robots_run,
)
from roundsman.captures.run_log import SEVERITIES, LogEntry, log_of
from roundsman.captures.statistics import Selection, Session, Summary, sessions, summary
from roundsman.kit.page import Envelope
from roundsman.kit.problem import BadRequest, NotFound

READ = requires("read", "runs")
Asked = Request[Any, Any, Any]

_SELECTION = (
    time("start", "runs that began at this time or later"),
    time("end", "runs that began before this time"),
    texts("missionNames", "names of missions"),
    choice("minimumSeverity", "only runs with such an alert or a worse one", SEVERITIES[1:]),
    flag("includeDispatchFailures", "missions that could not be started; none are recorded so far"),
    flag("includeLaunchFailures", "the same, as 5.0.0 calls it"),
)


@get("/runs/{uuid:str}/log", opt=READ, tags=["runs"], summary="What happened in a run")
async def run_log(parts: Given, uuid: FromPath[str]) -> Json[list[LogEntry]]:
    """Start, actions with their pictures, alerts and end, in the order of time. 404 when there is no such run."""
    log = await log_of(parts.database, uuid)
    if log is None:
        raise NotFound(f"there is no run {uuid}")
    return Json(encoded(log))


@get("/runs/facets/robots", opt=READ, tags=["runs"], summary="Robots that made runs")
async def robot_facets(parts: Given) -> Json[list[RobotFacet]]:
    """One for each name under which a robot was seen."""
    return Json(encoded(await robots_run(parts.database)))


@get(
    "/runs/facets/actions",
    opt=READ,
    tags=["runs"],
    summary="Actions of a mission",
    operation_class=documented(text("missionName", "the mission's name", required=True), paged=False),
)
async def action_facets(parts: Given, request: Asked) -> Json[list[ActionFacet]]:
    """By name, each with its channels."""
    name = Query(request).last("missionName")
    if name is None:
        raise BadRequest("missionName", "missionName is needed: which mission's actions")
    return Json(encoded(await actions_of(parts.database, name)))


@get(
    "/runs/facets/actions/{mission_name:str}", opt=READ, tags=["runs"], summary="Actions of a mission, as before 5.0.1"
)
async def action_facets_of(parts: Given, mission_name: FromPath[str]) -> Json[list[ActionFacet]]:
    """The same as with ?missionName=."""
    return Json(encoded(await actions_of(parts.database, mission_name)))


@get(
    "/runs/facets/missions",
    opt=READ,
    tags=["runs"],
    summary="Missions that were run",
    operation_class=documented(
        choice("orderBy", "by name, most runs first, or latest first", MISSION_ORDERS, "mission")
    ),
)
async def mission_facets(parts: Given, request: Asked) -> Json[list[Envelope[MissionFacet]]]:
    """A list that holds one envelope: so the published description has it."""
    query = Query(request)
    page = query.page(parts)
    found = await missions_run(parts.database, query.choice("orderBy", MISSION_ORDERS, "mission"))
    shown = found[page.offset : page.offset + page.limit]
    return Json(encoded([Envelope(shown, len(found), page.limit, page.offset)]))


@get(
    "/run_statistics/sessions",
    opt=READ,
    tags=["run statistics"],
    summary="Figures of each run",
    operation_class=documented(*_SELECTION, paged=False),
)
async def run_sessions(parts: Given, request: Asked) -> Json[list[Session]]:
    """Every run of the selection, the newest first."""
    return Json(encoded(await sessions(parts.database, _selection(Query(request)), parts.clock.now_us())))


@get(
    "/run_statistics/sessions_summary",
    opt=READ,
    tags=["run statistics"],
    summary="Figures of all runs together",
    operation_class=documented(*_SELECTION, paged=False),
)
async def run_summary(parts: Given, request: Asked) -> Json[Summary]:
    """Without start or end the range is open on that side."""
    return Json(encoded(await summary(parts.database, _selection(Query(request)))))


def _selection(query: Query) -> Selection:
    names = query.parts_of("missionNames")
    severity = query.choice("minimumSeverity", SEVERITIES, "")
    for name in ("includeDispatchFailures", "includeLaunchFailures"):
        query.flag(name)
    return Selection(
        query.times("start", "end"), None if names is None else frozenset(names), SEVERITIES.index(severity)
    )


routes = [
    run_log, robot_facets, action_facets, action_facets_of, mission_facets, run_sessions, run_summary,
]  # fmt: skip

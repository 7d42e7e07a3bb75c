"""Anomalies: a list, one's status, and those of whole elements closed at once. Source: scout-api.md §2.16."""

from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, get, patch
from litestar.params import FromPath

from roundsman.anomalies import service
from roundsman.anomalies.reading import ANOMALIES, ORDERS, anomalies_of, find_anomalies, find_anomaly
from roundsman.anomalies.types import STATUSES, Anomaly, Status
from roundsman.api.answers import Json
from roundsman.api.authentication import identity_of, requires
from roundsman.api.bodies import a_list, a_text, a_word, an_object, bodied, json_object
from roundsman.api.parts import Given
from roundsman.api.v0.query import (
    Listing,
    Query,
    choice,
    documented,
    encoded,
    text,
    texts,
    time,
)
from roundsman.kit.members import Members
from roundsman.kit.page import Envelope
from roundsman.kit.problem import BadRequest, NotFound

READ, REVIEW = requires("read", "anomalies"), requires("review", "anomalies")
ELEMENTS_MAX = 1000
REASON_MAX = 500
Asked = Request[Any, Any, Any]

PARAMETERS = (
    text("uuid", "the anomaly's uuid"),
    text("runEventUuid", "the run event that it was found at"),
    texts("runEventUuids", "several run events"),
    choice("status", "open or closed", STATUSES),
    time("startTime", "time at this or later"),
    time("endTime", "time before this"),
    choice("orderBy", "the default is the newest first", list(ORDERS), "-time"),
)
_STATUS_IN = an_object(
    "What to change.",
    ("status",),
    status=a_word("what it is from now on", STATUSES),
    reason=a_text("why; kept in its history and in the audit trail, at most 500 characters"),
)
_BULK_IN = an_object(
    "What to do with which.",
    ("command", "elementIds"),
    command=a_word("what to do", ["close"]),
    elementIds=a_list(a_text("an anomaly's elementId")),
)


class Closed(msgspec.Struct, frozen=True):
    """What came of closing."""

    command: Literal["close"]
    closed: Annotated[int, msgspec.Meta(description="how many were open")]


@get(
    "/anomalies", opt=READ, tags=["anomalies"], summary="Anomalies", operation_class=documented(*PARAMETERS)
)  # fmt: skip
async def list_anomalies(parts: Given, request: Asked) -> Json[Envelope[Anomaly]]:
    """What inspections found wrong. `total` is exact."""
    query = Query(request)
    asked = Listing(parts, query, ANOMALIES, ORDERS, "-time")
    times = query.times("startTime", "endTime")
    found = await find_anomalies(parts.database, _wanted(query), times, asked.order, asked.window)
    return asked.answer(found, await anomalies_of(parts.database, asked.rows(found)))


@get("/anomalies/{uuid:str}", opt=READ, tags=["anomalies"], summary="One anomaly")
async def one_anomaly(parts: Given, uuid: FromPath[str]) -> Json[Anomaly]:
    """By its uuid; 404 when there is none."""
    anomaly = await find_anomaly(parts.database, uuid)
    if anomaly is None:
        raise NotFound(f"there is no anomaly {uuid}", "ANOMALY_NOT_FOUND")
    return Json(encoded(anomaly))


@patch(
    "/anomalies/{uuid:str}",
    opt=REVIEW,
    tags=["anomalies"],
    summary="Close an anomaly, or open it again",
    operation_class=bodied(_STATUS_IN),
)
async def change_anomaly(parts: Given, request: Asked, uuid: FromPath[str]) -> Json[Anomaly]:
    """Answers the anomaly as it is then."""
    members = Members(await json_object(request))
    status, reason = _status(members.values.get("status")), members.text("reason", longest=REASON_MAX)
    changed = await service.set_status(parts.database, parts.clock, _by(request), uuid, status, reason)
    return Json(encoded(changed))


@patch(
    "/anomalies",
    opt=REVIEW,
    tags=["anomalies"],
    summary="Close all open anomalies of some elements",
    operation_class=bodied(_BULK_IN),
)
async def close_anomalies(parts: Given, request: Asked) -> Json[Closed]:
    """An element without open anomalies is no error: that is how it should be."""
    members = Members(await json_object(request))
    if members.values.get("command") != "close":
        raise members.wrong("command", 'must be "close"')
    element_ids = members.texts("elementIds", most=ELEMENTS_MAX)
    closed = await service.close_elements(parts.database, parts.clock, _by(request), element_ids)
    return Json(encoded(Closed("close", closed)))


def _wanted(query: Query) -> dict[str, list[str]]:
    wanted = query.texts({"uuid": "uuid", "runEventUuid": "run_event_uuid"})
    several = query.parts_of("runEventUuids")
    if several is not None:
        one = wanted.get("run_event_uuid")
        wanted["run_event_uuid"] = [uuid for uuid in several if one is None or uuid in one]
    if query.last("status") is not None:
        wanted["status"] = [query.choice("status", STATUSES, "open")]
    return wanted


def _status(value: Any) -> Status:
    if value not in STATUSES:
        raise BadRequest("status", "status must be open or closed", STATUSES)
    return value


def _by(request: Asked) -> str:
    identity = identity_of(request)
    return identity.name if identity else ""


routes = [list_anomalies, one_anomaly, change_anomaly, close_anomalies]

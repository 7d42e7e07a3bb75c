"""Anomalies as version 0 shows them, narrowed by more, in a list that is read on by a cursor."""

from typing import Any

from litestar import Request, get
from litestar.params import FromPath

from roundsman.anomalies.reading import ANOMALIES, ORDERS, anomalies_of, find_anomaly
from roundsman.anomalies.types import STATUSES, Anomaly
from roundsman.api.answers import Json
from roundsman.api.authentication import requires
from roundsman.api.own.collection import Collection, Conditional, collection, listing, resource
from roundsman.api.parts import Given
from roundsman.api.v0.query import Listing, Query, choice, text
from roundsman.kit.problem import NotFound

READ = requires("read", "anomalies")
SEVERITIES = ("0", "1", "2", "3", "4")
PARAMETERS = (
    choice("status", "open or closed", STATUSES),
    choice("severity", "4 critical, 3 error, 2 warning, 1 info, 0 unknown", SEVERITIES),
    text("source", "what raised them, e.g. the name of a service"),
    text("elementId", "those of one site element"),
)
Asked = Request[Any, Any, Any]


@get("/anomalies", opt=READ, tags=["anomalies"], summary="Anomalies", operation_class=listing(*PARAMETERS))
async def list_anomalies(parts: Given, request: Asked) -> Json[Collection[Anomaly]]:
    """What inspections found wrong, the newest first."""
    query = Query(request)
    asked = Listing(parts, query, ANOMALIES, {"-time": ORDERS["-time"]}, "-time")
    found = await asked.read(_wanted(query))
    return collection(asked, found, await anomalies_of(parts.database, asked.rows(found)))


@get("/anomalies/{uuid:str}", opt=READ, tags=["anomalies"], summary="One anomaly", operation_class=Conditional)
async def one_anomaly(parts: Given, request: Asked, uuid: FromPath[str]) -> Json[Anomaly]:
    """By its uuid."""
    anomaly = await find_anomaly(parts.database, uuid)
    if anomaly is None:
        raise NotFound(f"there is no anomaly {uuid}", "ANOMALY_NOT_FOUND")
    return resource(request, anomaly)


def _wanted(query: Query) -> dict[str, Any]:
    wanted = query.lasts({"source": "source", "elementId": "element_id"})
    if query.last("status"):
        wanted["status"] = query.choice("status", STATUSES, "")
    if query.last("severity"):
        wanted["severity"] = int(query.choice("severity", SEVERITIES, ""))
    return wanted


routes = [list_anomalies, one_anomaly]

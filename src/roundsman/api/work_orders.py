"""What both APIs' handlers of work orders share."""

from typing import Any

from litestar import Request

from roundsman.api.answers import Json
from roundsman.api.authentication import identity_of
from roundsman.api.bodies import a_flag, a_name, an_object, json_object
from roundsman.api.parts import Parts
from roundsman.api.v0.query import encoded
from roundsman.kit.members import Members
from roundsman.workorders.types import WorkOrder

Asked = Request[Any, Any, Any]

VALUES = an_object("Values of fields that take the place of what their templates give; null leaves a field out.")
ORDER_IN = an_object(
    "Which anomaly an order is made of.",
    ("anomalyUuid",),
    anomalyUuid=a_name("the anomaly's uuid"),
    values=VALUES,
    evenIfOpen=a_flag("make one although another is waiting or open"),
)


async def made(parts: Parts, request: Asked) -> Json[WorkOrder]:
    """An order made by what the body says."""
    members = Members(await json_object(request))
    anomaly = members.needed_text("anomalyUuid", "the anomaly that the order is made of")
    given, even_if_open = members.object("values").values, members.flag("evenIfOpen")
    return Json(encoded(await parts.work_orders.make(by(request), anomaly, given, even_if_open=even_if_open)))


def by(request: Asked) -> str:
    """Who asks."""
    identity = identity_of(request)
    return identity.name if identity else ""

"""Work orders beside the resources they belong to; the whole of them is in our own API.

Orbit has an endpoint for them whose path is not known (scout-api.md §4.2): this one follows how v0 names things.
"""

from typing import Any

from litestar import Request, post

from roundsman.api.answers import Json
from roundsman.api.authentication import requires
from roundsman.api.bodies import bodied
from roundsman.api.parts import Given
from roundsman.api.work_orders import ORDER_IN, made
from roundsman.workorders.types import WorkOrder


@post(
    "/work_orders",
    status_code=200,
    opt=requires("review", "work_orders"),
    tags=["work orders"],
    summary="Make a work order of an anomaly",
    operation_class=bodied(ORDER_IN),
)
async def post_work_order(parts: Given, request: Request[Any, Any, Any]) -> Json[WorkOrder]:
    """The same as POST /api/roundsman/v1/work-orders."""
    return await made(parts, request)


routes = [post_work_order]

"""Work orders: made, listed, sent again, synchronised; their settings and their health log.

Source for what they are: scout-api.md §4.2; it does not know where an Orbit has them.
"""

from typing import Annotated, Any

import msgspec
from litestar import Request, get, patch, post, put
from litestar.params import FromPath
from msgspec import Meta

from roundsman.api.answers import Json
from roundsman.api.authentication import requires
from roundsman.api.bodies import a_text, a_word, an_object, bodied, json_object, of_struct
from roundsman.api.parts import Given, Parts
from roundsman.api.v0.query import Query, choice, documented, encoded, shown, text, window_of
from roundsman.api.work_orders import ORDER_IN, VALUES, by, made
from roundsman.kit.listing import Listed, Window
from roundsman.kit.members import Members
from roundsman.kit.problem import BadRequest
from roundsman.kit.times import iso_or_none
from roundsman.runs.matching import Found
from roundsman.workorders import health, store
from roundsman.workorders.configuration import Configured
from roundsman.workorders.exchange import Tested
from roundsman.workorders.service import Preview
from roundsman.workorders.settings import Settings
from roundsman.workorders.types import STATES, LogLine, WorkOrder

Asked = Request[Any, Any, Any]
READ, REVIEW, ADMINISTER = (requires(what, "work_orders") for what in ("read", "review", "administer"))
SECRET = "authHeaderValue"  # noqa: S105 - the name of a member


class WorkOrderPage(msgspec.Struct):
    """A page of work orders; the header `Link` leads to the next one."""

    items: list[WorkOrder]


class LogPage(msgspec.Struct):
    """A page of the health log; the header `Link` leads to the next one."""

    items: list[LogLine]


class WorkOrderSettings(Settings, frozen=True, kw_only=True, rename="camel"):
    """The settings as they are shown. The secret is not among them."""

    auth_header_value_set: Annotated[bool, Meta(description="Whether the header has a value.")]
    modified_at: str | None
    modified_by: str


class WorkOrderSettingsIn(Settings, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """The settings as they are given. What is left out has its default, but the secret stays as it is."""

    auth_header_value: Annotated[
        str | None, Meta(description="The header's value, e.g. `Bearer …`. Empty: none; left out or null: as it was.")
    ] = None


PREVIEW_IN = an_object(
    "An anomaly by its uuid or as a whole, and settings to try instead of those that are stored.",
    (),
    anomalyUuid=a_text("the anomaly's uuid"),
    anomaly=an_object("an anomaly, instead of the uuid of one"),
    values=VALUES,
    specTemplate=an_object("another spec template"),
)
STATE_IN = an_object("", ("state",), state=a_word("here only, the other system is not told", ["closed", "open"]))
FILTERS = (
    choice("state", "only orders in this state", STATES),
    text("anomalyUuid", "only orders of this anomaly"),
)


@get(
    "/work-orders",
    opt=READ,
    tags=["work orders"],
    summary="Work orders, the newest first",
    operation_class=documented(*FILTERS),
)
async def list_work_orders(parts: Given, request: Asked) -> Json[WorkOrderPage]:
    """Those that wait to be sent, those in the other system, and those that it refused."""
    query = Query(request)
    filters: dict[str, Any] = {}
    if query.last("state") is not None:
        filters["state"] = query.choice("state", STATES, "open")
    if (anomaly := query.last("anomalyUuid")) is not None:
        filters["anomaly_uuid"] = anomaly
    rows, headers = await _page(parts, query, store.LISTED, filters)
    return Json(encoded(WorkOrderPage([store.kept_of(row).order for row in rows])), headers)


@post(
    "/work-orders",
    status_code=200,
    opt=REVIEW,
    tags=["work orders"],
    summary="Make a work order of an anomaly",
    operation_class=bodied(ORDER_IN),
)
async def make_work_order(parts: Given, request: Asked) -> Json[WorkOrder]:
    """Sends it at once. If that fails it waits, says why, and is sent again by itself."""
    return await made(parts, request)


@post(
    "/work-orders/preview",
    status_code=200,
    opt=REVIEW,
    tags=["work orders"],
    summary="What a work order would be",
    operation_class=bodied(PREVIEW_IN),
)
async def preview_work_order(parts: Given, request: Asked) -> Json[Preview]:
    """Renders the templates of an anomaly without sending or storing anything."""
    members = Members(await json_object(request))
    given, anomaly = members.object("values").values, members.object("anomaly").values
    if not anomaly:
        uuid = members.needed_text("anomalyUuid", "the anomaly that is to be shown, or anomaly with all its members")
        anomaly = await parts.work_orders.anomaly(uuid)
    settings = None
    if members.values.get("specTemplate") is not None:
        settings = Settings(spec_template=dict(members.object("specTemplate").values))
    return Json(encoded(await parts.work_orders.preview(by(request), anomaly, settings, given)))


@get("/work-orders/{uuid:str}", opt=READ, tags=["work orders"], summary="One work order")
async def one_work_order(parts: Given, uuid: FromPath[str]) -> Json[WorkOrder]:
    """By its uuid; 404 when there is none."""
    return Json(encoded((await store.find(parts.database, uuid)).order))


@patch(
    "/work-orders/{uuid:str}",
    opt=REVIEW,
    tags=["work orders"],
    summary="Close a work order here, or open it again",
    operation_class=bodied(STATE_IN),
)
async def change_work_order(parts: Given, request: Asked, uuid: FromPath[str]) -> Json[WorkOrder]:
    """For systems that tell no status. One that waits is not sent any more."""
    state = (await json_object(request)).get("state")
    if state not in ("closed", "open"):
        raise BadRequest("state", "state must be closed or open", ("closed", "open"))
    return Json(encoded(await parts.work_orders.set_closed(by(request), uuid, state == "closed")))


@post(
    "/work-orders/{uuid:str}/retry",
    status_code=200,
    opt=REVIEW,
    tags=["work orders"],
    summary="Send a work order again",
)
async def retry_work_order(parts: Given, request: Asked, uuid: FromPath[str]) -> Json[WorkOrder]:
    """One that waits, or that was refused: that one is written anew by the settings of now."""
    return Json(encoded(await parts.work_orders.retry(by(request), uuid)))


@post(
    "/work-orders/{uuid:str}/synchronise",
    status_code=200,
    opt=REVIEW,
    tags=["work orders"],
    summary="Read a work order's status now",
)
async def synchronise_work_order(parts: Given, uuid: FromPath[str]) -> Json[WorkOrder]:
    """Also of one that is closed, which is open again if the other system says so."""
    return Json(encoded(await parts.work_orders.synchronise(uuid)))


@get(
    "/work-order-log",
    opt=READ,
    tags=["work orders"],
    summary="The health log, the newest lines first",
    operation_class=documented(text("workOrderUuid", "only lines about this order")),
)
async def list_work_order_log(parts: Given, request: Asked) -> Json[LogPage]:
    """What became of sending and synchronising."""
    query = Query(request)
    order = query.last("workOrderUuid")
    filters = {} if order is None else {"work_order_uuid": order}
    rows, headers = await _page(parts, query, health.LOG, filters)
    return Json(encoded(LogPage(health.lines_of(rows))), headers)


@get("/work-order-settings", opt=ADMINISTER, tags=["work orders"], summary="The settings of work orders")
async def show_work_order_settings(parts: Given) -> Json[WorkOrderSettings]:
    """Without the secret."""
    return Json(encoded(settings_shown(await parts.work_orders.configured())))


@put(
    "/work-order-settings",
    opt=ADMINISTER,
    tags=["work orders"],
    summary="Change the settings of work orders",
    operation_class=bodied(of_struct(WorkOrderSettingsIn)),
)
async def save_work_order_settings(parts: Given, request: Asked) -> Json[WorkOrderSettings]:
    """Takes the place of all settings. Orders that wait are tried at once."""
    settings, secret = settings_of(await json_object(request))
    return Json(encoded(settings_shown(await parts.work_orders.save_settings(by(request), settings, secret))))


@post(
    "/work-order-settings/test",
    status_code=200,
    opt=ADMINISTER,
    tags=["work orders"],
    summary="Whether the other system can be reached",
    operation_class=bodied(of_struct(WorkOrderSettingsIn)),
)
async def test_work_order_settings(parts: Given, request: Asked) -> Json[Tested]:
    """By GET of createUrl, which makes no order; with the settings given or, for `{}`, with those that are stored."""
    body = await json_object(request)
    settings, secret = settings_of(body) if body else (None, None)
    return Json(encoded(await parts.work_orders.test(settings, secret)))


def settings_of(body: dict[str, Any]) -> tuple[Settings, str | None]:
    """The settings that a body gives, and the secret. Raises: BadRequest."""
    try:
        given = msgspec.convert(body, WorkOrderSettingsIn)
    except msgspec.ValidationError as error:
        told, _, path = str(error).partition(" - at `$.")
        raise BadRequest(path.rstrip("`") or None, f"{path.rstrip('`')}: {told}" if path else told) from None
    values = {name: getattr(given, name) for name in Settings.__struct_fields__}
    for field in msgspec.structs.fields(Settings):
        if isinstance(values[field.name], str) and "\0" in values[field.name]:
            raise BadRequest(field.encode_name, f"{field.encode_name} must be a text")
    return Settings(**values), given.auth_header_value


def settings_shown(configured: Configured) -> WorkOrderSettings:
    """The settings as they are shown."""
    values = {name: getattr(configured.settings, name) for name in Settings.__struct_fields__}
    return WorkOrderSettings(
        **values,
        auth_header_value_set=configured.sealed is not None,
        modified_at=iso_or_none(configured.modified_us),
        modified_by=configured.modified_by,
    )


async def _page(
    parts: Parts, query: Query, listed: Listed, filters: dict[str, Any]
) -> tuple[list[Any], list[tuple[bytes, bytes]]]:
    page = query.page(parts)
    window: Window = window_of(listed, store.NEWEST, page)
    read = store.list_orders if listed is store.LISTED else health.list_lines
    rows = await read(parts.database, filters, window)
    return shown(query, listed, store.NEWEST, page, Found(rows, 0))


routes = [
    list_work_orders, make_work_order, preview_work_order, one_work_order, change_work_order, retry_work_order,
    synchronise_work_order, list_work_order_log, show_work_order_settings, save_work_order_settings,
    test_work_order_settings,
]  # fmt: skip

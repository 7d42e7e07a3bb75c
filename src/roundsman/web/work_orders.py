"""The pages of work orders: the list with its health log, an order made by hand, and the settings."""

from typing import Any

import msgspec
from litestar import Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect

from roundsman.anomalies import reading as anomalies_reading
from roundsman.api.authentication import CSRF, identity_of, requires
from roundsman.api.own.work_orders import settings_of
from roundsman.api.parts import Given, Parts
from roundsman.kit.listing import Window
from roundsman.kit.problem import BadRequest, Problem
from roundsman.kit.times import parse_time
from roundsman.runs.matching import Ranges
from roundsman.web.forms import fields_of
from roundsman.web.rendering import Moment, moment, page
from roundsman.web.visitors import visit
from roundsman.workorders import health, store
from roundsman.workorders.exchange import Tested
from roundsman.workorders.service import Preview
from roundsman.workorders.settings import Settings
from roundsman.workorders.types import State, WorkOrder

Asked = Request[Any, Any, Any]
ORDERS_SHOWN, LINES_SHOWN, ANOMALIES_SHOWN = 50, 30, 10
PATH = "/work-orders"
READ = requires("read", "work_orders")
REVIEW, ADMINISTER = ({**requires(what, "work_orders"), CSRF: "form"} for what in ("review", "administer"))
_TEXTS = (
    "createUrl", "authHeaderName", "titleField", "idField", "detailUrl", "statusUrl", "statusField", "statusType",
    "closedValues",
)  # fmt: skip
_FLAGS = ("autoCreate", "suppressWhileOpen", "validateTlsCert")
EXAMPLE = """{
  "specs": {
    "title": {
      "spec": {"stringSpec": {"templateValue": "{anomaly.title} at {anomaly.actionName}"}},
      "uiInfo": {"displayName": "Title", "displayOrder": "1"}
    },
    "body": {
      "spec": {"stringSpec": {"templateValue": "By {anomaly.robotNickname}, {anomaly.time}", "isMultiline": true}},
      "uiInfo": {"displayName": "Text", "displayOrder": "2"}
    }
  }
}"""


class OrderShown(msgspec.Struct, frozen=True):
    """An order in the list."""

    uuid: str
    title: str
    state: State
    action: str
    mission: str
    by: str
    created: Moment
    external_id: str
    external_status: str
    link: str
    problem: str
    can_retry: bool
    can_synchronise: bool


class LineShown(msgspec.Struct, frozen=True):
    """A line of the health log."""

    time: Moment
    level: str
    text: str


class AnomalyShown(msgspec.Struct, frozen=True):
    """An anomaly that an order can be made of."""

    uuid: str
    title: str
    action: str
    time: Moment


@get(PATH, opt=READ)
async def list_page(parts: Given, request: Asked) -> Response[str]:
    """The newest orders, the anomalies that orders can be made of, and the health log."""
    now_us, seen = parts.clock.now_us(), await visit(parts, request)
    rows = await store.list_orders(parts.database, {}, Window(ORDERS_SHOWN))
    lines = health.lines_of(await health.list_lines(parts.database, {}, Window(LINES_SHOWN)))
    return page(
        "work_orders.html",
        identity=seen.identity,
        csrf=seen.csrf,
        orders=[_shown(store.kept_of(row).order, now_us) for row in rows],
        lines=[LineShown(moment(parse_time(line.time), now_us), line.level, line.text) for line in lines],
        anomalies=await _anomalies(parts),
        configured=bool((await parts.work_orders.configured()).settings.create_url),
    )


@get(f"{PATH}/new/{{anomaly:str}}", opt=requires("review", "work_orders"))
async def new_page(parts: Given, request: Asked, anomaly: FromPath[str]) -> Response[str]:
    """An order as it would be sent, to be changed and sent."""
    return await _new(parts, request, anomaly)


@post(f"{PATH}/new/{{anomaly:str}}", opt=REVIEW)
async def make(parts: Given, request: Asked, anomaly: FromPath[str]) -> Response[Any]:
    """Makes the order; only what was changed takes the place of a template."""
    fields = await fields_of(parts, request)
    document = await parts.work_orders.anomaly(anomaly)
    before = await parts.work_orders.preview(_by(request), document, None, {})
    written = {
        field.key: fields.get(f"value.{field.key}", field.value).replace("\r\n", "\n") for field in before.fields
    }
    given = {field.key: written[field.key] for field in before.fields if written[field.key] != field.value}
    try:
        await parts.work_orders.make(_by(request), anomaly, given, even_if_open="even_if_open" in fields)
    except Problem as failure:
        return await _new(parts, request, anomaly, failure, given)
    return Redirect(PATH, status_code=303)


@post(f"{PATH}/{{uuid:str}}/{{act:str}}", opt=REVIEW)
async def act_on(parts: Given, request: Asked, uuid: FromPath[str], act: FromPath[str]) -> Response[Any]:
    """Sends an order again, reads its status, closes it here."""
    await fields_of(parts, request)
    if act == "retry":
        await parts.work_orders.retry(_by(request), uuid)
    elif act == "synchronise":
        await parts.work_orders.synchronise(uuid)
    elif act == "close":
        await parts.work_orders.set_closed(_by(request), uuid, True)
    else:
        raise BadRequest("act", f"an order cannot be told to {act[:40]}")
    return Redirect(PATH, status_code=303)


@get(f"{PATH}/settings", opt=requires("administer", "work_orders"))
async def settings_page(parts: Given, request: Asked) -> Response[str]:
    """The settings."""
    configured = await parts.work_orders.configured()
    return await _settings(parts, request, _form_of(configured.settings), saved="saved" in request.query_params)


@post(f"{PATH}/settings", opt=ADMINISTER)
async def save_settings(parts: Given, request: Asked) -> Response[Any]:
    """Saves the settings, tests the connection, or shows what an order would be: as the button says."""
    fields = await fields_of(parts, request)
    tested: Tested | None = None
    preview: Preview | None = None
    try:
        settings, secret = settings_of(_body_of(fields))
        if "test" in fields:
            tested = await parts.work_orders.test(settings, secret)
        elif "preview" in fields:
            anomaly = await parts.work_orders.anomaly(fields.get("anomaly", ""))
            preview = await parts.work_orders.preview(_by(request), anomaly, settings, {})
        else:
            await parts.work_orders.save_settings(_by(request), settings, secret)
            return Redirect(f"{PATH}/settings?saved=1", status_code=303)
    except Problem as failure:
        return await _settings(parts, request, fields, failure=failure)
    return await _settings(parts, request, fields, tested=tested, preview=preview)


async def _new(
    parts: Parts,
    request: Asked,
    anomaly: str,
    failure: Problem | None = None,
    given: dict[str, Any] | None = None,
) -> Response[str]:
    document, seen = await parts.work_orders.anomaly(anomaly), await visit(parts, request)
    return page(
        "work_order_new.html",
        status=failure.status if failure else 200,
        identity=seen.identity,
        csrf=seen.csrf,
        anomaly=document,
        time=moment(parse_time(document["time"]), parts.clock.now_us()),
        preview=await parts.work_orders.preview(_by(request), document, None, given or {}),
        message=str(failure) if failure else "",
        again=failure is not None and failure.status == 409,
    )


async def _settings(
    parts: Parts,
    request: Asked,
    form: dict[str, str],
    *,
    failure: Problem | None = None,
    tested: Tested | None = None,
    preview: Preview | None = None,
    saved: bool = False,
) -> Response[str]:
    seen, configured = await visit(parts, request), await parts.work_orders.configured()
    return page(
        "work_order_settings.html",
        status=failure.status if failure else 200,
        identity=seen.identity,
        csrf=seen.csrf,
        form={name: form.get(name, "") for name in (*_TEXTS, *_FLAGS, "specTemplate", "syncEveryS")},
        has_secret=configured.sealed is not None,
        retype=bool(form.get("authHeaderValue")),
        message=str(failure) if failure else "",
        tested=tested,
        preview=preview,
        saved=saved,
        anomalies=await _anomalies(parts),
        chosen=form.get("anomaly", ""),
    )


def _form_of(settings: Settings) -> dict[str, str]:
    """Settings as the fields of the form."""
    told: dict[str, Any] = msgspec.to_builtins(settings)
    spec = msgspec.json.format(msgspec.json.encode(settings.spec_template), indent=2).decode()
    return {
        **{name: told[name] for name in _TEXTS},
        **{name: "on" for name in _FLAGS if told[name]},
        "specTemplate": spec if settings.spec_template else EXAMPLE,
        "syncEveryS": str(settings.sync_every_s),
    }


def _body_of(fields: dict[str, str]) -> dict[str, Any]:
    """The form's fields as the body that the API takes. Raises: BadRequest."""
    try:
        spec = msgspec.json.decode(fields.get("specTemplate") or "{}")
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise BadRequest("specTemplate", f"the spec template is no JSON: {error}") from None
    seconds = fields.get("syncEveryS", "").strip()
    return {
        **{name: fields[name].strip() for name in _TEXTS if name in fields},
        **{name: name in fields for name in _FLAGS},
        "specTemplate": spec,
        "syncEveryS": int(seconds) if seconds.isascii() and seconds.isdigit() and len(seconds) < 9 else seconds,
        "authHeaderValue": fields.get("authHeaderValue") or None,
    }


async def _anomalies(parts: Parts) -> list[AnomalyShown]:
    """The newest open ones."""
    now_us, order = parts.clock.now_us(), anomalies_reading.ORDERS["-time"]
    wanted, window = {"status": ["open"]}, Window(ANOMALIES_SHOWN)
    found = await anomalies_reading.find_anomalies(parts.database, wanted, Ranges(), order, window)
    return [
        AnomalyShown(one.uuid, one.title or one.name, one.action_name, moment(parse_time(one.time), now_us))
        for one in await anomalies_reading.anomalies_of(parts.database, found.rows)
    ]


def _shown(order: WorkOrder, now_us: int) -> OrderShown:
    status = order.external_status
    return OrderShown(
        uuid=order.uuid,
        title=order.title or "Work order without a title",
        state=order.state,
        action=order.action_name,
        mission=order.mission_name,
        by=order.created_by,
        created=moment(parse_time(order.created_at), now_us),
        external_id=order.external_id or "",
        external_status="" if status is None else status if isinstance(status, str) else str(status).lower(),
        link=order.detail_url or "",
        problem=order.problem,
        can_retry=order.state in ("waiting", "failed"),
        can_synchronise=order.external_id is not None,
    )


def _by(request: Asked) -> str:
    identity = identity_of(request)
    return identity.name if identity else ""


routes = [list_page, new_page, make, act_on, settings_page, save_settings]

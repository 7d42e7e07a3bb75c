"""The pages of anomalies: the list with its filters, and one with its pictures, its history and its work orders."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import msgspec
from litestar import Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect

from roundsman.access import audit
from roundsman.anomalies import reading, service
from roundsman.anomalies.reading import ANOMALIES, ORDERS
from roundsman.anomalies.types import STATUSES, Anomaly
from roundsman.api.authentication import CSRF, identity_of, requires
from roundsman.api.parts import Given, Parts
from roundsman.api.v0.anomalies import REASON_MAX
from roundsman.api.v0.query import Listing, Query
from roundsman.kit.listing import Window
from roundsman.kit.problem import BadRequest, NotFound
from roundsman.kit.times import parse_time
from roundsman.runs.matching import Found, Ranges
from roundsman.web.forms import fields_of
from roundsman.web.records import CaptureShown, capture_shown
from roundsman.web.rendering import Moment, moment, page
from roundsman.web.visitors import visit
from roundsman.workorders import store as work_orders

Asked = Request[Any, Any, Any]
PATH = "/anomalies"
READ = requires("read", "anomalies")
REVIEW = {**requires("review", "anomalies"), CSRF: "form"}
ALL = "all"
SEVERITIES = {4: "critical", 3: "error", 2: "warning", 1: "info", 0: "unknown"}
REASONS = ("Repaired", "False alarm", "Known, is being watched")
OTHERS_SHOWN, HISTORY_SHOWN, ORDERS_SHOWN = 10, 50, 20
TICK = "anomaly."


class AnomalyShown(msgspec.Struct, frozen=True):
    """An anomaly in a list, or at the head of its page."""

    uuid: str
    title: str
    severity: str
    status: str
    source: str
    action: str
    mission: str
    channel: str
    robot: str
    run_uuid: str
    element: str
    tags: list[str]
    time: Moment


class Happened(msgspec.Struct, frozen=True):
    """A line of the history."""

    time: Moment
    text: str
    who: str
    reason: str


class OrderShown(msgspec.Struct, frozen=True):
    """A work order that was made of it."""

    title: str
    state: str
    created: Moment


class _Changed(msgspec.Struct):
    """What the audit trail says of a change."""

    status: str = ""
    reason: str = ""


@get(PATH, opt=READ)
async def list_page(parts: Given, request: Asked) -> Response[str]:
    """The open ones, unless it is asked for others; the newest first."""
    seen, now_us, query = await visit(parts, request), parts.clock.now_us(), Query(request)
    filters = _filters(query)
    asked = Listing(parts, query, ANOMALIES, {"-time": ORDERS["-time"]}, "-time")
    found, total = await _found(parts, filters, asked)
    rows = await reading.anomalies_of(parts.database, asked.rows(found))
    return page(
        "anomalies.html",
        identity=seen.identity,
        csrf=seen.csrf,
        anomalies=[_shown(one, now_us) for one in rows],
        total=total,
        filters=filters,
        narrowed=bool(filters.keys() - {"status"}),
        choices={"status": (*STATUSES, ALL), "severity": SEVERITIES, "source": await reading.sources(parts.database)},
        older=asked.next(found)[0],
        newest=query.last("cursor") is None,
        reasons=REASONS,
        reason_max=REASON_MAX,
        here=f"{PATH}?{urlencode(filters)}",
    )


@get(f"{PATH}/{{uuid:str}}", opt=READ)
async def one_page(parts: Given, request: Asked, uuid: FromPath[str]) -> Response[str]:
    """One, with all that is known of it."""
    anomaly = await reading.find_anomaly(parts.database, uuid)
    if anomaly is None:
        raise NotFound(f"there is no anomaly {uuid}")
    seen, now_us = await visit(parts, request), parts.clock.now_us()
    return page(
        "anomaly.html",
        identity=seen.identity,
        csrf=seen.csrf,
        anomaly=_shown(anomaly, now_us),
        captures=_captures(anomaly, now_us),
        history=await _history(parts, anomaly, now_us),
        others=await _others(parts, anomaly, now_us),
        orders=await _orders(parts, uuid, now_us),
        configured=bool((await parts.work_orders.configured()).settings.create_url),
        reasons=REASONS,
        reason_max=REASON_MAX,
    )


@post(PATH, opt=REVIEW)
async def close_chosen(parts: Given, request: Asked) -> Response[Any]:
    """Closes those that are ticked, for one reason."""
    fields = await fields_of(parts, request)
    uuids = [name.removeprefix(TICK) for name in fields if name.startswith(TICK)]
    if not uuids:
        raise BadRequest(None, "no anomaly is ticked: go back and tick those to be closed")
    await service.close_all(parts.database, parts.clock, _by(request), uuids, _reason(fields))
    chosen = {name: fields[name] for name in ("status", "severity", "source") if fields.get(name)}
    return Redirect(f"{PATH}?{urlencode(chosen)}", status_code=303)


@post(f"{PATH}/{{uuid:str}}", opt=REVIEW)
async def change(parts: Given, request: Asked, uuid: FromPath[str]) -> Response[Any]:
    """Closes one, or opens it again."""
    fields = await fields_of(parts, request)
    status = "open" if "open" in fields else "closed"
    await service.set_status(parts.database, parts.clock, _by(request), uuid, status, _reason(fields))
    return Redirect(f"{PATH}/{uuid}", status_code=303)


def _filters(query: Query) -> dict[str, str]:
    """What the list is narrowed to, as its address says it. Raises: BadRequest."""
    filters = {"status": query.choice("status", (*STATUSES, ALL), "open")}
    if query.last("severity"):
        filters["severity"] = query.choice("severity", [str(number) for number in SEVERITIES], "")
    source = (query.last("source") or "").replace("\0", "")
    return filters | ({"source": source} if source else {})


async def _found(parts: Parts, filters: Mapping[str, str], asked: Listing) -> tuple[Found, int | None]:
    """A page and how many there are in all; None where that would have to be counted."""
    point: dict[str, Any] = {name: value for name, value in filters.items() if value != ALL or name != "status"}
    if point.keys() <= {"status"}:
        wanted = {name: [value] for name, value in point.items()}
        found = await reading.find_anomalies(parts.database, wanted, Ranges(), asked.order, asked.window)
        return found, found.total
    if "severity" in point:
        point["severity"] = int(point["severity"])
    return await asked.read(point), None


def _captures(anomaly: Anomaly, now_us: int) -> list[CaptureShown]:
    """The captures of its event: that of its own channel first."""
    own = sorted(anomaly.data_captures, key=lambda one: one.channel_name != anomaly.channel_name)
    return [capture_shown(capture, anomaly.action_name, now_us) for capture in own]


async def _history(parts: Parts, anomaly: Anomaly, now_us: int) -> list[Happened]:
    """The newest first; the last line is how it began."""
    changes = await audit.newest(parts.database, HISTORY_SHOWN, noun="anomaly", subject=anomaly.uuid)
    lines: list[Happened] = []
    for entry in changes:
        said = msgspec.json.decode(entry.after or "{}", type=_Changed)
        text = "Closed" if said.status == "closed" else "Opened again"
        lines.append(Happened(moment(entry.time_us, now_us), text, entry.who, said.reason))
    of = f" of {anomaly.source}" if anomaly.source else ""
    opened = moment(parse_time(anomaly.created_at), now_us)
    return [*lines, Happened(opened, f"Opened by an alert{of}", "", "")]


async def _others(parts: Parts, anomaly: Anomaly, now_us: int) -> list[AnomalyShown]:
    """The newest others of the same site element."""
    if not anomaly.element_id:
        return []
    window = Window(OTHERS_SHOWN + 1)
    rows = await reading.newest_anomalies(parts.database, {"element_id": anomaly.element_id}, window)
    found = await reading.anomalies_of(parts.database, rows)
    return [_shown(one, now_us) for one in found if one.uuid != anomaly.uuid][:OTHERS_SHOWN]


async def _orders(parts: Parts, uuid: str, now_us: int) -> list[OrderShown]:
    rows = await work_orders.list_orders(parts.database, {"anomaly_uuid": uuid}, Window(ORDERS_SHOWN))
    orders = [work_orders.kept_of(row).order for row in rows]
    return [
        OrderShown(one.title or "Work order", one.state, moment(parse_time(one.created_at), now_us)) for one in orders
    ]


def _shown(anomaly: Anomaly, now_us: int) -> AnomalyShown:
    return AnomalyShown(
        uuid=anomaly.uuid,
        title=anomaly.title or anomaly.name or "Alert without a title",
        severity=SEVERITIES.get(anomaly.severity, "unknown"),
        status=anomaly.status,
        source=anomaly.source,
        action=anomaly.action_name or "Snapshot",
        mission=anomaly.mission_name or "Driven by hand",
        channel=anomaly.channel_name,
        robot=anomaly.robot_nickname,
        run_uuid=anomaly.run_uuid,
        element=anomaly.element_id or "",
        tags=anomaly.custom_metadata_tags,
        time=moment(parse_time(anomaly.time), now_us),
    )


def _reason(fields: Mapping[str, str]) -> str:
    return fields.get("reason", "").replace("\0", "").strip()[:REASON_MAX]


def _by(request: Asked) -> str:
    identity = identity_of(request)
    return identity.name if identity else ""


routes = [list_page, one_page, close_chosen, change]

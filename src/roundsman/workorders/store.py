"""Work orders as they are stored. Every change is told to the outbox in the transaction in which it happens."""

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import bindparam, insert, or_, select, update

from roundsman.kit import outbox
from roundsman.kit.database import Reader, Statement, Transaction, upsert
from roundsman.kit.identifiers import new_uuid
from roundsman.kit.listing import Listed, Order, Window, one_statement, read_page
from roundsman.kit.problem import NotFound
from roundsman.kit.times import iso, iso_or_none
from roundsman.workorders.health import clean
from roundsman.workorders.tables import work_orders
from roundsman.workorders.types import Frozen, Kept, Origin, WorkOrder

_COLUMNS = tuple(column.name for column in work_orders.columns)
LISTED = Listed(work_orders, _COLUMNS, (("anomaly_uuid",), ("state",)))
NEWEST = Order(("created_us",), descending=True)
BATCH = 50

_orders = work_orders.c
_insert = Statement(insert(work_orders))
_insert_automatic = upsert(work_orders, ["alert_anomaly_uuid"])
_alive = or_(_orders.state == "waiting", _orders.state == "open")
_alive_of_subject = Statement(
    select(*work_orders.columns)
    .where(_orders.subject == bindparam("subject"), _alive)
    .order_by(_orders.created_us, _orders.uuid)
    .limit(1)
)
_alive_of_anomaly = Statement(
    select(*work_orders.columns)
    .where(_orders.anomaly_uuid == bindparam("anomaly_uuid"), _alive)
    .order_by(_orders.created_us, _orders.uuid)
    .limit(1)
)
_due = Statement(
    select(_orders.uuid)
    .where(_orders.due_us <= bindparam("now_us"), _orders.claimed_until_us <= bindparam("now_us"))
    .order_by(_orders.due_us)
    .limit(BATCH)
)
_claim = Statement(
    update(work_orders)
    .where(
        _orders.uuid == bindparam("uuid_"),
        _orders.due_us <= bindparam("now_us"),
        _orders.claimed_until_us <= bindparam("now_us"),
    )
    .values(claimed_until_us=bindparam("until_us"))
)
_freeze = Statement(update(work_orders).where(_orders.uuid == bindparam("uuid_")).values(frozen=bindparam("frozen_")))
_make_due = Statement(
    update(work_orders).where(_orders.due_us > bindparam("now_us"), _alive).values(due_us=bindparam("now_us"))
)
_make_open_due = Statement(
    update(work_orders)
    .where(_orders.state == "open", _orders.external_id.is_not(None))
    .values(due_us=bindparam("now_us"))
)
_CHANGING = (
    "state", "title", "frozen", "external_id", "external_status", "detail_url", "problem", "attempts", "due_us",
    "synchronised_us", "closed_us", "modified_us",
)  # fmt: skip
_changed: dict[str, Any] = {name: bindparam(f"new_{name}") for name in _CHANGING}
_change = Statement(
    update(work_orders).where(_orders.uuid == bindparam("uuid_")).values(**_changed, claimed_until_us=0)
)
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.decode


async def list_orders(reader: Reader, filters: Mapping[str, Any], window: Window) -> list[tuple[Any, ...]]:
    """A page of orders, the newest first: rows of `LISTED`."""
    return await read_page(reader, LISTED, [filters], NEWEST, window)


async def find(reader: Reader, uuid: str) -> Kept:
    """One order. Raises: NotFound."""
    row = await reader.one(one_statement(LISTED), uuid=uuid)
    if row is None:
        raise NotFound(f"there is no work order {uuid}", "WORK_ORDER_NOT_FOUND")
    return kept_of(row)


async def alive_of_anomaly(reader: Reader, anomaly_uuid: str) -> WorkOrder | None:
    """An order for an anomaly that is waiting or open."""
    row = await reader.one(_alive_of_anomaly, anomaly_uuid=anomaly_uuid)
    return kept_of(row).order if row else None


async def alive_of_subject(reader: Reader, anomaly: Mapping[str, Any]) -> WorkOrder | None:
    """An order for what an anomaly is about that is waiting or open."""
    row = await reader.one(_alive_of_subject, subject=subject_of(anomaly))
    return kept_of(row).order if row else None


async def due(reader: Reader, now_us: int) -> list[str]:
    """The orders that are to be sent or synchronised, at most `BATCH` at once."""
    return [row[0] for row in await reader.all(_due, now_us=now_us)]


async def claim(tx: Transaction, uuid: str, now_us: int, until_us: int) -> Kept | None:
    """Takes a due order for this process until a time; None when another has it or it is not due any more."""
    if not await tx.execute(_claim, uuid_=uuid, now_us=now_us, until_us=until_us):
        return None
    return await find(tx, uuid)


async def freeze(tx: Transaction, uuid: str, frozen: Frozen) -> None:
    """Keeps what is sent, before it is."""
    await tx.execute(_freeze, uuid_=uuid, frozen_=_encode(frozen).decode())


async def make_all_due(tx: Transaction, now_us: int) -> None:
    """Lets every order that waits for its next turn have it now: the settings have changed."""
    await tx.execute(_make_due, now_us=now_us)
    await tx.execute(_make_open_due, now_us=now_us)


async def add(
    tx: Transaction,
    anomaly: Mapping[str, Any],
    origin: Origin,
    by: str,
    now_us: int,
    due_us: int,
    given: Mapping[str, Any],
    title: str,
) -> WorkOrder | None:
    """A new order that waits; None when the anomaly has made one by itself already."""
    automatic, uuid = origin == "alert", new_uuid()
    values: dict[str, Any] = {
        **dict.fromkeys(_COLUMNS),
        "uuid": uuid, "state": "waiting", "origin": origin, "created_by": by,
        "created_us": now_us, "modified_us": now_us,
        "anomaly_uuid": text_in(anomaly, "uuid"),
        "alert_anomaly_uuid": text_in(anomaly, "uuid") if automatic else None,
        "subject": subject_of(anomaly),
        "action_name": text_in(anomaly, "actionName"), "mission_name": text_in(anomaly, "missionName"),
        "title": clean(title, 500), "anomaly": _encode(anomaly).decode(), "given": _encode(given).decode(),
        "problem": "", "attempts": 0, "due_us": due_us, "claimed_until_us": 0,
    }  # fmt: skip
    if not await tx.execute(_insert_automatic if automatic else _insert, **values):
        return None
    kept = await find(tx, uuid)
    await _tell(tx, "work_order.created", kept.order, now_us)
    return kept.order


async def change(tx: Transaction, uuid: str, now_us: int, **changes: Any) -> Kept:
    """Writes what changed of an order and gives it free. It is told only if that can be seen. Raises: NotFound."""
    row = await tx.one(one_statement(LISTED), uuid=uuid)
    if row is None:
        raise NotFound(f"there is no work order {uuid}", "WORK_ORDER_NOT_FOUND")
    before = dict(zip(_COLUMNS, row, strict=True))
    after = {name: changes.get(name, before[name]) for name in _CHANGING} | {"modified_us": now_us}
    await tx.execute(_change, uuid_=uuid, **{f"new_{name}": value for name, value in after.items()})
    kept = await find(tx, uuid)
    if any(before[name] != after[name] for name in ("state", "title", "external_id", "external_status", "problem")):
        await _tell(tx, "work_order.changed", kept.order, now_us)
    return kept


def kept_of(row: tuple[Any, ...]) -> Kept:
    """A row of `LISTED`."""
    values = dict(zip(_COLUMNS, row, strict=True))
    status, frozen = values["external_status"], values["frozen"]
    order = WorkOrder(
        **{name: values[name] for name in _SHOWN},
        created_at=iso(values["created_us"]),
        modified_at=iso(values["modified_us"]),
        external_status=None if status is None else _decode(status),
        next_attempt_at=iso_or_none(values["due_us"]),
        synchronised_at=iso_or_none(values["synchronised_us"]),
        closed_at=iso_or_none(values["closed_us"]),
    )
    return Kept(
        order=order,
        anomaly=_decode(values["anomaly"]),
        given=_decode(values["given"]),
        frozen=None if frozen is None else _decode(frozen, type=Frozen),
        claimed_until_us=values["claimed_until_us"],
    )


_SHOWN = (
    "uuid", "state", "origin", "created_by", "anomaly_uuid", "action_name", "mission_name", "title", "external_id",
    "detail_url", "problem", "attempts",
)  # fmt: skip


def subject_of(anomaly: Mapping[str, Any]) -> str:
    """What an anomaly is about: its site element, or where it names none its mission and action."""
    element = text_in(anomaly, "elementId")
    return element or _encode([text_in(anomaly, "missionName"), text_in(anomaly, "actionName")]).decode()


def text_in(anomaly: Mapping[str, Any], name: str) -> str:
    """A member of an anomaly that is a text; empty where it is none."""
    value = anomaly.get(name)
    return value.replace("\0", "") if isinstance(value, str) else ""


async def _tell(tx: Transaction, topic: str, order: WorkOrder, now_us: int) -> None:
    await outbox.append(tx, topic, order.uuid, _encode(order).decode(), created_us=now_us)

"""The statements of webhooks and their deliveries."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import bindparam, delete, insert, select, update

from roundsman.kit.crypto import Vault
from roundsman.kit.database import Reader, Statement, Transaction
from roundsman.kit.identifiers import new_uuid
from roundsman.kit.listing import Listed, Order, Window
from roundsman.kit.times import iso, iso_or_none
from roundsman.runs import matching as match
from roundsman.runs.matching import Found, Matching, Wanted
from roundsman.webhooks.tables import webhook_deliveries as deliveries
from roundsman.webhooks.tables import webhooks
from roundsman.webhooks.types import Delivery, Webhook

Row = dict[str, Any]
PURPOSE = b"webhook secret"
KEPT_US = 30 * 86_400_000_000
_PURGED = 1000

_WEBHOOK = [column.name for column in webhooks.columns]
_DELIVERY = [column.name for column in deliveries.columns]
_all = Statement(select(*webhooks.columns).order_by(webhooks.c.created_us, webhooks.c.uuid))
_one = Statement(select(*webhooks.columns).where(webhooks.c.uuid == bindparam("uuid")))
_insert = Statement(insert(webhooks))
_delete = Statement(delete(webhooks).where(webhooks.c.uuid == bindparam("uuid")))
_add = Statement(insert(deliveries))
_forget = Statement(delete(deliveries).where(deliveries.c.webhook_uuid == bindparam("of_uuid")))
_delivery = Statement(select(*deliveries.columns).where(deliveries.c.uuid == bindparam("uuid")))
_due = Statement(
    select(deliveries.c.uuid, deliveries.c.webhook_uuid)
    .where(deliveries.c.due_us <= bindparam("now_us"), deliveries.c.claimed_until_us <= bindparam("now_us"))
    .order_by(deliveries.c.due_us, deliveries.c.uuid)
    .limit(bindparam("limit_"))
)
_claim = Statement(
    update(deliveries)
    .where(
        deliveries.c.uuid == bindparam("of_uuid"),
        deliveries.c.due_us <= bindparam("now_us"),
        deliveries.c.claimed_until_us <= bindparam("now_us"),
    )
    .values(claimed_until_us=bindparam("until_us"))
)
_waiting = Statement(
    select(deliveries.c.uuid).where(deliveries.c.webhook_uuid == bindparam("of_uuid"), deliveries.c.state == "waiting")
)
_old = Statement(
    select(deliveries.c.uuid)
    .where(deliveries.c.created_us < bindparam("before_us"), deliveries.c.due_us.is_(None))
    .order_by(deliveries.c.created_us)
    .limit(_PURGED)
)
_remove = Statement(delete(deliveries).where(deliveries.c.uuid == bindparam("of_uuid")))
_of_state = Statement(
    select(deliveries.c.uuid)
    .where(
        deliveries.c.webhook_uuid == bindparam("of_uuid"),
        deliveries.c.state == bindparam("state"),
        deliveries.c.created_us >= bindparam("since_us"),
    )
    .order_by(deliveries.c.created_us, deliveries.c.uuid)
)

LOG = Listed(deliveries, tuple(_DELIVERY), (("webhook_uuid", "state"), ("webhook_uuid",), ("state",)))
NEWEST = Order(("created_us",), descending=True)


@functools.cache
def _update(table_name: str, names: frozenset[str]) -> Statement:
    table = {"webhooks": webhooks, "webhook_deliveries": deliveries}[table_name]
    values: dict[str, Any] = {name: bindparam(name) for name in sorted(names)}
    return Statement(update(table).where(table.c.uuid == bindparam("of_uuid")).values(values))


def _row(names: Sequence[str], values: Sequence[Any]) -> Row:
    return dict(zip(names, values, strict=True))


async def all_rows(reader: Reader) -> list[Row]:
    """All webhooks, the oldest first."""
    return [_row(_WEBHOOK, values) for values in await reader.all(_all)]


async def find(reader: Reader, uuid: str) -> Row | None:
    """One webhook."""
    values = await reader.one(_one, uuid=uuid)
    return None if values is None else _row(_WEBHOOK, values)


async def insert_webhook(tx: Transaction, row: Row) -> None:
    """Stores a new one."""
    await tx.execute(_insert, **row)


async def change_webhook(tx: Transaction, uuid: str, changes: Mapping[str, Any]) -> None:
    """Changes columns of a webhook."""
    await tx.execute(_update("webhooks", frozenset(changes)), of_uuid=uuid, **changes)


async def delete_webhook(tx: Transaction, uuid: str) -> bool:
    """Removes a webhook with its deliveries; False when there is none."""
    await tx.execute(_forget, of_uuid=uuid)
    return bool(await tx.execute(_delete, uuid=uuid))


def shown(row: Row, vault: Vault) -> Webhook:
    """A webhook as the API shows it, to administrators only."""
    try:
        secret = vault.open(row["secret"], PURPOSE).decode()
    except ValueError:
        secret = ""  # the vault's key is another: a new secret mends it
    return Webhook(
        uuid=row["uuid"], url=row["url"], enabled=bool(row["enabled"]), archived=bool(row["archived"]),
        events=msgspec.json.decode(row["events"]), validate_tls_cert=bool(row["validate_tls_cert"]), secret=secret,
        problem=row["problem"],
    )  # fmt: skip


async def add_delivery(
    tx: Transaction, webhook_uuid: str, event: tuple[str, str, int, str, str], now_us: int, due_us: int
) -> str:
    """A message to be sent. `event`: its uuid, type, time, subject and document."""
    event_uuid, kind, event_us, subject_uuid, document = event
    uuid = new_uuid()
    await tx.execute(
        _add, uuid=uuid, webhook_uuid=webhook_uuid, event_uuid=event_uuid, type=kind, event_us=event_us,
        subject_uuid=subject_uuid, document=document, body=None, state="waiting", attempts=0, created_us=now_us,
        due_us=due_us, claimed_until_us=0, attempted_us=None, request_headers="{}", status=None, answer="", problem="",
    )  # fmt: skip
    return uuid


async def find_delivery(reader: Reader, uuid: str) -> Row | None:
    """One delivery."""
    values = await reader.one(_delivery, uuid=uuid)
    return None if values is None else _row(_DELIVERY, values)


async def due(reader: Reader, now_us: int, limit: int) -> list[tuple[str, str]]:
    """Deliveries whose time has come and that nobody is at, with their webhooks, in the order of their times."""
    return [(row[0], row[1]) for row in await reader.all(_due, now_us=now_us, limit_=limit)]


async def claim(tx: Transaction, uuid: str, now_us: int, until_us: int) -> Row | None:
    """Takes a delivery that is due; None when another process has it or it is settled."""
    taken = await tx.execute(_claim, of_uuid=uuid, now_us=now_us, until_us=until_us)
    return await find_delivery(tx, uuid) if taken else None


async def change_delivery(tx: Transaction, uuid: str, **changes: Any) -> None:
    """Changes columns of a delivery."""
    await tx.execute(_update("webhook_deliveries", frozenset(changes)), of_uuid=uuid, **changes)


async def give_up(tx: Transaction, webhook_uuid: str, problem: str) -> None:
    """Ends all deliveries of a webhook that wait; a replay sends them later."""
    for (uuid,) in await tx.all(_waiting, of_uuid=webhook_uuid):
        await change_delivery(tx, uuid, state="failed", due_us=None, claimed_until_us=0, problem=problem)


async def of_state(reader: Reader, webhook_uuid: str, state: str, since_us: int) -> list[str]:
    """The deliveries of a webhook in a state, the oldest first."""
    rows = await reader.all(_of_state, of_uuid=webhook_uuid, state=state, since_us=since_us)
    return [uuid for (uuid,) in rows]


async def purge(tx: Transaction, now_us: int) -> None:
    """Forgets what was settled a month ago."""
    for (uuid,) in await tx.all(_old, before_us=now_us - KEPT_US):
        await tx.execute(_remove, of_uuid=uuid)


async def find_log(reader: Reader, wanted: Wanted, window: Window) -> Found:
    """A page of deliveries, the newest first. `wanted`: values of webhook_uuid and state."""
    return await match.find(reader, LOG, Matching(match.spread(wanted), None), NEWEST, window)


def logged(values: Sequence[Any]) -> Delivery:
    """A row of `LOG` as the API shows it."""
    row = _row(_DELIVERY, values)
    return Delivery(
        uuid=row["uuid"], webhook_uuid=row["webhook_uuid"], event_uuid=row["event_uuid"], type=row["type"],
        state=row["state"], attempts=row["attempts"], created_at=iso(row["created_us"]),
        next_attempt_at=iso_or_none(row["due_us"]), attempted_at=iso_or_none(row["attempted_us"]),
        request_headers=msgspec.json.decode(row["request_headers"]), body=row["body"] or "", status=row["status"],
        answer=row["answer"], problem=row["problem"],
    )  # fmt: skip

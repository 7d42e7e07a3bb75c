"""The statements of webhooks and their deliveries."""

import functools
from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

import msgspec
from sqlalchemy import bindparam, delete, insert, select, tuple_, update

from roundsman.kit.crypto import Vault
from roundsman.kit.database import Database, Reader, Statement, Transaction
from roundsman.kit.identifiers import new_uuid
from roundsman.kit.listing import Listed, Order, Window
from roundsman.kit.schema import BigInt, Text
from roundsman.kit.times import iso, iso_or_none
from roundsman.runs import matching as match
from roundsman.runs.matching import Found, Matching, Wanted
from roundsman.webhooks.tables import webhook_deliveries as deliveries
from roundsman.webhooks.tables import webhooks
from roundsman.webhooks.types import TEST, Delivery, Webhook

Row = dict[str, Any]
PURPOSE = b"webhook secret"
KEPT_US = 30 * 86_400_000_000
SOME = 500

_WEBHOOK = [column.name for column in webhooks.columns]
_DELIVERY = [column.name for column in deliveries.columns]
_all = Statement(select(*webhooks.columns).order_by(webhooks.c.created_us, webhooks.c.uuid))
_one = Statement(select(*webhooks.columns).where(webhooks.c.uuid == bindparam("uuid")))
_insert = Statement(insert(webhooks))
_delete = Statement(delete(webhooks).where(webhooks.c.uuid == bindparam("uuid")))
_add = Statement(insert(deliveries))
_delivery = Statement(select(*deliveries.columns).where(deliveries.c.uuid == bindparam("uuid")))
_is_due = (
    (deliveries.c.due_us <= bindparam("now_us")),
    (deliveries.c.claimed_until_us <= bindparam("now_us")),
)
# The oldest of each webhook, by one step into the index: no matter how many are due.
_oldest = (
    select(deliveries.c.due_us)
    .where(deliveries.c.webhook_uuid == webhooks.c.uuid, *_is_due)
    .order_by(deliveries.c.due_us, deliveries.c.uuid)
    .limit(1)
    .correlate(webhooks)
    .scalar_subquery()
)
_awaited = Statement(select(webhooks.c.uuid, _oldest.label("due_us")))
_due = Statement(
    select(deliveries.c.uuid)
    .where(deliveries.c.webhook_uuid == bindparam("of_uuid"), *_is_due)
    .order_by(deliveries.c.due_us, deliveries.c.uuid)
    .limit(bindparam("limit_"))
)
_claim = Statement(
    update(deliveries)
    .where(deliveries.c.uuid == bindparam("of_uuid"), *_is_due)
    .values(claimed_until_us=bindparam("until_us"))
)
_release = Statement(
    update(deliveries)
    .where(deliveries.c.uuid == bindparam("of_uuid"), deliveries.c.claimed_until_us == bindparam("claim_us"))
    .values(claimed_until_us=0)
)
_of_state = Statement(
    select(deliveries.c.created_us, deliveries.c.uuid)
    .where(
        deliveries.c.webhook_uuid == bindparam("of_uuid"),
        deliveries.c.state == bindparam("state"),
        tuple_(deliveries.c.created_us, deliveries.c.uuid)
        > tuple_(bindparam("after_us", type_=BigInt), bindparam("after_uuid", type_=Text)),
        deliveries.c.created_us <= bindparam("until_us"),
    )
    .order_by(deliveries.c.created_us, deliveries.c.uuid)
    .limit(SOME)
)


# What may be many is changed in steps that hold nobody up.
_few = deliveries.alias("few")
_forget = Statement(
    delete(deliveries).where(
        deliveries.c.uuid.in_(select(_few.c.uuid).where(_few.c.webhook_uuid == bindparam("of_uuid")).limit(SOME))
    )
)
_give_up = Statement(
    update(deliveries)
    .where(
        deliveries.c.uuid.in_(
            select(_few.c.uuid)
            .where(_few.c.webhook_uuid == bindparam("of_uuid"), _few.c.state == "waiting", _few.c.type != TEST)
            .limit(SOME)
        )
    )
    .values(state="failed", due_us=None, claimed_until_us=0, problem=bindparam("why"))
)
_purge = Statement(
    delete(deliveries).where(
        deliveries.c.uuid.in_(
            select(_few.c.uuid)
            .where(_few.c.created_us < bindparam("before_us"), _few.c.due_us.is_(None))
            .order_by(_few.c.created_us)
            .limit(SOME)
        )
    )
)

LOG = Listed(deliveries, tuple(_DELIVERY), (("webhook_uuid", "state"), ("webhook_uuid",), ("state",)))
NEWEST = Order(("created_us",), descending=True)


@functools.cache
def _update(table_name: str, names: frozenset[str], guarded: bool = False) -> Statement:
    table = {"webhooks": webhooks, "webhook_deliveries": deliveries}[table_name]
    values: dict[str, Any] = {name: bindparam(name) for name in sorted(names)}
    core = update(table).where(table.c.uuid == bindparam("of_uuid")).values(values)
    if guarded:
        core = core.where(
            table.c.claimed_until_us == bindparam("claim_us"), table.c.attempts == bindparam("attempts_before")
        )
    return Statement(core)


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


async def delete_webhook(database: Database, uuid: str) -> None:
    """Removes a webhook, which must be told nothing any more, with its deliveries."""
    await _each_some(database, _forget, of_uuid=uuid)

    async def work(tx: Transaction) -> None:
        await tx.execute(_forget, of_uuid=uuid)
        await tx.execute(_delete, uuid=uuid)

    await database.write(work)


async def _each_some(database: Database, statement: Statement, **values: Any) -> None:
    """Executes a statement that changes `SOME` rows until there are no more, each time in a transaction of its own."""
    while await database.write(lambda tx: tx.execute(statement, **values)) == SOME:
        pass


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


async def awaited(reader: Reader, now_us: int) -> list[str]:
    """The webhooks with deliveries whose time has come and that nobody is at, the longest overdue first."""
    rows = [row for row in await reader.all(_awaited, now_us=now_us) if row[1] is not None]
    return [uuid for uuid, _ in sorted(rows, key=itemgetter(1))]


async def due(reader: Reader, webhook_uuid: str, now_us: int, limit: int) -> list[str]:
    """A webhook's deliveries whose time has come and that nobody is at, in the order of their times."""
    return [uuid for (uuid,) in await reader.all(_due, of_uuid=webhook_uuid, now_us=now_us, limit_=limit)]


async def claim(tx: Transaction, uuid: str, now_us: int, until_us: int) -> Row | None:
    """Takes a delivery that is due; None when another process has it or it is settled."""
    taken = await tx.execute(_claim, of_uuid=uuid, now_us=now_us, until_us=until_us)
    return await find_delivery(tx, uuid) if taken else None


async def change_delivery(tx: Transaction, uuid: str, **changes: Any) -> None:
    """Changes columns of a delivery."""
    await tx.execute(_update("webhook_deliveries", frozenset(changes)), of_uuid=uuid, **changes)


async def change_claimed(tx: Transaction, row: Row, **changes: Any) -> bool:
    """Changes a delivery as `claim` answered it, and lets go of it. False, and without effect but that, when it was
    settled, taken over or sent again meanwhile."""
    given = {"claimed_until_us": 0, **changes}
    guard = {"claim_us": row["claimed_until_us"], "attempts_before": row["attempts"]}
    statement = _update("webhook_deliveries", frozenset(given), True)
    if await tx.execute(statement, of_uuid=row["uuid"], **given, **guard):
        return True
    await tx.execute(_release, of_uuid=row["uuid"], claim_us=row["claimed_until_us"])
    return False


async def give_up(database: Database, webhook_uuid: str, why: str) -> None:
    """Ends all deliveries of a webhook that wait, but tests; a replay sends them later."""
    await _each_some(database, _give_up, of_uuid=webhook_uuid, why=why)


async def of_state(
    reader: Reader, webhook_uuid: str, state: str, after: tuple[int, str], until_us: int
) -> list[tuple[int, str]]:
    """Some of a webhook's deliveries in a state behind `after`, the oldest first: when each was made, and its uuid."""
    rows = await reader.all(
        _of_state, of_uuid=webhook_uuid, state=state, after_us=after[0], after_uuid=after[1], until_us=until_us
    )
    return [(row[0], row[1]) for row in rows]


async def purge(database: Database, now_us: int) -> None:
    """Forgets what was settled a month ago."""
    await _each_some(database, _purge, before_us=now_us - KEPT_US)


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

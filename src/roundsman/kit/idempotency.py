"""What was answered to a request that bore a key of its sender's, so that sending it again does nothing twice.

A key is claimed before the work begins and settled with the answer; both are rows, so they hold over restarts and over
processes. What failed is released: it may be tried again under the same key.
"""

from typing import Literal, NamedTuple

from sqlalchemy import Column, Index, PrimaryKeyConstraint, Table, bindparam, delete, insert, select, update

from roundsman.kit.database import Database, Statement, Transaction
from roundsman.kit.schema import BigInt, Blob, Text, metadata

KEPT_US = 24 * 3600 * 1_000_000
UNSETTLED_US = 600 * 1_000_000
"""After so long a claim without an answer is taken for one whose process was killed."""

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("owner", Text, nullable=False),  # who sent it: two senders' keys never meet
    Column("key", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),  # of the request
    Column("created_us", BigInt, nullable=False),
    Column("status", BigInt),  # null while the first request is under way
    Column("media_type", Text),
    Column("body", Blob),  # sealed: an answer may hold a secret that is shown once
    PrimaryKeyConstraint("owner", "key"),
)
Index("ix_idempotency_keys_created_us", idempotency_keys.c.created_us)

_table = idempotency_keys
_mine = (_table.c.owner == bindparam("of_owner"), _table.c.key == bindparam("of_key"))
_find = Statement(
    select(*(_table.c[name] for name in ("fingerprint", "created_us", "status", "media_type", "body"))).where(*_mine)
)
_claim = Statement(insert(_table))
_settle = Statement(
    update(_table)
    .where(*_mine)
    .values(status=bindparam("status"), media_type=bindparam("media_type"), body=bindparam("body"))
)
_release = Statement(delete(_table).where(*_mine))
_forget = Statement(delete(_table).where(_table.c.created_us < bindparam("before_us")))


class Key(NamedTuple):
    """One sender's key."""

    owner: str
    key: str


class Answer(NamedTuple):
    """What was answered; the body is sealed."""

    status: int
    media_type: str
    body: bytes


Claim = Answer | Literal["claimed", "under way", "another request"]


async def claim(database: Database, key: Key, fingerprint: str, now_us: int) -> Claim:
    """Claims a key for a request, or says why not: it was answered, is under way, or belongs to another request."""

    async def work(tx: Transaction) -> Claim:
        await tx.execute(_forget, before_us=now_us - KEPT_US)
        row = await tx.one(_find, of_owner=key.owner, of_key=key.key)
        if row is not None:
            known, created_us, status, media_type, body = row
            if known != fingerprint:
                return "another request"
            if status is not None:
                return Answer(status, media_type, body)
            if now_us - created_us < UNSETTLED_US:
                return "under way"
            await tx.execute(_release, of_owner=key.owner, of_key=key.key)
        unsettled = {"status": None, "media_type": None, "body": None}
        await tx.execute(_claim, **key._asdict(), fingerprint=fingerprint, created_us=now_us, **unsettled)
        return "claimed"

    return await database.write(work)


async def settle(database: Database, key: Key, answer: Answer) -> None:
    """Keeps the answer under its key."""

    async def work(tx: Transaction) -> None:
        await tx.execute(_settle, of_owner=key.owner, of_key=key.key, **answer._asdict())

    await database.write(work)


async def release(database: Database, key: Key) -> None:
    """Gives a key back: what was asked for has not been done."""

    async def work(tx: Transaction) -> None:
        await tx.execute(_release, of_owner=key.owner, of_key=key.key)

    await database.write(work)

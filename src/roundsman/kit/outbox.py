"""What has happened, written in the transaction in which it happened; deliveries and the change feed read it.

`sequence` grows by one per event in the order of commits, without gaps, on both databases: its counter is a row that
stays locked until the commit. (A PostgreSQL identity is given out before the commit: who reads "everything after 7"
could miss a 6 that commits later.) So a reader needs to remember one number only.
"""

from sqlalchemy import Column, Index, Table, bindparam, insert, select
from sqlalchemy.dialects.postgresql import insert as upserting  # SQLite renders its ON CONFLICT alike

from roundsman.kit.clock import WallClock
from roundsman.kit.database import Reader, Row, Statement, Transaction
from roundsman.kit.identifiers import new_uuid
from roundsman.kit.schema import BigInt, Text, metadata

outbox = Table(
    "outbox",
    metadata,
    Column("sequence", BigInt, primary_key=True, autoincrement=False),
    Column("uuid", Text, nullable=False),  # stable over repeated deliveries
    Column("topic", Text, nullable=False),  # e.g. run_capture.created
    Column("subject_uuid", Text, nullable=False),
    Column("created_us", BigInt, nullable=False),
    Column("document", Text, nullable=False),  # JSON, as it is delivered
    Index("ix_outbox_uuid", "uuid", unique=True),
)

# One row, `head` 0: the last sequence given out. Kept apart, so that a purged outbox does not begin again.
outbox_heads = Table(
    "outbox_heads",
    metadata,
    Column("head", BigInt, primary_key=True, autoincrement=False),
    Column("sequence", BigInt, nullable=False),
)

_next = Statement(
    upserting(outbox_heads)
    .values(head=0, sequence=1)
    .on_conflict_do_update(index_elements=["head"], set_={"sequence": outbox_heads.c.sequence + 1})
    .returning(outbox_heads.c.sequence)
)
_append = Statement(insert(outbox))
_after = Statement(
    select(*outbox.columns)
    .where(outbox.c.sequence > bindparam("sequence"))
    .order_by(outbox.c.sequence)
    .limit(bindparam("limit_"))
)
_clock = WallClock()


async def append(
    tx: Transaction, topic: str, subject_uuid: str, document: str = "{}", *, created_us: int | None = None
) -> int:
    """Adds an event to the caller's transaction and answers its sequence."""
    row = await tx.one(_next)
    assert row is not None
    await tx.execute(
        _append,
        sequence=row[0],
        uuid=new_uuid(),
        topic=topic,
        subject_uuid=subject_uuid,
        created_us=_clock.now_us() if created_us is None else created_us,
        document=document,
    )
    return row[0]


async def after(reader: Reader, sequence: int, limit: int = 100) -> list[Row]:
    """The events that follow `sequence`, oldest first: (sequence, uuid, topic, subject_uuid, created_us, document)."""
    return await reader.all(_after, sequence=sequence, limit_=limit)

"""What has happened, written in the transaction in which it happened; deliveries and the change feed read it.

`sequence` grows by one per event in the order of commits, without gaps, on both databases: its counter is a row that
stays locked until the commit. (A PostgreSQL identity is given out before the commit: who reads "everything after 7"
could miss a 6 that commits later.) So a reader needs to remember one number only.
"""

from collections.abc import Sequence

from sqlalchemy import Column, Index, Table, bindparam, delete, insert, select
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
    Index("ix_outbox_topic", "topic", "sequence"),
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
_of_topic = Statement(
    select(*outbox.columns)
    .where(
        outbox.c.topic == bindparam("topic"),
        outbox.c.sequence > bindparam("sequence"),
        outbox.c.sequence <= bindparam("until"),
    )
    .order_by(outbox.c.sequence)
    .limit(bindparam("limit_"))
)
_next_topic = Statement(
    select(outbox.c.topic).where(outbox.c.topic > bindparam("topic")).order_by(outbox.c.topic).limit(1)
)
_head = Statement(select(outbox_heads.c.sequence).where(outbox_heads.c.head == 0))
_oldest = Statement(select(outbox.c.sequence).order_by(outbox.c.sequence).limit(1))
_some = Statement(select(outbox.c.sequence, outbox.c.created_us).order_by(outbox.c.sequence).limit(bindparam("limit_")))
_forget = Statement(delete(outbox).where(outbox.c.sequence <= bindparam("until")))
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


async def of_topics(reader: Reader, topics: Sequence[str], sequence: int, until: int, limit: int) -> list[Row]:
    """The events of some topics in (`sequence`, `until`], oldest first."""
    found: list[Row] = []
    for topic in topics:
        found += await reader.all(_of_topic, topic=topic, sequence=sequence, until=until, limit_=limit)
    return sorted(found)[:limit]


async def known_topics(reader: Reader) -> list[str]:
    """The topics of the events that are kept; one look into an index for each."""
    topics: list[str] = []
    while row := await reader.one(_next_topic, topic=topics[-1] if topics else ""):
        topics.append(row[0])
    return topics


async def last(reader: Reader) -> int:
    """The last sequence given out. Every event up to it can be read by now, if it is kept."""
    row = await reader.one(_head)
    return 0 if row is None else row[0]


async def forgotten(reader: Reader, last_: int) -> int:
    """Up to which sequence events are kept no longer; `last_` is the last one, read before."""
    row = await reader.one(_oldest)
    return last_ if row is None else row[0] - 1


async def forget(tx: Transaction, before_us: int, up_to: int, limit: int = 1000) -> int:
    """Removes the oldest events, made before `before_us` and numbered `up_to` at most; how many, `limit` at a time."""
    gone: list[int] = []
    for sequence, created_us in await tx.all(_some, limit_=limit):
        if created_us >= before_us or sequence > up_to:
            break
        gone.append(sequence)
    return await tx.execute(_forget, until=gone[-1]) if gone else 0

"""What has happened, written in the transaction in which it happened; deliveries and the change feed read it in order."""

from sqlalchemy import BigInteger, Column, Integer, Table, bindparam, insert

from roundsman.kit.clock import WallClock
from roundsman.kit.database import Statement, Transaction
from roundsman.kit.identifiers import new_uuid
from roundsman.kit.schema import BigInt, Text, metadata

outbox = Table(
    "outbox",
    metadata,
    # SQLite numbers rows by itself only in a column of type INTEGER, which there holds 64 bits as well.
    Column("sequence", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("uuid", Text, nullable=False, unique=True),
    Column("topic", Text, nullable=False),
    Column("subject_uuid", Text, nullable=False),
    Column("created_us", BigInt, nullable=False),
    Column("document", Text, nullable=False),  # JSON
    sqlite_autoincrement=True,  # a number is never given twice, also after rows were removed
)

_append = Statement(
    insert(outbox).values({c.name: bindparam(c.name) for c in outbox.columns if c is not outbox.c.sequence})
)


async def append(tx: Transaction, topic: str, subject_uuid: str, document: str = "{}") -> None:
    """Notes that something happened to `subject_uuid`; `document` is JSON with what a receiver needs."""
    await tx.execute(
        _append,
        uuid=new_uuid(),
        topic=topic,
        subject_uuid=subject_uuid,
        created_us=WallClock().now_us(),
        document=document,
    )

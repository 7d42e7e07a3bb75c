"""The health log: what became of sending and synchronising, in lines for people. It keeps the newest ones."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, delete, insert, select

from roundsman.kit.database import Reader, Statement, Transaction
from roundsman.kit.identifiers import new_uuid
from roundsman.kit.listing import Listed, Order, Window, read_page
from roundsman.kit.times import iso
from roundsman.workorders.tables import work_order_log
from roundsman.workorders.types import Level, LogLine

KEPT = 2000
LONGEST = 1000
_log = work_order_log.c
LOG = Listed(
    work_order_log,
    ("uuid", "created_us", "level", "work_order_uuid", "text"),
    (("work_order_uuid",),),
)
NEWEST = Order(("created_us",), descending=True)
_insert = Statement(insert(work_order_log))
_oldest_kept = Statement(
    select(_log.created_us).order_by(_log.created_us.desc(), _log.uuid.desc()).limit(1).offset(bindparam("kept"))
)
_purge = Statement(delete(work_order_log).where(_log.created_us <= bindparam("until_us")))


async def note(tx: Transaction, at_us: int, level: Level, text: str, work_order_uuid: str | None = None) -> None:
    """Adds a line to the caller's transaction."""
    await tx.execute(
        _insert, uuid=new_uuid(), created_us=at_us, level=level, work_order_uuid=work_order_uuid, text=clean(text)
    )


async def purge(tx: Transaction, kept: int = KEPT) -> None:
    """Forgets all but the newest lines."""
    row = await tx.one(_oldest_kept, kept=kept)
    if row is not None:
        await tx.execute(_purge, until_us=row[0])


async def list_lines(reader: Reader, filters: dict[str, Any], window: Window) -> list[tuple[Any, ...]]:
    """A page of the log, the newest first: rows of `LOG`."""
    return await read_page(reader, LOG, [filters], NEWEST, window)


def lines_of(rows: Sequence[tuple[Any, ...]]) -> list[LogLine]:
    """Rows of `LOG` as the API shows them."""
    return [LogLine(uuid, iso(at_us), level, order, text) for uuid, at_us, level, order, text in rows]


def clean(text: str, longest: int = LONGEST) -> str:
    """A text from outside as it can be kept and shown: no control characters, not too long."""
    return "".join(sign if sign.isprintable() else " " for sign in text[:longest]).strip()

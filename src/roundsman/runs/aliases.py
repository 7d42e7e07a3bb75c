"""Uuids of runs that were told of and then joined to another: each still leads to the run that it is.

A run can be watched before any of its captures came, and captures can make a run before we know that it is the watched
one. Both uuids may have been served by then, so neither may stop to work when the two become one.
"""

from sqlalchemy import bindparam, insert, select

from roundsman.kit.database import Reader, Statement, Transaction
from roundsman.runs.tables import run_aliases

_insert = Statement(insert(run_aliases))
_find = Statement(select(run_aliases.c.run_uuid).where(run_aliases.c.uuid == bindparam("uuid")))


async def add_alias(tx: Transaction, uuid: str, run_uuid: str, now_us: int) -> None:
    """From now on `uuid` leads to another run."""
    await tx.execute(_insert, uuid=uuid, run_uuid=run_uuid, created_us=now_us)


async def present_uuid(reader: Reader, uuid: str) -> str:
    """The uuid of the run that bears or once bore `uuid`; `uuid` itself where it was never joined to another."""
    row = await reader.one(_find, uuid=uuid)
    return row[0] if row else uuid

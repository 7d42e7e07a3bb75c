"""The audit trail: who changed what, written in the transaction of the change, chained so that it cannot be bent.

    by = acting()                       # before the transaction: who makes this request, or runs this command
    async def work(tx: Transaction) -> None:
        ...
        await record(tx, by, "update", "user", "ada", before={"role": "viewer"}, after={"role": "admin"})

Entries are only ever added. Each has a sequence, in the order of commits and without gaps, and a hash: SHA-256 in
hexadecimal of the UTF-8 text of a JSON array without spaces

    [previous hash, sequence, time_us, who, kind, address, action, noun, subject, before, after]

where the first entry's previous hash is empty, and before and after are text (JSON with sorted members) or null.
So whoever changes, removes or reorders an entry breaks the chain there, and who cuts off its end has a head that is
not the one which an administrator noted (`roundsman audit head`, `roundsman audit verify --expect`).

What robots tell by themselves (captures, runs) is no entry: people's and programs' changes are. Record after
everything else in the transaction: the row of the head stays locked until the commit. No secret is ever in an entry.
"""

import hashlib
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import bindparam, select, update
from sqlalchemy.dialects.postgresql import insert as upserting  # SQLite renders its ON CONFLICT alike

from roundsman.access.tables import audit_entries, audit_heads
from roundsman.kit.clock import WallClock
from roundsman.kit.database import Database, Reader, Statement, Transaction
from roundsman.kit.listing import Listed, Order, Window, read_page


class Actor(NamedTuple):
    """Who makes a change: a user by a session, a program by a token, the command line, or Roundsman itself."""

    name: str
    kind: str  # session, token, command line, system; visitor for somebody who has not logged in
    address: str = ""


class Entry(msgspec.Struct, frozen=True, rename="camel"):
    """One change. `before` and `after` are JSON as text."""

    sequence: int
    time_us: int
    who: str
    kind: str
    address: str
    action: str
    noun: str
    subject: str
    before: str | None
    after: str | None
    previous_hash: str
    hash: str


class Head(NamedTuple):
    """Where the trail ends."""

    sequence: int
    hash: str


class Verified(msgspec.Struct, frozen=True):
    """What a check of the whole trail found: `problem` is empty when it is whole."""

    count: int
    head: Head
    problem: str


ROUNDSMAN = Actor("Roundsman", "system")
_acting: ContextVar[Actor] = ContextVar("acting", default=ROUNDSMAN)
_clock = WallClock()
_columns = audit_entries.c
_next = Statement(
    upserting(audit_heads)
    .values(head=0, sequence=1, hash="")
    .on_conflict_do_update(index_elements=["head"], set_={"sequence": audit_heads.c.sequence + 1})
    .returning(audit_heads.c.sequence, audit_heads.c.hash)
)
_move = Statement(update(audit_heads).where(audit_heads.c.head == 0).values(hash=bindparam("new_hash")))
_append = Statement(audit_entries.insert())
_head = Statement(select(audit_heads.c.sequence, audit_heads.c.hash).where(audit_heads.c.head == 0))
_all = Statement(select(*_columns).order_by(_columns.sequence))
ENTRIES = Listed(audit_entries, Entry.__struct_fields__, (("subject",), ("who",), ("noun",)))
NEWEST = Order(("time_us",), descending=True, tie="sequence")


def acting() -> Actor:
    """Who is being served now. Ask before the transaction: its work may run in another thread."""
    return _acting.get()


@contextmanager
def acting_as(actor: Actor) -> Generator[None]:
    """What is changed within is this one's."""
    token = _acting.set(actor)
    try:
        yield
    finally:
        _acting.reset(token)


async def record(
    tx: Transaction, by: Actor, action: str, noun: str, subject: str, *, before: Any = None, after: Any = None
) -> Entry:
    """Adds an entry to the caller's transaction, and locks the trail until its commit."""
    row = await tx.one(_next)
    assert row is not None
    sequence, previous = row
    entry = Entry(
        sequence, _clock.now_us(), _clean(by.name), by.kind, _clean(by.address), action, noun, _clean(subject),
        _canonical(before), _canonical(after), previous, "",
    )  # fmt: skip
    entry = msgspec.structs.replace(entry, hash=hash_of(entry))
    await tx.execute(_append, **msgspec.structs.asdict(entry))
    await tx.execute(_move, new_hash=entry.hash)
    return entry


def hash_of(entry: Entry) -> str:
    """The hash that an entry must have."""
    said = [
        entry.previous_hash, entry.sequence, entry.time_us, entry.who, entry.kind, entry.address, entry.action,
        entry.noun, entry.subject, entry.before, entry.after,
    ]  # fmt: skip
    return hashlib.sha256(msgspec.json.encode(said)).hexdigest()


async def head(reader: Reader) -> Head:
    """The last entry's sequence and hash; 0 and nothing where there is none."""
    row = await reader.one(_head)
    return Head(0, "") if row is None else Head(*row)


async def newest(reader: Reader, limit: int, **wanted: Any) -> list[Entry]:
    """The last entries, the newest first: all, or those whose columns are as wanted, e.g. noun and subject."""
    return [Entry(*row) for row in await read_page(reader, ENTRIES, [wanted], NEWEST, Window(limit))]


async def entries(database: Database) -> AsyncIterator[Entry]:
    """All entries, the oldest first."""
    async for rows in database.scan(_all):
        for row in rows:
            yield Entry(*row)


async def verify(database: Database, expected: str = "") -> Verified:
    """Recomputes the whole trail. `expected` is the hash of some entry that was noted before: it must be there."""
    end, last, seen = await head(database), Head(0, ""), not expected
    async for entry in entries(database):
        problem = _broken(last, entry)
        if problem:
            return Verified(last.sequence, last, problem)
        last, seen = Head(entry.sequence, entry.hash), seen or entry.hash == expected
    problem = ""
    if last.sequence < end.sequence or (last.sequence == end.sequence and last.hash != end.hash):
        problem = f"the trail ends with entry {last.sequence}, and its head is entry {end.sequence}: the end is cut off"
    elif not seen:
        problem = f"no entry has the expected hash: the trail ends with entry {last.sequence}, or was written anew"
    return Verified(last.sequence, last, problem)


def _broken(last: Head, entry: Entry) -> str:
    """What is wrong with the entry that follows `last`; empty when nothing is."""
    if entry.sequence != last.sequence + 1:
        return f"entry {last.sequence + 1} is missing: entry {entry.sequence} follows {last.sequence}"
    if entry.previous_hash != last.hash:
        return f"entry {entry.sequence} does not follow the entry before it: one of the two was exchanged"
    if entry.hash != hash_of(entry):
        return f"entry {entry.sequence} was changed after it was written"
    return ""


def _canonical(value: Any) -> str | None:
    if value is None:
        return None
    return msgspec.json.encode(value, order="deterministic").decode()


def _clean(text: str) -> str:
    """Text that both databases keep as it is: what comes from outside may have signs that one refuses."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")

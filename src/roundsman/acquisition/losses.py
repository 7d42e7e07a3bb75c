"""What a robot had and can no longer be fetched: the rows of `lost_captures`.

An id is in at most one row, and never both lost and stored: whoever records or forgets losses does it here, in the
transaction that stores what contradicts them. Where a robot told more of one id than of its neighbours, that id has a
row of its own.
"""

import functools
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import bindparam, cast, delete, func, insert, select

from roundsman.acquisition.tables import lost_captures
from roundsman.captures.record import DataId, known_ids
from roundsman.kit.database import Reader, Statement, Transaction
from roundsman.kit.identifiers import new_uuid
from roundsman.kit.listing import Listed, Order, Window
from roundsman.kit.schema import Double
from roundsman.runs import matching as match
from roundsman.runs.matching import Found, Matching, Wanted

Span = tuple[int, int]
"""A range of ids, both ends included."""


class Lost(msgspec.Struct, frozen=True):
    """A range of ids that can no longer be fetched; names are "" where the robot never told them."""

    robot_serial: str
    store_epoch: int
    first_data_id: int
    last_data_id: int
    reason: str
    run_uuid: str | None = None
    group_name: str = ""
    action_name: str = ""
    channel_name: str = ""

    @property
    def is_named(self) -> bool:
        """Whether the robot told what it was."""
        return self.run_uuid is not None

    def of(self, span: Span) -> "Lost":
        """A part of it."""
        return msgspec.structs.replace(self, first_data_id=span[0], last_data_id=span[1])


def lost_one(robot_serial: str, store_epoch: int, identifier: DataId, run_uuid: str) -> Lost:
    """One thing that the robot named before it was overwritten."""
    return Lost(
        robot_serial,
        store_epoch,
        identifier.data_id,
        identifier.data_id,
        "overwritten",
        run_uuid,
        identifier.group_name,
        identifier.action_name,
        identifier.channel_name,
    )


class Present:
    """What is known of a range of ids: stored ones one by one, lost ones as the ranges that they are, in order."""

    def __init__(self, stored: set[int], lost: Sequence[Span]) -> None:
        self.stored = stored
        self._lost = lost
        self._starts = [first for first, _ in lost]

    def __contains__(self, data_id: int) -> bool:
        if data_id in self.stored:
            return True
        before = bisect_right(self._starts, data_id)
        return before > 0 and data_id <= self._lost[before - 1][1]

    def first_id(self) -> int | None:
        """The least id of all; None if there is none."""
        return min((*self.stored, *self._starts), default=None)

    def gaps(self, first_id: int, end_id: int) -> Iterator[Span]:
        """The ranges of [first_id, end_id) of which nothing is known."""
        return gaps(first_id, end_id, (*((data_id, data_id) for data_id in self.stored), *self._lost))


def gaps(first_id: int, end_id: int, taken: Iterable[Span]) -> Iterator[Span]:
    """The ranges of [first_id, end_id) that `taken` leaves. However wide they are, they cost nothing."""
    start = first_id
    for first, last in sorted(taken):
        if first >= end_id:
            break
        if first > start:
            yield start, first - 1
        start = max(start, last + 1)
    if start < end_id:
        yield start, end_id - 1


LOST = Listed(
    lost_captures,
    ("uuid", *Lost.__struct_fields__, "noticed_us"),
    (("run_uuid",), ("robot_serial",)),
)
NEWEST = Order(("noticed_us",), descending=True)

_COLUMNS = [lost_captures.c[name] for name in ("uuid", *Lost.__struct_fields__, "noticed_us")]


@functools.cache
def _insert() -> Statement:
    return Statement(insert(lost_captures))


@functools.cache
def _delete() -> Statement:
    return Statement(delete(lost_captures).where(lost_captures.c.uuid == bindparam("uuid")))


@functools.cache
def _touching() -> Statement:
    """Rows that touch a range of ids."""
    table = lost_captures
    return Statement(
        select(*_COLUMNS)
        .where(
            table.c.robot_serial == bindparam("robot_serial"),
            table.c.store_epoch == bindparam("store_epoch"),
            table.c.first_data_id <= bindparam("last_id"),
            table.c.last_data_id >= bindparam("first_id"),
        )
        .order_by(table.c.first_data_id)
    )


# As a floating-point number: the sum of ranges as wide as ids may be would leave a BIGINT.
_COUNT = func.coalesce(func.sum(cast(lost_captures.c.last_data_id, Double) - lost_captures.c.first_data_id + 1), 0)


@functools.cache
def _count_by(name: str) -> Statement:
    return Statement(select(_COUNT).where(lost_captures.c[name] == bindparam("value")))


async def present(reader: Reader, robot_serial: str, store_epoch: int, first_id: int, last_id: int) -> Present:
    """Which ids of a range are stored, and which are recorded as lost."""
    stored = await known_ids(reader, robot_serial, store_epoch, first_id, last_id)
    rows = await _rows(reader, robot_serial, store_epoch, first_id, last_id)
    return Present(stored, [(lost.first_data_id, lost.last_data_id) for _, lost, _ in rows])


async def _rows(
    reader: Reader, robot_serial: str, store_epoch: int, first_id: int, last_id: int
) -> list[tuple[str, Lost, int]]:
    """Rows that touch a range, with their uuids and when they were noticed."""
    found = await reader.all(
        _touching(), robot_serial=robot_serial, store_epoch=store_epoch, first_id=first_id, last_id=last_id
    )
    return [lost_of(row) for row in found]


async def add(tx: Transaction, lost: Lost, now_us: int) -> int:
    """Records what can no longer be fetched, so far as it is neither stored nor recorded; how many ids are new.

    What the robot named takes its id out of a range of unnamed ones.
    """
    first, last = lost.first_data_id, lost.last_data_id
    known = await present(tx, lost.robot_serial, lost.store_epoch, first, last)
    fresh = list(known.gaps(first, last + 1))
    if lost.is_named and not fresh and first not in known.stored:
        fresh = await _take_unnamed(tx, lost, first)
        await _store_all(tx, [lost.of(span) for span in fresh], now_us)
        return 0
    await _store_all(tx, [lost.of(span) for span in fresh], now_us)
    return sum(end - start + 1 for start, end in fresh)


async def _take_unnamed(tx: Transaction, lost: Lost, data_id: int) -> list[Span]:
    """Takes one id out of the range that holds it, unless that is known by name."""
    rows = await _rows(tx, lost.robot_serial, lost.store_epoch, data_id, data_id)
    if any(row.is_named for _, row, _ in rows):
        return []
    for row in rows:
        await _split(tx, row, {data_id})
    return [(data_id, data_id)]


async def found(tx: Transaction, robot_serial: str, store_epoch: int, data_ids: Collection[int]) -> None:
    """Forgets losses that were none; of a range what lies beside them stays lost."""
    ids = set(data_ids)
    if not ids:
        return
    for row in await _rows(tx, robot_serial, store_epoch, min(ids), max(ids)):
        await _split(tx, row, ids)


async def _split(tx: Transaction, row: tuple[str, Lost, int], ids: set[int]) -> None:
    """Takes ids out of a row; what is left of it has rows of its own, noticed when it was."""
    uuid, lost, noticed_us = row
    first, last = lost.first_data_id, lost.last_data_id
    taken = [(data_id, data_id) for data_id in ids if first <= data_id <= last]
    if taken:
        await tx.execute(_delete(), uuid=uuid)
        await _store_all(tx, [lost.of(span) for span in gaps(first, last + 1, taken)], noticed_us)


async def _store_all(tx: Transaction, losses: Iterable[Lost], noticed_us: int) -> None:
    for lost in losses:
        await tx.execute(_insert(), uuid=new_uuid(), noticed_us=noticed_us, **msgspec.structs.asdict(lost))


async def lost_of_run(reader: Reader, run_uuid: str) -> int:
    """How many captures of a run the robot overwrote before they could be fetched."""
    row = await reader.one(_count_by("run_uuid"), value=run_uuid)
    return int(row[0]) if row else 0


async def lost_of_robot(reader: Reader, robot_serial: str) -> int:
    """How many captures of a robot are lost, those of no known run among them."""
    row = await reader.one(_count_by("robot_serial"), value=robot_serial)
    return int(row[0]) if row else 0


async def find_lost(reader: Reader, wanted: Wanted, window: Window) -> Found:
    """A page of losses, the newest first. `wanted`: values of robot_serial and run_uuid."""
    return await match.find(reader, LOST, Matching(match.spread(wanted), None), NEWEST, window)


def lost_of(row: tuple[Any, ...]) -> tuple[str, Lost, int]:
    """A row of `LOST`: its uuid, what is lost, and when that was noticed."""
    uuid, *values, noticed_us = row
    return uuid, Lost(*values), noticed_us

"""How far a robot's store is acquired, and what of it is lost: rows of `store_cursors` and `lost_captures`.

Source: robot-link.md 3.3: capture ids grow within a *store epoch*; after an upgrade or a factory reset they may start
again, and a robot overwrites its oldest captures when its store is full.
"""

import functools
from collections.abc import Iterable

import msgspec
from sqlalchemy import bindparam, delete, func, insert, select, update

from roundsman.acquisition.tables import lost_captures, store_cursors
from roundsman.captures.record import FIRST_EPOCH, DataId
from roundsman.kit.database import Reader, Statement, Transaction
from roundsman.kit.identifiers import new_uuid

NOTHING = -1  # ids may start at 0


class Cursor(msgspec.Struct, frozen=True):
    """One row of `store_cursors`."""

    robot_serial: str
    store_epoch: int
    software_identity: str
    last_id: int
    large_last_id: int
    reconciled_id: int
    known_max_id: int
    created_us: int
    modified_us: int


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


@functools.cache
def _newest() -> Statement:
    found = select(*(store_cursors.c[name] for name in Cursor.__struct_fields__))
    return Statement(
        found.where(store_cursors.c.robot_serial == bindparam("robot_serial"))
        .order_by(store_cursors.c.store_epoch.desc())
        .limit(1)
    )


@functools.cache
def _insert_cursor() -> Statement:
    return Statement(insert(store_cursors))


@functools.cache
def _set_cursor(names: tuple[str, ...]) -> Statement:
    return Statement(
        update(store_cursors)
        .where(
            store_cursors.c.robot_serial == bindparam("serial"),
            store_cursors.c.store_epoch == bindparam("epoch"),
        )
        .values({name: bindparam(name) for name in names})
    )


@functools.cache
def _insert_lost() -> Statement:
    return Statement(insert(lost_captures))


@functools.cache
def _lost_in() -> Statement:
    """Ranges that touch a range of ids."""
    table = lost_captures
    return Statement(
        select(table.c.first_data_id, table.c.last_data_id).where(
            table.c.robot_serial == bindparam("robot_serial"),
            table.c.store_epoch == bindparam("store_epoch"),
            table.c.first_data_id <= bindparam("last_id"),
            table.c.last_data_id >= bindparam("first_id"),
        )
    )


@functools.cache
def _found_again() -> Statement:
    """Takes one id from the list of the lost."""
    table = lost_captures
    return Statement(
        delete(table).where(
            table.c.robot_serial == bindparam("robot_serial"),
            table.c.store_epoch == bindparam("store_epoch"),
            table.c.first_data_id == bindparam("data_id"),
            table.c.last_data_id == bindparam("data_id"),
        )
    )


@functools.cache
def _lost_of_run() -> Statement:
    count = func.coalesce(func.sum(lost_captures.c.last_data_id - lost_captures.c.first_data_id + 1), 0)
    return Statement(select(count).where(lost_captures.c.run_uuid == bindparam("run_uuid")))


@functools.cache
def _lost_of_robot() -> Statement:
    count = func.coalesce(func.sum(lost_captures.c.last_data_id - lost_captures.c.first_data_id + 1), 0)
    return Statement(select(count).where(lost_captures.c.robot_serial == bindparam("robot_serial")))


async def newest(reader: Reader, robot_serial: str) -> Cursor | None:
    """The cursor of the robot's present epoch; None when it was never connected."""
    row = await reader.one(_newest(), robot_serial=robot_serial)
    return None if row is None else Cursor(*row)


def first(robot_serial: str, software_identity: str, max_id: int, now_us: int, *, everything: bool) -> Cursor:
    """The cursor of a robot seen for the first time: before all that it holds, or behind it."""
    start = NOTHING if everything else max_id
    return Cursor(
        robot_serial, FIRST_EPOCH, software_identity, start, start, start, max_id, created_us=now_us, modified_us=now_us
    )


def following(cursor: Cursor, software_identity: str, max_id: int, now_us: int) -> Cursor:
    """The cursor of the next epoch, which begins with everything that the robot holds now."""
    return Cursor(
        cursor.robot_serial,
        cursor.store_epoch + 1,
        software_identity,
        NOTHING,
        NOTHING,
        NOTHING,
        max_id,
        created_us=now_us,
        modified_us=now_us,
    )


def rest_of(cursor: Cursor) -> Lost:
    """What an epoch still held behind its cursor when it ended."""
    return Lost(cursor.robot_serial, cursor.store_epoch, cursor.last_id + 1, cursor.known_max_id, "overwritten")


def lost_one(cursor: Cursor, identifier: DataId, run_uuid: str) -> Lost:
    """One thing that the robot named before it was overwritten."""
    return Lost(
        cursor.robot_serial,
        cursor.store_epoch,
        identifier.data_id,
        identifier.data_id,
        "overwritten",
        run_uuid,
        identifier.group_name,
        identifier.action_name,
        identifier.channel_name,
    )


async def insert_cursor(tx: Transaction, cursor: Cursor) -> None:
    """Stores the cursor of a new epoch."""
    await tx.execute(_insert_cursor(), **msgspec.structs.asdict(cursor))


async def move(tx: Transaction, cursor: Cursor, now_us: int, **moved: int) -> None:
    """Moves the named columns; each lane of acquisition moves its own."""
    statement = _set_cursor((*moved, "modified_us"))
    await tx.execute(statement, serial=cursor.robot_serial, epoch=cursor.store_epoch, modified_us=now_us, **moved)


async def add_lost(tx: Transaction, lost: Lost, now_us: int) -> None:
    """Records what can no longer be fetched."""
    await tx.execute(_insert_lost(), uuid=new_uuid(), noticed_us=now_us, **msgspec.structs.asdict(lost))


async def found_again(tx: Transaction, cursor: Cursor, data_ids: Iterable[int]) -> None:
    """Forgets losses that were none."""
    for data_id in data_ids:
        await tx.execute(
            _found_again(), robot_serial=cursor.robot_serial, store_epoch=cursor.store_epoch, data_id=data_id
        )


async def lost_ids(reader: Reader, cursor: Cursor, first_id: int, last_id: int) -> set[int]:
    """Which ids of a range are recorded as lost."""
    rows = await reader.all(
        _lost_in(),
        robot_serial=cursor.robot_serial,
        store_epoch=cursor.store_epoch,
        first_id=first_id,
        last_id=last_id,
    )
    return {data_id for first, last in rows for data_id in range(max(first, first_id), min(last, last_id) + 1)}


async def lost_of_run(reader: Reader, run_uuid: str) -> int:
    """How many captures of a run the robot overwrote before they could be fetched."""
    row = await reader.one(_lost_of_run(), run_uuid=run_uuid)
    return int(row[0]) if row else 0


async def lost_of_robot(reader: Reader, robot_serial: str) -> int:
    """How many captures of a robot are lost, those of no known run among them."""
    row = await reader.one(_lost_of_robot(), robot_serial=robot_serial)
    return int(row[0]) if row else 0

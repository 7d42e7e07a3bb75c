"""How far a robot's store is acquired: rows of `store_cursors`.

Source: robot-link.md 3.3: capture ids grow within a *store epoch*; after an upgrade or a factory reset they may start
again, and a robot overwrites its oldest captures when its store is full.
"""

import functools

import msgspec
from sqlalchemy import bindparam, insert, select, update

from roundsman.acquisition.losses import Lost
from roundsman.acquisition.tables import store_cursors
from roundsman.captures.record import FIRST_EPOCH
from roundsman.kit.database import Reader, Statement, Transaction

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


async def insert_cursor(tx: Transaction, cursor: Cursor) -> None:
    """Stores the cursor of a new epoch."""
    await tx.execute(_insert_cursor(), **msgspec.structs.asdict(cursor))


async def move(tx: Transaction, cursor: Cursor, now_us: int, **moved: int) -> None:
    """Moves the named columns; each lane of acquisition moves its own."""
    statement = _set_cursor((*moved, "modified_us"))
    await tx.execute(statement, serial=cursor.robot_serial, epoch=cursor.store_epoch, modified_us=now_us, **moved)

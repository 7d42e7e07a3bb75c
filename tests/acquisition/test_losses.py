"""What is recorded as lost: each id once, none that is stored, and ranges of any width."""

import random

import pytest
from sqlalchemy import select
from tests.acquisition.conftest import sync_of

from roundsman.acquisition import losses
from roundsman.acquisition.losses import Lost, lost_of_robot
from roundsman.acquisition.reconcile import Reconciliation
from roundsman.acquisition.tables import lost_captures
from roundsman.captures.record import DATA_ID_MAX, DataId
from roundsman.kit.database import Statement
from roundsman.simulator.services.synthetic import fill

pytestmark = pytest.mark.anyio

ALL = Statement(
    select(
        lost_captures.c.first_data_id,
        lost_captures.c.last_data_id,
        lost_captures.c.action_name,
        lost_captures.c.noticed_us,
    ).order_by(lost_captures.c.first_data_id)
)
SERIAL = "spot-1"


def unnamed(first, last):
    return Lost(SERIAL, 1, first, last, "overwritten")


def named(data_id):
    identifier = DataId(data_id, "group", f"Action {data_id}", 0, "ptz", "")
    return losses.lost_one(SERIAL, 1, identifier, "a run")


async def test_losses_are_what_a_set_of_ids_would_say(database):
    """Ranges, single ones with names and what is found again, at random, against sets of ids."""
    dice, lost, names = random.Random(5), set(), set()
    for step in range(300):
        first = dice.randint(0, 60)
        some = set(range(first, first + dice.randint(1, 12)))
        match dice.choice(["range", "named", "found"]):
            case "range":
                new = await database.write(
                    lambda tx, some=some, step=step: losses.add(tx, unnamed(min(some), max(some)), step)
                )
                assert new == len(some - lost)
                lost |= some
            case "named":
                new = await database.write(lambda tx, one=first, step=step: losses.add(tx, named(one), step))
                assert new == (first not in lost)
                lost.add(first)
                names.add(first)
            case _:
                back = set(dice.sample(sorted(some), dice.randint(1, len(some))))
                await database.write(lambda tx, back=back: losses.found(tx, SERIAL, 1, back))
                lost -= back
                names -= back
    rows = await database.all(ALL)
    ids = [data_id for first, last, _, _ in rows for data_id in range(first, last + 1)]
    assert ids == sorted(lost)
    assert {first for first, _, name, _ in rows if name} == names
    assert await lost_of_robot(database, SERIAL) == len(lost)


async def test_part_of_a_range_is_found_again_and_the_rest_stays_as_it_was_noticed(database):
    await database.write(lambda tx: losses.add(tx, unnamed(10, 19), 7))
    await database.write(lambda tx: losses.found(tx, SERIAL, 1, [3, 10, 14, 15, 30]))
    assert await database.all(ALL) == [(11, 13, "", 7), (16, 19, "", 7)]


async def test_ranges_as_wide_as_numbers_are_cost_nothing(database):
    await database.write(lambda tx: losses.add(tx, unnamed(0, DATA_ID_MAX), 1))
    await database.write(lambda tx: losses.found(tx, SERIAL, 1, [2**62]))
    await database.write(lambda tx: losses.add(tx, Lost(SERIAL, 2, 0, DATA_ID_MAX, "overwritten"), 1))
    known = await losses.present(database, SERIAL, 1, 0, DATA_ID_MAX)
    assert 2**62 not in known
    assert {0, 2**62 - 1, 2**62 + 1, DATA_ID_MAX} - {data_id for data_id in (0, DATA_ID_MAX) if data_id in known} == {
        2**62 - 1,
        2**62 + 1,
    }
    assert list(known.gaps(0, DATA_ID_MAX)) == [(2**62, 2**62)]
    assert await lost_of_robot(database, SERIAL) == 2**64


async def test_a_large_capture_that_vanished_is_lost_once_and_by_name(robots, database, blobs, store):
    """The comparison sees a gap where the lane of large captures knows what is missing."""
    fleet = await robots(captures=3)
    spot = fleet.spots[0]
    fill(spot, 1, 110_000_000, kind="data")
    fill(spot, 3, 1000)
    sync = await fleet.sync(database, blobs)
    await sync.catch_up()
    (large,) = [one async for one in sync.store.identifiers(4) if one.data_id == 4]
    spot.store.capacity_bytes = 2000
    fill(spot, 1, 1000)
    await sync.catch_up()
    assert (await Reconciliation(sync).run()).lost == 1
    assert await sync.lost([large]) == 0, "it was counted by the comparison"
    assert await lost_of_robot(database, spot.serial) == 1
    assert [(first, last, bool(name)) for first, last, name, _ in await database.all(ALL)] == [(4, 4, True)]


async def test_what_is_stored_meanwhile_is_not_lost(robots, database, blobs):
    fleet = await robots(captures=10)
    sync = await fleet.sync(database, blobs)
    await sync.catch_up()
    assert await sync.lost_between([(5, 12)]) == 2
    assert [row[:2] for row in await database.all(ALL)] == [(11, 12)]
    identifiers = [one async for one in sync.store.identifiers(0)]
    assert await sync.lost(identifiers[:3]) == 0


async def test_a_range_taken_for_lost_is_had_again_when_the_robot_shows_it(robots, database, blobs, store):
    fleet = await robots(captures=30)
    link = await fleet.link()
    sync = sync_of(link, database, blobs)
    await sync._enter(await sync.store.max_id())
    await sync.lost_between([(1, 30)])
    await sync.fetch(range(10, 20))
    assert await lost_of_robot(database, fleet.spots[0].serial) == 20
    assert [row[:2] for row in await database.all(ALL)] == [(1, 9), (20, 30)]

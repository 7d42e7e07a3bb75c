"""Lists of events and captures: every page and every total is what a search row by row would give."""

import random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from tests import seed

from roundsman.captures import reading
from roundsman.kit.database import Database
from roundsman.kit.listing import Order, Window, key_of
from roundsman.runs import matching
from roundsman.runs.matching import Found, Ranges

pytestmark = pytest.mark.anyio

MINUTE_US = 60_000_000
PLAN = seed.Plan(runs=30, events_per_run=6, captures_per_event=3, robots=3, missions=4, days=4, alerts=0.2)
FILTERS = ("robot_serial", "robot_hostname", "robot_nickname", "mission_name", "action_name", "action_uuid")


@pytest.fixture(params=[(0, 0, 0, 0, -30 * 24 * 60, -100, -9, 20), (0, 0, -9, -60, 50)], ids=["days", "hours"])
async def rows(request: pytest.FixtureRequest, database: Database) -> tuple[list[seed.Row], list[seed.Row]]:
    """Events and captures. One robot is renamed half way, and one name passes to another robot.

    Some were stored days or an hour after their time, and one robot's clock was ahead at times.
    """
    chance = random.Random(8)
    batches = list(seed.Generator(PLAN).batches(10))
    for row in (row for batch in batches for row in (*batch.events, *batch.captures)):
        away = chance.choice(request.param)
        row["time_us"] += away * 60_000_000
    for batch in batches[1:]:
        for row in (*batch.runs, *batch.events, *batch.captures):
            if row["robot_serial"].endswith("00"):
                row["robot_nickname"] = "Spot #2"
                row["robot_hostname"] = "10.0.9.9"
            elif row["robot_serial"].endswith("01"):
                row["robot_nickname"] = "Renamed"
    for batch in batches:
        await seed.store(database, batch)
    return [row for batch in batches for row in batch.events], [row for batch in batches for row in batch.captures]


def wanted(chance: random.Random, rows: list[seed.Row], more: tuple[str, ...]) -> dict[str, list[str]]:
    names = chance.sample((*FILTERS, *more), chance.choice((0, 0, 1, 1, 1, 2, 3)))
    return {name: [chance.choice(rows)[name] for _ in range(chance.choice((1, 1, 1, 2)))] for name in names}


def some_range(chance: random.Random, rows: list[seed.Row], column: str) -> Ranges:
    ends = sorted(chance.choice(rows)[column] + chance.randrange(-1, 2) for _ in range(2))
    return Ranges(*(end if chance.random() < 0.7 else None for end in ends)) if chance.random() < 0.6 else Ranges()


def matches(row: seed.Row, filters: dict[str, list[str]], ranges: dict[str, Ranges]) -> bool:
    return all(row[name] in values for name, values in filters.items()) and all(
        (start is None or row[column] >= start) and (end is None or row[column] < end)
        for column, (start, end) in ranges.items()
    )


def ordered(rows: list[seed.Row], order: Order) -> list[str]:
    keyed = sorted(rows, key=lambda row: (row[order.columns[0]], row["uuid"]), reverse=order.descending)
    return [row["uuid"] for row in keyed]


async def by_cursor(find: Callable[[Window], Awaitable[Found]], listed: Any, order: Order, limit: int) -> list[str]:
    place = listed.columns.index("uuid")
    seen: list[str] = []
    window = Window(limit)
    while rows := (await find(window)).rows:
        seen += [row[place] for row in rows]
        window = Window(limit, 0, key_of(listed, order)(rows[-1]))
    return seen


async def by_offset(find: Callable[[Window], Awaitable[Found]], listed: Any, limit: int) -> list[str]:
    place = listed.columns.index("uuid")
    seen: list[str] = []
    while rows := (await find(Window(limit, len(seen)))).rows:
        seen += [row[place] for row in rows]
    return seen


@pytest.fixture(params=[0, 1000])
def gathered_max(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ranges across the order: nothing gathered and sorted, or all that these tests have."""
    monkeypatch.setattr(matching, "GATHERED_FEW", request.param)


@pytest.mark.usefixtures("gathered_max")
async def test_captures(database: Database, rows: tuple[list[seed.Row], list[seed.Row]]) -> None:
    chance, captures = random.Random(5), rows[1]
    for _ in range(60):
        filters, created = wanted(chance, captures, ("run_event_uuid",)), some_range(chance, captures, "created_us")
        order = chance.choice(list(reading.ORDERS.values()))
        expected = ordered([row for row in captures if matches(row, filters, {"created_us": created})], order)

        async def find(
            window: Window, filters: Any = filters, created: Ranges = created, order: Order = order
        ) -> Found:
            found = await reading.find_captures(database, filters, created, order, window)
            assert found.total == len(expected)  # noqa: B023 - called in this turn of the loop
            return found

        limit = chance.choice((1, 7, 50, 1000)) if len(expected) < 60 else 100
        assert await by_cursor(find, reading.CAPTURES_LISTED, order, limit) == expected, (filters, created, order)
        assert await by_offset(find, reading.CAPTURES_LISTED, limit) == expected, (filters, created, order)


@pytest.mark.usefixtures("gathered_max")
async def test_events(database: Database, rows: tuple[list[seed.Row], list[seed.Row]]) -> None:
    chance, events = random.Random(6), rows[0]
    for _ in range(60):
        filters = wanted(chance, events, ("run_uuid",))
        times, created = (some_range(chance, events, column) for column in ("time_us", "created_us"))
        alerts, order = chance.random() < 0.3, chance.choice(list(reading.ORDERS.values()))
        found_by_hand = [
            row
            for row in events
            if matches(row, filters, {"time_us": times, "created_us": created})
            and (row["worst_severity"] > 0 or not alerts)
        ]
        expected = ordered(found_by_hand, order)

        async def find(window: Window, now: Any = (filters, times, created, alerts, order)) -> Found:
            found = await reading.find_events(database, *now, window)
            assert found.total == len(expected)  # noqa: B023 - called in this turn of the loop
            return found

        limit = chance.choice((1, 7, 50, 1000)) if len(expected) < 60 else 100
        assert await by_cursor(find, reading.EVENTS_LISTED, order, limit) == expected, (filters, order)
        assert await by_offset(find, reading.EVENTS_LISTED, limit) == expected, (filters, order)


async def test_an_event_shows_its_captures(database: Database, rows: tuple[list[seed.Row], list[seed.Row]]) -> None:
    events, captures = rows
    found = await reading.find_events(database, {}, Ranges(), Ranges(), False, reading.ORDERS["-time"], Window(1000))
    shown = await reading.events_of(database, found.rows)
    assert len(shown) == len(events)
    for event in shown:
        own = [row for row in captures if row["run_event_uuid"] == event.uuid]
        assert [capture.uuid for capture in event.data_captures] == [
            row["uuid"] for row in sorted(own, key=lambda row: (row["time_us"], row["uuid"]))
        ]
    one = await reading.find_event(database, events[3]["uuid"])
    assert one is not None
    assert one in shown
    assert await reading.find_event(database, "none") is None


@pytest.mark.parametrize("name", list(reading.ORDERS))
async def test_a_cursor_neither_repeats_nor_skips_while_captures_arrive(database: Database, name: str) -> None:
    batches = list(seed.Generator(PLAN).batches(3))
    for batch in batches[:5]:
        await seed.store(database, batch)
    there = {row["uuid"] for batch in batches[:5] for row in batch.captures}
    order, seen, window, arriving = reading.ORDERS[name], list[str](), Window(11), iter(batches[5:])
    while rows := (await reading.find_captures(database, {}, Ranges(), order, window)).rows:
        seen += [row[1] for row in rows]
        window = Window(11, 0, key_of(reading.CAPTURES_LISTED, order)(rows[-1]))
        if batch := next(arriving, None):
            await seed.store(database, batch)
            later = {row["uuid"] for row in batch.captures}
            there |= set() if order.descending else later  # behind the cursor, so they must come
    assert len(seen) == len(set(seen))
    assert there <= set(seen)


async def test_ranges_of_both_times(database: Database) -> None:
    """Many close to each other, stored up to an hour late or early: the ranges' ends cut through them."""
    chance = random.Random(9)
    batches = list(seed.Generator(replace(PLAN, days=1, runs=60)).batches(60))
    for row in (row for batch in batches for row in batch.events):
        row["time_us"] += chance.randrange(-60 * MINUTE_US, 50 * MINUTE_US)
    for batch in batches:
        await seed.store(database, batch)
    events = [row for batch in batches for row in batch.events]
    axes = ("time_us", "created_us")
    for _ in range(200):
        around = chance.choice(events)
        ranges = {axis: range_around(chance, around[axis]) for axis in axes}
        expected = sum(matches(row, {}, ranges) for row in events)
        found = await reading.find_events(
            database, {}, ranges["time_us"], ranges["created_us"], False, chance.choice(list(reading.ORDERS.values())),
            Window(1000),
        )  # fmt: skip
        assert (found.total, len(found.rows)) == (expected, expected), ranges


def range_around(chance: random.Random, at_us: int) -> Ranges:
    """Open at times, else from minutes to hours before until as long after."""
    ends = (sign * chance.choice((1, 30, 100, 600)) * MINUTE_US for sign in (-1, 1))
    return Ranges(*(at_us + end if chance.random() < 0.8 else None for end in ends))

"""Lists of runs: every page and every total is what a search row by row would give."""

import random
from typing import Any

import pytest
from tests import seed

from roundsman.kit.database import Database
from roundsman.kit.listing import Order, Window, key_of
from roundsman.runs import matching, reading
from roundsman.runs.matching import Found, Ranges

pytestmark = pytest.mark.anyio

FILTERS = ("robot_serial", "robot_hostname", "robot_nickname", "mission_name", "run_type")


@pytest.fixture
async def rows(database: Database) -> list[seed.Row]:
    """Runs; one robot is renamed half way, and another takes its name. Some are modified long after their start."""
    chance = random.Random(3)
    plan = seed.Plan(runs=150, events_per_run=0, robots=3, missions=4, days=30, teleop=0.3)
    batches = list(seed.Generator(plan).batches(50))
    for row in batches[1].runs:
        if row["robot_serial"].endswith("00"):
            row["robot_nickname"] = "Spot #2"
        elif row["robot_serial"].endswith("01"):
            row["robot_nickname"] = "Renamed"
    for batch in batches:
        for row in batch.runs:
            row["modified_us"] += chance.choice((0, 0, 5, 40, 3000)) * 60_000_000
        await seed.store(database, batch)
    return [row for batch in batches for row in batch.runs]


def ordered(rows: list[seed.Row], order: Order) -> list[str]:
    def key(row: seed.Row) -> tuple[Any, ...]:
        return tuple(row[name] for name in (*order.columns, "uuid"))

    return [row["uuid"] for row in sorted(rows, key=key, reverse=order.descending)]


@pytest.mark.parametrize("gathered_max", [0, 1000])
async def test_runs(
    monkeypatch: pytest.MonkeyPatch, gathered_max: int, database: Database, rows: list[seed.Row]
) -> None:
    monkeypatch.setattr(matching, "GATHERED_FEW", gathered_max)  # ranges across the order: none sorted, or all
    chance, found_some = random.Random(7), 0
    for _ in range(200):
        names = chance.sample(FILTERS, chance.choice((0, 1, 1, 2, 3)))
        filters = {name: [chance.choice(rows)[name] for _ in range(chance.choice((1, 1, 3)))] for name in names}
        ends = sorted(chance.choice(rows)["start_us"] + chance.randrange(2) for _ in range(2))
        start = chance.choice((Ranges(), Ranges(*ends), Ranges(ends[0]), Ranges(None, ends[1])))
        modified = chance.choice((None, None, chance.choice(rows)["modified_us"]))
        order = chance.choice(list(reading.ORDERS.values()))
        matched = [
            row
            for row in rows
            if all(row[name] in values for name, values in filters.items())
            and (start.from_us is None or row["start_us"] >= start.from_us)
            and (start.until_us is None or row["start_us"] < start.until_us)
            and (modified is None or row["modified_us"] > modified)
        ]
        expected = ordered(matched, order)
        found_some += bool(expected)

        async def find(window: Window, now: Any = (filters, start, modified, order)) -> Found:
            found = await reading.find_runs(database, *now, window)
            assert found.total == len(expected)  # noqa: B023 - called in this turn of the loop
            return found

        limit = chance.choice((1, 7, 50, 1000)) if len(expected) < 40 else 50
        assert await by_cursor(find, order, limit) == expected, (filters, start, modified, order)
        assert await by_offset(find, limit) == expected, (filters, start, modified, order)
    assert found_some > 100


async def by_cursor(find: Any, order: Order, limit: int) -> list[str]:
    seen: list[str] = []
    window = Window(limit)
    while rows := (await find(window)).rows:
        seen += [row[0] for row in rows]
        window = Window(limit, 0, key_of(reading.RUNS, order)(rows[-1]))
    return seen


async def by_offset(find: Any, limit: int) -> list[str]:
    seen: list[str] = []
    while rows := (await find(Window(limit, len(seen)))).rows:
        seen += [row[0] for row in rows]
    return seen


async def test_one(database: Database, rows: list[seed.Row]) -> None:
    run = await reading.find_run(database, rows[5]["uuid"])
    assert run is not None
    assert run.start_time.endswith("Z")
    assert (run.uuid, run.mission_name, run.robot_software_major_version) == (
        rows[5]["uuid"],
        rows[5]["mission_name"],
        5,
    )
    assert await reading.find_run(database, "none") is None

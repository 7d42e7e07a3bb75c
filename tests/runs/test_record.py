"""A run is told of by watching and by its captures; whichever comes first, it is one run in the end."""

from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from roundsman.kit import tally
from roundsman.kit.database import Database, Statement, Transaction
from roundsman.kit.identifiers import new_uuid
from roundsman.runs.record import (
    RobotIdentity,
    Watched,
    change_run,
    ensure_run,
    group_start_us,
    open_runs,
    open_watched,
)
from roundsman.runs.tables import runs
from roundsman.runs.tallies import BY_START

pytestmark = pytest.mark.anyio

ROBOT = RobotIdentity("spot-1", "10.0.0.3", "Spot 1", (5, 2, 0), "abc")
START_US = 1_790_000_000_000_000
MINUTE_US = 60_000_000
EVERY = Statement(select(*runs.columns).order_by(runs.c.start_us))
COUNT = Statement(select(func.count()).select_from(runs))


def group(start_us: int, mission: str) -> str:
    return f"{datetime.fromtimestamp(start_us // 1_000_000, UTC):%Y-%m-%dT%H%M%SZ}_{mission}"


def watched(start_us: int, mission: str = "Boiler round", number: int = 1) -> Watched:
    return Watched(
        run_type="mission", mission_name=mission, robot_mission_id=number, operator_id="ann", action_count=9,
        start_us=start_us,
    )  # fmt: skip


async def capture(database: Database, start_us: int, at_us: int, mission: str = "Boiler round") -> str:
    name = group(start_us, mission)
    return (await database.write(lambda tx: ensure_run(tx, ROBOT, name, at_us, at_us))).uuid


async def watch(database: Database, at_us: int, mission: str = "Boiler round", number: int = 1) -> str:
    return await database.write(lambda tx: open_watched(tx, ROBOT, watched(at_us, mission, number), at_us))


async def end(database: Database, number: int, status: str, end_us: int) -> None:
    async def work(tx: Transaction) -> None:
        for row in await open_runs(tx, ROBOT.serial):
            if row["robot_mission_id"] == number:
                await change_run(tx, row["uuid"], {"mission_status": status, "end_us": end_us}, end_us)

    await database.write(work)


async def rows(database: Database) -> list[dict[str, object]]:
    names = [column.name for column in runs.columns]
    return [dict(zip(names, row, strict=True)) for row in await database.all(EVERY)]


@pytest.mark.parametrize("name", ["2026-11-23T185610Z_Boiler", "20261123T185610Z_Boiler", "teleop_2026-11-23T185610Z"])
def test_a_group_tells_its_start(name: str) -> None:
    start_us = group_start_us(name)
    assert start_us is not None
    assert datetime.fromtimestamp(start_us / 1e6, UTC).isoformat() == "2026-11-23T18:56:10+00:00"
    assert group_start_us("whatever") is None


async def test_watched_first_then_captured_is_one_run(database: Database) -> None:
    uuid = await watch(database, START_US + 700_000)
    assert await capture(database, START_US, START_US + MINUTE_US) == uuid
    await end(database, 1, "SUCCESS", START_US + 5 * MINUTE_US)
    assert await capture(database, START_US, START_US + 6 * MINUTE_US) == uuid
    (run,) = await rows(database)
    assert (run["group_name"], run["mission_status"], run["operator_id"]) == (
        group(START_US, "Boiler round"), "SUCCESS", "ann",
    )  # fmt: skip
    assert (run["start_us"], run["end_us"]) == (START_US, START_US + 5 * MINUTE_US)


async def test_captured_first_then_watched_is_one_run(database: Database) -> None:
    uuid = await capture(database, START_US, START_US + 3_000_000)
    assert await watch(database, START_US + 4_000_000) == uuid
    (run,) = await rows(database)
    assert (run["mission_status"], run["end_us"]) == ("RUNNING", None)


async def test_a_run_that_nobody_watched_ends_with_its_last_capture(database: Database) -> None:
    for minutes in (3, 1, 2):
        await capture(database, START_US, START_US + minutes * MINUTE_US)
    (run,) = await rows(database)
    assert (run["mission_status"], run["end_us"]) == ("UNKNOWN", START_US + 3 * MINUTE_US)


async def test_watched_from_its_middle_on_is_joined_to_its_captures(database: Database) -> None:
    middle_us = START_US + 10 * MINUTE_US
    watched_uuid = await watch(database, middle_us)
    captured_uuid = await capture(database, START_US, START_US + MINUTE_US)
    assert captured_uuid != watched_uuid, "a capture from before we watched may be of an earlier round"
    assert await capture(database, START_US, middle_us + MINUTE_US) == captured_uuid
    (run,) = await rows(database)
    assert (run["uuid"], run["mission_status"], run["operator_id"]) == (captured_uuid, "RUNNING", "ann")


async def test_an_earlier_round_of_the_same_mission_stays_apart(database: Database) -> None:
    yesterday_us = START_US - 24 * 60 * MINUTE_US
    uuid = await watch(database, START_US)
    assert await capture(database, yesterday_us, yesterday_us + MINUTE_US) != uuid
    assert await capture(database, START_US, START_US + MINUTE_US) == uuid
    assert len(await rows(database)) == 2


async def test_another_mission_number_is_another_run(database: Database) -> None:
    first = await watch(database, START_US, number=1)
    assert await watch(database, START_US + MINUTE_US, number=1) == first
    assert await watch(database, START_US + 2 * MINUTE_US, number=2) != first


ROUNDS = st.lists(
    st.tuples(
        st.integers(3, 40),  # minutes between the starts of two rounds
        st.sampled_from(["Boiler round", "Pump round"]),
        st.integers(0, 3),  # captures
        st.booleans(),  # whether somebody watched it
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rounds=ROUNDS, delays_s=st.lists(st.sampled_from([0, 90]), min_size=12, max_size=12))
async def test_any_order_gives_one_run_per_round(database: Database, rounds: list, delays_s: list[int]) -> None:
    """Watching happens in time; captures arrive in the robot's order, but any while later than they were made."""
    serial = f"spot-{new_uuid()}"
    robot = RobotIdentity(serial, "10.0.0.9", "Spot 9")
    news: list[tuple[int, int, tuple]] = []
    start_us = START_US
    expected = 0
    for number, (minutes, mission, captures, seen) in enumerate(rounds):
        start_us += minutes * MINUTE_US
        if seen:
            news.append((start_us + 1_000_000, 0, ("watch", start_us + 1_000_000, mission, number)))
            news.append((start_us + 2 * MINUTE_US, 0, ("end", start_us + 2 * MINUTE_US, mission, number)))
        for index in range(captures):
            at_us = start_us + (index + 1) * 20_000_000
            news.append((at_us, 1, ("capture", start_us, at_us, mission)))
        expected += bool(seen or captures)
    news.sort()
    delays_us = {id(item): delays_s[index % 12] * 1_000_000 for index, item in enumerate(news) if item[1]}
    delayed = sorted(news, key=lambda item: item[0] + delays_us.get(id(item), 0))
    for _, _, event in delayed:
        await database.write(lambda tx, event=event: _tell(tx, robot, event))
    found = await database.all(Statement(select(runs.c.uuid, runs.c.group_name).where(runs.c.robot_serial == serial)))
    assert len(found) == expected
    assert (await tally.totals(database, [BY_START]))[BY_START] == (await database.one(COUNT))[0]


async def _tell(tx: Transaction, robot: RobotIdentity, event: tuple) -> None:
    if event[0] == "capture":
        _, start_us, at_us, mission = event
        await ensure_run(tx, robot, group(start_us, mission), at_us, at_us)
    elif event[0] == "watch":
        _, at_us, mission, number = event
        await open_watched(tx, robot, watched(at_us, mission, number), at_us)
    else:
        _, at_us, _, number = event
        for row in await open_runs(tx, robot.serial):
            if row["robot_mission_id"] == number:
                await change_run(tx, row["uuid"], {"mission_status": "SUCCESS", "end_us": at_us}, at_us)

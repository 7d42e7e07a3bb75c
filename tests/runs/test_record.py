"""A run is told of by watching and by its captures; whichever comes first, it is one run in the end."""

import itertools
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import bindparam, func, select
from tests.counted import totals

from roundsman.captures.archives import archive_of_run
from roundsman.kit.database import Database, Statement, Transaction
from roundsman.runs.reading import find_run
from roundsman.runs.record import RobotIdentity, Watched, change_run, ensure_run, open_runs, open_watched
from roundsman.runs.tables import runs
from roundsman.runs.tallies import BY_START

pytestmark = pytest.mark.anyio

ROBOT = RobotIdentity("spot-1", "10.0.0.3", "Spot 1", (5, 2, 0), "abc")
START_US = 1_790_000_000_000_000
SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
COLUMNS = [column.name for column in runs.columns]
OF_ROBOT = Statement(select(*runs.columns).where(runs.c.robot_serial == bindparam("serial")).order_by(runs.c.start_us))
COUNT = Statement(select(func.count()).select_from(runs))


def group(start_us: int, mission: str = "Boiler round", ahead_us: int = 0) -> str:
    return f"{datetime.fromtimestamp((start_us + ahead_us) // SECOND_US, UTC):%Y-%m-%dT%H%M%SZ}_{mission}"


async def capture(
    tx: Database,
    start_us: int,
    at_us: int,
    mission: str = "Boiler round",
    robot: RobotIdentity = ROBOT,
    ahead_us: int = 0,
) -> str:
    name = group(start_us, mission, ahead_us)
    return (await tx.write(lambda tx: ensure_run(tx, robot, name, at_us, at_us, ahead_us))).uuid


async def watch(
    database: Database, at_us: int, *, number: int = 1, robot: RobotIdentity = ROBOT, told_us: int | None = None,
    mission: str = "Boiler round",
) -> str:  # fmt: skip
    """Sees a mission under way at `at_us`; `told_us` is when the robot says it began."""
    watched = Watched(
        run_type="mission", mission_name=mission, robot_mission_id=number, operator_id="ann", action_count=9,
        start_us=at_us if told_us is None else told_us, exact=told_us is not None,
    )  # fmt: skip
    return (await database.write(lambda tx: open_watched(tx, robot, watched, at_us)))["uuid"]


async def end(database: Database, number: int, end_us: int, robot: RobotIdentity = ROBOT) -> None:
    async def work(tx: Transaction) -> None:
        for row in await open_runs(tx, robot.serial):
            if row["robot_mission_id"] == number:
                await change_run(tx, row["uuid"], {"mission_status": "SUCCESS", "end_us": end_us}, end_us)

    await database.write(work)


async def rows(database: Database, robot: RobotIdentity = ROBOT) -> list[dict[str, object]]:
    return [dict(zip(COLUMNS, row, strict=True)) for row in await database.all(OF_ROBOT, serial=robot.serial)]


async def test_watched_first_then_captured_is_one_run(database: Database) -> None:
    uuid = await watch(database, START_US + 700_000)
    assert await capture(database, START_US, START_US + MINUTE_US) == uuid
    await end(database, 1, START_US + 5 * MINUTE_US)
    assert await capture(database, START_US, START_US + 2 * MINUTE_US) == uuid
    (run,) = await rows(database)
    assert (run["group_name"], run["mission_status"], run["operator_id"]) == (group(START_US), "SUCCESS", "ann")
    assert (run["start_us"], run["end_us"]) == (START_US, START_US + 5 * MINUTE_US)


async def test_captured_first_then_watched_is_one_run(database: Database) -> None:
    uuid = await capture(database, START_US, START_US + 3 * SECOND_US)
    assert await watch(database, START_US + 4 * SECOND_US) == uuid
    (run,) = await rows(database)
    assert (run["mission_status"], run["end_us"], run["action_count"]) == ("RUNNING", None, 9)


async def test_a_run_that_nobody_watched_ends_with_its_last_capture(database: Database) -> None:
    for minutes in (3, 1, 2):
        await capture(database, START_US, START_US + minutes * MINUTE_US)
    (run,) = await rows(database)
    assert (run["mission_status"], run["end_us"]) == ("UNKNOWN", START_US + 3 * MINUTE_US)


async def test_a_run_that_was_closed_unseen_lasts_until_its_last_capture(database: Database) -> None:
    await watch(database, START_US)
    await capture(database, START_US, START_US + MINUTE_US)
    await end(database, 1, START_US + 2 * MINUTE_US)
    await capture(database, START_US, START_US + 6 * MINUTE_US)
    assert [run["end_us"] for run in await rows(database)] == [START_US + 6 * MINUTE_US]


async def test_watched_from_its_middle_on_it_is_found_by_the_start_that_the_robot_tells(database: Database) -> None:
    captured = await capture(database, START_US, START_US + MINUTE_US)
    assert await watch(database, START_US + 10 * MINUTE_US, told_us=START_US + 200_000) == captured


async def test_where_the_robot_does_not_tell_it_a_capture_made_since_joins_them(database: Database) -> None:
    middle_us = START_US + 10 * MINUTE_US
    watched = await watch(database, middle_us)
    captured = await capture(database, START_US, START_US + MINUTE_US)
    assert captured != watched, "a capture from before we watched may be of an earlier round"
    assert await capture(database, START_US, middle_us + MINUTE_US) == captured
    (run,) = await rows(database)
    assert (run["uuid"], run["mission_status"], run["operator_id"]) == (captured, "RUNNING", "ann")
    found = await find_run(database, watched)
    assert found, "its uuid was served before they were joined, and still leads to it"
    assert found.uuid == captured
    archive = await archive_of_run(database, watched)
    assert archive


async def test_an_earlier_round_of_the_same_mission_stays_apart(database: Database) -> None:
    yesterday_us = START_US - 24 * 60 * MINUTE_US
    uuid = await watch(database, START_US)
    assert await capture(database, yesterday_us, yesterday_us + MINUTE_US) != uuid
    assert await capture(database, START_US, START_US + MINUTE_US) == uuid
    assert len(await rows(database)) == 2


async def test_a_robot_whose_clock_is_an_hour_ahead_is_no_trouble(database: Database) -> None:
    ahead_us = 60 * MINUTE_US
    uuid = await watch(database, START_US)
    assert await capture(database, START_US, START_US + MINUTE_US, ahead_us=ahead_us) == uuid
    (run,) = await rows(database)
    assert (run["group_name"], run["start_us"]) == (group(START_US, ahead_us=ahead_us), START_US)


async def test_the_walks_name_stays_though_its_group_bears_another(database: Database) -> None:
    uuid = await watch(database, START_US, mission="Boiler house round")
    assert await capture(database, START_US, START_US + MINUTE_US, "boilers") == uuid
    assert [run["mission_name"] for run in await rows(database)] == ["Boiler house round"]


async def test_a_mission_that_does_not_tell_its_name_gets_its_groups(database: Database) -> None:
    uuid = await watch(database, START_US, mission="")
    assert await capture(database, START_US, START_US + MINUTE_US, "boilers") == uuid
    assert [run["mission_name"] for run in await rows(database)] == ["boilers"]


async def test_another_mission_number_is_another_run(database: Database) -> None:
    first = await watch(database, START_US, number=1)
    assert await watch(database, START_US + MINUTE_US, number=1) == first
    assert await watch(database, START_US + 2 * MINUTE_US, number=2) != first


async def test_what_others_changed_meanwhile_is_kept(database: Database) -> None:
    """A run's severity comes from its captures, in other transactions than its status."""
    uuid = await watch(database, START_US)

    async def work(tx: Transaction) -> None:
        (row,) = await open_runs(tx, ROBOT.serial)
        await tx.execute(RAISE, of_uuid=uuid)
        assert await change_run(tx, row["uuid"], {"mission_status": "PAUSED"}, START_US)

    await database.write(work)
    (run,) = await rows(database)
    assert (run["worst_severity"], run["mission_status"]) == (4, "PAUSED")


RAISE = Statement(runs.update().where(runs.c.uuid == bindparam("of_uuid")).values(worst_severity=4))

ROUNDS = st.lists(
    st.tuples(
        st.integers(5, 3000),  # seconds since the round before has ended
        st.integers(10, 1500),  # seconds it takes
        st.sampled_from(["Boiler round", "Pump round"]),
        st.integers(0, 3),  # captures
        st.sampled_from(["not", "from the start", "late"]),  # how it is watched
    ),
    min_size=1,
    max_size=5,
)
serials = itertools.count()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rounds=ROUNDS,
    lags_s=st.lists(st.sampled_from([0, 3, 90, 5000]), min_size=15, max_size=15),
    ahead_s=st.sampled_from([0, -7200, 4000]),
    told=st.booleans(),
)
async def test_any_order_gives_one_run_per_round(
    database: Database, rounds: list, lags_s: list[int], ahead_s: int, told: bool
) -> None:
    """Watching happens in time; captures arrive in the robot's order, but any while later than they were made."""
    robot = RobotIdentity(f"spot-{next(serials)}", "10.0.0.9", "Spot 9")
    news: list[tuple[int, int, str, tuple]] = []
    expected, arrived_us, lags = [], 0, itertools.cycle(lags_s)
    start_us = START_US
    for number, (pause_s, takes_s, mission, captures, seen) in enumerate(rounds):
        start_us += pause_s * SECOND_US
        end_us = start_us + takes_s * SECOND_US
        late = seen == "late" and told
        if seen != "not":
            seen_us = start_us + (takes_s * SECOND_US // 2 if late else 900_000)
            told_us = start_us + 100_000 if told else None
            news.append((seen_us, number, "watch", (seen_us, number, mission, told_us)))
            news.append((end_us, number, "end", (end_us, number)))
        for index in range(captures):
            at_us = start_us + (end_us - start_us) * (index + 1) // 5
            arrived_us = max(arrived_us, at_us + next(lags) * SECOND_US)
            news.append((arrived_us, number, "capture", (start_us, at_us, mission)))
        if seen != "not" or captures:
            name = group(start_us, mission, ahead_s * SECOND_US) if captures else None
            expected.append((name, number if seen != "not" else None, "UNKNOWN" if seen == "not" else "SUCCESS"))
        start_us = end_us
    for _, _, kind, event in sorted(news, key=lambda item: item[0]):
        await _tell(database, robot, kind, event, ahead_s * SECOND_US)
    found = [
        (None if str(run["group_name"]).startswith("~") else run["group_name"], run["robot_mission_id"],
         run["mission_status"])
        for run in await rows(database, robot)
    ]  # fmt: skip
    assert found == expected
    assert (await totals(database, [BY_START]))[BY_START] == (await database.one(COUNT))[0]


async def _tell(database: Database, robot: RobotIdentity, kind: str, event: tuple, ahead_us: int) -> None:
    if kind == "capture":
        start_us, at_us, mission = event
        await capture(database, start_us, at_us, mission, robot, ahead_us)
    elif kind == "watch":
        at_us, number, mission, told_us = event
        await watch(database, at_us, number=number, robot=robot, mission=mission, told_us=told_us)
    else:
        end_us, number = event
        await end(database, number, end_us, robot)

"""What the recorder makes of a robot, look by look: no robot is needed to tell it what it would have seen."""

import json
from pathlib import Path

import pytest
from sqlalchemy import select
from tests.robots.conftest import House

from roundsman.kit import outbox
from roundsman.kit.clock import SimulatedClock
from roundsman.kit.crypto import Vault
from roundsman.kit.database import Database, Statement
from roundsman.kit.problem import DiskFull
from roundsman.robots.link import Identity, LiveState, Mission, Observation
from roundsman.runs.record import RobotIdentity, ensure_run
from roundsman.runs.tables import runs
from roundsman.settings import Settings

pytestmark = pytest.mark.anyio

HOSTNAME, SERIAL = "10.0.0.3", "spot-1"
START_US = 1_790_000_000_000_000
SECOND_US = 1_000_000
EVERY = Statement(select(*runs.columns).order_by(runs.c.start_us))
IDENTITY = Identity(
    serial=SERIAL, nickname="Spot 1", software_version=(5, 1, 4), software_changeset="abc", install_date_us=0
)


class Seeing:
    """A robot's life, told to a recorder second by second."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self.database, self.vault = database, vault
        self.clock = SimulatedClock(START_US)
        self.meter_m = 1000.0
        self.restart()

    def restart(self) -> None:
        """Another Roundsman over the same database."""
        house = House(self.database, self.vault, Settings(), self.clock)
        house.fleet._live[HOSTNAME] = LiveState(hostname=HOSTNAME, connection="connected", identity=IDENTITY)
        self.recorder, self.registry = house.recorder, house.registry

    @property
    def now_s(self) -> float:
        return (self.clock.now_us() - START_US) / SECOND_US

    async def looks(self, seconds: int = 1, *, metres_a_second: float = 1.0, **seen: object) -> None:
        """`seconds` looks, one a second."""
        for _ in range(seconds):
            self.meter_m += metres_a_second
            told = {"distance_m": self.meter_m, "motors_on_s": self.now_s, "moving_s": self.now_s / 2, **seen}
            look = Observation(hostname=HOSTNAME, at_us=self.clock.now_us(), **told)
            await self.recorder.observe(look)
            await self.clock.advance(1)

    async def plays(self, seconds: int = 1, status: str = "RUNNING", **more: object) -> None:
        """Looks at a mission that is played."""
        for _ in range(seconds):
            await self.looks(mission=self.mission(status, **more), lease_owner="tablet", operator="ann", motors_on=True)

    def mission(self, status: str, **more: object) -> Mission:
        told = {"mission_id": 7, "name": "Boiler round", "action_names": ("a", "b", "c"), "tick": round(self.now_s)}
        return Mission(status=status, **{**told, **more})

    async def drives(self, seconds: int = 1, client: str = "tablet", **more: object) -> None:
        """Looks at somebody who drives by hand."""
        seen = {"lease_owner": client, "operator": client, "motors_on": True, "speed_m_per_s": 0.5}
        await self.looks(seconds, **{**seen, **more})

    async def away(self, seconds: float, metres: float = 0.0) -> None:
        """Nobody looks."""
        self.meter_m += metres
        await self.clock.advance(seconds)

    async def runs(self) -> list[dict]:
        names = [column.name for column in runs.columns]
        return [dict(zip(names, row, strict=True)) for row in await self.database.all(EVERY)]

    async def told(self) -> list[tuple]:
        """Type, status, start and end in seconds of each run."""

        def seconds(us: int | None) -> float | None:
            return None if us is None else (us - START_US) / SECOND_US

        return [
            (run["run_type"], run["mission_status"], seconds(run["start_us"]), seconds(run["end_us"]))
            for run in await self.runs()
        ]


@pytest.fixture
async def robot(database: Database, tmp_path: Path) -> Seeing:
    seeing = Seeing(database, Vault.open_file(tmp_path / "secret.key"))
    await seeing.registry.add(HOSTNAME, "Spot 1", "admin", "secret")
    await seeing.registry.identify(HOSTNAME, SERIAL, "5.1.4", "abc")
    return seeing


@pytest.mark.parametrize("status", ["SUCCESS", "FAILURE", "ERROR", "STOPPED", "NONE"])
async def test_a_mission_is_a_run_from_its_first_look_to_its_end(robot: Seeing, status: str) -> None:
    await robot.looks(3)
    await robot.plays(2)
    await robot.plays(8, "PAUSED", tick=5)
    await robot.plays(7)
    await robot.plays(3, status, tick=20)
    assert await robot.told() == [("mission", status, 3, 20)]
    (run,) = await robot.runs()
    assert (run["mission_name"], run["operator_id"], run["action_count"]) == ("Boiler round", "ann", 3)
    assert (run["distance_m"], run["motors_on_s"], run["moving_s"]) == (17, 17, 8.5)
    assert (run["pending_action_count"], run["watched"]) == (0, None)
    assert (run["software_major"], run["software_minor"], run["software_patch"]) == (5, 1, 4)


async def test_its_start_and_end_are_told_with_the_change(robot: Seeing) -> None:
    await robot.plays(3)
    await robot.plays(1, "SUCCESS")
    told = [(row[2], json.loads(row[5])) for row in await outbox.after(robot.database, 0) if row[2].startswith("run.")]
    (run,) = await robot.runs()
    assert [(topic, one["uuid"], one["missionStatus"]) for topic, one in told] == [
        ("run.started", run["uuid"], "RUNNING"), ("run.ended", run["uuid"], "SUCCESS"),
    ]  # fmt: skip
    assert told[1][1]["endTime"]


async def test_the_status_is_shown_while_it_goes_on(robot: Seeing) -> None:
    for status in ("RUNNING", "PAUSED", "RUNNING"):
        await robot.plays(2, status)
        (run,) = await robot.runs()
        assert (run["mission_status"], run["end_us"], run["pending_action_count"]) == (status, None, 3)


async def test_its_start_is_what_the_robot_tells(robot: Seeing) -> None:
    await robot.away(100)
    await robot.plays(2, started_us=START_US + 40 * SECOND_US)
    assert await robot.told() == [("mission", "RUNNING", 40, None)]


async def test_a_mission_service_that_does_not_know_for_a_while_ends_nothing(robot: Seeing) -> None:
    await robot.plays(5)
    await robot.plays(60, "UNKNOWN", mission_id=-1, tick=0, name="")
    assert await robot.told() == [("mission", "UNKNOWN", 0, None)]
    await robot.plays(5, tick=66)
    await robot.plays(1, "SUCCESS")
    assert await robot.told() == [("mission", "SUCCESS", 0, 70)]


async def test_one_that_does_not_know_any_more_ended_when_it_last_knew(robot: Seeing) -> None:
    await robot.plays(5)
    await robot.plays(650, "UNKNOWN")
    assert await robot.told() == [("mission", "UNKNOWN", 0, 5)]


async def test_a_mission_service_that_does_not_answer_ends_nothing(robot: Seeing) -> None:
    await robot.plays(5)
    await robot.looks(20, mission=None)
    await robot.plays(1)
    assert await robot.told() == [("mission", "RUNNING", 0, None)]


@pytest.mark.parametrize("restarted", [False, True])
async def test_the_same_mission_after_a_lost_link_or_a_restart_is_gone_on_with(robot: Seeing, restarted: bool) -> None:
    await robot.plays(10)
    await robot.away(1000, metres=500)
    if restarted:
        robot.restart()
    await robot.plays(10)
    await robot.plays(1, "SUCCESS")
    assert await robot.told() == [("mission", "SUCCESS", 0, 1020)]
    (run,) = await robot.runs()
    assert run["distance_m"] == 500 + 20, "what it walked unseen is its distance too"


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize(("ticked_s", "end_s"), [(300, 300), (None, 9)])
async def test_one_that_ended_unseen_ended_when_the_robot_says_or_when_it_was_seen_last(
    robot: Seeing, restarted: bool, ticked_s: int | None, end_s: int
) -> None:
    await robot.plays(10)
    await robot.away(1000)
    if restarted:
        robot.restart()
        end_s = max(5, end_s) if ticked_s else 5  # what is written every five seconds is what a restart knows
    ticked_us = None if ticked_s is None else START_US + ticked_s * SECOND_US
    await robot.plays(2, "SUCCESS", ticked_us=ticked_us, tick=300)
    assert await robot.told() == [("mission", "SUCCESS", 0, end_s)]


@pytest.mark.parametrize(("before", "after"), [("RUNNING", "UNKNOWN"), ("PAUSED", "STOPPED")])
async def test_another_mission_in_its_place_closes_it_with_what_is_known(
    robot: Seeing, before: str, after: str
) -> None:
    await robot.plays(10, before)
    await robot.away(100, metres=70)
    await robot.plays(3, mission_id=8, name="Pump round", tick=4)
    assert await robot.told() == [("mission", after, 0, 9), ("mission", "RUNNING", 110, None)]
    assert (await robot.runs())[0]["distance_m"] == 5, "whose the metres in between were is not known"


async def test_the_same_number_played_anew_is_another_run(robot: Seeing) -> None:
    await robot.plays(30)
    await robot.plays(5, tick=1)
    assert [status for _, status, *_ in await robot.told()] == ["UNKNOWN", "RUNNING"]


async def test_the_same_number_after_the_robot_was_restarted_is_another_run(robot: Seeing) -> None:
    await robot.plays(10)
    await robot.away(600)
    robot.restart()
    await robot.plays(5, name="Pump round", tick=5000)
    assert [status for _, status, *_ in await robot.told()] == ["UNKNOWN", "RUNNING"]


async def test_what_is_not_told_at_first_is_filled_in(robot: Seeing) -> None:
    await robot.looks(mission=robot.mission("RUNNING", name="", action_names=()), motors_on=True)
    await robot.plays(6)
    (run,) = await robot.runs()
    assert (run["mission_name"], run["operator_id"], run["action_count"]) == ("Boiler round", "ann", 3)


async def test_a_run_goes_on_under_the_row_of_its_captures(robot: Seeing) -> None:
    await robot.away(600)
    await robot.plays(2)
    who = RobotIdentity(SERIAL, HOSTNAME, "Spot 1")
    for at_s in (100, 602):
        at_us = START_US + at_s * SECOND_US
        await robot.database.write(
            lambda tx, at_us=at_us: ensure_run(tx, who, "2026-09-21T141321Z_Boiler round", at_us, at_us)
        )
    await robot.plays(8)
    await robot.plays(1, "SUCCESS", tick=610)
    (run,) = await robot.runs()
    assert (run["mission_status"], run["end_us"]) == ("SUCCESS", START_US + 610 * SECOND_US)


async def test_driving_by_hand_is_a_run_until_the_lease_is_given_back(robot: Seeing) -> None:
    await robot.looks(5)
    await robot.drives(30)
    await robot.drives(5, speed_m_per_s=0.0)
    await robot.looks(20)
    assert await robot.told() == [("teleop", "SUCCESS", 5, 40)]
    (run,) = await robot.runs()
    assert (run["mission_name"], run["operator_id"]) == ("Teleop", "tablet")
    assert run["distance_m"] == pytest.approx(31, abs=11)


async def test_motors_off_end_a_drive_though_the_tablet_keeps_the_lease(robot: Seeing) -> None:
    await robot.drives(30)
    await robot.drives(60, motors_on=False, speed_m_per_s=0.0)
    assert await robot.told() == [("teleop", "SUCCESS", 0, 30)]


async def test_a_lease_that_is_stale_for_a_moment_ends_nothing(robot: Seeing) -> None:
    await robot.drives(10)
    await robot.looks(5, motors_on=True)
    await robot.drives(10)
    assert await robot.told() == [("teleop", "RUNNING", 0, None)]


async def test_another_driver_is_another_run(robot: Seeing) -> None:
    await robot.drives(10)
    await robot.drives(10, client="laptop")
    assert await robot.told() == [("teleop", "SUCCESS", 0, 10), ("teleop", "RUNNING", 11, None)]


async def test_a_mission_ends_a_drive(robot: Seeing) -> None:
    await robot.drives(10)
    await robot.plays(2)
    assert await robot.told() == [("teleop", "SUCCESS", 0, 10), ("mission", "RUNNING", 10, None)]


async def drives_in_a_pause(robot: Seeing, seconds: int) -> None:
    """A driver who takes the lease while the mission is paused, to walk round something."""
    await robot.drives(seconds, client="laptop", mission=robot.mission("PAUSED", tick=5))


async def test_driving_while_a_mission_is_paused_belongs_to_its_run(robot: Seeing) -> None:
    """It has not ended: the same operators' work, which goes on when the lease is back. What the driver captures is
    another matter, for the robot itself calls that a session of teleoperation."""
    await robot.plays(5)
    await drives_in_a_pause(robot, 30)
    assert await robot.told() == [("mission", "PAUSED", 0, None)]
    moment_us = robot.clock.now_us() - 3 * SECOND_US
    drive = RobotIdentity(SERIAL, HOSTNAME, "Spot 1")
    group = "teleop_2026-09-21T141320Z"
    session = await robot.database.write(lambda tx: ensure_run(tx, drive, group, moment_us, moment_us))
    assert session.run_type == "teleop"
    await robot.plays(5, tick=36)
    await robot.plays(1, "SUCCESS", tick=41)
    found = {run["run_type"]: run for run in await robot.runs()}
    assert (found["mission"]["mission_status"], found["mission"]["distance_m"]) == ("SUCCESS", 40)
    assert found["mission"]["operator_id"] == "ann"
    assert (found["teleop"]["uuid"], found["teleop"]["end_us"]) == (session.uuid, moment_us)


async def test_who_drives_on_after_a_paused_mission_was_given_up_has_a_run_of_their_own(robot: Seeing) -> None:
    await robot.plays(5)
    await drives_in_a_pause(robot, 10)
    await robot.drives(20, client="laptop", mission=robot.mission("STOPPED", tick=5))
    await robot.looks(20)
    assert await robot.told() == [("mission", "STOPPED", 0, 15), ("teleop", "SUCCESS", 15, 35)]


async def test_a_paused_mission_outlasts_a_lost_link_and_a_drive_in_it(robot: Seeing) -> None:
    await robot.plays(5)
    await robot.away(120, metres=20)
    robot.restart()
    await drives_in_a_pause(robot, 10)
    await robot.plays(3, tick=200)
    (run,) = await robot.runs()
    assert (run["mission_status"], run["end_us"]) == ("RUNNING", None)


async def test_standing_up_for_a_mission_is_not_driving(robot: Seeing) -> None:
    await robot.drives(3)
    await robot.plays(10)
    await robot.drives(30, speed_m_per_s=0.0)
    assert [kind for kind, *_ in await robot.told()] == ["mission"]


async def test_the_last_missions_actions_are_not_a_drives(robot: Seeing) -> None:
    """A robot goes on telling of the mission that it played last."""
    await robot.drives(20, mission=robot.mission("SUCCESS", tick=90))
    (run,) = await robot.runs()
    assert (run["run_type"], run["action_count"], run["pending_action_count"]) == ("teleop", 0, 0)


async def test_our_own_lease_is_nobody_driving(robot: Seeing) -> None:
    await robot.drives(30, client="roundsman")
    assert await robot.told() == []


async def test_a_drive_whose_end_nobody_saw_ended_when_it_was_seen_last(robot: Seeing) -> None:
    await robot.drives(30)
    await robot.away(3600)
    await robot.looks(3)
    ((_, status, start_s, end_s),) = await robot.told()
    assert (status, start_s) == ("SUCCESS", 0)
    assert 24 <= end_s <= 30


async def test_runs_of_a_robot_that_is_gone_are_given_up(robot: Seeing) -> None:
    await robot.plays(10)
    await robot.recorder.close_lost()
    assert (await robot.told())[0][1] == "RUNNING"
    await robot.away(5 * 3600)
    await robot.recorder.close_lost()
    assert (await robot.told())[0][1] == "RUNNING", "a long walk is not over because nobody can see it"
    await robot.away(3601)
    await robot.recorder.close_lost()
    ((_, status, _, end_s),) = await robot.told()
    assert status == "UNKNOWN"
    assert 4 <= end_s <= 9


async def test_a_robot_that_is_removed_and_added_again_goes_on_with_its_run(robot: Seeing) -> None:
    await robot.plays(10, started_us=START_US)
    await robot.registry.remove(HOSTNAME)
    await robot.recorder.close_lost()
    assert (await robot.told())[0][1] == "UNKNOWN"
    await robot.registry.add(HOSTNAME, "Spot 1", "admin", "secret")
    await robot.plays(1, started_us=START_US)
    assert await robot.told() == [("mission", "RUNNING", 0, None)]


class Full:
    """A database without room."""

    async def write(self, work: object) -> None:
        raise DiskFull("no room")


async def test_a_full_disk_loses_no_run(robot: Seeing) -> None:
    """What could not be written is in the next look again."""
    await robot.plays(3)
    robot.recorder._database = Full()
    for _ in range(3):
        with pytest.raises(DiskFull):
            await robot.plays(1, "SUCCESS", tick=3)
        await robot.clock.advance(1)
    robot.recorder._database = robot.database
    await robot.plays(1, "SUCCESS", tick=3, ticked_us=START_US + 3 * SECOND_US)
    assert await robot.told() == [("mission", "SUCCESS", 0, 3)]
    assert [run["distance_m"] for run in await robot.runs()] == [6]

"""The world without its services: simulated time, so that a mission plays in milliseconds."""

import json
from collections.abc import Callable, Iterator

import pytest

from roundsman.simulator.model import MissionStatus, Severity, StoredCapture
from roundsman.simulator.world.conditions import Conditions
from roundsman.simulator.world.plant import ITEMS
from roundsman.simulator.world.robot import SimulatedSpot
from roundsman.simulator.world.site import build_site
from roundsman.simulator.world.states import RefusedError
from roundsman.simulator.world.walk_protos import walk_bytes
from roundsman.simulator.world.walks import WALKS
from roundsman.simulator.world.world import World

START_US = 1_795_000_000_000_000
DAY_US = 86_400_000_000


class EndOfTime(BaseException):
    """The clock has run out."""


class SteppedClock:
    """A clock that only moves when somebody sleeps."""

    def __init__(self) -> None:
        self.us = START_US
        self.ends_us = START_US + DAY_US

    def now_us(self) -> int:
        return self.us

    async def sleep(self, seconds: float) -> None:
        self.us += round(seconds * 1e6)
        if self.us > self.ends_us:
            raise EndOfTime


class Stage:
    """A world and the hand that moves its clock."""

    def __init__(self, *, seed: int = 1, robots: int = 1, operators: bool = False, history_days: float = 0.0) -> None:
        self.clock = SteppedClock()
        self.world = World(
            seed=seed,
            robots=robots,
            pace=10.0,
            clock=self.clock,
            history_days=history_days,
            fault_rate=0.0,
            operators=operators,
        )
        self.robot = self.world.robots[0]

    def steps(self, seconds: float) -> Iterator[float]:
        for i in range(round(seconds * 10)):
            self.clock.us += 100_000
            self.world.step(0.1)
            yield i / 10

    def until(self, reached: Callable[[], bool], seconds: float = 300.0) -> float:
        for passed_s in self.steps(seconds):
            if reached():
                return passed_s
        raise AssertionError(f"not reached within {seconds} s: {self.robot.mission_state()}")

    def run(self, seconds: float) -> None:
        for _ in self.steps(seconds):
            pass

    def play(self, plan: int = 0, robot: SimulatedSpot | None = None) -> None:
        robot = robot or self.robot
        robot.load_walk(walk_bytes(WALKS[plan], robot.site, robot.home))
        robot.play(None)

    def status(self) -> MissionStatus:
        return self.robot.mission_state().status

    def until_ended(self) -> MissionStatus:
        self.until(lambda: self.status() not in (MissionStatus.RUNNING, MissionStatus.PAUSED))
        return self.status()


def captures(robot: SimulatedSpot) -> list[StoredCapture]:
    return list(robot.store.query())


def identifiers(robot: SimulatedSpot) -> list[tuple[object, ...]]:
    return [(c.id, c.kind, c.action, c.channel, c.data_name, c.reference_id, c.stored_us) for c in captures(robot)]


def test_the_plant_is_large_enough_and_all_of_it_can_be_reached() -> None:
    site = build_site(20)
    assert len(site.graph.waypoints) - len(site.docks) >= 60
    assert len({dock.dock_id for dock in site.docks}) == 20
    assert len(site.graph.edges) > len(site.graph.waypoints), "there are loops"
    start = site.docks[0].waypoint_id
    assert all(site.graph.route(start, waypoint) for waypoint in site.graph.waypoints)
    assert all(item.place in site.names for item in ITEMS)


def test_there_are_walks_of_eight_and_more_actions_of_every_kind() -> None:
    assert len(WALKS) >= 4
    assert all(len(plan.items) >= 8 for plan in WALKS)
    assert {item.kind for plan in WALKS for item in plan.items} == {item.kind for item in ITEMS}
    for plan in WALKS:
        assert len({item.name for item in plan.items}) == len(plan.items)


@pytest.mark.parametrize("plan", range(len(WALKS)))
def test_a_mission_ends_with_a_capture_of_every_action(plan: int) -> None:
    stage = Stage()
    walked_m, charge_pct = stage.robot.distance_m, stage.robot.battery_pct
    stage.play(plan)
    assert stage.until_ended() == MissionStatus.SUCCESS
    assert stage.clock.us - START_US < 90_000_000
    stage.run(3)
    taken = captures(stage.robot)
    pictured = {capture.action.action_name for capture in taken if capture.kind == "image"}
    assert pictured == {item.name for item in WALKS[plan].items}
    groups = {capture.action.group_name for capture in taken}
    assert len(groups) == 1
    assert groups.pop().endswith(f"_{WALKS[plan].name}")
    assert stage.robot.distance_m - walked_m > 50
    assert stage.robot.battery_pct < charge_pct
    assert (stage.robot.dock_state, stage.robot.motor_power) == ("docked", "off")


def test_every_action_says_where_it_was_and_to_which_element_it_belongs() -> None:
    stage = Stage()
    stage.play()
    stage.until_ended()
    by_channel = {
        channel: {c.action.action_name: json.loads(c.make()) for c in stage.robot.store.query(channel=channel)}
        for channel in ("metadata", "basic-position-data", "robot-id")
    }
    for item in WALKS[0].items:
        marks = by_channel["metadata"][item.name]
        assert marks["mission_name"] == WALKS[0].name
        assert marks["walk_id"]
        assert marks["element_id"]
        assert item.kind in marks["custom_metadata"]
        place = by_channel["basic-position-data"][item.name]["seed_tform_body"]["position"]
        wanted = stage.world.site.waypoint(item.place).pose
        assert (place["x"], place["y"]) == pytest.approx((wanted.x_m, wanted.y_m), abs=0.01)
        assert by_channel["robot-id"][item.name]["serialNumber"] == stage.robot.serial


def test_robots_stay_on_the_edges_of_the_map() -> None:
    stage = Stage(robots=3, operators=True)
    for _ in stage.steps(240):
        for robot in stage.world.robots:
            assert robot.site.graph.off_edges_m(robot.pose) < 0.01


def test_captures_come_within_seconds_and_somebody_is_always_under_way() -> None:
    stage = Stage(robots=3, operators=True)
    assert stage.until(lambda: stage.robot.store.max_id() is not None) < 5
    idle_s = 0.0
    for _ in stage.steps(900):
        idle_s = 0.0 if stage.world.anyone_under_way() else idle_s + 0.1
        assert idle_s < 10
    groups = [{c.action.group_name for c in captures(robot)} for robot in stage.world.robots]
    assert all(len(of_robot) >= 2 for of_robot in groups)
    assert any(name.startswith("teleop_") for of_robot in groups for name in of_robot)


def test_the_same_seed_gives_the_same_captures() -> None:
    stages = [Stage(seed=seed, robots=2, operators=True, history_days=1.0) for seed in (5, 5, 6)]
    for stage in stages:
        stage.run(120)
    first, second, other = ([identifiers(robot) for robot in stage.world.robots] for stage in stages)
    assert first == second != other
    documents = [[c.make() for c in captures(stage.robot) if c.kind in ("metadata", "alert")] for stage in stages]
    assert documents[0] == documents[1] != documents[2]


def test_the_battery_drains_on_the_way_and_charges_on_the_dock() -> None:
    stage = Stage()
    stage.robot.faults.battery_pct = 70.0
    stage.play()
    stage.until(lambda: stage.robot.dock_state == "undocked")
    on_the_way = stage.robot.battery_pct
    stage.until_ended()
    home = stage.robot.battery_pct
    stage.run(30)
    assert on_the_way > home < stage.robot.battery_pct
    assert stage.robot.charging


def test_a_low_battery_sends_the_robot_home_to_charge_and_then_it_goes_on() -> None:
    stage = Stage()
    stage.play()
    stage.until(lambda: stage.robot.dock_state == "undocked")
    stage.world.faults.inject(stage.robot, "low_battery")
    stage.until(lambda: stage.robot.charging)
    assert stage.status() == MissionStatus.RUNNING
    assert stage.until_ended() == MissionStatus.SUCCESS
    assert len({c.action.action_name for c in captures(stage.robot)}) == len(WALKS[0].items)


def test_an_empty_battery_is_an_error() -> None:
    stage = Stage()
    stage.play()
    stage.until(lambda: stage.robot.dock_state == "undocked")
    stage.robot.faults.battery_pct = 0.0
    assert stage.until_ended() == MissionStatus.ERROR
    assert "battery" in stage.robot.mission_state().error.lower()
    assert stage.robot.motor_power == "off"


def test_a_stuck_robot_asks_and_goes_on_when_it_is_answered() -> None:
    stage = Stage()
    stage.play()
    stage.until(lambda: stage.robot.moving)
    stage.world.faults.inject(stage.robot, "stuck")
    stage.until(lambda: bool(stage.robot.mission_state().questions))
    where = stage.robot.pose
    question = stage.robot.mission_state().questions[0]
    stage.world.faults.mend(stage.robot)
    with pytest.raises(ValueError, match="99"):
        stage.robot.answer_question(question.id, 99)
    stage.robot.answer_question(question.id, question.options[0][0])
    assert stage.until_ended() == MissionStatus.SUCCESS
    assert where != stage.robot.pose
    assert stage.robot.mission_state().answered[0].answer == question.options[0][0]
    with pytest.raises(RefusedError, match="answered"):
        stage.robot.answer_question(question.id, question.options[0][0])


def test_a_stuck_robot_that_nobody_helps_fails_where_it_stands() -> None:
    stage = Stage()
    stage.play()
    stage.until(lambda: stage.robot.dock_state == "undocked")
    stage.world.faults.inject(stage.robot, "stuck")
    assert stage.until_ended() == MissionStatus.FAILURE
    assert stage.robot.dock_state == "undocked"
    assert stage.robot.motor_power == "off"


def test_a_failing_action_is_tried_again_and_then_skipped() -> None:
    stage = Stage()
    failing = WALKS[0].items[1].name
    stage.world.faults.inject(stage.robot, "failing_action", action=failing)
    stage.play()
    assert stage.until_ended() == MissionStatus.SUCCESS
    taken = {c.action.action_name for c in captures(stage.robot)}
    assert taken == {item.name for item in WALKS[0].items} - {failing}
    assert [n.name for n in stage.robot.mission_state().history if n.result == 1] == [failing]


def test_an_estop_ends_the_mission_with_an_error_and_is_refused_until_released() -> None:
    stage = Stage()
    stage.play()
    stage.until(lambda: stage.robot.moving)
    stage.world.faults.inject(stage.robot, "estop", 60.0)
    assert stage.until_ended() == MissionStatus.ERROR
    with pytest.raises(RefusedError, match="estopped"):
        stage.robot.power_on()
    stage.until(lambda: not stage.robot.estopped)
    command = stage.robot.dock(stage.robot.home.dock_id)
    stage.until(lambda: stage.robot.feedback(command) == "done")
    assert stage.robot.dock_state == "docked"


def test_a_driver_takes_the_lease_drives_and_brings_the_robot_home() -> None:
    stage = Stage()
    lease = stage.robot.leases.acquire("body", "scheduler")
    stage.robot.load_walk(walk_bytes(WALKS[0], stage.world.site, stage.robot.home), lease)
    stage.robot.play(lease)
    stage.until(lambda: stage.robot.moving)
    stage.world.faults.inject(stage.robot, "driver")
    stage.until(lambda: stage.status() == MissionStatus.PAUSED)
    assert "tablet_driver_1" in stage.robot.mission_state().active_text[0][0]
    with pytest.raises(RefusedError, match="lease"):
        stage.robot.stop(lease)
    assert stage.until_ended() == MissionStatus.STOPPED
    stage.until(lambda: stage.robot.leases.owner is None)
    assert stage.robot.dock_state == "docked"
    assert any(c.action.group_name.startswith("teleop_") for c in captures(stage.robot))


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("link_down", "link_down"),
        ("link_stalled", "link_stalled"),
        ("slow_link", "link_delay_s"),
        ("mission_unknown", "mission_unknown"),
    ],
)
def test_faults_of_the_link_last_as_long_as_asked(kind: str, told: str) -> None:
    stage = Stage()
    stage.world.faults.inject(stage.robot, kind, 50.0)  # type: ignore[arg-type]
    stage.run(4)
    assert getattr(stage.robot.faults, told)
    stage.run(2)
    assert not getattr(stage.robot.faults, told)


def test_a_mission_that_cannot_say_how_it_fares_is_unknown() -> None:
    stage = Stage()
    assert stage.status() == MissionStatus.NONE
    stage.world.faults.inject(stage.robot, "mission_unknown")
    assert stage.status() == MissionStatus.UNKNOWN


def test_random_faults_come_from_the_seed_and_not_at_rate_zero() -> None:
    def seen(rate: float) -> list[tuple[int, bool, float]]:
        stage = Stage(robots=4)
        stage.world.faults.rate = rate
        stage.world.faults._next_s = stage.world.faults._wait_s()
        trouble: list[tuple[int, bool, float]] = []
        for i, _ in enumerate(stage.steps(1200)):
            trouble += [
                (i, r.faults.link_down, r.faults.link_delay_s) for r in stage.world.robots if r.faults.link_down
            ]
        return trouble

    assert seen(0.0) == []
    assert seen(3.0) == seen(3.0) != []


def test_pause_play_stop_and_restart() -> None:
    stage = Stage()
    with pytest.raises(RefusedError, match="no_mission"):
        stage.robot.pause()
    stage.play()
    stage.until(lambda: stage.robot.moving)
    stage.robot.pause()
    stage.run(1)
    where = stage.robot.pose
    stage.run(3)
    assert (stage.status(), stage.robot.pose) == (MissionStatus.PAUSED, where)
    stage.robot.play(None)
    stage.until(lambda: stage.robot.pose != where)
    stage.robot.stop_mission()
    assert stage.status() == MissionStatus.STOPPED
    stage.robot.play(None)
    assert stage.status() == MissionStatus.STOPPED, "an ended mission is not restarted by play"
    stage.robot.restart(None)
    assert stage.until_ended() == MissionStatus.SUCCESS


def test_a_mission_pauses_when_nobody_prolongs_it() -> None:
    stage = Stage()
    stage.robot.load_walk(walk_bytes(WALKS[0], stage.world.site, stage.robot.home))
    stage.robot.play(None, stage.robot.now_us() + 3_000_000)
    assert stage.until(lambda: stage.status() == MissionStatus.PAUSED) == pytest.approx(3.0, abs=0.3)
    stage.robot.play(None, stage.robot.now_us() + 100_000_000)
    assert stage.until_ended() == MissionStatus.SUCCESS


def test_a_lease_is_stale_after_ten_seconds_unless_a_mission_uses_it() -> None:
    stage = Stage()
    lease = stage.robot.leases.acquire("body", "a")
    stage.robot.load_walk(walk_bytes(WALKS[0], stage.world.site, stage.robot.home), lease)
    stage.robot.play(lease)
    stage.run(12)
    assert not stage.robot.leases.stale
    stage.until_ended()
    stage.run(11)
    assert stage.robot.leases.stale
    assert stage.robot.leases.acquire("body", "b").sequence > lease.sequence


def test_a_walk_to_an_unknown_place_is_refused_with_its_element() -> None:
    stage = Stage()
    stage.robot.map.clear()
    loaded = stage.robot.load_walk(walk_bytes(WALKS[0], stage.world.site, stage.robot.home))
    assert not loaded.ok
    assert [failed.index for failed in loaded.failed_elements] == list(range(len(WALKS[0].items)))
    with pytest.raises(RefusedError, match="no_mission"):
        stage.robot.play(None)
    with pytest.raises(ValueError, match="walk"):
        stage.robot.load_walk(b"\xff\xff no walk")


def test_an_uploaded_graph_is_the_one_that_is_walked() -> None:
    stage = Stage()
    uploaded = stage.robot.map.graph_bytes
    stage.robot.map.clear()
    assert not stage.robot.localized
    stage.robot.map.set_graph(uploaded)
    assert stage.robot.map.missing_waypoint_snapshots()
    assert not stage.robot.localized
    stage.robot.localize()
    assert stage.robot.at_waypoint == stage.robot.home.waypoint_id
    stage.play()
    assert stage.until_ended() == MissionStatus.SUCCESS


def test_two_robots_do_not_stand_on_one_dock() -> None:
    stage = Stage(robots=2)
    other = stage.world.robots[1]
    other.power_on()
    stage.until(lambda: other.motor_power == "on")
    command = other.dock(stage.robot.home.dock_id)
    stage.until(lambda: other.feedback(command) != "processing")
    assert (other.feedback(command), other.failure) == ("failed", "dock_taken")


def test_driving_by_hand_follows_the_velocity_until_its_time_is_up() -> None:
    stage = Stage()
    with pytest.raises(RefusedError, match="not_powered"):
        stage.robot.velocity(0.5, 0, 0, stage.robot.now_us() + 1_000_000)
    for start in (stage.robot.power_on, stage.robot.stand, stage.robot.undock):
        command = start()
        stage.until(lambda command=command: stage.robot.feedback(command) == "done")
    before = stage.robot.distance_m
    stage.robot.velocity(0.5, 0, 0.1, stage.robot.now_us() + 1_000_000)
    stage.run(3)
    assert stage.robot.distance_m - before == pytest.approx(0.5 * 10 * 1.0, rel=0.15)
    with pytest.raises(RefusedError, match="expired"):
        stage.robot.velocity(0.5, 0, 0, stage.robot.now_us() - 1)


def test_alerts_come_after_the_picture_they_speak_of() -> None:
    stage = Stage(robots=3, operators=True)
    stage.run(300)
    alerts = [(robot, c) for robot in stage.world.robots for c in captures(robot) if c.kind == "alert"]
    assert alerts
    for robot, alert in alerts:
        picture = robot.store.get(alert.reference_id or 0)
        assert picture is not None
        assert (picture.kind, picture.action, picture.channel) == ("image", alert.action, alert.channel)
        assert alert.id > picture.id
        assert alert.stored_us >= picture.stored_us + 400_000


def test_history_fills_the_store_with_the_past_days() -> None:
    stage = Stage(robots=3, history_days=3.0)
    for robot in stage.world.robots:
        kept = captures(robot)
        assert len({c.action.group_name for c in kept}) >= 15
        times = [c.action.time_us for c in kept]
        assert times == sorted(times)
        assert times[0] < robot.now_us() - 2 * DAY_US
        assert times[-1] < robot.now_us()
        assert {c.kind for c in kept} == {"image", "data", "metadata", "alert"}
        assert any(c.action.group_name.startswith("teleop_") for c in kept)


def test_conditions_drift_across_their_limits_and_are_repaired() -> None:
    conditions = Conditions(3)
    for item in (item for item in ITEMS if item.kind != "picture"):
        hours = range(0, 24 * 7 * 8, 6)
        readings = [conditions.read(item, START_US + hour * DAY_US // 24) for hour in hours]
        assert {reading.severity for reading in readings} >= {None, Severity.INFO, Severity.WARN}
        assert min(reading.wear for reading in readings) < 0.05, "repaired in between"
        assert all(item.low <= reading.value <= item.high for reading in readings)
        again = conditions.read(item, readings[7].time_us)
        assert again == readings[7], "the past does not change"


def test_alerts_of_all_severities_come_over_weeks() -> None:
    stage = Stage(history_days=21.0)
    severities = [json.loads(c.make())["severity"] for c in captures(stage.robot) if c.kind == "alert"]
    assert set(severities) == {Severity.INFO, Severity.WARN, Severity.ERROR, Severity.CRITICAL}
    assert severities.count(Severity.CRITICAL) < severities.count(Severity.INFO)


def test_a_factory_reset_begins_a_new_epoch() -> None:
    stage = Stage(history_days=1.0)
    changeset, installed_us = stage.robot.software_changeset, stage.robot.install_date_us
    stage.robot.factory_reset()
    assert stage.robot.store.max_id() is None
    assert stage.robot.software_changeset != changeset
    assert stage.robot.install_date_us > installed_us
    stage.play()
    stage.until_ended()
    assert captures(stage.robot)[0].id == 1


@pytest.mark.anyio
async def test_the_world_runs_by_its_clock() -> None:
    stage = Stage(operators=True)
    stage.clock.ends_us = START_US + 40_000_000
    with pytest.raises(EndOfTime):
        await stage.world.run()
    assert stage.status() == MissionStatus.SUCCESS


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def test_an_action_looks_at_what_it_is_named_after_before_what_is_near() -> None:
    site = build_site(6)
    for item in ITEMS:
        pose = site.waypoint(item.place).pose
        assert site.find_item(item.name, pose, "picture", "inspection", item.kind) == item
        near = site.find_item("anything else", pose, item.kind)
        assert near is not None
        assert near.kind == item.kind
    assert site.find_item("Main corridor", site.waypoint("Corridor 7").pose, "thermal", "none such") is None

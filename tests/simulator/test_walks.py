"""Any walk that is uploaded is played, not only the site's own."""

import json
from collections.abc import Callable, Iterator

import pytest
from bosdyn.api import data_acquisition_pb2
from bosdyn.api.autowalk import walks_pb2
from bosdyn.api.graph_nav import map_pb2

from roundsman.simulator.model import MissionStatus
from roundsman.simulator.world.navgraph import distance_m
from roundsman.simulator.world.robot import SimulatedSpot
from roundsman.simulator.world.states import RefusedError
from roundsman.simulator.world.world import World


class SteppedClock:
    us = 1_795_000_000_000_000

    def now_us(self) -> int:
        return self.us

    async def sleep(self, seconds: float) -> None:
        self.us += round(seconds * 1e6)


class Bench:
    """One robot, and a walk that a test puts together."""

    def __init__(self) -> None:
        self.clock = SteppedClock()
        self.world = World(seed=2, robots=1, pace=10.0, clock=self.clock, history_days=0, fault_rate=0, operators=False)
        self.robot: SimulatedSpot = self.world.robots[0]
        self.walk = walks_pb2.Walk(mission_name="Own walk", id="walk-1")
        self.visited: list[str] = []

    def place(self, name: str) -> str:
        return self.world.site.names[name]

    def add(self, name: str, place: str | None = None) -> walks_pb2.Element:
        element = self.walk.elements.add(name=name, id=f"element-{name}")
        if place is not None:
            element.target.navigate_to.destination_waypoint_id = self.place(place)
        return element

    def with_dock(self) -> "Bench":
        home = self.robot.home
        self.walk.docks.add(dock_id=home.dock_id, docked_waypoint_id=home.waypoint_id)
        return self

    def steps(self, seconds: float) -> Iterator[None]:
        for _ in range(round(seconds * 10)):
            self.clock.us += 100_000
            self.world.step(0.1)
            here = self.robot.at_waypoint
            if here is not None and self.visited[-1:] != [here]:
                self.visited.append(here)
            yield

    def until(self, reached: Callable[[], bool]) -> None:
        assert any(reached() for _ in self.steps(300)), self.robot.mission_state()

    def play(self) -> MissionStatus:
        self.robot.load_walk(self.walk.SerializeToString())
        self.robot.play(None)
        running = (MissionStatus.RUNNING, MissionStatus.PAUSED)
        self.until(lambda: self.robot.mission_state().status not in running)
        return self.robot.mission_state().status

    def results(self) -> dict[str, int]:
        return {node.name: node.result for node in self.robot.mission_state().history if node.node_id}


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_every_kind_of_action_is_played(bench: Bench) -> None:
    bench.add("Stand still", "Corridor 2").action.sleep.duration.seconds = 5
    bench.add("Call", "Corridor 3").action.remote_grpc.service_name = "somebody"
    bench.add("Dance", "Corridor 3").action.execute_choreography.sequence_name = "waltz"
    bench.add("Only walk", "Corridor 4")
    bench.add("Nothing at all")
    skipped = bench.add("Not today", "Switchgear 1")
    skipped.is_skipped = True
    assert bench.with_dock().play() == MissionStatus.SUCCESS
    assert bench.results() == dict.fromkeys(["Stand still", "Call", "Dance", "Only walk", "Nothing at all"], 3)
    assert bench.place("Switchgear 1") not in bench.visited
    assert bench.robot.dock_state == "docked"


def test_a_recorded_route_is_followed_even_when_it_is_longer(bench: Bench) -> None:
    around = ("Corridor 1", "West passage 1", "West passage 2", "Gallery 1", "Gallery 2", "Boiler house 6")
    route = [bench.place(name) for name in (*around, "Boiler house 7", "Boiler house 8")]
    assert set(route) != set(bench.robot.map.graph.route(route[0], route[-1]) or [])
    bench.add("The long way").target.navigate_route.route.waypoint_id.extend(route)
    bench.play()
    at = [bench.visited.index(id_) for id_ in route]
    assert at == sorted(at)


def test_acquisitions_of_unknown_sensors_and_body_cameras_are_stored(bench: Bench) -> None:
    element = bench.add("Look around", "Corridor 2")
    request = element.action.data_acquisition.acquire_data_request
    request.acquisition_requests.image_captures.add(image_service="image", image_source="left_fisheye_image")
    request.acquisition_requests.image_captures.add(image_service="spot-cam-image", image_source="ptz")
    request.acquisition_requests.data_captures.add(name="gas-meter")
    request.metadata.data.update({"custom_metadata": ["north", "night"]})
    assert bench.play() == MissionStatus.SUCCESS
    stored = {capture.channel: capture for capture in bench.robot.store.query(action_name="Look around")}
    assert stored.keys() >= {"image-left_fisheye_image", "spot-cam-ptz", "gas-meter", "metadata"}
    marks = json.loads(stored["metadata"].make())
    assert marks["custom_metadata"] == ["north", "night"]
    assert (marks["walk_id"], marks["element_id"]) == ("walk-1", "element-Look around")


def test_skipped_actions_leave_no_captures(bench: Bench) -> None:
    element = bench.add("Look", "Corridor 2")
    element.action.data_acquisition.acquire_data_request.acquisition_requests.data_captures.add(name="spot-cam-ptz")
    bench.walk.global_parameters.skip_actions = True
    assert bench.play() == MissionStatus.SUCCESS
    assert bench.robot.store.max_id() is None


@pytest.mark.parametrize(
    ("behaviour", "status", "docked"),
    [
        ("proceed_if_able", MissionStatus.SUCCESS, True),
        ("return_to_start_and_terminate", MissionStatus.FAILURE, True),
        ("safe_power_off", MissionStatus.FAILURE, False),
    ],
)
def test_what_a_failure_leads_to_is_the_walks_to_say(
    bench: Bench, behaviour: str, status: MissionStatus, docked: bool
) -> None:
    element = bench.add("Fails", "Corridor 4")
    element.action.data_acquisition.acquire_data_request.acquisition_requests.data_captures.add(name="spot-cam-ptz")
    getattr(element.action_failure_behavior, behaviour).SetInParent()
    bench.add("After it", "Corridor 3")
    bench.robot.faults.failing_actions.add("Fails")
    assert bench.with_dock().play() == status
    assert (bench.robot.dock_state == "docked") == docked
    assert bench.robot.motor_power == "off"
    assert ("After it" in bench.results()) == (status == MissionStatus.SUCCESS)


def test_it_returns_and_tries_again_later(bench: Bench) -> None:
    element = bench.add("Fails at first", "Corridor 4")
    element.action.data_acquisition.acquire_data_request.acquisition_requests.data_captures.add(name="spot-cam-ptz")
    element.action_failure_behavior.return_to_start_and_try_again_later.try_again_delay.seconds = 100
    bench.robot.faults.failing_actions.add("Fails at first")
    bench.with_dock().robot.load_walk(bench.walk.SerializeToString())
    bench.robot.play(None)
    bench.until(lambda: bench.robot.dock_state == "undocked")
    bench.until(lambda: bench.robot.dock_state == "docked")
    bench.robot.faults.failing_actions.clear()
    bench.until(lambda: bench.robot.mission_state().status == MissionStatus.SUCCESS)
    assert [capture.action.action_name for capture in bench.robot.store.query(kinds={"image"})] == ["Fails at first"]


def test_a_periodic_walk_is_repeated(bench: Bench) -> None:
    bench.add("Here", "Corridor 2")
    bench.walk.playback_mode.periodic.repetitions = 3
    bench.walk.playback_mode.periodic.interval.seconds = 20
    assert bench.with_dock().play() == MissionStatus.SUCCESS
    assert bench.visited.count(bench.place("Corridor 2")) == 3


def test_a_walk_need_not_end_on_a_dock(bench: Bench) -> None:
    bench.add("There", "Corridor 6")
    bench.walk.playback_mode.once.skip_docking_after_completion = True
    assert bench.with_dock().play() == MissionStatus.SUCCESS
    assert bench.robot.at_waypoint == bench.place("Corridor 6")
    assert bench.robot.motor_power == "off"


def test_a_graph_without_anchoring_is_laid_out_by_its_edges(bench: Bench) -> None:
    recorded = bench.robot.map.graph
    graph = map_pb2.Graph.FromString(bench.robot.map.graph_bytes)
    graph.ClearField("anchoring")
    bench.robot.map.set_graph(graph.SerializeToString())
    rebuilt = bench.robot.map.graph
    first = next(iter(recorded.waypoints))
    for id_ in recorded.waypoints:
        apart = distance_m(recorded.waypoints[first].pose, recorded.waypoints[id_].pose)
        assert distance_m(rebuilt.waypoints[first].pose, rebuilt.waypoints[id_].pose) == pytest.approx(apart, abs=1e-6)
    with pytest.raises(ValueError, match="graph"):
        bench.robot.map.set_graph(b"\xff\xff")


def test_relocalizing_finds_the_robot_on_a_foreign_map(bench: Bench) -> None:
    graph = map_pb2.Graph()
    for name, x_m in (("a", 100.0), ("b", 104.0)):
        graph.waypoints.add(id=name).annotations.name = name
        anchor = graph.anchoring.anchors.add(id=name)
        anchor.seed_tform_waypoint.position.x, anchor.seed_tform_waypoint.rotation.w = x_m, 1.0
    edge = graph.edges.add()
    edge.id.from_waypoint, edge.id.to_waypoint, edge.from_tform_to.position.x = "a", "b", 4.0
    bench.robot.map.set_graph(graph.SerializeToString())
    with pytest.raises(RefusedError, match="not_localized"):
        bench.robot.localize()
    with pytest.raises(RefusedError, match="unknown_waypoint"):
        bench.robot.localize("c")
    bench.robot.localize("a")
    bench.walk.elements.add(name="b").target.navigate_to.destination_waypoint_id = "b"
    assert bench.play() == MissionStatus.SUCCESS
    assert bench.robot.at_waypoint == "b"
    assert bench.robot.pose.x_m == pytest.approx(104.0)


def test_an_acquisition_outside_a_mission(bench: Bench) -> None:
    request = data_acquisition_pb2.AcquireDataRequest()
    request.action_id.action_name, request.action_id.group_name = "Screenshot", "teleop_now"
    request.action_id.timestamp.seconds = 1_795_000_123
    request.acquisition_requests.data_captures.add(name="spot-cam-ptz")
    first = bench.robot.acquire(request.SerializeToString())
    second = bench.robot.acquire(request.SerializeToString())
    assert bench.robot.cancel_acquisition(second)
    bench.until(lambda: bench.robot.acquisition(first).status == "complete")
    assert bench.robot.acquisition(second).status == "cancelled"
    assert not bench.robot.cancel_acquisition(first)
    saved = [bench.robot.store.get(id_) for id_ in bench.robot.acquisition(first).saved]
    assert [c.channel for c in saved] == ["spot-cam-ptz", "metadata", "basic-position-data", "robot-id"]
    assert {(c.action.group_name, c.action.time_us) for c in saved} == {("teleop_now", 1_795_000_123_000_000)}
    assert bench.robot.acquisition(77) is None


def test_somebody_who_drives_pauses_the_mission(bench: Bench) -> None:
    bench.add("Far", "Corridor 6")
    bench.with_dock().robot.load_walk(bench.walk.SerializeToString())
    bench.robot.play(None)
    bench.until(lambda: bench.robot.at_waypoint == bench.place("Corridor 3"))
    bench.robot.navigate_to(bench.place("Corridor 1"))
    assert bench.robot.mission_state().status == MissionStatus.PAUSED
    bench.until(lambda: bench.robot.at_waypoint == bench.place("Corridor 1"))
    bench.robot.play(None)
    bench.until(lambda: bench.robot.mission_state().status == MissionStatus.SUCCESS)
    assert bench.place("Corridor 6") in bench.visited


def test_a_robot_that_is_empty_is_carried_home() -> None:
    clock = SteppedClock()
    world = World(seed=3, robots=1, pace=10.0, clock=clock, history_days=0, fault_rate=0)
    robot = world.robots[0]

    def until(reached: Callable[[], bool]) -> None:
        for _ in range(3000):
            clock.us += 100_000
            world.step(0.1)
            if reached():
                return
        raise AssertionError(robot.mission_state())

    until(lambda: robot.dock_state == "undocked")
    robot.faults.battery_pct = 0.0
    until(lambda: robot.charging)
    assert robot.mission_state().status == MissionStatus.ERROR
    until(lambda: robot.leases.owner is None)

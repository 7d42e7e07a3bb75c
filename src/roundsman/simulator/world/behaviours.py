"""What a robot can do that takes time, as generators: one `yield` is one step of the world.

Each returns "" when it came to its end, or the reason why it did not: 'estopped', 'battery', 'not_powered', 'stuck',
'unknown_waypoint', 'no_route', 'not_localized', 'no_dock', 'dock_taken'.
"""

from collections.abc import Generator, Sequence
from itertools import pairwise
from typing import Protocol

from roundsman.simulator.model import Dock, Pose
from roundsman.simulator.world.body import Body
from roundsman.simulator.world.navgraph import distance_m
from roundsman.simulator.world.robotmap import RobotMap

Behaviour = Generator[None, None, str]

POWERING_S, STANDING_S, DOCKING_S, UNDOCKING_S = 3.0, 1.5, 5.0, 4.0
STUCK_AFTER_S = 15.0
UNDOCKED_M = 1.0


class Docks:
    """Who stands on which dock."""

    def __init__(self, docks: Sequence[Dock]) -> None:
        self.all = {dock.dock_id: dock for dock in docks}
        self._taken: dict[int, str] = {}

    def claim(self, dock_id: int, serial: str) -> bool:
        """Takes a dock for a robot; False when another one has it."""
        return self._taken.setdefault(dock_id, serial) == serial

    def free(self, serial: str) -> None:
        """The robot is on no dock any more."""
        self._taken = {dock_id: other for dock_id, other in self._taken.items() if other != serial}

    def taken_by_other(self, dock_id: int, serial: str) -> bool:
        """Whether another robot stands there."""
        return self._taken.get(dock_id, serial) != serial


class Walker(Protocol):
    """The part of a robot that behaviours move."""

    serial: str
    body: Body
    map: RobotMap
    docks: Docks

    @property
    def localized(self) -> bool:
        """Whether it knows where it is on the map."""
        ...


def wait(body: Body, seconds: float) -> Behaviour:
    """Lets simulated time pass."""
    left_s = seconds
    while left_s > 0:
        yield
        left_s -= body.dt_s
    return ""


def power_on(body: Body) -> Behaviour:
    """Motors on, then stands."""
    if refusal := unfit(body):
        return refusal
    if body.motor_power != "on":
        body.motor_power = "powering_on"
        yield from wait(body, POWERING_S)
        if body.motor_power != "powering_on":
            return unfit(body) or "not_powered"
        body.motor_power = "on"
    return ""


def stand(body: Body) -> Behaviour:
    """Stands up."""
    if not body.standing:
        yield from wait(body, STANDING_S)
        if body.motor_power != "on":
            return unfit(body) or "not_powered"
        body.standing = True
    return ""


def sit(body: Body) -> Behaviour:
    """Sits down."""
    if body.standing:
        yield from wait(body, STANDING_S)
        body.standing = False
    return ""


def power_off(body: Body) -> Behaviour:
    """Sits down, motors off."""
    yield from sit(body)
    if body.motor_power != "off":
        body.motor_power = "powering_off"
        yield from wait(body, 1.0)
        body.motor_power = "off"
    return ""


def unfit(body: Body) -> str:
    """Why the motors cannot run; "" when they can."""
    if body.estopped:
        return "estopped"
    return "battery" if body.battery_pct <= 0.0 else ""


def get_ready(robot: Walker) -> Behaviour:
    """Motors on, standing, off the dock."""
    for behaviour in (power_on(robot.body), stand(robot.body)):
        if failure := (yield from behaviour):
            return failure
    return (yield from undock(robot))


def undock(robot: Walker) -> Behaviour:
    """Leaves its dock; nothing to do when it is on none."""
    body = robot.body
    if body.dock_state == "undocked":
        return ""
    if not body.able:
        return unfit(body) or "not_powered"
    body.dock_state = "undocking"
    yield from wait(body, UNDOCKING_S)
    between, goal = _ahead(robot)
    if failure := (yield from _walk([(between, goal)], body)):
        body.dock_state = "docked"
        return failure
    body.between, body.dock_state, body.dock_id = between, "undocked", None
    robot.docks.free(robot.serial)
    return ""


def travel(robot: Walker, waypoint_id: str, route: Sequence[str] = ()) -> Behaviour:
    """Walks to a waypoint along the map's edges; along `route` as far as it is known."""
    if not robot.localized:
        return "not_localized"
    legs = _plan(robot, waypoint_id, route)
    if isinstance(legs, str):
        return legs
    return (yield from _walk(legs, robot.body))


def dock(robot: Walker, dock_id: int, waypoint_id: str | None = None) -> Behaviour:
    """Walks to a dock, sits down on it, powers off."""
    body, known = robot.body, robot.docks.all.get(dock_id)
    if body.dock_state == "docked" and body.dock_id == dock_id:
        return (yield from power_off(body))
    stand_at = waypoint_id if waypoint_id in robot.map.graph.waypoints else known and known.waypoint_id
    if stand_at not in robot.map.graph.waypoints:
        return "no_dock"
    for behaviour in (power_on(body), stand(body), undock(robot), travel(robot, stand_at)):
        if failure := (yield from behaviour):
            return failure
    if not robot.docks.claim(dock_id, robot.serial):
        return "dock_taken"
    return (yield from _settle(robot, dock_id, known.pose.heading_rad if known else body.pose.heading_rad))


def _settle(robot: Walker, dock_id: int, heading_rad: float) -> Behaviour:
    body = robot.body
    body.dock_state, body.dock_id = "docking", dock_id
    body.face(heading_rad)
    yield from wait(body, DOCKING_S)
    body.dock_state = "docked"
    return (yield from power_off(body))


def _walk(legs: Sequence[tuple[tuple[str, ...], Pose]], body: Body) -> Behaviour:
    """Walks legs of (waypoints of the edge, goal), using up each step's time; each ends on its goal."""
    budget_s, blocked_s = body.dt_s, 0.0
    for between, goal in legs:
        body.between = between
        while distance_m(body.pose, goal) > 1e-6:
            if budget_s <= 0.0:
                yield
                budget_s = body.dt_s
            if not body.able:
                return unfit(body) or "not_powered"
            blocked_s = blocked_s + budget_s if body.faults.stuck else 0.0
            if blocked_s > STUCK_AFTER_S:
                return "stuck"
            budget_s = body.walk_to(goal, budget_s)
        body.between = between[-1:]
    return ""


def _plan(robot: Walker, goal_id: str, route: Sequence[str]) -> list[tuple[tuple[str, ...], Pose]] | str:
    graph = robot.map.graph
    if goal_id not in graph.waypoints:
        return "unknown_waypoint"
    start = _starts(robot)
    ways = [way for first in start if (way := _way(robot, first, goal_id, route))]
    if not ways:
        return "no_route"
    way = min(ways, key=lambda w: _length_m(robot, w))
    poses = [graph.waypoints[id_].pose for id_ in way]
    # Every leg's edge ends on the waypoint it leads to, also the first one, which may be walked either way.
    first_edge = (*(id_ for id_ in start if id_ != way[0]), way[0])
    return list(zip([first_edge, *pairwise(way)], poses, strict=True))


def _starts(robot: Walker) -> list[str]:
    graph = robot.map.graph
    here = [id_ for id_ in robot.body.between if id_ in graph.waypoints]
    nearest = graph.nearest(robot.body.pose)
    return here or ([nearest.id] if nearest else [])


def _way(robot: Walker, first: str, goal_id: str, route: Sequence[str]) -> list[str] | None:
    graph = robot.map.graph
    known = [id_ for id_ in route if id_ in graph.waypoints]
    way = [first]
    for through in [*known, goal_id]:
        leg = graph.route(way[-1], through)
        if leg is None:
            return None
        way += leg[1:]
    return way


def _length_m(robot: Walker, way: Sequence[str]) -> float:
    poses = [robot.body.pose, *(robot.map.graph.waypoints[id_].pose for id_ in way)]
    return sum(distance_m(a, b) for a, b in pairwise(poses))


def _ahead(robot: Walker) -> tuple[tuple[str, ...], Pose]:
    """A place one metre on, on the edge that leads off the dock, and that edge."""
    graph, body = robot.map.graph, robot.body
    here = [id_ for id_ in body.between if id_ in graph.waypoints]
    exits = graph.neighbours(here[0]) if here else []
    if not exits:
        return (), body.pose
    goal = graph.waypoints[exits[0]].pose
    part = min(1.0, UNDOCKED_M / (distance_m(body.pose, goal) or 1.0))
    x = body.pose.x_m + part * (goal.x_m - body.pose.x_m)
    y = body.pose.y_m + part * (goal.y_m - body.pose.y_m)
    return (here[0], exits[0]), Pose(x, y)

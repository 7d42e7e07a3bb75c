"""The people with tablets: they start the rounds, and now and then drive a robot by hand.

They stand in for the scheduler of a server. One operator per robot; each takes the lease, loads a walk, plays it,
answers a question sometimes, and returns the lease. A driver may take the lease in the middle of a mission.
"""

import random
from collections.abc import Callable, Generator
from itertools import cycle

from roundsman.simulator.model import MissionStatus
from roundsman.simulator.world.behaviours import wait
from roundsman.simulator.world.leases import Lease, LeaseRefusedError
from roundsman.simulator.world.mission import RETRY, SKIP
from roundsman.simulator.world.robot import SimulatedSpot
from roundsman.simulator.world.states import RefusedError
from roundsman.simulator.world.walk_protos import AcquisitionRequest, walk_bytes
from roundsman.simulator.world.walks import WALKS, WalkPlan

Doing = Generator[None, None, None]

FULL_ENOUGH_PCT = 62.0
"""Just above the charge from which the site's walks start."""
CARRYING_S = 120.0
DRIVES_BY_HAND = 0.2
"""How often an operator drives by hand instead of starting a round."""


class Operator:
    """Whoever looks after one robot."""

    def __init__(self, robot: SimulatedSpot, seed: int, fleet: int, anyone_under_way: Callable[[], bool]) -> None:
        self.robot = robot
        self.name = f"tablet_operator_{robot.index + 1}"
        self.driver = f"tablet_driver_{robot.index + 1}"
        self.called = False
        """Whether this operator's driver was called to take over and is not done yet."""
        self._dice = random.Random(f"{seed}/operator/{robot.index}")
        self._anyone_under_way = anyone_under_way
        self._mean_rest_s = min(1500.0, 250.0 * fleet)
        self._walks = [WALKS[(robot.index + i) % len(WALKS)] for i in range(len(WALKS))]
        self._doing = self._shift()

    def step(self) -> None:
        """Does the next thing."""
        next(self._doing, None)

    def interrupt(self) -> None:
        """A driver takes the lease from whoever has it, drives around, and brings the robot home."""
        self._doing.close()
        self.called = True
        self._doing = self._taken_over()

    def _shift(self) -> Doing:
        # The first robot sets out at once, so that there is something to see.
        yield from wait(self.robot.body, 0.0 if self.robot.index == 0 else self._dice.uniform(20.0, self._mean_rest_s))
        for plan in cycle(self._walks):
            yield from self._round(plan)
            yield from self._rest()
            if self._dice.random() < DRIVES_BY_HAND:
                yield from self._hand_drive()
                yield from self._rest()

    def _taken_over(self) -> Doing:
        yield from self._hand_drive(take=True)
        self.called = False
        yield from self._rest()
        yield from self._shift()

    def _rest(self) -> Doing:
        left_s = self._dice.uniform(0.5, 1.5) * self._mean_rest_s
        rested_s = 0.0
        while left_s > 0 or self.robot.battery_pct < FULL_ENOUGH_PCT:
            yield
            left_s -= self.robot.body.dt_s
            rested_s += self.robot.body.dt_s
            # The site is never quite at rest: who is charged goes, when nobody else is under way.
            if rested_s > 20.0 and self.robot.battery_pct > FULL_ENOUGH_PCT and not self._anyone_under_way():
                return

    def _round(self, plan: WalkPlan) -> Doing:
        lease = self._acquire(self.name)
        if lease is None:
            return
        try:
            self.robot.load_walk(walk_bytes(plan, self.robot.site, self.robot.home), lease)
            self.robot.play(lease)
        except (RefusedError, ValueError):
            self._give_back(lease)
            return
        if (yield from self._watch(lease)):
            yield from self._bring_home()
            self._give_back(lease)

    def _watch(self, lease: Lease) -> Generator[None, None, bool]:
        """Until the mission has ended (True), or is no longer this operator's (False)."""
        patience_s = self._dice.uniform(5.0, 90.0)
        while self.robot.mission_state().status in (MissionStatus.RUNNING, MissionStatus.PAUSED):
            yield
            if self.robot.leases.owner != lease.client_names[0]:
                return False
            self.robot.leases.retain(lease)
            patience_s = self._answer(patience_s)
        return True

    def _answer(self, patience_s: float) -> float:
        questions = self.robot.mission_state().questions
        if not questions:
            return patience_s
        if patience_s < 0:
            self.robot.answer_question(questions[0].id, self._dice.choice((RETRY, SKIP)))
            return self._dice.uniform(5.0, 90.0)
        return patience_s - self.robot.body.dt_s

    def _hand_drive(self, *, take: bool = False) -> Doing:
        lease = self.robot.leases.take("body", self.driver) if take else self._acquire(self.driver)
        if lease is None:
            return
        # As on a tablet: the mission stands first, then the driver ends it.
        yield from wait(self.robot.body, 30.0)
        mission = self.robot.mission
        if mission is not None and mission.under_way:
            mission.stop("Stopped by a driver")
        yield from self._roam(self.robot.start_teleop(), lease)
        yield from self._bring_home()
        self._give_back(lease)

    def _roam(self, group: str, lease: Lease) -> Doing:
        places = sorted(self.robot.map.graph.waypoints)
        if not (yield from self._command(self.robot.power_on)):
            return
        for i in range(self._dice.randint(2, 4)):
            goal = self._near(places)
            if not (yield from self._command(lambda goal=goal: self.robot.navigate_to(goal))):
                return
            self._picture(group, f"Picture {i + 1}")
            yield from wait(self.robot.body, 10.0)
            self.robot.leases.retain(lease)

    def _near(self, places: list[str]) -> str:
        graph, at = self.robot.map.graph, self.robot.nearest_waypoint
        for _ in range(self._dice.randint(2, 5)):
            onward = graph.neighbours(at) if at else []
            at = self._dice.choice([id_ for id_ in onward if len(graph.neighbours(id_)) > 1] or places)
        return at or places[0]

    def _picture(self, group: str, name: str) -> None:
        sensors = ("spot-cam-ptz", "image-frontleft_fisheye_image")
        self.robot.acquire_request(AcquisitionRequest(name, group, 0, sensors, {"taken_by": self.driver}))

    def _bring_home(self) -> Doing:
        """Docks, as often as it takes; a robot that cannot walk any more is carried."""
        while self.robot.dock_state != "docked":
            if self.robot.battery_pct <= 0 or not self.robot.localized:
                yield from wait(self.robot.body, CARRYING_S)
                self.robot.carry_home()
            elif not (yield from self._command(lambda: self.robot.dock(self.robot.home.dock_id))):
                yield from wait(self.robot.body, 30.0)

    def _command(self, start: Callable[[], int]) -> Generator[None, None, bool]:
        try:
            command = start()
        except RefusedError:
            yield
            return False
        while self.robot.feedback(command) == "processing":
            self.robot.leases.keep()
            yield
        return self.robot.feedback(command) == "done"

    def _acquire(self, client_name: str) -> Lease | None:
        try:
            return self.robot.leases.acquire("body", client_name)
        except LeaseRefusedError:
            return None

    def _give_back(self, lease: Lease) -> None:
        try:
            self.robot.leases.give_back(lease)
        except LeaseRefusedError:
            return

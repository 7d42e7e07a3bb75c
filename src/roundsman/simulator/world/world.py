"""The world: one plant, one seed, one clock, many robots, and the people who look after them."""

from roundsman.kit.clock import Clock
from roundsman.simulator.world import history
from roundsman.simulator.world.behaviours import Docks
from roundsman.simulator.world.conditions import Conditions
from roundsman.simulator.world.faults import FaultInjector
from roundsman.simulator.world.operator import Operator
from roundsman.simulator.world.robot import SimulatedSpot
from roundsman.simulator.world.robotmap import SiteBytes
from roundsman.simulator.world.site import build_site
from roundsman.simulator.world.store import ROBOT_CAPACITY_BYTES

STEP_S = 0.1
LONGEST_SIMULATED_STEP_S = 0.5
LONGEST_GAP_S = 2.0


class World:
    """A plant with robots in it.

    `pace` speeds up what is physical (walking, batteries, waiting), never the clock. `history_days` of past rounds fill
    the robots' stores. `fault_rate` scales random faults, 0 is none. With `operators=False` nobody starts missions, and
    robots do only what comes through their services.
    """

    def __init__(
        self,
        *,
        seed: int,
        robots: int,
        pace: float,
        clock: Clock,
        history_days: float = 3.0,
        fault_rate: float = 1.0,
        operators: bool = True,
        capacity_bytes: int = ROBOT_CAPACITY_BYTES,
    ) -> None:
        self.seed, self.pace, self.clock = seed, pace, clock
        self.site = build_site(robots)
        self.conditions = Conditions(seed)
        recorded, docks = SiteBytes(self.site), Docks(self.site.docks)
        self.robots = [
            SimulatedSpot(
                index,
                seed=seed,
                recorded=recorded,
                conditions=self.conditions,
                docks=docks,
                clock=clock,
                capacity_bytes=capacity_bytes,
            )
            for index in range(robots)
        ]
        self._operating = operators
        self.operators = {robot.serial: Operator(robot, seed, robots, self.anyone_under_way) for robot in self.robots}
        self.faults = FaultInjector(seed, self.robots, self.operators, fault_rate)
        for robot in self.robots:
            history.fill(robot, clock.now_us(), history_days, robots)

    def robot(self, name: str) -> SimulatedSpot:
        """The robot of that nickname or serial number. Raises: KeyError."""
        for robot in self.robots:
            if name in (robot.nickname, robot.serial):
                return robot
        raise KeyError(name)

    def anyone_under_way(self) -> bool:
        """Whether any robot is on a mission or carries out a command."""
        return any(robot.under_way for robot in self.robots)

    def step(self, real_s: float) -> None:
        """Moves everything on by `real_s` of the clock, times the pace."""
        left_s = real_s * self.pace
        while left_s > 1e-9:
            dt_s = min(left_s, max(LONGEST_SIMULATED_STEP_S, real_s * self.pace / 20))
            left_s -= dt_s
            self._step(dt_s)

    def _step(self, dt_s: float) -> None:
        self.faults.step(dt_s)
        for robot in self.robots:
            robot.step(dt_s)
        for operator in self.operators.values():
            # Without operators at work a driver may still be asked for as a fault.
            if self._operating or operator.called:
                operator.step()

    async def run(self) -> None:
        """Steps until cancelled."""
        last_us = self.clock.now_us()
        while True:
            await self.clock.sleep(STEP_S)
            now_us = self.clock.now_us()
            self.step(min(LONGEST_GAP_S, max(0.0, (now_us - last_us) / 1e6)))
            last_us = now_us

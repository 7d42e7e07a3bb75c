"""What goes wrong: on demand, and at random with a seed.

Random faults are gentle by default: about one per robot in two simulated hours, most of them gone after minutes.
"""

import random
from collections.abc import Callable
from typing import Literal, get_args

from roundsman.simulator.world.operator import Operator
from roundsman.simulator.world.robot import SimulatedSpot

FaultKind = Literal[
    "link_down",
    "link_stalled",
    "slow_link",
    "low_battery",
    "stuck",
    "failing_action",
    "estop",
    "driver",
    "mission_unknown",
]
FAULT_KINDS: tuple[FaultKind, ...] = get_args(FaultKind)

PER_HOUR: dict[FaultKind, float] = {
    "link_down": 0.12,
    "link_stalled": 0.03,
    "slow_link": 0.1,
    "low_battery": 0.04,
    "stuck": 0.1,
    "failing_action": 0.1,
    "estop": 0.02,
    "driver": 0.04,
}
"""How often each comes to one robot, per simulated hour and at rate 1."""
_OF_THE_LINK = ("link_down", "link_stalled", "slow_link")
_SWITCHES: dict[FaultKind, str] = {
    "link_down": "link_down",
    "link_stalled": "link_stalled",
    "stuck": "stuck",
    "estop": "estopped",
    "mission_unknown": "mission_unknown",
}
SLOW_LINK_S = 0.8
LOW_BATTERY_PCT = 14.0


class FaultInjector:
    """Makes things go wrong with a site's robots and, after a while, right again."""

    def __init__(self, seed: int, robots: list[SimulatedSpot], operators: dict[str, Operator], rate: float) -> None:
        self.rate = rate
        self._robots, self._operators = robots, operators
        self._dice = random.Random(f"{seed}/faults")
        self._now_s = 0.0
        self._cures: list[tuple[float, Callable[[], None]]] = []
        self._next_s = self._wait_s()

    def inject(
        self, robot: SimulatedSpot, kind: FaultKind, duration_s: float | None = None, *, action: str = "*"
    ) -> None:
        """Makes one thing go wrong, for `duration_s` simulated seconds (None: until it is mended by hand)."""
        cure = self._strike(robot, kind, action)
        if duration_s is not None:
            self._cures.append((self._now_s + duration_s, cure))

    def mend(self, robot: SimulatedSpot) -> None:
        """Makes everything right again with a robot."""
        faults = robot.faults
        for switch in _SWITCHES.values():
            setattr(faults, switch, False)
        faults.link_delay_s = 0.0
        faults.failing_actions.clear()

    def step(self, dt_s: float) -> None:
        """Cures what has lasted long enough; strikes when it is time."""
        self._now_s += dt_s
        if self._cures:
            self._cure()
        if self._now_s >= self._next_s:
            self._next_s = self._now_s + self._wait_s()
            self._strike_at_random()

    def _cure(self) -> None:
        due = [cure for at_s, cure in self._cures if at_s <= self._now_s]
        self._cures = [(at_s, cure) for at_s, cure in self._cures if at_s > self._now_s]
        for cure in due:
            cure()

    def _wait_s(self) -> float:
        per_hour = self.rate * len(self._robots) * sum(PER_HOUR.values())
        return self._dice.expovariate(per_hour / 3600.0) if per_hour > 0 else float("inf")

    def _strike_at_random(self) -> None:
        robot = self._dice.choice(self._robots)
        kind = self._dice.choices(list(PER_HOUR), list(PER_HOUR.values()))[0]
        # Only what is under way can get stuck; a robot at rest has no trouble of that sort.
        if robot.under_way or kind in _OF_THE_LINK:
            self.inject(robot, kind, self._dice.uniform(60.0, 240.0))

    def _strike(self, robot: SimulatedSpot, kind: FaultKind, action: str) -> Callable[[], None]:
        faults = robot.faults
        if switch := _SWITCHES.get(kind):
            setattr(faults, switch, True)
            return lambda: setattr(faults, switch, False)
        if kind == "slow_link":
            faults.link_delay_s = SLOW_LINK_S
            return lambda: setattr(faults, "link_delay_s", 0.0)
        if kind == "failing_action":
            faults.failing_actions.add(action)
            return lambda: faults.failing_actions.discard(action)
        if kind == "low_battery":
            faults.battery_pct = LOW_BATTERY_PCT
        else:
            self._operators[robot.serial].interrupt()
        return lambda: None

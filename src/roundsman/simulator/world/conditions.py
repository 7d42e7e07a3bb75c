"""What is true of the plant at any moment: values that creep from good to bad and are repaired again.

Everything is a pure function of seed, item and time, so that a capture drawn today of last Tuesday shows last Tuesday.
"""

import math
import random
from dataclasses import dataclass

from roundsman.simulator.model import Severity
from roundsman.simulator.world.plant import Drift, Item

_DAY_US = 86_400_000_000
_SEVERITIES = (Severity.INFO, Severity.WARN, Severity.ERROR, Severity.CRITICAL)


@dataclass(frozen=True, slots=True)
class Reading:
    """One look at an item: the measured value, how worn the item is (0 good … 1 broken), and what that means."""

    item: Item
    time_us: int
    value: float
    wear: float
    severity: Severity | None
    """None while everything is well."""

    @property
    def limit(self) -> float:
        """The limit that the value has passed; the first one when none is."""
        return self.item.drift.limits[max(0, (self.severity or Severity.INFO) - 1)]


class Conditions:
    """The slowly drifting truths of one plant."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def read(self, item: Item, time_us: int) -> Reading:
        """What a sensor finds at an item at that moment, with its noise."""
        wear = self.wear(item, time_us)
        drift = item.drift
        value = drift.normal + wear * (drift.failed - drift.normal)
        value += drift.daily * math.sin(math.tau * (time_us % _DAY_US) / _DAY_US - 2.0)
        value += drift.noise * self._dice(f"{item.name}/noise/{time_us}").gauss(0, 1)
        value = round(min(item.high, max(item.low, value)), 3)
        return Reading(item, time_us, value, wear, severity_of(drift, value))

    def wear(self, item: Item, time_us: int) -> float:
        """How worn an item is, 0 … 1: grows ever faster within its cycle, and is 0 again after the repair."""
        cycle_us = item.drift.cycle_days * _DAY_US
        cycle, phase = divmod(time_us / cycle_us + self._dice(item.name).random(), 1.0)
        dice = self._dice(f"{item.name}/cycle/{cycle:.0f}")
        repaired = dice.uniform(0.8, 1.0)
        worst = dice.uniform(0.55, 1.05)
        return 0.0 if phase >= repaired else min(1.0, worst * (phase / repaired) ** 2.2)

    def _dice(self, about: str) -> random.Random:
        return random.Random(f"{self._seed}/{about}")


def severity_of(drift: Drift, value: float) -> Severity | None:
    """The severity of a value, None while it is within all limits.

    The first and highest severity wins. Source: robot-link.md §4 (AlertCondition).
    """
    passed = [limit for limit in drift.limits if (value <= limit if drift.falling else value >= limit)]
    return _SEVERITIES[len(passed) - 1] if passed else None

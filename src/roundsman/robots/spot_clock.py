"""The robot's clock against ours.

Every answer of a robot carries when it received the question and when it answered, by its own clock. The sample with
the shortest round trip tells the difference best. Source: robot-link.md §2.3, §3.1 (time-sync).
"""

from collections import deque
from typing import NamedTuple

_SAMPLES = 60  # recent ones only: clocks drift


class Sample(NamedTuple):
    """One exchange: how long the way there and back took, and the robot's clock minus ours."""

    round_trip_us: int
    skew_us: int


class ClockEstimate:
    """The best estimate of a robot's clock from recent exchanges."""

    def __init__(self) -> None:
        self._samples: deque[Sample] = deque(maxlen=_SAMPLES)
        self._skew_us = 0

    def add(self, sent_us: int, received_us: int, answered_us: int, arrived_us: int) -> None:
        """Takes an exchange: `sent` and `arrived` by our clock, `received` and `answered` by the robot's."""
        round_trip_us = (arrived_us - sent_us) - (answered_us - received_us)
        skew_us = ((received_us - sent_us) + (answered_us - arrived_us)) // 2
        self._samples.append(Sample(round_trip_us, skew_us))
        self._skew_us = min(self._samples).skew_us

    @property
    def skew_us(self) -> int:
        """The robot's clock minus ours; 0 before the first exchange."""
        return self._skew_us

    def to_ours(self, robot_us: int) -> int:
        """A time of the robot's clock in ours."""
        return robot_us - self._skew_us

    def to_robot(self, us: int) -> int:
        """A time of our clock in the robot's."""
        return us + self._skew_us

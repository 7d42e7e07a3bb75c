"""Groups: a robot's own name for a run, and which of our runs it is.

All times are microseconds of our clock; a group's name bears the robot's, so whoever asks says how far that is ahead.
Source: robot-link.md §4 (`<start>_<mission name>`, `teleop_<start>`).
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec

TELEOP_NAME = "Teleop"
"""Mission name of teleoperation sessions: official examples join it to file names, so it may not be empty."""

PROVISIONAL = "~"
"""What a group name begins with that no capture has told yet. It sorts behind every real one."""

_SLACK_US = 2_000_000  # clocks are known to each other to well within this, and names to the second
_LATE_US = 15_000_000  # so long after its start a run may be seen first, where the robot does not tell the start
_NEAR_US = 120_000_000
_LONGEST_US = 6 * 3_600_000_000  # beyond a battery's life nothing is the same run
_NAME = re.compile(r"(?:teleop_)?(\d{4}-?\d{2}-?\d{2}T\d{6}Z)")

Row = dict[str, Any]


class Group(msgspec.Struct, frozen=True):
    """What a group's name tells, and when one of its captures was made. `start_us` is None where it does not tell."""

    name: str
    run_type: str
    mission_name: str
    start_us: int | None
    at_us: int

    @classmethod
    def of(cls, name: str, at_us: int, clock_ahead_us: int = 0) -> "Group":
        """The group of a capture made at `at_us`, by a robot whose clock is ahead of ours by so much."""
        teleop = name.startswith("teleop")
        mission_name = TELEOP_NAME if teleop else name.partition("_")[2] or name
        started_us = start_of(name)
        start_us = None if started_us is None else started_us - clock_ahead_us
        return cls(name, "teleop" if teleop else "mission", mission_name, start_us, at_us)

    @property
    def credible_start_us(self) -> int:
        """When it began; where its name does not say it credibly, with this capture."""
        start_us = self.start_us
        if start_us is None or not self.at_us - _LONGEST_US <= start_us <= self.at_us + _SLACK_US:
            return self.at_us
        return min(start_us, self.at_us)


def start_of(name: str) -> int | None:
    """When a group began, by the robot's clock and to the second; None when its name does not say."""
    found = _NAME.match(name)
    if found is None:
        return None
    try:
        moment = datetime.strptime(found[1].replace("-", ""), "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:  # it looks like a time and is none: programs may call their groups anything
        return None
    return int(moment.timestamp()) * 1_000_000


def watched_as(group: Group, watched: Iterable[Row]) -> Row | None:
    """Which of the watched runs that have no group yet this one is: the one that was under way at its capture."""
    fitting = [row for row in watched if row["run_type"] == group.run_type and _was_under_way(row, group)]
    return min(fitting, key=lambda row: _apart(row, group), default=None)


def _was_under_way(row: Row, group: Group) -> bool:
    if row["end_us"] is not None and group.at_us > row["end_us"] + _SLACK_US:
        # Ended unseen, it may have lasted longer than we know; only its start tells then.
        return _began_with(row, group, _LATE_US) and group.at_us <= row["end_us"] + _LONGEST_US
    return group.at_us >= row["start_us"] - _SLACK_US or _began_with(row, group, _LATE_US)


def _began_with(row: Row, group: Group, within_us: int) -> bool:
    return group.start_us is not None and abs(group.start_us - row["start_us"]) <= within_us


def _apart(row: Row, group: Group) -> tuple[bool, int]:
    other_name = row["mission_name"] not in {"", group.mission_name}
    return other_name, abs((group.start_us or group.at_us) - row["start_us"])


def captured_as(watched: Row, captured: Iterable[Row], *, exact: bool) -> Row | None:
    """Which of the runs known from captures is the one that is under way now and began at `watched`'s start.

    `exact` says that the robot told the start: then whatever began since is it. Else it must have begun about then.
    Then one that was given up, with its end not known, may be gone on with too.
    """
    before_us, after_us = (_LATE_US, _LONGEST_US) if exact else (_NEAR_US, _NEAR_US)
    fitting = [
        row for row in captured
        if row["run_type"] == watched["run_type"]
        and (exact or watched["mission_name"] in {"", row["mission_name"]})
        and (row["robot_mission_id"] is None or (exact and _was_given_up(row, watched)))
        and -before_us <= row["start_us"] - watched["start_us"] <= after_us
    ]  # fmt: skip
    return min(fitting, key=lambda row: abs(row["start_us"] - watched["start_us"]), default=None)


def _was_given_up(row: Row, watched: Row) -> bool:
    return row["robot_mission_id"] == watched["robot_mission_id"] and row["mission_status"] == "UNKNOWN"

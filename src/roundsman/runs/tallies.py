"""What is counted of runs, so that a list's total is exact and never a COUNT over the whole match.

A *series* is one counter per bucket of time (kit/tally.py). A run adds one to the series of its robot, its mission,
its type, and of every combination of the three; so any set of these filters is the sum of a few series.
A robot is told apart by serial, hostname and nickname together: a filter on one of them sums the robots that bore it.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from hashlib import blake2b
from itertools import product
from typing import Any

from roundsman.kit.database import Transaction, upsert
from roundsman.runs.lags import lag_of
from roundsman.runs.tables import run_robots

BY_START = "runs.start"

_remember_robot = upsert(run_robots, [column.name for column in run_robots.columns])


@lru_cache(maxsize=8192)
def series_of(base: str, *names: str) -> str:
    """The series of one combination of filters, e.g. ("runs.start", "mission", "Boiler round")."""
    return f"{base}/{blake2b(chr(31).join(names).encode(), digest_size=8).hexdigest()}" if names else base


def robot_names(row: Mapping[str, Any]) -> tuple[str, ...]:
    """The part of a series' name that tells the robot."""
    return ("robot", row["robot_serial"], row["robot_hostname"], row["robot_nickname"])


def mission_names(row: Mapping[str, Any]) -> tuple[str, ...]:
    """The part of a series' name that tells the mission."""
    return ("mission", row["mission_name"])


async def remember_robot(tx: Transaction, row: Mapping[str, Any]) -> None:
    """Notes under which names a robot was seen; filters by one of the names look it up."""
    await tx.execute(_remember_robot, **{column.name: row[column.name] for column in run_robots.columns})


async def count_run(tx: Transaction, run: Mapping[str, Any], delta: int = 1) -> None:
    """Counts a run that was stored; with -1 and then +1 one whose start, mission, type or robot changes."""
    await remember_robot(tx, run)
    _count_lag(tx, run["start_us"], run["modified_us"], delta)
    for series in _series(run):
        tx.tally(series, run["start_us"], delta)


def count_modified(tx: Transaction, start_us: int, before_us: int, now_us: int) -> None:
    """Counts a run anew by how long after its start it was modified; nothing else of it has changed."""
    if lag_of(start_us, before_us) != lag_of(start_us, now_us):
        _count_lag(tx, start_us, before_us, -1)
        _count_lag(tx, start_us, now_us, 1)


def _count_lag(tx: Transaction, start_us: int, modified_us: int, delta: int) -> None:
    tx.tally(f"{BY_START}/{lag_of(start_us, modified_us)}", start_us, delta)


def _series(run: Mapping[str, Any]) -> Iterator[str]:
    parts = (robot_names(run), mission_names(run), ("type", run["run_type"]))
    for chosen in product(*(((), part) for part in parts)):
        yield series_of(BY_START, *(name for part in chosen for name in part))

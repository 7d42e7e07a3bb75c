"""Captures of 200 kB made durable by a server: from the robots' stores over their protocol to a committed row.

The whole product, a real `roundsman serve`, measured from the first committed row to the last.
"""

import asyncio
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from bench import dataset, durable, fetched, processes, robots
from bench.plan import Bench
from bench.report import Result
from roundsman.app import opened
from roundsman.settings import Settings

ROBOTS = 2
SIZE_BYTES = 200_000
DEADLINE_S = 300


async def _register(data: Path, fleet: dict[str, Any]) -> None:
    async with opened(Settings(data_dir=data)) as parts:
        for robot in fleet["robots"]:
            await parts.registry.add(robot["hostname"], robot["nickname"], robot["username"], robot["password"])


def _per_s(data: Path, fleet: dict[str, Any], captures: int, parallel: int) -> float:
    """A fresh server meets the robots and acquires all they hold; captures a second from the first row to the last."""
    dataset.empty(data)
    asyncio.run(_register(data, fleet))
    settings = {
        "ROUNDSMAN_ROBOTS_ENABLED": "true",
        "ROUNDSMAN_ROBOT_CA_FILES": fleet["caFile"],
        "ROUNDSMAN_ACQUIRE_PARALLEL": str(parallel),
    }
    with processes.roundsman(data, **settings), closing(sqlite3.connect(data / "roundsman.sqlite3")) as database:
        first, start_s = _wait(database, lambda stored: stored > 0)
        last, end_s = _wait(database, lambda stored: stored >= captures)
    return (last - first) / (end_s - start_s)


def _wait(database: sqlite3.Connection, enough: Callable[[int], bool]) -> tuple[int, float]:
    """How many captures are committed, and when, once they are enough."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        (stored,) = database.execute("SELECT count(*) FROM run_captures").fetchone()
        if enough(stored):
            return stored, time.perf_counter()
        time.sleep(0.01)
    raise RuntimeError("the robots' captures were not acquired in time")


@contextmanager
def _folder(bench: Bench) -> Iterator[Callable[[], Path]]:
    """Gives fresh folders on the disk that the data sets lie on."""
    with tempfile.TemporaryDirectory(dir=bench.folder) as root:
        numbers = count()
        yield lambda: Path(root) / str(next(numbers))


def against_floor(bench: Bench) -> None:
    """Two robots at once, against 16 writers without robot, network, hash or index (bench/durable.py).

    And against those writers behind the official client, which reads the same robots (bench/fetched.py).
    """
    each = bench.captures // ROBOTS
    with _folder(bench) as fresh, robots.running(fresh(), ROBOTS, each, SIZE_BYTES) as fleet:
        rounds = bench.alternate(
            lambda: _per_s(fresh(), fleet, each * ROBOTS, 16), lambda: _floor_per_s(bench, fresh(), 16)
        )
        bench.report.add(Result.of("acquisition of 200 kB captures, end to end", rounds, "/s", 0.7))
        rounds = bench.alternate(
            lambda: _per_s(fresh(), fleet, each * ROBOTS, 16), lambda: fetched.captures_per_s(fresh(), fleet)
        )
        bench.report.add(Result.of("acquisition, against the least program that acquires", rounds, "/s", 1.0))


def at_a_time(bench: Bench) -> None:
    """One robot's captures written 16 at a time, against one at a time (setting acquire_parallel)."""
    with _folder(bench) as fresh, robots.running(fresh(), 1, bench.captures, SIZE_BYTES) as fleet:
        rounds = bench.alternate(
            lambda: _per_s(fresh(), fleet, bench.captures, 16), lambda: _per_s(fresh(), fleet, bench.captures, 1)
        )
        floor = bench.alternate(lambda: _floor_per_s(bench, fresh(), 16), lambda: _floor_per_s(bench, fresh(), 1))
    note = f"(the floor: {Result.of('', floor, '/s', 3.0).ratio:.2f})"
    bench.report.add(Result.of("acquisition 16 at a time, against one", rounds, "/s", 3.0, note=note))


def _floor_per_s(bench: Bench, folder: Path, writers: int) -> float:
    return durable.captures_per_s(folder, count=bench.captures, size_bytes=SIZE_BYTES, writers=writers)

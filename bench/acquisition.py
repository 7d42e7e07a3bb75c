"""Acquisition end to end: captures of simulated robots, over gRPC and TLS, made durable as the product does it.

The robots live in a process of their own, as they do in a plant; acquisition runs in this one.
Run as a program it is those robots: `python -m bench.acquisition FOLDER ROBOTS CAPTURES SIZE_BYTES`.
"""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvloop

from bench import robots as robots_process
from roundsman import migrations
from roundsman.acquisition.intake import ByteBudget, Intake
from roundsman.acquisition.spot_store import SpotStore
from roundsman.acquisition.sync import RobotSync
from roundsman.kit.blobs import Blobs, open_blobs
from roundsman.kit.clock import WallClock
from roundsman.kit.database import Database, open_database
from roundsman.robots.spot import SpotLink, connect
from roundsman.runs.record import RobotIdentity
from roundsman.simulator.services.server import SimulatedFleet
from roundsman.simulator.services.synthetic import synthetic_world

IN_FLIGHT_BYTES = 64 << 20


async def _serve(folder: Path, robots: int, captures: int, size_bytes: int) -> None:
    fleet = SimulatedFleet(synthetic_world(robots, captures, size_bytes), data_dir=folder)
    await fleet.start()
    addresses = [[f"{robot.host}:{robot.port}", robot.username, robot.password] for robot in fleet.robots]
    print(json.dumps([str(fleet.ca_file), addresses]), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await fleet.stop()


@contextmanager
def _robots(folder: Path, robots: int, captures: int, size_bytes: int) -> Iterator[Any]:
    command = [sys.executable, "-m", "bench.acquisition", str(folder), str(robots), str(captures), str(size_bytes)]
    environment = os.environ | robots_process.ENVIRONMENT
    process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()


def _sync(link: SpotLink, database: Database, blobs: Blobs, budget: ByteBudget, parallel: int) -> RobotSync:
    robot = RobotIdentity(link.serial, link.hostname, link.nickname, link.identity.software_version)
    return RobotSync(robot, "bench", SpotStore.of(link), Intake(blobs, budget, parallel), database, WallClock())


async def _acquire(folder: Path, ca_file: str, addresses: list[list[str]], parallel: int) -> float:
    """Seconds until everything that the robots have is durable here."""
    url, budget = f"sqlite:///{folder / 'roundsman.sqlite3'}", ByteBudget(IN_FLIGHT_BYTES)
    await asyncio.to_thread(migrations.create_all, url)
    database, blobs = await open_database(url), await open_blobs(f"file://{folder / 'blobs'}")
    roots = await asyncio.to_thread(Path(ca_file).read_bytes)
    links = [
        await connect(host, host, user, password, roots=roots, clock=WallClock(), timeout_s=10)
        for host, user, password in addresses
    ]
    start = time.perf_counter()
    await asyncio.gather(*(_sync(link, database, blobs, budget, parallel).catch_up() for link in links))
    taken_s = time.perf_counter() - start
    for link in links:
        await link.close()
    await blobs.close()
    await database.close()
    return taken_s


def captures_per_s(folder: Path, *, count: int, size_bytes: int, parallel: int = 16, robots: int = 1) -> float:
    """Captures a second acquired durably into `folder`, which must be on the disk to be measured.

    `parallel` is how many blobs of one robot are written at a time; `count` is of all robots together.
    """
    folder.mkdir(parents=True)
    with _robots(folder / "fleet", robots, count // robots, size_bytes) as (ca_file, addresses):
        taken_s = uvloop.run(_acquire(folder, ca_file, addresses, parallel))
    return count // robots * robots / taken_s


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1]), *map(int, sys.argv[2:5])))

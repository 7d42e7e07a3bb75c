"""`roundsman simulate`: simulated robots alone, for people who develop against Spot without one."""

from __future__ import annotations

import asyncio
import errno
import importlib
import json
import os
import signal
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from roundsman.cli.refusal import Refusal
from roundsman.kit.clock import WallClock

if TYPE_CHECKING:
    from roundsman.simulator.services.server import SimulatedFleet

HELP_PYTHON = """
  from bosdyn.client import create_standard_sdk          # the robot maker's own SDK, unmodified
  sdk = create_standard_sdk("try", cert_resource_glob="{ca}")
  robot = sdk.create_robot("{host}"); robot.update_secure_channel_port({port})
  robot.authenticate("{username}", "{password}"); robot.time_sync.wait_for_sync()
"""


def simulate(
    robots: Annotated[int, typer.Option(help="How many.", min=1, max=200)] = 3,
    pace: Annotated[float, typer.Option(help="How many times faster than life they walk and drain.", min=0.1)] = 1.0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same plant and the same rounds.")] = 1,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    first_port: Annotated[int, typer.Option("--port", help="Port of the first robot; 0 takes free ones.")] = 20443,
    data: Annotated[Path, typer.Option("--data", help="Where their certificate authority is kept.")] = Path(
        "simulated-site"
    ),
    history_days: Annotated[float, typer.Option(help="Days of past rounds that their stores hold.", min=0)] = 3.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON line when they are ready.")] = False,
    until_closed: Annotated[bool, typer.Option(hidden=True, help="Stop when standard input ends.")] = False,
) -> None:
    """Run simulated robots until stopped: real gRPC over TLS, one port each."""
    try:
        importlib.import_module("roundsman.simulator.services.server")
    except ImportError as error:
        raise Refusal(f"the simulator needs more packages ({error.name}): pip install 'roundsman[simulator]'") from None
    data.mkdir(parents=True, exist_ok=True)
    tell = _tell_json if as_json else _tell
    asyncio.run(_simulate(tell, until_closed, host, first_port, data,
                          seed=seed, robots=robots, pace=pace, history_days=history_days))  # fmt: skip


async def _simulate(
    tell: Callable[[SimulatedFleet], None], until_closed: bool, host: str, first_port: int, data: Path, **world: Any
) -> None:
    from roundsman.simulator.services.server import run_fleet
    from roundsman.simulator.world.world import World

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    threads = ThreadPoolExecutor(os.cpu_count())
    loop.set_default_executor(threads)
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if until_closed:  # a parent that dies in any way closes the pipe
        loop.add_reader(sys.stdin.fileno(), lambda: os.read(sys.stdin.fileno(), 1) or stop.set())
    try:
        async with run_fleet(
            World(**world, clock=WallClock()), host=host, first_port=first_port, data_dir=data
        ) as fleet:
            tell(fleet)
            await stop.wait()
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise Refusal(f"a port from {first_port} on is in use; choose another with --port") from None
    finally:
        threads.shutdown(wait=False, cancel_futures=True)  # pictures that nobody will fetch any more


def _tell_json(fleet: SimulatedFleet) -> None:
    robots = [
        {"nickname": r.nickname, "hostname": f"{r.host}:{r.port}", "username": r.username, "password": r.password}
        for r in fleet.robots
    ]
    print(json.dumps({"caFile": str(fleet.ca_file), "robots": robots}), flush=True)


def _tell(fleet: SimulatedFleet) -> None:
    print(f"{len(fleet.robots)} simulated robots; certificate authority: {fleet.ca_file}\n")
    for robot in fleet.robots:
        print(f"  {robot.nickname:<14} {robot.host}:{robot.port:<8} {robot.username} / {robot.password}")
    first = fleet.robots[0]
    values = {"host": first.host, "port": first.port, "username": first.username, "password": first.password}
    print(HELP_PYTHON.format(ca=fleet.ca_file, **values))
    print("Ctrl-C stops them.", flush=True)

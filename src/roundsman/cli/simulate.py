"""`roundsman simulate`: simulated robots alone, for people who develop against Spot without one."""

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from roundsman.cli.refusal import Refusal

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
        from roundsman.simulator.services.run import run_fleet
    except ImportError as error:
        raise Refusal(f"the simulator needs more packages ({error.name}): pip install 'roundsman[simulator]'") from None

    def ready(fleet: Any) -> None:
        listing = [
            {"nickname": r.nickname, "hostname": f"{r.host}:{r.port}", "username": r.username, "password": r.password}
            for r in fleet.addresses
        ]
        if as_json:
            print(json.dumps({"caFile": str(fleet.ca_file), "robots": listing}), flush=True)
        else:
            _tell(fleet, listing)

    asyncio.run(_until_stopped(run_fleet, until_closed, ready, robots=robots, pace=pace, seed=seed, host=host,
                               first_port=first_port, data_dir=data, history_days=history_days))  # fmt: skip


async def _until_stopped(run_fleet: Any, until_closed: bool, ready: Any, **options: Any) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if until_closed:  # a parent that dies in any way closes the pipe
        loop.add_reader(sys.stdin.fileno(), lambda: sys.stdin.buffer.read1(1) or stop.set())
    await run_fleet(ready=ready, stop=stop, **options)


def _tell(fleet: Any, listing: list[dict[str, str]]) -> None:
    print(f"{len(listing)} simulated robots; certificate authority: {fleet.ca_file}\n")
    for robot in listing:
        print(f"  {robot['nickname']:<14} {robot['hostname']:<22} {robot['username']} / {robot['password']}")
    first = fleet.addresses[0]
    print(HELP_PYTHON.format(ca=fleet.ca_file, host=first.host, port=first.port, username=first.username,
                             password=first.password))  # fmt: skip
    print("Ctrl-C stops them.", flush=True)

"""Simulated robots in a process of their own: `python -m bench.robots FOLDER ROBOTS CAPTURES SIZE_BYTES`.

Their stores are full from the beginning; the pictures cost nothing to make. Prints one JSON line when they answer.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from roundsman.simulator.services.server import SimulatedFleet
from roundsman.simulator.services.synthetic import synthetic_world

# They share the machine with what is measured: memory they gave back they would have to get again, page by page, which
# cost up to 0.3 ms of processor a capture that a real robot does not cost.
_ENVIRONMENT = {"MALLOC_MMAP_THRESHOLD_": "268435456", "MALLOC_TRIM_THRESHOLD_": "536870912"}


@contextmanager
def running(folder: Path, robots: int, captures: int, size_bytes: int) -> Iterator[dict[str, Any]]:
    """So many simulated robots with so many captures each, until the block ends; gives the line they print."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "bench.robots", str(folder), str(robots), str(captures), str(size_bytes)]
    with subprocess.Popen(command, env=os.environ | _ENVIRONMENT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()


async def _main(folder: Path, robots: int, captures: int, size_bytes: int) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    fleet = SimulatedFleet(synthetic_world(robots, captures, size_bytes), data_dir=folder)
    await fleet.start()
    known = [
        {"nickname": r.nickname, "hostname": f"{r.host}:{r.port}", "username": r.username, "password": r.password}
        for r in fleet.robots
    ]
    print(json.dumps({"caFile": str(fleet.ca_file), "robots": known}), flush=True)
    await stop.wait()
    await fleet.stop()


if __name__ == "__main__":
    path, *counts = sys.argv[1:]
    asyncio.run(_main(Path(path), *map(int, counts)))

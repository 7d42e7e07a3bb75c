"""For each folder named on standard input: a process that acquires into it, and may be killed at any moment.

It says on standard output what is durable, after each commit. It is forked from one that has imported everything, so
that fifty of them cost no more than fifty connections.
"""

import asyncio
import json
import os
import sys
from pathlib import Path

from roundsman.acquisition.intake import ByteBudget, Intake
from roundsman.acquisition.spot_store import SpotStore
from roundsman.acquisition.sync import RobotSync
from roundsman.captures.record import CapturedFile
from roundsman.kit.blobs import open_blobs
from roundsman.kit.clock import WallClock
from roundsman.kit.database import open_database
from roundsman.robots.spot import connect
from roundsman.runs.record import RobotIdentity


def say(captured):
    lines = [f"{one.id.data_id} {one.blob.sha256}\n" for one in captured if isinstance(one, CapturedFile)]
    os.write(1, "".join(lines).encode())


async def acquire(robot, folder):
    link = await connect(
        robot["hostname"],
        "spot",
        robot["username"],
        robot["password"],
        roots=robot["ca"].encode(),
        clock=WallClock(),
        timeout_s=10,
    )
    database = await open_database(f"sqlite:///{folder / 'roundsman.sqlite3'}")
    blobs = await open_blobs(f"file://{folder / 'blobs'}")
    identity = RobotIdentity(link.serial, "spot", "spot")
    intake = Intake(blobs, ByteBudget(32 << 20), 16)
    sync = RobotSync(identity, "software", SpotStore.of(link), intake, database, WallClock(), on_stored=say)
    os.write(1, b"ready\n")
    await sync.catch_up()
    os.write(1, b"done\n")
    await link.close()
    await database.close()
    await blobs.close()


def main():
    robot = json.loads(sys.argv[1])
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            asyncio.run(acquire(robot, Path(line.strip())))
            os._exit(0)
        os.write(1, f"pid {pid}\n".encode())
        _, status = os.waitpid(pid, 0)
        os.write(1, f"\nexit {os.waitstatus_to_exitcode(status)}\n".encode())


main()

"""kill -9 at many moments: what was acknowledged is there, nothing half-stored shows, the next start completes."""

import asyncio
import hashlib
import json
import os
import random
import shutil
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from roundsman.simulator.services.server import SimulatedFleet
from roundsman.simulator.services.synthetic import synthetic_world

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

KILLS, CAPTURES = 50, 800
CHILD = Path(__file__).with_name("kill_child.py")


class Acquirer:
    """A process that acquires, and what it said to be durable."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.acknowledged: dict[int, str] = {}
        self.done = False
        self._kill_at: tuple[int, int] | None = None  # at how many acknowledged captures, and whom

    async def run(self, folder: Path, kill_after_s: float | None, kill_after_captures: int = CAPTURES) -> bool:
        """Runs it, and kills it so long after it began to acquire, or so many captures; whether it was killed."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{folder}\n".encode())
        pid = int((await self._line())[1])
        await self._until("ready")
        killing = kill_after_s is not None and asyncio.get_running_loop().call_later(kill_after_s, os.kill, pid, 9)
        self._kill_at = (len(self.acknowledged) + kill_after_captures, pid)
        code = int((await self._until("exit"))[1])
        self._kill_at = None
        if killing:
            killing.cancel()
        assert code in (0, -signal.SIGKILL)
        return code != 0

    def _kill_if_due(self) -> None:
        if self._kill_at is not None and len(self.acknowledged) >= self._kill_at[0]:
            with suppress(ProcessLookupError):  # it ended before we had read so far
                os.kill(self._kill_at[1], signal.SIGKILL)
            self._kill_at = None

    async def _line(self) -> list[str]:
        assert self._process.stdout is not None
        async with asyncio.timeout(60):
            line = await self._process.stdout.readline()
        assert line, "the process that starts the others ended"
        return line.decode().split()

    async def _until(self, word: str) -> list[str]:
        """Takes in what it says up to a line that begins with `word`."""
        while (words := await self._line())[:1] != [word]:
            if len(words) == 2 and len(words[1]) == 64:
                self.acknowledged[int(words[0])] = words[1]
                self._kill_if_due()
            self.done = self.done or words == ["done"]
        return words


@asynccontextmanager
async def starter(robot: dict[str, str]) -> AsyncIterator[asyncio.subprocess.Process]:
    """The process that starts acquirers."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(CHILD),
        json.dumps(robot),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 24,
    )
    try:
        yield process
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


def check(folder: Path, acknowledged: dict[int, str]) -> None:
    """Every row has its whole blob, and every acknowledged capture has its row."""
    with sqlite3.connect(folder / "roundsman.sqlite3") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        rows = connection.execute(
            "SELECT data_id, blob_sha256, size_bytes, run_event_uuid FROM run_captures"
        ).fetchall()
        events = {uuid for (uuid,) in connection.execute("SELECT uuid FROM run_events")}
        (last_id,) = connection.execute("SELECT max(last_id) FROM store_cursors").fetchone()
        counted = dict(connection.execute("SELECT series, count FROM tallies WHERE bucket = ?", (3 << 40,)).fetchall())
    connection.close()
    stored = {data_id: sha256 for data_id, sha256, _, _ in rows}
    assert acknowledged.items() <= stored.items()
    assert set(stored) == set(range(1, len(stored) + 1))
    assert (last_id or -1) in (len(stored), -1)
    assert counted.get("run_captures.created_us", 0) == len(stored)
    assert {event for *_, event in rows} == events
    for _, sha256, size_bytes, _ in rows:
        content = (folder / "blobs" / sha256[:2] / sha256).read_bytes()
        assert len(content) == size_bytes
        assert hashlib.sha256(content).hexdigest() == sha256


async def test_nothing_acknowledged_is_lost_by_kill_9(tmp_path, sqlite_template):
    fleet = SimulatedFleet(synthetic_world(1, CAPTURES, 20_000), data_dir=tmp_path / "fleet")
    await fleet.start()
    address = fleet.robots[0]
    robot = {
        "hostname": f"{address.host}:{address.port}",
        "username": address.username,
        "password": address.password,
        "ca": fleet.ca_file.read_text(),
    }
    dice = random.Random(3)
    kills = number = halfway = 0
    try:
        async with starter(robot) as process:
            while kills < KILLS:
                folder = tmp_path / f"data-{number}"
                number += 1
                folder.mkdir()
                shutil.copy(sqlite_template, folder / "roundsman.sqlite3")
                acquirer = Acquirer(process)
                while not acquirer.done:
                    # Every other one by what it has done: how far it comes in a time is the machine's business.
                    if kills >= KILLS:
                        await acquirer.run(folder, None)
                    elif kills % 2:
                        kills += await acquirer.run(folder, None, dice.randrange(1, CAPTURES // 2))
                    else:
                        kills += await acquirer.run(folder, dice.uniform(0.0, 0.3))
                    await asyncio.to_thread(check, folder, acquirer.acknowledged)
                    halfway += 0 < len(acquirer.acknowledged) < CAPTURES
                assert count(folder) == CAPTURES
    finally:
        await fleet.stop()
    assert halfway > 10, "too few kills hit the middle to say anything"


def count(folder: Path) -> int:
    """How many captures are stored."""
    connection = sqlite3.connect(folder / "roundsman.sqlite3")
    (number,) = connection.execute("SELECT count(*) FROM run_captures").fetchone()
    connection.close()
    return number

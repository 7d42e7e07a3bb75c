"""Makes backups of the installation in FOLDER with the database URL, each ended by kill -9 at a moment of its own.

Moments are the pieces of work that a backup is made of, drawn by a seed, and the last two steps: before the whole file
gets its name, and after that. While each is made, captures arrive. After each it is as if the server started again:
what was begun is known as failed, and nothing of it is left. Prints at how many moments it was killed.
"""

import asyncio
import os
import random
import signal
import sys
from pathlib import Path

from sqlalchemy import func, select
from tests.captures.test_record import START_US, identifier

from roundsman.backups import service
from roundsman.backups.making import Source
from roundsman.backups.service import DEAD_US, Backups
from roundsman.backups.types import FAILED, STARTING, BackupParameters
from roundsman.captures.record import CapturedFile, Origin, Recording
from roundsman.captures.tables import run_captures
from roundsman.kit.blobs import open_blobs
from roundsman.kit.clock import SimulatedClock
from roundsman.kit.database import Statement, open_database
from roundsman.kit.problem import Conflict
from roundsman.migrations import head, tables
from roundsman.runs.record import RobotIdentity

BEFORE_NAMED, NAMED = -2, -1
DRAWN, ARRIVING = 8, 40
COUNT = Statement(select(func.count()).select_from(run_captures))


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _killed_at(moment: int, told: int) -> None:
    """From here on this process kills itself there; each piece of work until then is told as a byte."""
    pieces, rename = 0, Path.rename
    beat = service._Work.beat

    async def counted(work: service._Work) -> None:
        nonlocal pieces
        os.write(told, b".")
        if pieces == moment:
            _kill()
        pieces += 1
        await beat(work)

    def named(path: Path, target: Path) -> Path:
        if moment == BEFORE_NAMED:
            _kill()
        found = rename(path, target)
        if moment == NAMED:
            _kill()
        return found

    service._Work.beat = counted
    Path.rename = named


async def _opened(folder: Path, url: str, now_us: int) -> Backups:
    blobs = await open_blobs(f"file://{folder / 'blobs'}")
    source = Source(
        database=await open_database(url), blobs=blobs, tables=tables(), revision=head(), key=b"k" * 32, passphrase=""
    )
    clock = SimulatedClock(now_us)
    return Backups(source=source, folder=folder / "backups", clock=clock, reserve_bytes=0, keep=100)


async def _closed(backups: Backups) -> None:
    await backups.source.blobs.close()
    await backups.source.database.close()


async def _make(folder: Path, url: str, acknowledged: int, number: int, now_us: int) -> None:
    """Makes a backup while captures arrive; each is told once it is durable."""
    backups = await _opened(folder, url, now_us)
    picture = await backups.source.blobs.put(b"a pipe")
    origin = Origin(RobotIdentity(f"spot-{number}", f"10.0.1.{number}", f"Spot {number}"), 1)

    async def load() -> None:
        for count in range(1, ARRIVING + 1):
            one = identifier(count, action=count % 50)
            file = CapturedFile(one, "image", one.action_time_us + 5, ".jpg", picture, (), b"frames")
            await backups.source.database.write(lambda tx, file=file: Recording(tx, origin, START_US).add_all([file]))
            os.write(acknowledged, b".")

    await backups.ask(BackupParameters(), "anna")
    await asyncio.gather(load(), backups.make_next())


def _run(folder: Path, url: str, moment: int, number: int) -> tuple[bool, int, int]:
    """Whether it was killed there, of how many pieces of work it told, and how many captures were acknowledged."""
    (acknowledged, say), (pieces, tell) = os.pipe(), os.pipe()
    child = os.fork()
    if not child:
        _killed_at(moment, tell)
        asyncio.run(_make(folder, url, say, number, START_US + number * 10 * DEAD_US))
        os._exit(0)
    os.close(say)
    os.close(tell)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, -signal.SIGKILL), code
    with os.fdopen(acknowledged, "rb") as said, os.fdopen(pieces, "rb") as told:
        return code != 0, len(told.read()), len(said.read())


async def _look(folder: Path, url: str, number: int, least: int) -> int:
    """As the next start does; how many captures there are, at least those that were acknowledged."""
    backups = await _opened(folder, url, START_US + number * 10 * DEAD_US)
    begun = (await backups.list())[-1]
    try:
        await backups.file(begun.task_id)
        raise AssertionError("a backup that was not finished can be fetched")
    except Conflict:
        pass
    later = await _opened(folder, url, START_US + number * 10 * DEAD_US + 2 * DEAD_US)
    await later.sweep()
    task = await later.get(begun.task_id)
    assert task.status in (FAILED, STARTING), task
    assert task.status == STARTING or "ask for it again" in task.error
    assert os.listdir(folder / "backups") == []  # noqa: PTH208
    found = await later.source.database.one(COUNT)
    assert found is not None
    assert found[0] >= least
    await later.remove(begun.task_id)
    for each in (backups, later):
        await _closed(each)
    return found[0]


def _whole(folder: Path, url: str) -> int:
    """One that nobody kills: of how many pieces it is made."""
    killed, pieces, _ = _run(folder, url, sys.maxsize, 0)
    assert not killed
    assert [path.suffix for path in folder.glob("backups/*")] == [".tar"]
    for path in folder.glob("backups/*"):
        path.unlink()
    return pieces


if __name__ == "__main__":
    there, to = Path(sys.argv[1]), sys.argv[2]
    drawn = random.Random(7).sample(range(_whole(there, to)), DRAWN)
    count = kills = 0
    for round_, at in enumerate([*sorted(drawn), BEFORE_NAMED, NAMED], 1):
        was_killed, _, stored = _run(there, to, at, round_)
        assert was_killed, f"nothing was killed at piece {at}"
        kills += 1
        count = asyncio.run(_look(there, to, round_, count + stored))
    print(kills)

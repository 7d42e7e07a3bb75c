"""What only the embedded database must hold: one writer for many callers, a disk that fills up, a process that dies."""

import asyncio
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import bindparam, insert, select, text

from roundsman import migrations
from roundsman.kit.database import Database, Statement, Transaction, open_database
from roundsman.kit.outbox import outbox
from roundsman.kit.problem import DiskFull

pytestmark = pytest.mark.anyio

add = Statement(insert(outbox))
sequences = Statement(select(outbox.c.sequence).order_by(outbox.c.sequence))
tallied = Statement(text("SELECT series, count FROM tallies WHERE bucket >= 3298534883328").bindparams())
slow = Statement(
    text(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000000) "
        "SELECT max(i) FROM n WHERE i > :least"
    ).bindparams(bindparam("least"))
)


def event(sequence: int, size: int = 10) -> dict[str, object]:
    named = {"uuid": str(sequence), "topic": "t", "subject_uuid": "s", "created_us": 0}
    return {"sequence": sequence, "document": "x" * size, **named}


@pytest.fixture
async def lite(tmp_path: Path, sqlite_template: Path) -> AsyncIterator[Database]:
    file = shutil.copy(sqlite_template, tmp_path / "lite.sqlite3")
    opened = await open_database(f"sqlite:///{file}")
    yield opened
    await opened.close()


async def test_work_that_waits_for_something_else_is_told_so_and_disturbs_nobody(lite: Database) -> None:
    async def waits(tx: Transaction) -> None:
        await tx.execute(add, **event(1))
        await asyncio.sleep(0)

    async def works(tx: Transaction) -> None:
        await tx.execute(add, **event(2))

    refused, done = await asyncio.gather(lite.write(waits), lite.write(works), return_exceptions=True)
    assert isinstance(refused, RuntimeError)
    assert "await only its transaction" in str(refused)
    assert done is None
    assert await lite.all(sequences) == [(2,)]


async def test_many_callers_share_a_commit(lite: Database, tmp_path: Path) -> None:
    async def one(number: int) -> None:
        await lite.write(lambda tx: tx.execute(add, **event(number)))

    await asyncio.gather(*(one(number) for number in range(300)))
    assert len(await lite.all(sequences)) == 300
    log = tmp_path / "lite.sqlite3-wal"
    assert log.stat().st_size < 300 * 4096  # each commit alone would write at least two pages


async def test_a_long_scan_holds_nobody_up(lite: Database) -> None:
    async def scan() -> list[object]:
        return [row async for rows in lite.scan(slow, least=0) for row in rows]

    task = asyncio.create_task(scan())
    reads = 0
    while not task.done():
        await lite.one(sequences)
        await asyncio.sleep(0)
        reads += 1
    assert await task == [(3_000_000,)]
    assert reads > 100


async def test_a_closed_database_refuses_writes(lite: Database) -> None:
    await lite.close()
    with pytest.raises(RuntimeError, match="closed"):
        await lite.write(lambda tx: tx.execute(add, **event(1)))


async def test_a_full_disk_is_named_so_reads_go_on_and_the_writer_recovers(tiny_disk: Path) -> None:
    url = f"sqlite:///{tiny_disk / 'full.sqlite3'}"
    await migrations.upgrade(url)
    full = await open_database(url)
    ballast = tiny_disk / "ballast"
    ballast.write_bytes(bytes(2_000_000))

    async def write(number: int, size: int) -> None:
        async def work(tx: Transaction) -> None:
            await tx.execute(add, **event(number, size))
            tx.tally("kept", 0)

        await full.write(work)

    outcomes: list[object] = []
    number = 0
    while DiskFull not in map(type, outcomes):
        batch = range(number, number + 8)
        outcomes += await asyncio.gather(*(write(index, 300_000) for index in batch), return_exceptions=True)
        number = batch.stop
    assert {type(outcome) for outcome in outcomes} == {type(None), DiskFull}
    kept = [(index,) for index, outcome in enumerate(outcomes) if outcome is None]
    assert await full.all(sequences) == kept
    assert await full.all(tallied) == [("kept", len(kept))]
    ballast.unlink()
    await write(1_000_000, 300_000)
    assert (await full.all(sequences))[-1] == (1_000_000,)
    await full.close()


WRITER = """
import asyncio, sys
from sqlalchemy import insert
from roundsman.kit.database import Statement, open_database
from roundsman.kit.outbox import append

async def main():
    database = await open_database(sys.argv[1])
    async def writer(name):
        for number in range(1_000_000):
            subject = f"{name}-{number}"
            async def work(tx):
                await append(tx, "first", subject)
                tx.tally("both", 0)
                await append(tx, "second", subject)
            await database.write(work)
            print(subject, flush=True)
    await asyncio.gather(*(writer(name) for name in sys.argv[2:]))

asyncio.run(main())
"""


def write_until_killed(file: Path, names: list[str]) -> list[str]:
    """Writes in a process that is killed after 200 transactions; answers all that it acknowledged."""
    command = [sys.executable, "-c", WRITER, f"sqlite:///{file}", *names]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first = [process.stdout.readline().strip() for _ in range(200)]
        process.kill()
        return first + process.stdout.read().split("\n")[:-1]


def test_after_kill_9_every_acknowledged_transaction_is_there_and_each_is_whole(
    tmp_path: Path, sqlite_template: Path
) -> None:
    file = tmp_path / "killed.sqlite3"
    file.write_bytes(sqlite_template.read_bytes())
    acknowledged: set[str] = set()
    for round_ in range(3):
        acknowledged |= set(write_until_killed(file, [f"{round_}{name}" for name in "abcdefgh"]))
    connection = sqlite3.connect(file)
    found = {topic: set[str]() for topic in ("first", "second")}
    for topic, subject in connection.execute("SELECT topic, subject_uuid FROM outbox"):
        found[topic].add(subject)
    counts = {count for (count,) in connection.execute("SELECT count FROM tallies WHERE series = 'both'")}
    last, rows = connection.execute("SELECT max(sequence), count(*) FROM outbox").fetchone()
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    assert "" not in acknowledged
    assert found["first"] >= acknowledged
    assert found["first"] == found["second"]
    assert counts == {len(found["first"])}
    assert last == rows == 2 * len(found["first"])


class Failing(sqlite3.Connection):
    """A disk that neither commits nor rolls back, until it is well again."""

    ill = True

    def execute(self, sql: str, *arguments: object) -> sqlite3.Cursor:  # type: ignore[override]
        if self.ill and sql in {"COMMIT", "ROLLBACK"}:
            raise sqlite3.OperationalError("disk I/O error")
        return super().execute(sql, *arguments)


async def test_a_disk_that_cannot_even_roll_back_does_not_leave_callers_waiting(lite: Database, tmp_path: Path) -> None:
    failing = Failing(tmp_path / "lite.sqlite3", isolation_level=None, check_same_thread=False)
    lite._writer._connection.close()
    lite._writer._connection = failing
    async with asyncio.timeout(20):
        for sequence in (1, 2):
            with pytest.raises(sqlite3.OperationalError):
                await lite.write(lambda tx, sequence=sequence: tx.execute(add, **event(sequence)))
        failing.ill = False
        with pytest.raises(sqlite3.OperationalError):  # only now what lay half done is cleared away
            await lite.write(lambda tx: tx.execute(add, **event(3)))
        await lite.write(lambda tx: tx.execute(add, **event(4)))
    assert await lite.all(sequences) == [(4,)]

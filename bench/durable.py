"""The floor of durable acquisition: files and rows made safe by as few lines as can be.

16 writers, each: temporary file, fsync, rename, fsync of the folder, one row in a group commit with
`synchronous=FULL`. No robot, no network, no hash, no index: what the disk and the standard library allow.
"""

import os
import queue
import sqlite3
import threading
import time
from collections.abc import Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import repeat
from pathlib import Path

Row = tuple[str, int, threading.Event]
Rows = queue.Queue[Row | None]
COMMIT_S = 60


def _commit_groups(folder: Path, rows: Rows) -> None:
    connection = sqlite3.connect(folder / "floor.sqlite3", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE captures (name TEXT PRIMARY KEY, size_bytes BIGINT) WITHOUT ROWID")
    while (first := rows.get()) is not None:
        group = [first]
        while not rows.empty() and (more := rows.get()) is not None:
            group.append(more)
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO captures VALUES (?, ?)", [row[:2] for row in group])
        connection.execute("COMMIT")
        for *_, done in group:
            done.set()
    connection.close()


@contextmanager
def committing(folder: Path) -> Generator[Rows]:
    """Gives where to put the rows of the files in `folder`; each is told when it is committed."""
    folder.mkdir(parents=True)
    rows = Rows()
    committer = threading.Thread(target=_commit_groups, args=(folder, rows))
    committer.start()
    try:
        yield rows
    finally:
        rows.put(None)
        committer.join()


def _write_file(folder: Path, name: str, content: bytes) -> None:
    temporary = folder / f".{name}"
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(folder / name)
    handle = os.open(folder, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)


def write_all(folder: Path, files: Iterable[tuple[str, bytes]], rows: Rows) -> None:
    """What one writer does: makes each file durable, then its row."""
    for name, content in files:
        _write_file(folder, name, content)
        done = threading.Event()
        rows.put((name, len(content), done))
        if not done.wait(COMMIT_S):
            raise RuntimeError("a row was not committed in time")


def captures_per_s(folder: Path, *, count: int, size_bytes: int, writers: int = 16) -> float:
    """Captures a second made durable by the floor in `folder`, which must not be there yet."""
    content = os.urandom(size_bytes)
    each = count // writers
    with committing(folder) as rows, ThreadPoolExecutor(writers) as threads:
        start = time.perf_counter()
        shares = [[(f"{number}-{index}", content) for index in range(each)] for number in range(writers)]
        list(threads.map(write_all, repeat(folder), shares, repeat(rows)))
        return each * writers / (time.perf_counter() - start)

"""The floor of durable acquisition: files and rows made safe by as few lines as can be.

16 writers, each: temporary file, fsync, rename, fsync of the folder, one row in a group commit with
`synchronous=FULL`. No robot, no network, no hash, no index: what the disk and the standard library allow.
"""

import os
import queue
import sqlite3
import threading
import time
from pathlib import Path

Row = tuple[str, int, threading.Event]


def _commit_groups(folder: Path, rows: "queue.Queue[Row | None]") -> None:
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


def _writer(folder: Path, number: int, count: int, content: bytes, rows: "queue.Queue[Row | None]") -> None:
    for index in range(count):
        name = f"{number}-{index}"
        _write_file(folder, name, content)
        done = threading.Event()
        rows.put((name, len(content), done))
        done.wait()


def captures_per_s(folder: Path, *, count: int, size_bytes: int, writers: int = 16) -> float:
    """Captures a second made durable by the floor in `folder`, which must be empty and on the disk to be measured."""
    folder.mkdir(parents=True)
    content = os.urandom(size_bytes)
    rows: queue.Queue[Row | None] = queue.Queue()
    committer = threading.Thread(target=_commit_groups, args=(folder, rows))
    committer.start()
    each = count // writers
    threads = [threading.Thread(target=_writer, args=(folder, n, each, content, rows)) for n in range(writers)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken_s = time.perf_counter() - start
    rows.put(None)
    committer.join()
    return each * writers / taken_s

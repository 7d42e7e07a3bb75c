"""The change feed read from its oldest change to its newest, as pages and as a stream, with the memory that takes."""

import sqlite3
import ssl
import time
import urllib.request
from contextlib import closing
from pathlib import Path

import msgspec
import psutil

from bench import dataset, processes
from bench.archive import highest, private_bytes
from bench.plan import Bench
from bench.report import Result
from bench.wire import Connection

FEED = "/api/roundsman/v1/changes"
PAGE = 1000
MEMORY_MB = 64
_FLOOR = (
    "SELECT sequence, uuid, topic, subject_uuid, created_us, document FROM outbox WHERE sequence > ? "
    "ORDER BY sequence LIMIT ?"
)


class _Page(msgspec.Struct):
    items: list[msgspec.Raw]
    next: str


_page = msgspec.json.Decoder(_Page).decode


def against_floor(bench: Bench) -> None:
    """Changes a second to one reader, against the bare rows out of the file; and what the server needs for it."""
    data = dataset.changes(bench.folder, bench.changes)
    with processes.roundsman(data.path) as server, Connection(server.url, data.headers) as connection:
        connection.get(f"{FEED}?limit=1")
        process = psutil.Process(server.pid)
        idle_bytes = private_bytes(process)
        with highest(process, private_bytes) as highest_bytes:
            rounds = bench.alternate(
                lambda: _pages(connection, bench.changes), lambda: _bare(data.database, bench.changes)
            )
            bench.report.add(Result.of("changes: pages of 1,000, against bare rows", rounds, "/s", 0.3))
            rounds = bench.alternate(
                lambda: _stream(server.url, data.headers, bench.changes), lambda: _bare(data.database, bench.changes)
            )
            bench.report.add(Result.of("changes: stream, against bare rows", rounds, "/s", 0.1))
        used = [((highest_bytes() - idle_bytes) / 1e6, float(MEMORY_MB))]
    note = f"above {idle_bytes / 1e6:.0f} MB; without mapped files; the floor is the limit"
    bench.report.add(Result.of("changes: memory above idle", used, "MB", 1.0, at_most=True, note=note))


def _pages(connection: Connection, count: int) -> float:
    """All changes, page after page. Raises: RuntimeError when one is missing or comes twice."""
    start, since, read = time.perf_counter(), "0", 0
    while True:
        page = _page(connection.get(f"{FEED}?since={since}&limit={PAGE}"))
        read, since = read + len(page.items), page.next
        if len(page.items) < PAGE:
            break
    return _all(read, count) / (time.perf_counter() - start)


def _stream(url: str, headers: dict[str, str], count: int) -> float:
    """The same as server-sent events, until the last one is there."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    asked = urllib.request.Request(f"{url}{FEED}?since=0", headers=headers | {"Accept": "text/event-stream"})
    start, read = time.perf_counter(), 0
    with urllib.request.urlopen(asked, context=context, timeout=60) as answer:
        for line in answer:
            read += line.startswith(b"data: ")
            if line == b"id: %d\n" % count:
                read += 1  # its data follow the number
                break
    return _all(read, count) / (time.perf_counter() - start)


def _bare(database: Path, count: int) -> float:
    """The same rows out of the file and as JSON, in pages: no server, no login, no TLS, nothing checked."""
    encode = msgspec.json.Encoder().encode
    start, since, read = time.perf_counter(), 0, 0
    with closing(sqlite3.connect(database)) as connection:
        while rows := connection.execute(_FLOOR, (since, PAGE)).fetchall():
            encode([(*row[:-1], msgspec.Raw(row[-1].encode())) for row in rows])
            read, since = read + len(rows), rows[-1][0]
    return _all(read, count) / (time.perf_counter() - start)


def _all(read: int, count: int) -> int:
    if read != count:
        raise RuntimeError(f"{read} of {count} changes")
    return read

"""The archive of a run with 500 files of 200 kB: its length and ranges, the memory that it takes, and its rate."""

import asyncio
import shutil
import socket
import sqlite3
import ssl
import subprocess
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from bench import dataset, processes
from bench.plan import Bench
from bench.report import Result
from roundsman.app import opened
from roundsman.captures.archives import archive_of_run
from roundsman.kit.stored_zip import read_range
from roundsman.settings import Settings

LIMIT_MB = 64
SAMPLE_S = 0.005
SLOW_S = 2.0


def _run(data: dataset.Folder) -> str:
    with closing(sqlite3.connect(data.database)) as database:
        query = "SELECT run_uuid FROM run_captures WHERE size_bytes = ? LIMIT 1"
        return database.execute(query, (dataset.SMALL_BYTES,)).fetchone()[0]


def memory(bench: Bench) -> None:
    """The server's memory above idle while the archive is sent: to one who reads fast, and to one who hardly reads."""
    data = dataset.files(bench.folder, bench.files)
    path = f"/api/v0/run_archives/{_run(data)}"
    with processes.roundsman(data.path) as server:
        _request(server.url, "/api/v0/version", data.headers)
        process = psutil.Process(server.pid)
        idle_bytes = process.memory_info().rss
        rounds: list[tuple[float, float]] = []
        for _ in range(bench.rounds):
            with highest(process) as highest_bytes:
                length = _request(server.url, path, data.headers)
                _trickle(server.url, path, data.headers)
            rounds.append(((highest_bytes() - idle_bytes) / 1e6, LIMIT_MB))
        _check_range(server.url, path, data.headers, length)
    note = f"above {idle_bytes / 1e6:.0f} MB; {length / 1e6:.0f} MB sent; the floor is the limit"
    bench.report.add(Result.of("archive: memory above idle", rounds, "MB", 1.0, at_most=True, note=note))


def _request(url: str, path: str, headers: dict[str, str]) -> int:
    """Reads all of an answer. Raises: RuntimeError when it is not as long as its Content-Length says."""
    with _opened(url, path, headers) as answer:
        length = int(answer.headers["content-length"])
        received = 0
        while part := answer.read(1 << 20):
            received += len(part)
    if received != length:
        raise RuntimeError(f"{path}: {received} of {length} bytes")
    return length


def _check_range(url: str, path: str, headers: dict[str, str], length: int) -> None:
    """A range from the middle is what stands there in the whole."""
    start, end = length // 2, length // 2 + 3_000_000
    with _opened(url, path, headers | {"Range": f"bytes={start}-{end - 1}"}) as answer:
        part = answer.read()
        said = answer.headers["content-range"]
    with _opened(url, path, headers) as answer:
        whole = answer.read()
    if said != f"bytes {start}-{min(end, length) - 1}/{length}" or part != whole[start:end]:
        raise RuntimeError(f"{path}: range {said} is not what stands there")


def _opened(url: str, path: str, headers: dict[str, str]):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return urllib.request.urlopen(urllib.request.Request(url + path, headers=headers), context=context, timeout=120)


def _trickle(url: str, path: str, headers: dict[str, str]) -> None:
    """Asks for all and takes next to nothing, so that whatever the server reads ahead piles up; then goes away."""
    parts = urlsplit(url)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    with context.wrap_socket(socket.create_connection((parts.hostname, parts.port))) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\n{lines}\r\n".encode())
        end = time.monotonic() + SLOW_S
        while time.monotonic() < end:
            connection.recv(4096)
            time.sleep(0.1)


def private_bytes(process: psutil.Process) -> int:
    """Memory without mapped files: SQLite maps up to 1 GB of its own, which the system takes back when it needs it."""
    known = process.memory_info()
    return known.rss - getattr(known, "shared", 0)


def _resident(process: psutil.Process) -> int:
    return process.memory_info().rss


@contextmanager
def highest(
    process: psutil.Process, measure: Callable[[psutil.Process], int] = _resident
) -> Iterator[Callable[[], int]]:
    """Watches the memory of a process; gives the highest that was seen."""
    seen = [measure(process)]
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(SAMPLE_S):
            seen.append(measure(process))

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield lambda: max(seen)
    finally:
        stop.set()
        watching.join()


def rate(bench: Bench) -> None:
    """Made in process out of the store, against `zip -0` of the same files; neither writes what it makes to disk."""
    if shutil.which("zip") is None:
        bench.report.skip("archive against zip -0", "zip is not installed")
        return
    data = dataset.files(bench.folder, bench.files)
    uuid = _run(data)
    with closing(sqlite3.connect(data.database)) as database, tempfile.TemporaryDirectory(dir=data.path) as folder:
        for number, (sha256,) in enumerate(
            database.execute("SELECT blob_sha256 FROM run_captures WHERE run_uuid = ?", (uuid,))
        ):
            (Path(folder) / f"{number}.jpg").hardlink_to(data.path / "blobs" / sha256[:2] / sha256)
        rounds = bench.alternate(lambda: asyncio.run(_ours(data, uuid)), lambda: _zip(Path(folder)))
    bench.report.add(Result.of("archive: in process, against zip -0", rounds, "MB/s", 1.5))


async def _ours(data: dataset.Folder, uuid: str) -> float:
    async with opened(Settings(data_dir=data.path)) as parts:
        start = time.perf_counter()
        archive = await archive_of_run(parts.database, uuid)
        assert archive is not None
        size = 0
        async for chunk in read_range(archive.layout, parts.blobs):
            size += len(chunk)
        return size / (time.perf_counter() - start) / 1e6


def _zip(folder: Path) -> float:
    start = time.perf_counter()
    command = ["zip", "-0", "-q", "-r", "-", "."]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        size = 0
        while part := process.stdout.read(1 << 20):
            size += len(part)
    if process.returncode:
        raise RuntimeError("zip failed")
    return size / (time.perf_counter() - start) / 1e6

"""Deliveries to webhooks that answer at once, against bare posts of the same bodies, with the memory that takes."""

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpcore
import psutil

from bench.archive import highest, private_bytes
from bench.plan import Bench
from bench.report import Result
from roundsman.api.parts import Parts
from roundsman.app import opened
from roundsman.kit import outbox
from roundsman.kit.database import Transaction
from roundsman.kit.listing import Window
from roundsman.settings import Settings
from roundsman.webhooks import store
from roundsman.webhooks.delivering import Deliverer, dispatcher

WEBHOOKS = 8  # each is sent its messages one after the other
DOCUMENT_BYTES = 2000
MEMORY_MB = 64
DOCUMENT = '{"data":"%s"}' % ("x" * DOCUMENT_BYTES)


def against_floor(bench: Bench) -> None:
    """Deliveries a second out of a backlog, against posts a second; and what the process needs for it."""
    process = psutil.Process()
    used: list[tuple[float, float]] = []

    def ours() -> float:
        rate, above_mb = asyncio.run(_deliver(url, bench.deliveries, process, bench.folder))
        used.append((above_mb, float(MEMORY_MB)))
        return rate

    with _receiver() as url:
        rounds = bench.alternate(ours, lambda: asyncio.run(_post(url, bench.deliveries)))
    bench.report.add(Result.of(f"webhooks: deliveries to {WEBHOOKS}, against bare posts", rounds, "/s", 0.1))
    note = f"{bench.deliveries:,} waiting; without mapped files; the floor is the limit"
    bench.report.add(Result.of("webhooks: memory above idle", used, "MB", 1.0, at_most=True, note=note))


@contextmanager
def _receiver() -> Iterator[str]:
    command = [sys.executable, "-m", "bench.receiver"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/"
        process.communicate("")


async def _deliver(url: str, count: int, process: psutil.Process, folder: Path) -> tuple[float, float]:
    """Deliveries a second, from the first look to the last that is settled, and the memory above idle in MB."""
    with tempfile.TemporaryDirectory(dir=folder) as data:
        settings = Settings(data_dir=Path(data), robots_enabled=False, outbound_allow=("127.0.0.0/8",))
        async with opened(settings) as parts:
            await _backlog(parts, url, count)
            deliverer = Deliverer(
                database=parts.database, vault=parts.vault, clock=parts.clock, sender=parts.outbound
            )  # fmt: skip
            idle_bytes = private_bytes(process)
            with highest(process, private_bytes) as highest_bytes:
                start = time.perf_counter()
                await deliverer.look()
                await deliverer.settled()
                seconds = time.perf_counter() - start
            await _all_delivered(parts, count)
            return count / seconds, (highest_bytes() - idle_bytes) / 1e6


async def _backlog(parts: Parts, url: str, count: int) -> None:
    """Webhooks, and for each its part of so many deliveries that are due."""
    for number in range(WEBHOOKS):
        await parts.webhooks.add({"url": f"{url}{number}", "events": ["RUN_ENDED"]})

    async def work(tx: Transaction) -> None:
        for _ in range(count // WEBHOOKS):
            await outbox.append(tx, "run.ended", "a-run", DOCUMENT, created_us=parts.clock.now_us())

    await parts.database.write(work)
    await dispatcher(parts.database, parts.bus, parts.clock).catch_up()


async def _all_delivered(parts: Parts, count: int) -> None:
    """Raises: RuntimeError when a delivery is missing."""
    found = (await store.find_log(parts.database, {"state": ["delivered"]}, Window(1))).total
    if found != count:
        raise RuntimeError(f"{found} of {count} deliveries")


async def _post(url: str, count: int) -> float:
    """Posts a second by httpcore alone, as many at a time: nothing is signed, checked, claimed or kept."""
    body = DOCUMENT.encode()
    headers = [(b"Host", b"receiver"), (b"Content-Length", str(len(body)).encode())]
    async with httpcore.AsyncConnectionPool(max_connections=WEBHOOKS) as pool:

        async def some() -> None:
            for _ in range(count // WEBHOOKS):
                answer = await pool.request("POST", url, headers=headers, content=body)
                if answer.status != 200:
                    raise RuntimeError(f"the receiver answered {answer.status}")

        start = time.perf_counter()
        await asyncio.gather(*(some() for _ in range(WEBHOOKS)))
        return count / (time.perf_counter() - start)

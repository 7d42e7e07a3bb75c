"""Load on one address: wrk where Debian ships it, else a few lines of Python; both keep their connections."""

import asyncio
import re
import shutil
import ssl
import subprocess
import time
from dataclasses import dataclass

from bench.plan import Bench

UNITS_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


@dataclass(frozen=True)
class Rate:
    """What a load saw: answers a second, and its latencies."""

    per_s: float
    p50_ms: float
    p99_ms: float
    errors: int
    mb_per_s: float  # also of answers that were not complete when time was up


def load(url: str, *, seconds: float, connections: int = 16, headers: dict[str, str] | None = None) -> Rate:
    """Answers a second of `url` under `connections` kept-alive connections for `seconds`; errors are counted."""
    if shutil.which("wrk"):
        return _wrk(url, seconds, connections, headers or {})
    return asyncio.run(_python(url, seconds, connections, headers or {}))


def _wrk(url: str, seconds: float, connections: int, headers: dict[str, str]) -> Rate:
    extra = [part for name, value in headers.items() for part in ("-H", f"{name}: {value}")]
    command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--latency", *extra, url]
    text = subprocess.run(command, capture_output=True, text=True, check=True, timeout=seconds + 30).stdout
    rate = re.search(r"Requests/sec:\s+([\d.]+)", text)
    if rate is None:
        raise RuntimeError(f"wrk printed no rate:\n{text}")
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    broken = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    errors = int(bad[1]) if bad else 0
    errors += sum(map(int, broken.groups())) if broken else 0
    return Rate(float(rate[1]), _percentile(text, "50%"), _percentile(text, "99%"), errors, _transfer(text))


def _transfer(text: str) -> float:
    found = re.search(r"Transfer/sec:\s+([\d.]+)([KMG]?)B", text)
    return float(found[1]) * {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}[found[2]] / 1e6 if found else 0.0


def _percentile(text: str, name: str) -> float:
    found = re.search(rf"{name}\s+([\d.]+)(us|ms|s)", text)
    return float(found[1]) * UNITS_MS[found[2]] if found else float("nan")


async def _python(url: str, seconds: float, connections: int, headers: dict[str, str]) -> Rate:
    import httpx

    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    taken: list[float] = []
    errors = received = 0
    end = time.perf_counter() + seconds

    async def one(client: httpx.AsyncClient) -> None:
        nonlocal errors, received
        while (start := time.perf_counter()) < end:
            answer = await client.get(url, headers=headers)
            taken.append(time.perf_counter() - start)
            received += len(answer.content)
            errors += answer.status_code >= 400

    async with httpx.AsyncClient(verify=context) as client:
        start = time.perf_counter()
        await asyncio.gather(*(one(client) for _ in range(connections)))
        passed_s = time.perf_counter() - start
    taken.sort()
    p50_ms, p99_ms = (taken[int(len(taken) * part)] * 1e3 for part in (0.5, 0.99))
    return Rate(len(taken) / passed_s, p50_ms, p99_ms, errors, received / passed_s / 1e6)


def rate(bench: Bench, url: str, headers: dict[str, str] | None = None) -> float:
    """Answers a second of `url`. Raises: RuntimeError when not every one of them was good."""
    return _good(url, load(url, seconds=bench.seconds, headers=headers)).per_s


def transfer(bench: Bench, url: str, headers: dict[str, str] | None = None) -> float:
    """Megabytes a second of a large file to four clients. Raises: as `rate`."""
    return _good(url, load(url, seconds=bench.seconds, connections=4, headers=headers)).mb_per_s


def _good(url: str, seen: Rate) -> Rate:
    if seen.errors or not seen.mb_per_s:
        raise RuntimeError(f"{url}: {seen}")
    return seen

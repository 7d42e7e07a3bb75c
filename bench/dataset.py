"""Data folders to measure on, made once and kept: a server's database with a given number of rows, and blobs.

The rows are those of tests/seed.py, counted as real ones are, so that totals are read from what acquisition keeps.
"""

import asyncio
import hashlib
import json
import random
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tests import seed

from roundsman.api.parts import Parts
from roundsman.app import opened
from roundsman.kit import outbox
from roundsman.kit.blobs import BlobInfo
from roundsman.kit.database import Transaction
from roundsman.kit.identifiers import new_uuid
from roundsman.settings import Settings

FLEET = seed.Plan(events_per_run=25, captures_per_event=4, robots=8, missions=6)
SMALL_BYTES, LARGE_BYTES = 200_000, 20_000_000
_SOURCES = (
    "tests/seed.py",
    "src/roundsman/migrations/versions",
    "src/roundsman/captures/tallies.py",
    "src/roundsman/runs/tallies.py",
)


@dataclass(frozen=True)
class Folder:
    """A data folder, and a token that may read everything in it."""

    path: Path

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {(self.path / 'bench-token').read_text()}"}

    @property
    def database(self) -> Path:
        return self.path / "roundsman.sqlite3"


def captures(root: Path, rows: int) -> Folder:
    """`rows` run captures in rows / 4 run events and rows / 100 runs, over half a year. No files."""
    return _kept(root, f"captures-{rows}", [replace(FLEET, runs=max(1, rows // 100))])


def files(root: Path, count: int) -> Folder:
    """A run with `count` files of 200 kB, and one with four of 20 MB."""
    small = seed.Plan(runs=1, events_per_run=count // 4, captures_per_event=4, robots=1, missions=1, teleop=0)
    return _kept(root, f"files-{count}", [small, replace(small, events_per_run=1, seed=2, robots=2)])


def changes(root: Path, count: int) -> Folder:
    """A feed of `count` changes, each with a document of some 900 bytes, as a capture has. Nothing else."""
    return _kept(root, f"changes-{count}", [])


def empty(path: Path) -> Folder:
    """A data folder without anything but its token; not kept."""
    asyncio.run(_fill(path, []))
    return Folder(path)


def _kept(root: Path, name: str, plans: Sequence[seed.Plan]) -> Folder:
    path = root / f"{name}-{_version(plans)}"
    if not (path / "bench-token").exists():
        shutil.rmtree(path, ignore_errors=True)
        for stale in root.glob(f"{name}-*"):
            shutil.rmtree(stale)
        print(f"making {path} (once)", flush=True)
        start = time.monotonic()
        asyncio.run(_fill(path, plans))
        print(f"  in {time.monotonic() - start:.0f} s", flush=True)
    return Folder(path)


def _version(plans: Sequence[seed.Plan]) -> str:
    """Changes with everything that makes the rows, so that an old folder is never measured by mistake."""
    sources = [path for name in _SOURCES for path in sorted([Path(name), *Path(name).glob("*.py")]) if path.is_file()]
    return hashlib.sha256(b"".join([path.read_bytes() for path in sources]) + repr(plans).encode()).hexdigest()[:8]


async def _fill(path: Path, plans: Sequence[seed.Plan]) -> None:
    async with opened(Settings(data_dir=path)) as parts:
        for number, plan in enumerate(plans):
            filled = replace(plan, blobs=await _blobs(parts, plan, number)) if path.name.startswith("files") else plan
            for batch in seed.Generator(filled).batches():
                _told_apart(batch, number)
                await seed.store(parts.database, batch)
        if path.name.startswith("changes"):
            await _changes(parts, int(path.name.split("-")[1]))
        token, _ = await parts.access.tokens.create("bench", "reviewer", created_by="bench")
    (path / "bench-token").write_text(token)


async def _changes(parts: Parts, count: int) -> None:
    document = json.dumps({f"member{number}": "0192f0c4-5a70-7cc3-98c4-dc0c0c07398f" for number in range(17)})

    async def work(tx: Transaction) -> None:
        for _ in range(min(count, 1000)):
            await outbox.append(tx, "run_capture.created", new_uuid(), document)

    for _ in range(-(-count // 1000)):
        await parts.database.write(work)


def _told_apart(batch: seed.Batch, number: int) -> None:
    """A plan counts its captures from 1; those of a second plan are of another epoch of the robot's store."""
    for capture in batch.captures:
        capture["store_epoch"] += number


async def _blobs(parts: Parts, plan: seed.Plan, number: int) -> list[BlobInfo]:
    count, size_bytes = plan.events_per_run * plan.captures_per_event, (SMALL_BYTES, LARGE_BYTES)[number]
    chance = random.Random(number)
    return [await parts.blobs.put(chance.randbytes(size_bytes)) for _ in range(count)]

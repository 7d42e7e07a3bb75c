"""A backup written to a file, and restored into an empty folder: MB a second beside tar, and the memory of each."""

import asyncio
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import psutil

from bench import dataset
from bench.archive import highest, private_bytes
from bench.plan import Bench
from bench.report import Result
from roundsman.app import opened
from roundsman.backups.making import dump, packed
from roundsman.backups.restoring import restore
from roundsman.backups.service import write_file
from roundsman.backups.types import BackupParameters
from roundsman.settings import Settings

MEMORY_MB = 64


def against_tar(bench: Bench) -> None:
    """Against tar over the same data folder, synced as ours is; tar hashes nothing and reads no rows."""
    data = dataset.files(bench.folder, bench.files)
    size_mb = sum(path.stat().st_size for path in data.path.rglob("*") if path.is_file()) / 1e6
    with tempfile.TemporaryDirectory(dir=bench.folder) as name:
        folder = Path(name)
        bare, whole = folder / "bare.tar", folder / "whole.tar"
        process = psutil.Process()
        asyncio.run(_made(data.path, whole))  # what is imported and compiled once
        idle_bytes = private_bytes(process)
        with highest(process, private_bytes) as making_bytes:
            making = bench.alternate(
                lambda: size_mb / asyncio.run(_made(data.path, whole)), lambda: size_mb / _packed(data.path, bare)
            )
        with highest(process, private_bytes) as restoring_bytes:
            restoring = bench.alternate(
                lambda: size_mb / _restored(whole, folder), lambda: size_mb / _unpacked(bare, folder)
            )
    bench.report.add(Result.of(f"backup of {size_mb:.0f} MB, against tar", making, "MB/s", 0.3))
    bench.report.add(Result.of(f"restore of {size_mb:.0f} MB, against tar", restoring, "MB/s", 0.2))
    note = f"above {idle_bytes / 1e6:.0f} MB; without mapped files; the floor is the limit"
    for what, bytes_ in (("backup", making_bytes()), ("restore", restoring_bytes())):
        used = [(max(0.0, bytes_ - idle_bytes) / 1e6, float(MEMORY_MB))]
        bench.report.add(Result.of(f"{what}: memory above idle", used, "MB", 1.0, at_most=True, note=note))


async def _made(data: Path, target: Path) -> float:
    """As `roundsman backup` does, in seconds."""
    async with opened(Settings(data_dir=data)) as parts:
        start, parameters, source = time.perf_counter(), BackupParameters(), parts.backups.source
        with tempfile.TemporaryDirectory(dir=target.parent) as name:
            rows = await dump(source, parameters, Path(name), _nothing)
            await write_file(packed(source, parameters, rows, parts.clock.now_us()), Path(name) / "part", target)
        return time.perf_counter() - start


async def _nothing() -> None:
    pass


def _restored(whole: Path, folder: Path) -> float:
    """As `roundsman restore` does, in seconds."""
    there = folder / "restored"
    start = time.perf_counter()
    with whole.open("rb") as file:
        asyncio.run(restore(Settings(data_dir=there / "data"), file))
    taken_s = time.perf_counter() - start
    shutil.rmtree(there)
    return taken_s


def _packed(data: Path, target: Path) -> float:
    start = time.perf_counter()
    subprocess.run(["tar", "-cf", str(target), "-C", str(data), "."], check=True)
    _sync(target)
    return time.perf_counter() - start


def _unpacked(source: Path, folder: Path) -> float:
    """Every file synced, as ours are: the file system's `sync` once, behind all of them."""
    there = folder / "unpacked"
    there.mkdir()
    start = time.perf_counter()
    subprocess.run(["tar", "-xf", str(source), "-C", str(there)], check=True)
    subprocess.run(["sync", "-f", str(there)], check=True)
    taken_s = time.perf_counter() - start
    shutil.rmtree(there)
    return taken_s


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)

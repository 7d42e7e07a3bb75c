"""Backups made in the background: whole or not there, whatever happens meanwhile."""

import hashlib
import stat
import tarfile
from pathlib import Path

import anyio
import pytest

from roundsman.backups.service import DEAD_US, Backups
from roundsman.backups.types import CANCELLED, COMPLETED, FAILED, STARTING, BackupParameters
from roundsman.kit.clock import SimulatedClock
from roundsman.kit.problem import Conflict, NotFound, TooManyRequests

pytestmark = pytest.mark.anyio
ALL = BackupParameters()


async def made(backups: Backups, parameters: BackupParameters = ALL) -> tuple[str, Path]:
    task = await backups.ask(parameters, "anna")
    assert (task.status, task.error) == (STARTING, "")
    assert await backups.make_next()
    assert (await backups.get(task.task_id)).status == COMPLETED
    return task.task_id, (await backups.file(task.task_id))[0]


async def test_it_is_a_tar_that_other_programs_check(backups: Backups, filled: list[bytes], tmp_path: Path) -> None:
    task_id, path = await made(backups)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (await backups.get(task_id)).size == path.stat().st_size
    assert (await backups.file(task_id))[3] == hashlib.sha256(path.read_bytes()).hexdigest()
    there = tmp_path / "opened"
    there.mkdir()
    await anyio.run_process(["tar", "-xf", str(path), "-C", str(there)])
    await anyio.run_process(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=there)
    contents = [file.read_bytes() for file in (there / "files").rglob("*") if file.is_file()]
    assert sorted(contents) == sorted(filled)
    assert [left.name for left in path.parent.iterdir()] == [path.name]


async def test_files_are_left_out_where_they_are_not_wanted(backups: Backups, filled: list[bytes]) -> None:
    _, path = await made(backups, BackupParameters(include_missions=True, include_captures=False))
    with tarfile.open(path) as tar:
        names = tar.getnames()
    assert "tables/run_captures.jsonl" in names
    assert not any(name.startswith("files/") or "sessions" in name for name in names)


async def test_nothing_secret_is_in_it_as_it_is(backups: Backups, filled: list[bytes], tmp_path: Path) -> None:
    _, path = await made(backups)
    assert (tmp_path / "secret.key").read_bytes() not in path.read_bytes()


async def test_one_that_waits_is_cancelled_and_one_that_is_over_is_removed(backups: Backups) -> None:
    waiting = await backups.ask(ALL, "anna")
    await backups.remove(waiting.task_id)
    assert (await backups.get(waiting.task_id)).status == CANCELLED
    assert not await backups.make_next()
    with pytest.raises(Conflict, match="Cancelled"):
        await backups.file(waiting.task_id)
    task_id, path = await made(backups)
    await backups.remove(task_id)
    assert not path.exists()
    with pytest.raises(NotFound):
        await backups.get(task_id)


async def test_one_that_is_made_can_be_cancelled(backups: Backups, filled: list[bytes]) -> None:
    task = await backups.ask(ALL, "anna")
    packing = backups.source.blobs.read
    cancelled: list[str] = []

    async def reading(sha256: str, start: int = 0, end: int | None = None):
        if not cancelled:
            cancelled.append(sha256)
            await backups.remove(task.task_id)
        async for chunk in packing(sha256, start, end):
            yield chunk

    backups.source.blobs.read = reading
    assert await backups.make_next()
    assert cancelled
    assert (await backups.get(task.task_id)).status == CANCELLED
    assert list((backups.folder).iterdir()) == []


async def test_a_file_that_is_missing_fails_the_backup_and_says_which(backups: Backups, filled: list[bytes]) -> None:
    sha256 = hashlib.sha256(filled[0]).hexdigest()
    await backups.source.blobs.delete(sha256)
    task = await backups.ask(ALL, "anna")
    await backups.make_next()
    failed = await backups.get(task.task_id)
    assert failed.status == FAILED
    assert sha256 in failed.error
    assert list((backups.folder).iterdir()) == []


async def test_what_a_dead_process_left_is_cleared_away(backups: Backups, clock: SimulatedClock) -> None:
    task = await backups.ask(ALL, "anna")
    await backups.taken(task.task_id)
    folder = backups.folder
    folder.mkdir()
    (folder / f".{task.filename}.part").write_bytes(b"half")
    (folder / f".{task.filename}.tables").mkdir()
    await backups.sweep()
    assert len(list(folder.iterdir())) == 2  # it may live
    await clock.advance(DEAD_US / 1_000_000 + 1)
    await backups.sweep()
    await backups.sweep()
    assert list(folder.iterdir()) == []
    failed = await backups.get(task.task_id)
    assert (failed.status, "stopped" in failed.error) == (FAILED, True)


async def test_the_newest_are_kept(backups: Backups, clock: SimulatedClock) -> None:
    paths: list[Path] = []
    for _ in range(5):
        await clock.advance(1)
        paths.append((await made(backups))[1])
    await backups.sweep()
    assert [path.exists() for path in paths] == [False, False, True, True, True]
    assert len(await backups.list()) == 3


async def test_ten_may_wait(backups: Backups) -> None:
    for _ in range(10):
        await backups.ask(ALL, "anna")
    with pytest.raises(TooManyRequests):
        await backups.ask(ALL, "anna")


async def test_no_room_is_said_before_it_is_taken(backups: Backups, filled: list[bytes]) -> None:
    backups.reserve_bytes = 1 << 60
    task = await backups.ask(ALL, "anna")
    await backups.make_next()
    failed = await backups.get(task.task_id)
    assert (failed.status, "are free for it" in failed.error) == (FAILED, True)

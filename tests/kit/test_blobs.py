"""A blob is durable when `put` returns, and never seen half-written: in a folder and on a real S3 server."""

import asyncio
import hashlib
import os
import subprocess
import sys
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from roundsman.kit import blobs_local
from roundsman.kit.blobs import BlobInfo, Blobs, open_blobs
from roundsman.kit.problem import DiskFull

pytestmark = pytest.mark.anyio

SMALL = b"a pressure gauge" * 100
LARGE = os.urandom(20_000_003)


@pytest.fixture(params=["folder", "s3"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Blobs]:
    url = f"file://{tmp_path / 'blobs'}" if request.param == "folder" else request.getfixturevalue("s3_url")
    opened = await open_blobs(url)
    yield opened
    await opened.close()


def info_of(content: bytes) -> BlobInfo:
    return BlobInfo(hashlib.sha256(content).hexdigest(), len(content), zlib.crc32(content))


async def streamed(content: bytes, size: int = 65_537) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def whole(blobs: Blobs, sha256: str, start: int = 0, end: int | None = None) -> bytes:
    return b"".join([chunk async for chunk in blobs.read(sha256, start, end)])


def files_in(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file()]


@pytest.mark.parametrize("content", [b"", b"x", SMALL, LARGE], ids=["empty", "one byte", "small", "large"])
@pytest.mark.parametrize("as_stream", [False, True], ids=["bytes", "stream"])
async def test_what_was_put_is_read(store: Blobs, content: bytes, as_stream: bool) -> None:
    info = await store.put(streamed(content) if as_stream else content)
    assert info == info_of(content)
    assert await store.exists(info.sha256)
    assert await whole(store, info.sha256) == content
    path = store.path(info.sha256)
    assert path is None or path.read_bytes() == content


@pytest.mark.parametrize("refused", [False, True], ids=["direct", "refused"])
async def test_a_file_ends_where_its_content_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: bool
) -> None:
    """Files are written in whole blocks where the file system allows it; this flag no file system allows here."""
    if refused:
        monkeypatch.setattr(blobs_local, "_DIRECT", os.O_TMPFILE)
    blobs = await open_blobs(f"file://{tmp_path / 'blobs'}")
    block, buffer = 4096, 1 << 20
    for size in (1, block - 1, block, block + 1, buffer - 1, buffer, buffer + 1, 3 * buffer + 5):
        info = await blobs.put(LARGE[:size])
        assert await whole(blobs, info.sha256) == LARGE[:size]
    await blobs.close()
    assert all(info_of(file.read_bytes()).sha256 == file.name for file in files_in(tmp_path / "blobs"))


async def test_several_are_stored_in_one_go(store: Blobs) -> None:
    known = await store.put(b"known before")
    contents = [b"", b"known before", SMALL, b"twice", LARGE[:1_500_000], b"twice"]
    assert await store.put_all(contents) == [info_of(content) for content in contents]
    assert await store.put_all([]) == []
    for content in contents:
        assert await whole(store, info_of(content).sha256) == content
    assert await store.put(b"known before") == known


async def test_any_range_is_read(store: Blobs) -> None:
    info = await store.put(LARGE)
    for start, end in [
        (0, 1),
        (5, 5),
        (1_000_000, 3_500_000),
        (20_000_000, None),
        (19_999_999, 99_999_999),
        (30_000_000, None),
    ]:
        assert await whole(store, info.sha256, start, end) == LARGE[start:end]


async def test_putting_it_again_changes_nothing(store: Blobs) -> None:
    first = await store.put(SMALL)
    path = store.path(first.sha256)
    before = path and path.stat().st_ino
    assert await store.put(SMALL) == first
    assert await store.put(streamed(SMALL)) == first
    assert (path and path.stat().st_ino) == before


async def test_many_may_put_the_same_and_others_at_once(store: Blobs) -> None:
    contents = [os.urandom(1000) for _ in range(8)] * 8
    infos = await asyncio.gather(*(store.put(streamed(content, 100)) for content in contents))
    assert infos == [info_of(content) for content in contents]
    for content in contents[:8]:
        assert await whole(store, info_of(content).sha256) == content


async def test_what_is_not_there_is_said_so(store: Blobs) -> None:
    missing = info_of(b"never put").sha256
    assert not await store.exists(missing)
    await store.delete(missing)
    with pytest.raises(FileNotFoundError):
        await whole(store, missing)


async def test_deleted_is_gone(store: Blobs) -> None:
    info = await store.put(SMALL)
    await store.delete(info.sha256)
    assert not await store.exists(info.sha256)


@pytest.mark.parametrize("name", ["../../etc/passwd", "A" * 64, "g" * 64, "a" * 63, "a" * 64 + "\n", ""])
async def test_no_other_name_leads_anywhere(store: Blobs, name: str) -> None:
    with pytest.raises(ValueError, match="not the SHA-256"):
        await store.exists(name)


async def test_a_stream_that_breaks_leaves_nothing(store: Blobs, tmp_path: Path) -> None:
    async def breaking() -> AsyncIterator[bytes]:
        yield LARGE[:3_000_000]
        raise ConnectionResetError("the robot went round a corner")

    with pytest.raises(ConnectionResetError):
        await store.put(breaking())
    assert files_in(tmp_path) == []


async def test_a_cancelled_put_leaves_nothing(blobs: Blobs, tmp_path: Path) -> None:
    half_way = asyncio.Event()

    async def waiting() -> AsyncIterator[bytes]:
        yield LARGE[:3_000_000]
        half_way.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(blobs.put(waiting()))
    await half_way.wait()
    assert len(files_in(tmp_path / "blobs")) == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert files_in(tmp_path / "blobs") == []


async def test_two_processes_may_share_a_folder(tmp_path: Path) -> None:
    """The second one must not sweep what the first one is writing."""
    first = await open_blobs(f"file://{tmp_path}")
    half_way, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield LARGE[:2_000_000]
        half_way.set()
        await go_on.wait()
        yield LARGE[2_000_000:]

    task = asyncio.create_task(first.put(slow()))
    await half_way.wait()
    second = await open_blobs(f"file://{tmp_path}")
    go_on.set()
    info = await task
    assert await whole(second, info.sha256) == LARGE
    await first.close()
    await second.close()


WRITER = """
import asyncio, os, sys
from roundsman.kit.blobs import open_blobs

async def main():
    blobs = await open_blobs(sys.argv[1])
    async def one(number):
        async def content():
            for part in range(8):
                yield bytes([number % 256]) * 100_000 + f"{number} {part}".encode()
        print((await blobs.put(content())).sha256, flush=True)
    for start in range(0, 100_000, 16):
        await asyncio.gather(*(one(start + index) for index in range(16)))

asyncio.run(main())
"""


def put_until_killed(folder: Path) -> list[str]:
    """Puts blobs in a process that is killed after 40 of them; answers all that it acknowledged."""
    command = [sys.executable, "-c", WRITER, f"file://{folder}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first = [process.stdout.readline().strip() for _ in range(40)]
        process.kill()
        return first + process.stdout.read().split("\n")[:-1]


async def test_after_kill_9_what_was_acknowledged_is_there_whole_and_nothing_else_is_seen(tmp_path: Path) -> None:
    acknowledged = [sha256 for _ in range(5) for sha256 in put_until_killed(tmp_path)]
    blobs = await open_blobs(f"file://{tmp_path}")
    there = [file for file in files_in(tmp_path) if "arriving" not in file.parts]
    assert {file.name for file in there} >= set(acknowledged)
    assert [file for file in there if hashlib.sha256(file.read_bytes()).hexdigest() != file.name] == []
    assert files_in(tmp_path / "arriving") == []  # swept at the start
    await blobs.close()


LIMITED = """
import asyncio, resource, signal, sys
from roundsman.kit.blobs import open_blobs

async def content():
    for _ in range(200):
        yield b"x" * 1_000_000

async def main():
    blobs = await open_blobs(sys.argv[1])
    await blobs.put(b"warm")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    await asyncio.gather(blobs.put(content()), blobs.put(content()))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)

asyncio.run(main())
"""


def test_a_stream_is_never_held_whole(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", LIMITED, f"file://{tmp_path}"], capture_output=True, text=True, check=True
    )
    assert int(run.stdout) < 32 * 1024  # kB, of 2 × 200 MB


async def test_a_full_disk_is_named_so_and_leaves_nothing(blobs: Blobs, tmp_path: Path, tiny_disk: Path) -> None:
    full = await open_blobs(f"file://{tiny_disk / 'blobs'}")
    kept = await full.put(SMALL)
    with pytest.raises(DiskFull):
        await full.put(streamed(LARGE))
    with pytest.raises(DiskFull):
        await full.put(LARGE)
    with pytest.raises(DiskFull):
        await full.put_all([b"first of two", LARGE])
    assert len(files_in(tiny_disk)) == 1
    assert await whole(full, kept.sha256) == SMALL
    assert await full.put(b"there is room for this") == info_of(b"there is room for this")
    await full.close()


async def test_another_kind_of_url_is_refused() -> None:
    with pytest.raises(ValueError, match="starts with file"):
        await open_blobs("ftp://example/blobs")

"""Files by their content: named by SHA-256, durable when `put` returns, never seen half-written.

In the local folder by our own few lines, because obstore's local store does not fsync: temporary file, fsync, rename,
fsync of the folder. Everywhere else by obstore (kit/blobs_remote.py).
"""

import asyncio
import errno
import hashlib
import itertools
import os
import zlib
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from io import FileIO
from pathlib import Path
from typing import Protocol, TypeVar, TypeVarTuple

import msgspec

from roundsman.kit.problem import DiskFull

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_WRITERS = 16  # fsync is what they wait for: 16 at a time make three times as many blobs durable as one
_CHUNK_BYTES = 1 << 20


class BlobInfo(msgspec.Struct, frozen=True):
    """What a blob is: its SHA-256 in hex, its size, and its CRC-32 as zip wants it."""

    sha256: str
    size_bytes: int
    crc32: int


class Blobs(Protocol):
    """A store of blobs. Made by `open_blobs`."""

    async def put(self, content: bytes | AsyncIterator[bytes]) -> BlobInfo:
        """Stores `content` durably; storing it again changes nothing. An iterator is never held whole.

        Raises: DiskFull when there is no room; nothing of it is left then.
        """
        ...

    def read(self, sha256: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Its bytes from `start` up to `end`. Raises: FileNotFoundError."""
        ...

    def path(self, sha256: str) -> Path | None:
        """Where it lies as a file, for a server that sends files by itself; None in an object store."""
        ...

    async def exists(self, sha256: str) -> bool:
        """Whether it is there."""
        ...

    async def delete(self, sha256: str) -> None:
        """Removes it; that it is gone already is no error."""
        ...

    async def close(self) -> None:
        """Ends the threads."""
        ...


async def open_blobs(url: str) -> Blobs:
    """Opens `file:///folder`, or a bucket by `s3://…`, `gs://…` or `az://…`.

    Raises: ValueError for another kind of URL.
    """
    if url.startswith("file://"):
        return LocalBlobs(Path(url.removeprefix("file://")))
    if url.startswith(("s3://", "gs://", "az://")):
        from roundsman.kit.blobs_remote import RemoteBlobs

        return RemoteBlobs(url)
    raise ValueError(f"a blobs URL starts with file://, s3://, gs:// or az://, and this does not: {url.split(':')[0]}:")


class Sums:
    """SHA-256, CRC-32 and size, taken while bytes pass."""

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()
        self._crc32 = 0
        self._size_bytes = 0

    def update(self, chunk: bytes) -> None:
        """Takes the next bytes."""
        self._sha256.update(chunk)
        self._crc32 = zlib.crc32(chunk, self._crc32)
        self._size_bytes += len(chunk)

    def info(self) -> BlobInfo:
        """What they add up to."""
        return BlobInfo(self._sha256.hexdigest(), self._size_bytes, self._crc32)


def _fsync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class LocalBlobs:
    """Blobs in a folder, fanned out over 256 folders by the first two digits of their name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._arriving = folder / "arriving"
        self._threads = ThreadPoolExecutor(_WRITERS, thread_name_prefix="roundsman-blobs")
        self._numbers = itertools.count()
        self._prepare()

    def _prepare(self) -> None:
        """Makes the folders once, so that no `put` has to, and sweeps what a dead process left half-written."""
        self._arriving.mkdir(parents=True, exist_ok=True)
        for digits in range(256):
            (self._folder / f"{digits:02x}").mkdir(exist_ok=True)
        for left in self._arriving.iterdir():
            if not _alive(left.name):
                left.unlink(missing_ok=True)
        _fsync_folder(self._folder)

    def _where(self, sha256: str) -> Path:
        if len(sha256) != 64 or not sha256.isalnum():
            raise ValueError(f"not the SHA-256 of a blob: {sha256!r}")
        return self._folder / sha256[:2] / sha256

    def path(self, sha256: str) -> Path | None:
        """Where it lies."""
        return self._where(sha256)

    async def put(self, content: bytes | AsyncIterator[bytes]) -> BlobInfo:
        """See Blobs.put."""
        try:
            if isinstance(content, bytes):
                return await self._run(self._put_bytes, content)
            return await self._put_stream(content)
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise DiskFull(error.errno, "no room for blobs", str(self._folder)) from error
            raise

    def _put_bytes(self, content: bytes) -> BlobInfo:
        sums = Sums()
        sums.update(content)
        info = sums.info()
        if not self._known(info):
            temporary = self._temporary()
            try:
                with FileIO(temporary, "wb") as file:
                    _write_all(file, content)
                    os.fsync(file.fileno())
                self._publish(temporary, info)
            finally:
                temporary.unlink(missing_ok=True)
        return info

    async def _put_stream(self, content: AsyncIterator[bytes]) -> BlobInfo:
        temporary, sums = self._temporary(), Sums()
        file = await self._run(FileIO, temporary, "wb")
        try:
            async for chunk in content:
                await self._run(_append, file, sums, chunk)
            info = sums.info()
            if not self._known(info):
                await self._run(os.fsync, file.fileno())
                await self._run(self._publish, temporary, info)
            return info
        finally:
            file.close()
            temporary.unlink(missing_ok=True)

    def _known(self, info: BlobInfo) -> bool:
        """Whether it is there already; then it was renamed after its fsync, and only its folder's may be missing."""
        try:
            there = self._where(info.sha256).stat().st_size == info.size_bytes
        except FileNotFoundError:
            return False
        if there:
            _fsync_folder(self._where(info.sha256).parent)
        return there

    def _publish(self, temporary: Path, info: BlobInfo) -> None:
        target = self._where(info.sha256)
        temporary.rename(target)
        _fsync_folder(target.parent)

    def _temporary(self) -> Path:
        return self._arriving / f"{os.getpid()}-{next(self._numbers)}"

    async def read(self, sha256: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """See Blobs.read."""
        file = await self._run(FileIO, self._where(sha256), "rb")
        try:
            position = start
            while chunk := await self._run(_read_at, file, position, end):
                position += len(chunk)
                yield chunk
        finally:
            file.close()

    async def exists(self, sha256: str) -> bool:
        """See Blobs.exists."""
        return self._where(sha256).exists()

    async def delete(self, sha256: str) -> None:
        """See Blobs.delete."""
        await self._run(lambda: self._where(sha256).unlink(missing_ok=True))

    async def close(self) -> None:
        """Ends the threads."""
        self._threads.shutdown()

    async def _run(self, function: Callable[[*Ts], T], /, *arguments: *Ts) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)


def _append(file: FileIO, sums: Sums, chunk: bytes) -> None:
    _write_all(file, chunk)
    sums.update(chunk)


def _write_all(file: FileIO, content: bytes) -> None:
    view = memoryview(content)
    while view:  # an unbuffered write may take less than it is given
        view = view[file.write(view) :]


def _read_at(file: FileIO, position: int, end: int | None) -> bytes:
    size = _CHUNK_BYTES if end is None else min(_CHUNK_BYTES, end - position)
    return os.pread(file.fileno(), size, position) if size > 0 else b""


def _alive(name: str) -> bool:
    """Whether the process that writes this temporary file still runs."""
    try:
        os.kill(int(name.partition("-")[0]), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:
        return True
    return True

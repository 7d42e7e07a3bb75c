"""Files by their content: named by SHA-256, durable when `put` returns, never seen half-written.

In a local folder by our own few lines (kit/blobs_local.py), everywhere else by obstore (kit/blobs_remote.py).
"""

import hashlib
import re
import zlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Protocol

import msgspec


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

    async def put_all(self, contents: Sequence[bytes]) -> list[BlobInfo]:
        """Stores several short contents in one go, for less than each would cost; all are durable when it returns.

        Raises: DiskFull when there is no room; some of them may be there then.
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

    async def size(self, sha256: str) -> int | None:
        """Its size in bytes; None if it is not there."""
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
        from roundsman.kit.blobs_local import LocalBlobs

        return LocalBlobs(Path(url.removeprefix("file://")))
    if url.startswith(("s3://", "gs://", "az://")):
        from roundsman.kit.blobs_remote import RemoteBlobs

        return RemoteBlobs(url)
    raise ValueError(f"a blobs URL starts with file://, s3://, gs:// or az://, and this does not: {url.split(':')[0]}:")


_SHA256 = re.compile(r"[0-9a-f]{64}")


def check_sha256(sha256: str) -> str:
    """`sha256`, which becomes part of a path.

    Raises: ValueError when it is not the name of a blob.
    """
    if not _SHA256.fullmatch(sha256):
        raise ValueError(f"not the SHA-256 of a blob: {sha256!r}")
    return sha256


def info_of(content: bytes) -> BlobInfo:
    """What a whole content is as a blob."""
    sums = Sums()
    sums.update(content)
    return sums.info()


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

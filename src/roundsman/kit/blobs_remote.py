"""Blobs in an object store by obstore: S3 and what speaks its protocol, Google Cloud Storage, Azure.

The name of a blob is known only when all of it has passed, and an object cannot be renamed, only copied. So a stream
is spooled first: up to 4 MiB in memory, more in an unlinked temporary file (TMPDIR says where). That costs less than a
copy within the store, a blob that is there already is not sent at all, and an object appears at once and whole.

Credentials, region and endpoint come from the environment as the store's own tools read them, e.g. AWS_ACCESS_KEY_ID,
AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT_URL and, for a store without TLS, AWS_ALLOW_HTTP.
"""

import asyncio
import io
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import IO

import obstore
from obstore.store import from_url

from roundsman.kit.blobs import BlobInfo, Sums, check_sha256, info_of
from roundsman.kit.metrics import BLOB_BYTES

_SPOOLED_BYTES = 4 << 20
_PART_BYTES = 8 << 20  # of a multipart upload; S3 takes 10,000 of them, so up to 80 GB
_PARTS_AT_ONCE = 2  # per blob: they are held in memory
_CHUNK_BYTES = 1 << 20


class RemoteBlobs:
    """Blobs in a bucket, or below a prefix of it, named as in the local folder."""

    def __init__(self, url: str) -> None:
        self._store = from_url(url)

    def path(self, sha256: str) -> Path | None:
        """None: there is no file."""
        return None

    async def put(self, content: bytes | AsyncIterator[bytes]) -> BlobInfo:
        """See Blobs.put. Durable with the store's 200."""
        if isinstance(content, bytes):
            return await self._send(io.BytesIO(content), await asyncio.to_thread(info_of, content))
        with tempfile.SpooledTemporaryFile(_SPOOLED_BYTES, prefix="roundsman-") as spool:
            info = await _spool(content, spool)
            spool.seek(0)
            return await self._send(spool, info)

    async def put_all(self, contents: Sequence[bytes]) -> list[BlobInfo]:
        """See Blobs.put_all. They are sent beside each other."""
        return await asyncio.gather(*map(self.put, contents))

    async def _send(self, file: IO[bytes], info: BlobInfo) -> BlobInfo:
        if not await self.exists(info.sha256):
            await obstore.put_async(
                self._store, _key(info.sha256), file, chunk_size=_PART_BYTES, max_concurrency=_PARTS_AT_ONCE
            )
        BLOB_BYTES.inc(info.size_bytes)
        return info

    async def read(self, sha256: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """See Blobs.read."""
        size_bytes = (await obstore.head_async(self._store, _key(sha256)))["size"]
        end = size_bytes if end is None else min(end, size_bytes)
        if start >= end:  # a store refuses an empty range
            return
        found = await obstore.get_async(self._store, _key(sha256), options={"range": (start, end)})
        async for chunk in found.stream(min_chunk_size=_CHUNK_BYTES):
            yield bytes(chunk)

    async def exists(self, sha256: str) -> bool:
        """See Blobs.exists."""
        return await self.size(sha256) is not None

    async def size(self, sha256: str) -> int | None:
        """See Blobs.size."""
        try:
            return (await obstore.head_async(self._store, _key(sha256)))["size"]
        except FileNotFoundError:
            return None

    async def delete(self, sha256: str) -> None:
        """See Blobs.delete."""
        try:
            await obstore.delete_async(self._store, _key(sha256))
        except FileNotFoundError:
            return

    async def close(self) -> None:
        """There is nothing to end."""


def _key(sha256: str) -> str:
    return f"{check_sha256(sha256)[:2]}/{sha256}"


async def _spool(content: AsyncIterator[bytes], spool: IO[bytes]) -> BlobInfo:
    sums = Sums()

    def take(chunk: bytes) -> None:
        spool.write(chunk)
        sums.update(chunk)

    async for chunk in content:
        await asyncio.to_thread(take, chunk)
    return sums.info()

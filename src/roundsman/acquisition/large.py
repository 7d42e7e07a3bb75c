"""Captures above 100 MB: a lane of their own, behind everything else.

They come in parts. How a robot continues one is in no public source, so parts are taken in order only, whatever else
comes is passed over, and a cut begins again at offset 0. The parts gather in a file without a name, which is gone
with the process; only a complete capture goes into the blob store. Source: robot-link.md 3.3.
"""

import asyncio
import errno
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import BinaryIO

from roundsman.acquisition.store import Fetched, RobotStoreError
from roundsman.acquisition.sync import RobotSync
from roundsman.acquisition.wire import Content
from roundsman.captures import naming
from roundsman.captures.record import CapturedFile, DataId, Kind
from roundsman.kit.blobs import Blobs
from roundsman.kit.problem import DiskFull

LARGE: frozenset[Kind] = frozenset({"large"})
STALLS_MAX = 3
READ_BYTES = 1024 * 1024


class Spool:
    """A large capture while it gathers. What arrives is written behind the end, and kept if it belongs there."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size_bytes = 0
        self.arrived_bytes = 0

    async def on_content(self, _size_bytes: int, pieces: Content) -> None:
        """Writes a part behind the end."""
        self._file.seek(self.size_bytes)
        self.arrived_bytes = 0
        async for piece in pieces:
            await asyncio.to_thread(self._write, piece)
            self.arrived_bytes += len(piece)

    def _write(self, piece: memoryview) -> None:
        try:
            self._file.write(piece)
            self._file.flush()
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise DiskFull(error.errno, "no room for a large capture") from error
            raise

    def keep(self) -> None:
        """What arrived last belongs there."""
        self.size_bytes += self.arrived_bytes
        self.arrived_bytes = 0

    async def read(self) -> AsyncIterator[bytes]:
        """All of it, in pieces."""
        self._file.seek(0)
        left_bytes = self.size_bytes
        while left_bytes > 0:
            piece = await asyncio.to_thread(self._file.read, min(READ_BYTES, left_bytes))
            left_bytes -= len(piece)
            yield piece


class LargeLane:
    """Fetches one robot's large captures. `turn` is awaited before each answer, so that everything else goes first."""

    def __init__(self, sync: RobotSync, blobs: Blobs, folder: Path, turn: Callable[[], Awaitable[None]]) -> None:
        self._sync = sync
        self._blobs = blobs
        self._folder = folder
        self._turn = turn

    async def run(self) -> int:
        """Fetches what is behind the lane's cursor; how many captures were stored.

        Raises: RobotStoreError, DiskFull; a capture that is complete by then stays.
        """
        missing = await self._missing()
        for identifier in missing:
            await self._capture(identifier)
        if missing:
            await self._sync.moved(large_last_id=missing[-1].data_id)
        return len(missing)

    async def _missing(self) -> list[DataId]:
        """The large captures that the robot lists behind the lane's cursor and that are not here."""
        after_id, found = self._sync.cursor.large_last_id, list[DataId]()
        asked = self._sync.bound(after_id + 1)
        async with aclosing(self._sync.store.identifiers(asked, kinds=LARGE)) as page:
            async for identifier in page:
                self._sync.learn(asked, identifier.data_id)
                if identifier.data_id > after_id:
                    found.append(identifier)
        if not found:
            return []
        here = await self._sync.here(found[0].data_id, found[-1].data_id)
        return [identifier for identifier in found if identifier.data_id not in here]

    async def _capture(self, identifier: DataId) -> None:
        """Fetches one large capture, or records that it is lost."""
        with tempfile.TemporaryFile(dir=self._folder) as file:
            spool = Spool(file)
            last = await self._gather(identifier, spool)
            if last is None:
                await self._sync.lost([identifier])
                return
            blob = await self._blobs.put(spool.read())
        extension = naming.extension_of("large", last.file_extension, 0)
        await self._sync.keep([CapturedFile(identifier, "large", last.time_us, extension, blob)], moves=False)

    async def _gather(self, identifier: DataId, spool: Spool) -> Fetched | None:
        """Asks until the capture is complete; its last part. None if the robot no longer has it."""
        last: Fetched | None = None
        stalls = 0
        while last is None or (last.part and spool.size_bytes < last.part.total_bytes):
            await self._turn()
            before_bytes = spool.size_bytes
            last = await self._answer(identifier, spool) or last
            stalls = stalls + 1 if spool.size_bytes == before_bytes else 0
            if stalls and not await self._is_listed(identifier):
                return None
            if stalls >= STALLS_MAX:
                raise RobotStoreError(f"Large capture {identifier.data_id} does not go on at {before_bytes} bytes.")
        return last

    async def _answer(self, identifier: DataId, spool: Spool) -> Fetched | None:
        """Takes one answer's parts that continue the capture; the last of them."""
        last: Fetched | None = None
        bound = self._sync.bound(identifier.data_id)
        async with aclosing(self._sync.store.captures(bound, spool.on_content, kinds=LARGE)) as results:
            async for fetched in results:
                if fetched.id.data_id > identifier.data_id:
                    break
                if fetched.id == identifier and fetched.part and fetched.part.offset_bytes == spool.size_bytes:
                    spool.keep()
                    last = fetched
        return last

    async def _is_listed(self, identifier: DataId) -> bool:
        """Whether the robot still has it."""
        bound = self._sync.bound(identifier.data_id)
        async with aclosing(self._sync.store.identifiers(bound, kinds=LARGE)) as page:
            return any([listed.data_id == identifier.data_id async for listed in page])

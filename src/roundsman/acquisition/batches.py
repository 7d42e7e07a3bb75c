"""What comes from a robot on its way into the store: gathered into batches, committed in order, one at a time."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Any, Self

import msgspec

from roundsman.acquisition.intake import Taken
from roundsman.acquisition.store import Fetched
from roundsman.captures import key_results, naming
from roundsman.captures.record import CapturedDocument, CapturedFile
from roundsman.kit.blobs import BlobInfo

BATCH = 32
FLUSH_S = 0.5

Captured = CapturedFile | CapturedDocument


class Pending(msgspec.Struct, frozen=True):
    """Something that came, while its content may still be on its way to the disk."""

    fetched: Fetched
    blob: Callable[[], Awaitable[BlobInfo]] | None
    extension: str
    key_results: Sequence[dict[str, Any]]

    @classmethod
    def of(cls, fetched: Fetched, taken: Taken | None) -> "Pending":
        """It, with what its content itself says, read before the content is let go."""
        extension = naming.extension_of(fetched.kind, fetched.file_extension, fetched.image_format)
        found = key_results.of_content(extension, taken.body) if taken and fetched.kind == "data" else ()
        return cls(fetched, taken.blob if taken else None, extension, found)

    async def captured(self) -> Captured:
        """It, once its content is durable."""
        one = self.fetched
        if one.kind == "metadata" or one.kind == "alert":
            return CapturedDocument(one.id, one.kind, one.document.decode(), one.reference, one.severity)
        assert self.blob is not None
        blob = await self.blob()
        return CapturedFile(one.id, one.kind, one.time_us, self.extension, blob, self.key_results, one.robot_message)


class Batches:
    """Batches of what comes. While one is being committed the next is gathered; never two commits at a time.

    Used as a context: at its end, also when an answer broke off, what came before is committed. After a commit has
    failed nothing further is committed, for the cursor must not pass over what was not stored.
    """

    def __init__(self, keep: Callable[[Sequence[Captured]], Awaitable[int]]) -> None:
        self._keep = keep
        self._pending: list[Pending] = []
        self._storing: asyncio.Task[None] | None = None
        self._flushed_s = asyncio.get_running_loop().time()
        self.stored = 0
        self.stored_bytes = 0

    async def add(self, one: Pending) -> None:
        """Takes the next in order."""
        self._pending.append(one)
        now_s = asyncio.get_running_loop().time()
        if len(self._pending) >= BATCH or now_s - self._flushed_s > FLUSH_S:
            self._flushed_s = now_s
            await self._flush()

    async def _flush(self) -> None:
        """Starts to commit what is gathered, after the commit before it."""
        await self._stored()
        batch, self._pending = self._pending, []
        self._storing = asyncio.create_task(self._commit(batch)) if batch else None

    async def _stored(self) -> None:
        """Waits for the commit under way."""
        if self._storing is not None:
            await self._storing

    async def _commit(self, batch: Sequence[Pending]) -> None:
        """Commits a batch up to the first whose content could not be stored.

        Raises: that content's error.
        """
        captured: list[Captured] = []
        try:
            for one in batch:
                captured.append(await one.captured())  # noqa: PERF401 - those before a failure are wanted
        finally:
            if captured:
                self.stored += await self._keep(captured)
                self.stored_bytes += sum(one.blob.size_bytes for one in captured if isinstance(one, CapturedFile))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._flush()
        await self._stored()

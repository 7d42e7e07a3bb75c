"""Takes the contents of a robot's answers into the blob store, several at a time, within a budget of memory.

Contents up to 1 MiB are taken whole and stored beside each other: what is waited for is the disk's fsync, and that
serves many files as fast as one. Longer ones go through in pieces, one after the other.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec

from roundsman.acquisition.wire import Content
from roundsman.kit.blobs import BlobInfo, Blobs

SMALL_BYTES = 1024 * 1024


class ByteBudget:
    """At most so many bytes of captures in memory, over all robots; first come, first served."""

    def __init__(self, total_bytes: int) -> None:
        self._total_bytes = total_bytes
        self.used_bytes = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def acquire(self, size_bytes: int) -> None:
        """Waits until `size_bytes` more fit; a size beyond the whole budget fits when nothing else is in memory."""
        if not self._waiting and self._fits(size_bytes):
            self.used_bytes += size_bytes
            return
        turn = asyncio.get_running_loop().create_future()
        entry = (size_bytes, turn)
        self._waiting.append(entry)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.release(size_bytes)
            else:
                self._waiting.remove(entry)
                self._admit()
            raise

    def release(self, size_bytes: int) -> None:
        """Gives `size_bytes` back."""
        self.used_bytes -= size_bytes
        self._admit()

    def _fits(self, size_bytes: int) -> bool:
        return self.used_bytes == 0 or self.used_bytes + size_bytes <= self._total_bytes

    def _admit(self) -> None:
        """Lets those in who fit now, in their order."""
        while self._waiting and self._fits(self._waiting[0][0]):
            size_bytes, turn = self._waiting.popleft()
            self.used_bytes += size_bytes
            turn.set_result(None)


class Taken(msgspec.Struct, frozen=True):
    """A content on its way into the blob store; `body` is there if it is small."""

    blob: Awaitable[BlobInfo]
    body: bytes


class Intake:
    """The way of one robot's contents into the blob store. `check_room` raises DiskFull when so much is too much."""

    def __init__(
        self, blobs: Blobs, budget: ByteBudget, parallel: int, check_room: Callable[[int], None] = lambda _: None
    ) -> None:
        self._blobs = blobs
        self._check_room = check_room
        self._budget = budget
        self._slots = asyncio.Semaphore(parallel)
        self._taken: Taken | None = None
        self._storing: set[asyncio.Task[BlobInfo]] = set()

    async def on_content(self, size_bytes: int, pieces: Content) -> None:
        """Takes one content; `take` then gives it to whoever reads what it belongs to.

        Raises: DiskFull
        """
        self._check_room(self._budget.used_bytes + size_bytes)
        if size_bytes > SMALL_BYTES:
            self._taken = Taken(_ready(await self._blobs.put(_copies(pieces))), b"")
            return
        await self._budget.acquire(size_bytes)
        try:
            body = await _whole(pieces)
        except BaseException:
            self._budget.release(size_bytes)
            raise
        storing = asyncio.create_task(self._store(body))
        self._storing.add(storing)
        storing.add_done_callback(lambda done: self._stored(done, size_bytes))
        self._taken = Taken(storing, body)

    async def _store(self, body: bytes) -> BlobInfo:
        """Makes one content durable, in its turn; what waits for that is bounded by the budget."""
        async with self._slots:
            return await self._blobs.put(body)

    def _stored(self, done: asyncio.Task[BlobInfo], size_bytes: int) -> None:
        """Makes room for the next, and marks a failure as seen: whoever waits for the blob is told of it again."""
        self._storing.discard(done)
        self._budget.release(size_bytes)
        if not done.cancelled():
            done.exception()

    def take(self) -> Taken | None:
        """The content that came last, once."""
        taken, self._taken = self._taken, None
        return taken


def _ready(info: BlobInfo) -> Awaitable[BlobInfo]:
    """`info`, to be awaited."""
    future: asyncio.Future[BlobInfo] = asyncio.get_running_loop().create_future()
    future.set_result(info)
    return future


async def _copies(pieces: Content) -> AsyncIterator[bytes]:
    """The pieces as objects of their own, one at a time."""
    async for piece in pieces:
        yield bytes(piece)


async def _whole(pieces: Content) -> bytes:
    """A small content in one piece."""
    return b"".join([piece async for piece in pieces])

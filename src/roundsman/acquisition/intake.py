"""Takes the contents of a robot's answers into the blob store, several at a time, within a budget of memory.

Contents up to 1 MiB are taken whole. Those that come together are stored together, for one hop to a thread, and such
groups beside each other: what is waited for is the disk's fsync, and that serves many files as fast as one. Longer ones
go through in pieces, one after the other.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

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
    """A content on its way into the blob store. `body` is there if it is small; `blob` waits until it is durable."""

    blob: Callable[[], Awaitable[BlobInfo]]
    body: bytes


class Intake:
    """The way of one robot's contents into the blob store. `check_room` raises DiskFull when so much is too much."""

    def __init__(
        self, blobs: Blobs, budget: ByteBudget, parallel: int, check_room: Callable[[int], None] = lambda _: None
    ) -> None:
        self._blobs = blobs
        self._check_room = check_room
        self._budget = budget
        self._parallel = parallel
        self._slots = asyncio.Semaphore(parallel)
        self._taken: Taken | None = None
        self._gathering: _Group | None = None
        self._storing: set[asyncio.Task[list[BlobInfo]]] = set()

    async def on_content(self, size_bytes: int, pieces: Content) -> None:
        """Takes one content; `take` then gives it to whoever reads what it belongs to.

        Raises: DiskFull
        """
        self._check_room(self._budget.used_bytes + size_bytes)
        if size_bytes > SMALL_BYTES:
            info = await self._blobs.put(_copies(pieces))
            self._taken = Taken(partial(_ready, info), b"")
            return
        await self._budget.acquire(size_bytes)
        try:
            body = await _whole(pieces)
        except BaseException:
            self._budget.release(size_bytes)
            raise
        self._taken = self._join(body)

    def _join(self, body: bytes) -> Taken:
        """Puts a content to those that wait for their turn, or begins with it."""
        group = self._gathering
        if group is None or not group.takes(len(body), self._parallel):
            group = self._gathering = _Group()
            group.storing = asyncio.create_task(self._store(group))
            self._storing.add(group.storing)
            group.storing.add_done_callback(partial(self._stored, group))
        group.bodies.append(body)
        group.size_bytes += len(body)
        return Taken(partial(_one_of, group.storing, len(group.bodies) - 1), body)

    async def _store(self, group: "_Group") -> list[BlobInfo]:
        """Makes a group durable, in its turn; what waits for that is bounded by the budget.

        A task begins when whoever made it waits for something: for more from the robot, mostly. So what came together
        goes together.
        """
        async with self._slots:
            if self._gathering is group:
                self._gathering = None
            return await self._blobs.put_all(group.bodies)

    def _stored(self, group: "_Group", done: asyncio.Task[list[BlobInfo]]) -> None:
        """Makes room for the next, and marks a failure as seen: whoever waits for a blob is told of it again."""
        self._storing.discard(done)
        self._budget.release(group.size_bytes)
        if not done.cancelled():
            done.exception()

    def take(self) -> Taken | None:
        """The content that came last, once."""
        taken, self._taken = self._taken, None
        return taken


class _Group:
    """Contents that are stored together, by the task `storing`."""

    storing: asyncio.Task[list[BlobInfo]]

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.size_bytes = 0

    def takes(self, size_bytes: int, most: int) -> bool:
        """Whether one more may go along."""
        fits = len(self.bodies) < most and self.size_bytes + size_bytes <= SMALL_BYTES
        return fits and not self.storing.done()


async def _one_of(storing: asyncio.Task[list[BlobInfo]], position: int) -> BlobInfo:
    """One of those that are stored together, once all are durable. Raises: what storing them raised."""
    return (await storing)[position]


async def _ready(info: BlobInfo) -> BlobInfo:
    """What is durable already."""
    return info


async def _copies(pieces: Content) -> AsyncIterator[bytes]:
    """The pieces as objects of their own, one at a time."""
    async for piece in pieces:
        yield bytes(piece)


async def _whole(pieces: Content) -> bytes:
    """A small content in one piece."""
    return b"".join([piece async for piece in pieces])

"""News within the process: who has something to tell publishes, who wants to know subscribes.

Nothing durable travels here (that is the outbox's part): a subscriber that is too slow loses the oldest news, is told
how many, and must then look at the tables.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager
from typing import NamedTuple


class News(NamedTuple):
    """One message. `missed` is how many before it were dropped because the subscriber was too slow."""

    topic: str
    message: object
    missed: int


class Subscription:
    """What a subscriber iterates over."""

    def __init__(self, size: int) -> None:
        self._waiting: deque[tuple[str, object]] = deque()
        self._size = size
        self._missed = 0
        self._arrived = asyncio.Event()

    def put(self, topic: str, message: object) -> None:
        """Takes a message; drops the oldest when there are too many."""
        if len(self._waiting) >= self._size:
            self._waiting.popleft()
            self._missed += 1
        self._waiting.append((topic, message))
        self._arrived.set()

    def __aiter__(self) -> AsyncIterator[News]:
        return self

    async def __anext__(self) -> News:
        while not self._waiting:
            self._arrived.clear()
            await self._arrived.wait()
        (topic, message), missed, self._missed = self._waiting.popleft(), self._missed, 0
        return News(topic, message, missed)


class Bus:
    """Topics and their subscribers. Used from the event loop's thread only."""

    def __init__(self) -> None:
        self._subscriptions: defaultdict[str, set[Subscription]] = defaultdict(set)

    def publish(self, topic: str, message: object = None) -> None:
        """Tells every subscriber of `topic`; never waits."""
        for subscription in self._subscriptions[topic]:
            subscription.put(topic, message)

    @contextmanager
    def subscribe(self, *topics: str, size: int = 1024) -> Generator[Subscription]:
        """News of `topics` until the block ends: `with bus.subscribe("robots") as news: async for item in news`."""
        subscription = Subscription(size)
        for topic in topics:
            self._subscriptions[topic].add(subscription)
        try:
            yield subscription
        finally:
            for topic in topics:
                self._subscriptions[topic].discard(subscription)

"""Time, as one thing that can be replaced: the wall clock in production, a simulated one in tests."""

import asyncio
import heapq
import itertools
import time
from typing import Protocol

_SECOND_US = 1_000_000
_TURNS = 20  # of the event loop, after which whoever was woken has come to its next wait


class Clock(Protocol):
    """Tells the time and waits."""

    def now_us(self) -> int:
        """Microseconds since 1970 UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Waits `seconds` of this clock's time."""
        ...


class WallClock:
    """The machine's own clock."""

    def now_us(self) -> int:
        """Microseconds since 1970 UTC."""
        return time.time_ns() // 1000

    async def sleep(self, seconds: float) -> None:
        """Waits `seconds`."""
        await asyncio.sleep(seconds)


class SimulatedClock:
    """A clock that stands still until it is advanced; who sleeps wakes in the order of time."""

    def __init__(self, start_us: int) -> None:
        self._now_us = start_us
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []
        self._order = itertools.count()  # who lay down first wakes first
        self._slept = asyncio.Event()

    def now_us(self) -> int:
        """Microseconds since 1970 UTC."""
        return self._now_us

    async def sleep(self, seconds: float) -> None:
        """Waits until the clock was advanced by `seconds`; for 0 or less only until others had their turn."""
        if seconds <= 0:
            return await asyncio.sleep(0)
        wakes = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now_us + round(seconds * _SECOND_US), next(self._order), wakes))
        self._slept.set()
        return await wakes

    async def advance(self, seconds: float) -> None:
        """Moves on by `seconds`, and stops at each sleeper on the way so that it does its part at its own time."""
        until_us = self._now_us + round(seconds * _SECOND_US)
        while self._sleepers and self._sleepers[0][0] <= until_us:
            self._now_us, _, wakes = heapq.heappop(self._sleepers)
            if not wakes.done():  # cancelled ones are still in the heap
                wakes.set_result(None)
                await _let_others_run()
        self._now_us = until_us
        await _let_others_run()

    async def sleepers(self, count: int, timeout_s: float = 10.0) -> None:
        """Returns when `count` tasks sleep.

        Raises: TimeoutError when they do not within `timeout_s` of real time.
        """
        async with asyncio.timeout(timeout_s):
            while sum(not wakes.done() for *_, wakes in self._sleepers) < count:
                self._slept.clear()
                await self._slept.wait()


async def _let_others_run() -> None:
    for _ in range(_TURNS):
        await asyncio.sleep(0)

"""Time, as one thing that can be replaced: the wall clock in production, a simulated one in tests."""

import time
from typing import Protocol


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
        import asyncio

        await asyncio.sleep(seconds)

"""The simulated clock stands still until it is advanced, and wakes who sleeps in the order of time."""

import asyncio

import pytest

from roundsman.kit.clock import SimulatedClock

pytestmark = pytest.mark.anyio


async def test_sleepers_wake_in_order_each_at_its_own_time() -> None:
    clock = SimulatedClock(1_000_000)
    woken: list[tuple[str, int]] = []

    async def sleeper(name: str, *naps_s: float) -> None:
        for nap_s in naps_s:
            await clock.sleep(nap_s)
            woken.append((name, clock.now_us()))

    tasks = [asyncio.create_task(sleeper(*one)) for one in (("slow", 3.0), ("quick", 1.0, 1.0, 1.5), ("never", 60.0))]
    await clock.sleepers(3)
    await clock.advance(0.5)
    assert woken == []
    await clock.advance(4.5)
    assert woken == [("quick", 2_000_000), ("quick", 3_000_000), ("slow", 4_000_000), ("quick", 4_500_000)]
    assert clock.now_us() == 6_000_000
    tasks[2].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await clock.advance(120)
    assert len(woken) == 4


async def test_it_says_when_nobody_comes_to_sleep() -> None:
    with pytest.raises(TimeoutError):
        await SimulatedClock(0).sleepers(1, timeout_s=0.01)

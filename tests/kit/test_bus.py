"""News reaches who subscribed; who is too slow loses the oldest and is told."""

import asyncio

import pytest

from roundsman.kit.bus import Bus

pytestmark = pytest.mark.anyio


async def test_news_reach_all_who_subscribed_and_nobody_else() -> None:
    bus = Bus()
    with bus.subscribe("robots", "runs") as both, bus.subscribe("runs") as runs:
        bus.publish("robots", 1)
        bus.publish("runs", 2)
        bus.publish("captures", 3)
        assert [(await anext(both))[:2], (await anext(both))[:2]] == [("robots", 1), ("runs", 2)]
        assert (await anext(runs)).message == 2
        waiting = asyncio.ensure_future(anext(runs))
        await asyncio.sleep(0)
        assert not waiting.done()
        bus.publish("runs", 4)
        assert (await waiting).message == 4


async def test_who_is_too_slow_loses_the_oldest_and_is_told() -> None:
    bus = Bus()
    with bus.subscribe("robots", size=3) as news:
        for number in range(10):
            bus.publish("robots", number)
        assert [(item.message, item.missed) for item in [await anext(news) for _ in range(3)]] == [
            (7, 7),
            (8, 0),
            (9, 0),
        ]


async def test_who_left_hears_nothing() -> None:
    bus = Bus()
    with bus.subscribe("robots") as news:
        pass
    bus.publish("robots", 1)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(news), 0.01)


async def test_a_subscriber_may_leave_while_news_are_told() -> None:
    bus = Bus()
    with bus.subscribe("robots") as first:
        bus.publish("robots", 1)
        async for _ in first:
            with bus.subscribe("robots"):
                bus.publish("robots", 2)
            break
        assert (await anext(first)).message == 2

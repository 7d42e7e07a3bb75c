"""The outbox numbers events in the order of commits, without gaps, so that a reader needs one number only."""

import asyncio
from collections.abc import Sequence

import pytest

from roundsman.kit import outbox
from roundsman.kit.bus import Bus
from roundsman.kit.clock import SimulatedClock
from roundsman.kit.database import Database, Row, Transaction
from roundsman.kit.outbox_reader import Forgetter, OutboxReader

pytestmark = pytest.mark.anyio


async def test_a_reader_that_follows_the_sequence_misses_nothing(database: Database) -> None:
    seen: list[tuple[int, str]] = []

    async def write(number: int) -> None:
        async def work(tx: Transaction) -> None:
            await outbox.append(tx, "run.created", str(number))
            if number % 5 == 0:
                raise ValueError(number)
            await outbox.append(tx, "run.changed", str(number))

        await database.write(work)

    async def follow() -> None:
        while len(seen) < 160:
            seen.extend((row[0], row[3]) for row in await outbox.after(database, seen[-1][0] if seen else 0, 7))
            await asyncio.sleep(0)

    await asyncio.gather(follow(), *(write(number) for number in range(100)), return_exceptions=True)
    assert [sequence for sequence, _ in seen] == list(range(1, 161))
    assert sorted(int(subject) for _, subject in seen) == sorted(2 * [n for n in range(100) if n % 5])


async def test_an_event_is_kept_as_it_was_given(database: Database) -> None:
    sequence = await database.write(
        lambda tx: outbox.append(tx, "robot.added", "subject", '{"a": 1.50}', created_us=17)
    )
    [(first, uuid, *rest)] = await outbox.after(database, 0)
    assert (first, rest) == (sequence, ["robot.added", "subject", 17, '{"a": 1.50}'])
    assert len(uuid) == 36


async def test_old_events_are_forgotten_once_every_reader_has_seen_them(
    database: Database, clock: SimulatedClock
) -> None:
    forgetter = Forgetter(database, clock, 3600)
    day_us, now_us = 86_400_000_000, clock.now_us()

    async def append(at_us: int, count: int) -> None:
        async def work(tx: Transaction) -> None:
            for _ in range(count):
                await outbox.append(tx, "run.started", "subject", created_us=at_us)

        await database.write(work)

    async def seen(tx: Transaction, events: Sequence[Row]) -> None:
        pass

    reader = OutboxReader("reader", seen, database=database, bus=Bus(), clock=clock)
    await append(now_us - day_us, 3)
    await reader.catch_up()
    await append(now_us - day_us, 2500)
    await forgetter.forget()
    assert await outbox.forgotten(database, await outbox.last(database)) == 3
    await reader.catch_up()
    await append(now_us, 2)
    await forgetter.forget()
    assert [row[0] for row in await outbox.after(database, 0)] == [2504, 2505]


async def test_who_waits_for_a_commit_is_woken_by_it(database: Database) -> None:
    waits, left = database.commits.next(), database.commits.next()
    database.commits.leave(left)
    assert not waits.done()
    await database.write(lambda tx: outbox.append(tx, "run.started", "subject"))
    await asyncio.wait_for(waits, 30)

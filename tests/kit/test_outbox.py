"""The outbox numbers events in the order of commits, without gaps, so that a reader needs one number only."""

import asyncio

import pytest

from roundsman.kit import outbox
from roundsman.kit.database import Database, Transaction

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

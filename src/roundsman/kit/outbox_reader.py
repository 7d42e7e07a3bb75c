"""Reading the outbox as a service: every event once, in order, and on from there after a restart.

What is done with a batch is done in the transaction that moves the reader's mark. So it happens exactly once, also
with several processes: who comes second finds the mark moved, and does nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from sqlalchemy import Column, Table, bindparam, select, update

from roundsman.kit import outbox
from roundsman.kit.bus import Bus, Subscription
from roundsman.kit.clock import Clock
from roundsman.kit.database import Database, Row, Statement, Transaction, upsert
from roundsman.kit.schema import BigInt, Text, metadata

outbox_marks = Table(
    "outbox_marks",
    metadata,
    Column("name", Text, primary_key=True),  # the reader's
    Column("sequence", BigInt, nullable=False),  # the last event that it has worked on
)
_mark = Statement(select(outbox_marks.c.sequence).where(outbox_marks.c.name == bindparam("name")))
_begin = upsert(outbox_marks, ["name"])
_move = Statement(
    update(outbox_marks)
    .where(outbox_marks.c.name == bindparam("of_name"), outbox_marks.c.sequence == bindparam("before"))
    .values(sequence=bindparam("sequence"))
)
BATCH = 200
LOOK_S = 5.0
"""How often it looks by itself: news is lost when another process writes."""


class Worker(Protocol):
    """What is done with events: rows of `kit.outbox.after`, oldest first, and everything in `tx`."""

    def __call__(self, tx: Transaction, events: Sequence[Row], /) -> Awaitable[object]:
        """Works on a batch."""
        ...


class OutboxReader:
    """A service that works on every event of the outbox. `wakes` are the topics of the bus that tell of new ones."""

    def __init__(
        self, name: str, work: Worker, *, database: Database, bus: Bus, clock: Clock, wakes: Sequence[str] = ()
    ) -> None:
        self.name = name
        self._work = work
        self._database = database
        self._bus = bus
        self._clock = clock
        self._wakes = wakes

    async def run(self) -> None:
        """Works until cancelled."""
        with self._bus.subscribe(*self._wakes, size=1) as news:
            while True:
                await self.catch_up()
                await self._rest(news)

    async def catch_up(self) -> None:
        """Works on all that is there."""
        while await self._database.write(self._step) == BATCH:
            pass

    async def _step(self, tx: Transaction) -> int:
        """Works on the next batch; how many events were in it."""
        row = await tx.one(_mark, name=self.name)
        if row is None:
            await tx.execute(_begin, name=self.name, sequence=0)
        before = 0 if row is None else row[0]
        events = await outbox.after(tx, before, BATCH)
        if not events:
            return 0
        if not await tx.execute(_move, of_name=self.name, before=before, sequence=events[-1][0]):
            return BATCH  # another process has worked on them meanwhile: on from where it is
        await self._work(tx, events)
        return len(events)

    async def _rest(self, news: Subscription) -> None:
        """Until there is news, or for a while."""
        waits: list[Callable[[], Awaitable[object]]] = [news.__anext__, lambda: self._clock.sleep(LOOK_S)]
        tasks = [asyncio.ensure_future(wait()) for wait in waits]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


_slowest = Statement(select(outbox_marks.c.sequence).order_by(outbox_marks.c.sequence).limit(1))
FORGET_S = 600.0


class Forgetter:
    """A service that removes events older than `keep_s` which every reader has worked on."""

    name = "outbox retention"

    def __init__(self, database: Database, clock: Clock, keep_s: float) -> None:
        self._database = database
        self._clock = clock
        self._keep_s = keep_s

    async def run(self) -> None:
        """Works until cancelled."""
        while True:
            await self.forget()
            await self._clock.sleep(FORGET_S)

    async def forget(self) -> None:
        """Removes what is old enough, in steps that hold nobody up."""
        before_us = self._clock.now_us() - int(self._keep_s * 1_000_000)

        async def step(tx: Transaction) -> int:
            row = await tx.one(_slowest)
            return await outbox.forget(tx, before_us, await outbox.last(tx) if row is None else row[0])

        while await self._database.write(step):
            pass

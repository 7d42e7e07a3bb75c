"""What keeps work orders going by itself: orders for anomalies that are opened, and each order's turn when it comes."""

import asyncio
from collections.abc import Sequence

import msgspec

from roundsman.anomalies.service import OPENED
from roundsman.kit.bus import Bus
from roundsman.kit.clock import Clock
from roundsman.kit.database import Database, Row, Transaction
from roundsman.kit.outbox_reader import OutboxReader
from roundsman.workorders import configuration, health, store
from roundsman.workorders.service import WorkOrders, title_before

LOOK_S = 2.0
AT_ONCE = 8
SETTLE_US = 10 * 1_000_000  # for the pictures of an action that arrive after its alert
AUTOMATIC = "Roundsman"
_PURGE_EVERY = 1800  # turns


class Maker:
    """Makes orders for the anomalies that the outbox tells of, in the transaction that moves the reader's mark."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def __call__(self, tx: Transaction, events: Sequence[Row], /) -> None:
        """Works on a batch of the outbox."""
        opened = [(at_us, document) for _, _, topic, _, at_us, document in events if topic == OPENED]
        if not opened:
            return
        configured = await configuration.load(tx)
        if not configured.settings.auto_create:
            return
        for at_us, document in opened:
            if at_us >= configured.automatic_since_us:
                await self._make(tx, document, configured.settings.suppress_while_open)

    async def _make(self, tx: Transaction, document: str, suppress: bool) -> None:
        anomaly, now_us = msgspec.json.decode(document), self._clock.now_us()
        alive = await store.alive_of_subject(tx, anomaly) if suppress else None
        if alive is not None:
            text = (
                f"No order for anomaly {anomaly['uuid']}: work order {alive.external_id or alive.uuid} is {alive.state}"
            )
            await health.note(tx, now_us, "info", text, alive.uuid)
            return
        await store.add(tx, anomaly, "alert", AUTOMATIC, now_us, now_us + SETTLE_US, {}, title_before(anomaly))


def maker(database: Database, bus: Bus, clock: Clock) -> OutboxReader:
    """The service that makes orders of anomalies."""
    return OutboxReader("work_orders.made", Maker(clock), database=database, bus=bus, clock=clock)


class Keeper:
    """The service that gives orders their turns: several at once, so that a slow answer delays its own order alone."""

    name = "work_orders"

    def __init__(self, orders: WorkOrders, database: Database, clock: Clock) -> None:
        self._orders = orders
        self._database = database
        self._clock = clock
        self._under_way: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Works until cancelled."""
        turns = 0
        try:
            while True:
                await self.look()
                if turns % _PURGE_EVERY == 0:
                    await self._database.write(health.purge)
                turns += 1
                await self._clock.sleep(LOOK_S)
        finally:
            for task in self._under_way.values():
                task.cancel()
            await asyncio.gather(*self._under_way.values(), return_exceptions=True)

    async def look(self) -> None:
        """Begins with the orders that are due, as far as there is room."""
        for uuid in await store.due(self._database, self._clock.now_us()):
            if len(self._under_way) >= AT_ONCE:
                return
            if uuid not in self._under_way:
                task = asyncio.create_task(self._orders.attend(uuid))
                self._under_way[uuid] = task
                task.add_done_callback(lambda _, uuid=uuid: self._under_way.pop(uuid, None))

    async def settled(self) -> None:
        """Returns when nothing is under way."""
        while self._under_way:
            await asyncio.wait(list(self._under_way.values()))

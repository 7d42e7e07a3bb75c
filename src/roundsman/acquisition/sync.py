"""Acquires the captures of one robot: what is new, what came late, and what is too long to come with the rest.

The order is always the same: first the blob is durable, then one transaction stores the rows and moves the cursor
over what it covers. Wherever it is cut off, the next pass begins behind the last thing stored.

Source: robot-link.md 3.3.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import aclosing

import msgspec

from roundsman.acquisition import cursors, losses
from roundsman.acquisition.batches import Batches, Captured, Pending
from roundsman.acquisition.cursors import Cursor
from roundsman.acquisition.intake import Intake, Taken
from roundsman.acquisition.losses import Lost, Present, Span
from roundsman.acquisition.store import Fetched, RobotStore
from roundsman.acquisition.wire import Content
from roundsman.captures.record import DATA_ID_MAX, DataId, Kind, Origin, Recording, known_ids
from roundsman.kit.clock import Clock
from roundsman.kit.database import Database, Transaction
from roundsman.kit.log import get_logger
from roundsman.kit.metrics import Counter
from roundsman.runs.record import RobotIdentity, ensure_run

_log = get_logger("acquisition")

UNREADABLE = Counter("roundsman_captures_unreadable", "Captures with a number that cannot be stored.", ["robot"])
WITH_CONTENT: frozenset[Kind] = frozenset(("image", "data"))


class RobotSync:
    """Keeps one robot's captures acquired. Every call may be cut off anywhere and made again.

    `on_stored` is told after each commit what is durable now.
    """

    def __init__(
        self,
        robot: RobotIdentity,
        software_identity: str,
        store: RobotStore,
        intake: Intake,
        database: Database,
        clock: Clock,
        *,
        everything: bool = True,
        clock_ahead_us: Callable[[], int] = lambda: 0,
        on_stored: Callable[[Sequence[Captured]], None] = lambda _: None,
    ) -> None:
        self.robot = robot
        self.store = store
        self.database = database
        self.clock = clock
        self._software_identity = software_identity
        self._intake = intake
        self._everything = everything
        self._clock_ahead_us = clock_ahead_us
        self._on_stored = on_stored
        self._inclusive = False
        self._unreadable: set[int] = set()
        self._cursor: Cursor | None = None

    @property
    def cursor(self) -> Cursor:
        """How far everything is. There is one after the first `catch_up`."""
        assert self._cursor is not None
        return self._cursor

    async def catch_up(self) -> Batches:
        """Fetches everything behind the cursor, page by page.

        Raises: RobotStoreError, DiskFull; what was stored until then stays.
        """
        await self._enter(await self.store.max_id())
        async with Batches(lambda captured: self.keep(captured, moves=True)) as batches:
            seen_id = self.cursor.last_id
            while seen_id < self.cursor.known_max_id:
                asked = self.bound(seen_id + 1)
                last_id = await self._read(asked, batches, lambda data_id, seen_id=seen_id: data_id > seen_id)
                if last_id is None or (last_id <= seen_id and asked == self.bound(seen_id + 1)):
                    break
                seen_id = max(seen_id, last_id)
        return batches

    async def fetch(self, wanted: Iterable[int]) -> Batches:
        """Fetches single captures behind the cursor's back; what is not there is passed over.

        Raises: RobotStoreError, DiskFull
        """
        left = sorted(wanted)
        async with Batches(lambda captured: self.keep(captured, moves=False)) as batches:
            while left:
                last_id = await self._read(self.bound(left[0]), batches, set(left).__contains__, until_id=left[-1])
                passed_id = left[0] if last_id is None else max(left[0], last_id)
                left = [data_id for data_id in left if data_id > passed_id]
        return batches

    def bound(self, first_id: int) -> int:
        """What to ask for in order to get `first_id` and what follows.

        Robots may start at the bound or behind it. Until one was seen to start at it, the id before is asked for; at
        worst that comes once more. Source: robot-link.md 3.3.
        """
        return first_id if self._inclusive else max(first_id - 1, 0)

    def learn(self, from_id: int, data_id: int) -> None:
        """Learns from an answer how the robot reads the bound."""
        self._inclusive = self._inclusive or (from_id == data_id and from_id > 0)

    async def _enter(self, max_id: int) -> None:
        """Finds the cursor of the robot's present epoch, or begins a new one."""
        present = self._cursor or await cursors.newest(self.database, self.robot.serial)
        now_us, identity = self.clock.now_us(), self._software_identity
        if present is None:
            begun = cursors.first(self.robot.serial, identity, max_id, now_us, everything=self._everything)
            await self._begin(begun)
        elif 0 < max_id < present.known_max_id or present.software_identity != identity:
            await self._begin(cursors.following(present, identity, max_id, now_us), before=present)
        else:
            # 0 is no answer to go by: a robot that is starting up says it too.
            self._cursor = msgspec.structs.replace(present, known_max_id=max(max_id, present.known_max_id))

    async def _begin(self, cursor: Cursor, before: Cursor | None = None) -> None:
        """Stores a new epoch; what an earlier one still held when its ids started again is lost."""

        async def work(tx: Transaction) -> None:
            await cursors.insert_cursor(tx, cursor)
            if (
                before is not None
                and before.last_id < before.known_max_id
                and cursor.known_max_id < before.known_max_id
            ):
                await losses.add(tx, cursors.rest_of(before), cursor.created_us)

        await self.database.write(work)
        self._inclusive = False
        self._cursor = cursor

    async def _read(
        self, from_id: int, batches: Batches, wanted: Callable[[int], bool], until_id: int | None = None
    ) -> int | None:
        """Takes one answer in, of that what is wanted; the greatest id in it, None if it is empty."""
        greatest_id: int | None = None
        async with aclosing(self.store.captures(from_id, self._intake.on_content)) as results:
            async for fetched in results:
                taken, data_id = await self._content_of(fetched), fetched.id.data_id
                if data_id > DATA_ID_MAX:
                    self._set_aside(fetched)
                    continue
                self.learn(from_id, data_id)
                greatest_id = data_id if greatest_id is None else max(greatest_id, data_id)
                if until_id is not None and data_id > until_id:
                    break
                if wanted(data_id):
                    await batches.add(Pending.of(fetched, taken))
        return greatest_id

    def _set_aside(self, fetched: Fetched) -> None:
        """Passes over what has a number that no row can bear, and says so once."""
        if fetched.id.data_id not in self._unreadable:
            self._unreadable.add(fetched.id.data_id)
            UNREADABLE.labels(self.robot.hostname).inc()
            _log.warning(
                "capture is set aside: its number is beyond all that can be stored",
                robot=self.robot.nickname,
                data_id=fetched.id.data_id,
                action=fetched.id.action_name,
                channel=fetched.id.channel_name,
            )

    async def _content_of(self, fetched: Fetched) -> Taken | None:
        """What came with it. An empty content is not on the wire, and is kept as a blob like any other."""
        taken = self._intake.take()
        if taken is None and fetched.kind in WITH_CONTENT:
            await self._intake.on_content(0, _nothing())
            taken = self._intake.take()
        return taken

    async def keep(self, captured: Sequence[Captured], *, moves: bool) -> int:
        """Stores what is durable as blobs in one transaction, and moves the cursor over it; how many were new."""
        cursor, now_us = self.cursor, self.clock.now_us()
        origin = Origin(self.robot, cursor.store_epoch, self._clock_ahead_us())
        ids = [one.id.data_id for one in captured]
        moved = {"last_id": max(cursor.last_id, *ids)} if moves else {}
        moved["known_max_id"] = max(cursor.known_max_id, *ids)

        async def work(tx: Transaction) -> int:
            known = await known_ids(tx, self.robot.serial, cursor.store_epoch, min(ids), max(ids))
            stored = await Recording(tx, origin, now_us, known).add_all(captured)
            if not moves:
                await losses.found(tx, cursor.robot_serial, cursor.store_epoch, ids)
            await cursors.move(tx, cursor, now_us, **moved)
            return stored

        stored = await self.database.write(work)
        self._cursor = msgspec.structs.replace(self.cursor, **moved)
        self._on_stored(captured)
        return stored

    async def here(self, first_id: int, last_id: int) -> Present:
        """The ids of a range that are stored or recorded as lost."""
        cursor = self.cursor
        return await losses.present(self.database, cursor.robot_serial, cursor.store_epoch, first_id, last_id)

    async def moved(self, **moved: int) -> None:
        """Moves the named columns of the cursor."""
        cursor, now_us = self.cursor, self.clock.now_us()
        await self.database.write(lambda tx: cursors.move(tx, cursor, now_us, **moved))
        self._cursor = msgspec.structs.replace(self.cursor, **moved)

    async def lost(self, gone: Iterable[DataId]) -> int:
        """Records what vanished between the robot's list and the attempt to fetch it, by name and run; how many."""
        cursor, now_us = self.cursor, self.clock.now_us()

        async def work(tx: Transaction) -> int:
            count = 0
            for one in gone:
                ahead_us = self._clock_ahead_us()
                at_us = one.action_time_us - ahead_us
                run = await ensure_run(tx, self.robot, one.group_name, at_us, now_us, ahead_us)
                lost = losses.lost_one(cursor.robot_serial, cursor.store_epoch, one, run.uuid)
                count += await losses.add(tx, lost, now_us)
            return count

        return await self.database.write(work)

    async def lost_between(self, spans: Sequence[Span]) -> int:
        """Records ranges of which the robot tells nothing any more; how many ids that are not stored meanwhile."""
        cursor, now_us = self.cursor, self.clock.now_us()

        async def work(tx: Transaction) -> int:
            ranges = [Lost(cursor.robot_serial, cursor.store_epoch, *span, "overwritten") for span in spans]
            return sum([await losses.add(tx, lost, now_us) for lost in ranges])

        return await self.database.write(work)


async def _nothing() -> Content:
    """A content without bytes."""
    for piece in ():
        yield piece

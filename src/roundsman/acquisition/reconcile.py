"""Compares what a robot says it has with what we have: finds what came late, and what is lost.

Captures may get their id before others that are visible first, so a cursor alone can pass over some. And a robot
overwrites its oldest captures when its store is full. Both show in its list of identifiers, which is small.

Source: robot-link.md 3.3.
"""

from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing

import msgspec

from roundsman.acquisition import cursors
from roundsman.acquisition.cursors import Cursor
from roundsman.acquisition.store import ALL_KINDS, SMALL_KINDS, Kind
from roundsman.acquisition.sync import RobotSync
from roundsman.captures.record import DataId

CHUNK = 5000


class Reconciled(msgspec.Struct):
    """What a comparison found. `unfetched` is on the robot, and could still not be had."""

    fetched: int = 0
    lost: int = 0
    unfetched: int = 0


class Reconciliation:
    """Compares one robot with its captures, again and again; each id is looked at in two comparisons at least."""

    def __init__(self, sync: RobotSync) -> None:
        self._sync = sync
        self._compared: tuple[int, int] | None = None  # store epoch and id up to which the comparison before looked

    async def run(self) -> Reconciled:
        """One comparison, from where the one before the last ended up to the cursor.

        Raises: RobotStoreError, DiskFull
        """
        found, cursor = Reconciled(), self._sync.cursor
        await self._overwritten(cursor, found)
        async for chunk in self._listed(cursor, SMALL_KINDS):
            await self._compare(chunk, found)
        await self._look_from(cursor)
        return found

    async def _compare(self, chunk: dict[int, DataId], found: Reconciled) -> None:
        """Fetches what of the robot's list is not here; what then is gone from the list as well is lost."""
        missing = await self._not_here(chunk)
        if not missing:
            return
        found.fetched += (await self._sync.fetch(missing)).stored
        missing = await self._not_here(missing)
        still_there = await self._still_listed(missing)
        found.unfetched += len(still_there)
        gone = [chunk[data_id] for data_id in sorted(missing - still_there)]
        if gone:
            found.lost += await self._sync.lost(gone)

    async def _not_here(self, ids: Iterable[int]) -> set[int]:
        """Which of some ids are neither stored nor recorded as lost."""
        wanted = set(ids)
        if not wanted:
            return wanted
        here = await self._sync.here(min(wanted), max(wanted))
        return {data_id for data_id in wanted if data_id not in here}

    async def _still_listed(self, ids: set[int]) -> set[int]:
        """Which of some ids the robot lists now."""
        listed: set[int] = set()
        for data_id in sorted(ids):
            if data_id not in listed:
                bound = self._sync.bound(data_id)
                async with aclosing(self._sync.store.identifiers(bound, kinds=SMALL_KINDS)) as page:
                    listed |= {identifier.data_id async for identifier in page}
        return ids & listed

    async def _listed(self, cursor: Cursor, kinds: frozenset[Kind]) -> AsyncGenerator[dict[int, DataId]]:
        """The robot's list from where to look up to the cursor, in chunks."""
        chunk: dict[int, DataId] = {}
        after_id, more = cursor.reconciled_id, True
        while more and after_id < cursor.last_id:
            more, asked = False, self._sync.bound(after_id + 1)
            async with aclosing(self._sync.store.identifiers(asked, kinds=kinds)) as page:
                async for identifier in page:
                    self._sync.learn(asked, identifier.data_id)
                    if after_id < identifier.data_id <= cursor.last_id:
                        chunk[identifier.data_id], more = identifier, True
            after_id = max(chunk, default=after_id)
            if len(chunk) >= CHUNK:
                yield chunk
                chunk = {}
        if chunk:
            yield chunk

    async def _overwritten(self, cursor: Cursor, found: Reconciled) -> None:
        """Records the ids that we do not have and that lie before the oldest thing the robot still has."""
        oldest_id = await self._oldest_id()
        end_id = cursor.last_id + 1 if oldest_id is None else min(oldest_id, cursor.last_id + 1)
        here = await self._sync.here(cursor.reconciled_id + 1, max(end_id, cursor.reconciled_id + 1))
        # Ids need not start at 0: what came before the first one of an epoch was never there for us.
        first_id = cursor.reconciled_id + 1
        if cursor.reconciled_id == cursors.NOTHING:
            first_id = end_id if (least := here.first_id()) is None else least
        missing = list(here.gaps(first_id, end_id))
        if missing:
            found.lost += await self._sync.lost_between(missing)

    async def _oldest_id(self) -> int | None:
        """The first id that the robot still has, of any kind."""
        async with aclosing(self._sync.store.identifiers(0, kinds=ALL_KINDS)) as page:
            async for identifier in page:
                return identifier.data_id
        return None

    async def _look_from(self, cursor: Cursor) -> None:
        """The next comparison begins where the one before this ended, for something may still come late."""
        if self._compared is not None and self._compared[0] == cursor.store_epoch:
            await self._sync.moved(reconciled_id=self._compared[1])
        self._compared = cursor.store_epoch, cursor.last_id

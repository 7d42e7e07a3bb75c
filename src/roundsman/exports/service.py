"""Exports made, one after the other, in the background; and those that are over removed.

A row says who makes an export by being told of it every few seconds. Where that has stopped, the process was ended, and
the next one begins that export anew: what is half written is not kept.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import bindparam, or_, select, update

from roundsman.access.audit import acting, record
from roundsman.exports import store
from roundsman.exports.files import Sources, check_format, written
from roundsman.exports.store import Stored
from roundsman.exports.tables import exports
from roundsman.exports.types import Export, Selection
from roundsman.kit.blobs import BlobInfo, Blobs
from roundsman.kit.clock import Clock
from roundsman.kit.database import Database, Statement, Transaction
from roundsman.kit.log import get_logger
from roundsman.kit.problem import DiskFull, Problem

ATTEMPTS_MAX = 3
BEAT_US = 2_000_000
DEAD_US = 30_000_000
LOOK_S = 10.0
_SWEPT = 100

log = get_logger("exports")

_table = exports
_mine = (_table.c.uuid == bindparam("of_uuid"), _table.c.beat_us == bindparam("of_beat_us"))
_due = Statement(
    select(*_table.columns)
    .where(
        or_(
            _table.c.state == "waiting",
            (_table.c.state == "running") & (_table.c.beat_us < bindparam("dead_us")),
        )
    )
    .order_by(_table.c.created_us)
    .limit(1)
)
_take = Statement(
    update(_table)
    .where(*_mine, store.UNFINISHED)
    .values(
        state="running", started_us=bindparam("at_us"), beat_us=bindparam("at_us"), row_count=0, progress=0.0,
        attempts=_table.c.attempts + 1,
    )
)  # fmt: skip
_beat = Statement(
    update(_table)
    .where(*_mine, _table.c.state == "running")
    .values(beat_us=bindparam("at_us"), row_count=bindparam("rows"), progress=bindparam("part"))
)
_end = Statement(
    update(_table)
    .where(*_mine, _table.c.state == "running")
    .values(
        state=bindparam("as_state"), ended_us=bindparam("at_us"), expires_us=bindparam("until_us"),
        row_count=bindparam("rows"), progress=bindparam("part"), size_bytes=bindparam("size"),
        blob_sha256=bindparam("sha256"), error=bindparam("why"),
    )
)  # fmt: skip
_expired = Statement(
    select(_table.c.uuid).where(_table.c.expires_us < bindparam("at_us")).order_by(_table.c.expires_us).limit(_SWEPT)
)
_sharing = Statement(select(_table.c.uuid).where(_table.c.blob_sha256 == bindparam("sha256")).limit(1))


class Stopped(Exception):
    """Somebody else decided: the export was cancelled, removed or taken over."""


class Exports:
    """The exports of one installation. `files` is a store of their own: a capture's blob is never removed with one."""

    name = "exports"

    def __init__(
        self, *, database: Database, blobs: Blobs, files: Blobs, clock: Clock, folder: Path, keep_s: float
    ) -> None:
        self.database = database
        self.files = files
        self._sources = Sources(database, blobs, folder)
        self._clock = clock
        self._keep_us = int(keep_s * 1_000_000)
        self._asked = asyncio.Event()
        self._deciding = asyncio.Lock()  # between looking whether a file is shared and acting on it

    async def create(self, selection: Selection, by: str) -> Export:
        """Asks for an export. Raises: BadRequest for a format that cannot be written here; TooManyRequests."""
        check_format(selection.format)
        now_us, actor = self._clock.now_us(), acting()
        chosen = selection if selection.until_us is not None else _until(selection, now_us)

        async def work(tx: Transaction) -> Export:
            made = await store.create(tx, chosen, by, now_us)
            await record(tx, actor, "create", "export", made.uuid, after=chosen)
            return made

        export = await self.database.write(work)
        self._asked.set()
        return export

    async def cancel(self, uuid: str) -> Export:
        """Ends one that waits or is made. Raises: NotFound, Conflict."""
        now_us, actor = self._clock.now_us(), acting()

        async def work(tx: Transaction) -> Export:
            ended = await store.cancel(tx, uuid, now_us, self._keep_us)
            await record(tx, actor, "cancel", "export", uuid)
            return ended

        return await self.database.write(work)

    async def remove(self, uuid: str) -> None:
        """Removes one with its file. Raises: NotFound."""
        actor = acting()

        async def work(tx: Transaction) -> Stored:
            gone = await store.remove(tx, uuid)
            if actor.kind != "system":  # those whose time is over go by themselves
                await record(tx, actor, "delete", "export", uuid)
            return gone

        async with self._deciding:
            stored = await self.database.write(work)
            sha256 = stored.blob_sha256
            if sha256 and await self.database.one(_sharing, sha256=sha256) is None:
                await self.files.delete(sha256)

    async def run(self) -> None:
        """Makes what is asked for, until cancelled."""
        while True:
            self._asked.clear()
            while await self.make_next():
                pass
            await self.sweep()
            await self._rest()

    async def _rest(self) -> None:
        waits = [asyncio.ensure_future(self._asked.wait()), asyncio.ensure_future(self._clock.sleep(LOOK_S))]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()

    async def sweep(self) -> None:
        """Removes those whose time is over."""
        for (uuid,) in await self.database.all(_expired, at_us=self._clock.now_us()):
            await self.remove(uuid)

    async def make_next(self) -> bool:
        """Makes the oldest one that nobody makes; False if there is none."""
        now_us = self._clock.now_us()
        row = await self.database.one(_due, dead_us=now_us - DEAD_US)
        if row is None:
            return False
        stored = Stored(*row)
        if await self._changed(_take, of_uuid=stored.uuid, of_beat_us=stored.beat_us, at_us=now_us):
            work = _Work(stored, now_us, self._clock)
            if stored.attempts >= ATTEMPTS_MAX:
                why = f"the server was stopped {ATTEMPTS_MAX} times while it was made; ask for less at a time"
                await self._ended(work, None, why)
            else:
                await self._make(work)
        return True

    async def _make(self, work: "_Work") -> None:
        """Makes one; whatever goes wrong with it is its own failure, and the next one is made."""

        async def tell(rows: int, at_us: int) -> None:
            if work.told(rows, at_us):
                await self._beat(work)

        try:
            bytes_ = written(self._sources, work.export.selected, tell)
            info = await self.files.put(self._beating(work, bytes_))
            await self._ended(work, info, None)
        except Stopped:
            log.info("export stopped", uuid=work.export.uuid)
        except DiskFull as error:
            await self._ended(work, None, f"there is no room for it: {error.strerror or error}; make room, ask again")
        except Problem as error:
            await self._ended(work, None, str(error))
        except Exception as error:
            log.exception("export failed", uuid=work.export.uuid)
            await self._ended(work, None, f"{type(error).__name__}: {error}")

    async def _beating(self, work: "_Work", chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for chunk in chunks:
            yield chunk
            if work.due():
                await self._beat(work)

    async def _beat(self, work: "_Work") -> None:
        at_us = self._clock.now_us()
        if not await self._changed(_beat, **work.known(), at_us=at_us):
            raise Stopped
        work.beat_us = at_us

    async def _ended(self, work: "_Work", info: BlobInfo | None, why: str | None) -> None:
        now_us = self._clock.now_us()
        values = work.known() | {
            "part": 1.0 if info else work.part,
            "at_us": now_us,
            "until_us": now_us + self._keep_us,
        }
        values |= {"as_state": "done" if info else "failed", "why": why}
        values |= {"size": info and info.size_bytes, "sha256": info and info.sha256}
        async with self._deciding:
            if info is not None and not await self.files.exists(info.sha256):
                raise FileNotFoundError(f"the file of export {work.export.uuid} was removed meanwhile")
            ended = await self._changed(_end, **values)
            if not ended and info is not None and await self.database.one(_sharing, sha256=info.sha256) is None:
                await self.files.delete(info.sha256)

    async def _changed(self, statement: Statement, **values: Any) -> bool:
        async def work(tx: Transaction) -> bool:
            changed = await tx.execute(statement, **values) > 0
            if changed and statement is _end:
                await store.told_ended(tx, values["of_uuid"])
            return changed

        return await self.database.write(work)


class _Work:
    """How far one export is."""

    def __init__(self, export: Stored, at_us: int, clock: Clock) -> None:
        self.export = export
        self.beat_us = at_us
        self.rows = 0
        self.part = 0.0
        self._clock = clock
        self._from_us = export.selected.from_us
        self._until_us = export.selected.until_us or at_us

    def told(self, rows: int, at_us: int) -> bool:
        """Takes note; whether it is time to say so."""
        if self._from_us is None:
            self._from_us = at_us
        self.rows += rows
        length_us = max(1, self._until_us - self._from_us)
        self.part = min(0.99, max(self.part, (at_us - self._from_us) / length_us))
        return self.due()

    def due(self) -> bool:
        """Whether it is time to say so."""
        return self._clock.now_us() - self.beat_us >= BEAT_US

    def known(self) -> dict[str, Any]:
        """What is written of it."""
        return {"of_uuid": self.export.uuid, "of_beat_us": self.beat_us, "rows": self.rows, "part": self.part}


def _until(selection: Selection, now_us: int) -> Selection:
    """Up to now: so it is the same selection whenever it is made."""
    return msgspec.structs.replace(selection, until_us=now_us)

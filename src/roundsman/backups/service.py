"""Backups asked for over the API: made one after the other in the background, kept as files of the data folder.

A row says who makes a backup by being told of it every few seconds. Where that has stopped, the process was ended: the
backup has failed, and what was written of it is removed. A file has its name once it is whole and on disk.
"""

import asyncio
import hashlib
import os
import shutil
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import bindparam, delete, insert, or_, select, update

from roundsman.access.audit import acting, record
from roundsman.backups.making import Dump, Source, dump, packed
from roundsman.backups.tables import backup_tasks as table
from roundsman.backups.types import (
    CANCELLED,
    COMPLETED,
    DUMPING,
    FAILED,
    PACKING,
    STARTING,
    BackupParameters,
    BackupTask,
)  # fmt: skip
from roundsman.kit.clock import Clock
from roundsman.kit.database import Statement, Transaction
from roundsman.kit.identifiers import new_uuid
from roundsman.kit.log import get_logger
from roundsman.kit.problem import Conflict, NotFound, Problem, TooManyRequests
from roundsman.kit.times import iso

BEAT_US = 2_000_000
DEAD_US = 30_000_000
LOOK_S = 10.0
WAITING_MAX = 10

log = get_logger("backups")

_COLUMNS = [column.name for column in table.columns]
_mine = table.c.uuid == bindparam("of_uuid")
_unfinished = or_(*(table.c.status == status for status in (STARTING, DUMPING, PACKING)))
_one = Statement(select(*table.columns).where(_mine))
_all = Statement(select(*table.columns).order_by(table.c.created_us, table.c.uuid))
_insert = Statement(insert(table))
_delete = Statement(delete(table).where(_mine))
_waiting = Statement(select(*table.columns).where(table.c.status == STARTING).order_by(table.c.created_us).limit(1))
_take = Statement(
    update(table).where(_mine, table.c.status == STARTING).values(status=DUMPING, beat_us=bindparam("at_us"))
)
_step = Statement(
    update(table)
    .where(_mine, or_(table.c.status == DUMPING, table.c.status == PACKING))
    .values(status=bindparam("as_status"), beat_us=bindparam("at_us"), size_bytes=bindparam("size"))
)
_end = Statement(
    update(table)
    .where(_mine, _unfinished)
    .values(
        status=bindparam("as_status"), ended_us=bindparam("at_us"), size_bytes=bindparam("size"),
        sha256=bindparam("digest"), error=bindparam("why"),
    )
)  # fmt: skip
_dead = Statement(
    update(table)
    .where(or_(table.c.status == DUMPING, table.c.status == PACKING), table.c.beat_us < bindparam("dead_us"))
    .values(status=FAILED, ended_us=bindparam("at_us"), error=bindparam("why"))
)


class Stopped(Exception):
    """Somebody removed the backup while it was made."""


class Backups:
    """The backups of one installation. Files are in `folder`, with mode 600; the newest `keep` are kept."""

    name = "backups"

    def __init__(self, *, source: Source, folder: Path, clock: Clock, reserve_bytes: int, keep: int) -> None:
        self.source = source
        self._database = source.database
        self.folder = folder
        self._clock = clock
        self.reserve_bytes = reserve_bytes
        self._keep = keep
        self._asked = asyncio.Event()

    async def list(self) -> list[BackupTask]:
        """All of them, the oldest first."""
        return [_shown(row) for row in await self._database.all(_all)]

    async def get(self, uuid: str) -> BackupTask:
        """One of them. Raises: NotFound."""
        return _shown(await self._row(uuid))

    async def ask(self, parameters: BackupParameters, by: str) -> BackupTask:
        """Asks for a backup. Raises: TooManyRequests when many wait."""
        now_us, actor = self._clock.now_us(), acting()
        uuid = new_uuid()
        row: dict[str, Any] = dict.fromkeys(_COLUMNS) | {
            "uuid": uuid,
            "status": STARTING,
            "created_us": now_us,
            "created_by": by,
            "beat_us": 0,
            "include_missions": int(parameters.include_missions),
            "include_captures": int(parameters.include_captures),
            "file_name": f"roundsman-{iso(now_us)[:19].replace(':', '-')}Z-{uuid[-6:]}.tar",
            "size_bytes": 0,
        }

        async def work(tx: Transaction) -> None:
            tasks = [_shown(row) for row in await tx.all(_all)]
            if sum(task.status in (STARTING, DUMPING, PACKING) for task in tasks) >= WAITING_MAX:
                raise TooManyRequests(60, f"{WAITING_MAX} backups are not finished yet; wait for them, or delete some")
            await tx.execute(_insert, **row)
            await record(tx, actor, "create", "backup", uuid, after=parameters)

        await self._database.write(work)
        self._asked.set()
        return await self.get(uuid)

    async def file(self, uuid: str) -> tuple[Path, str, int, str, int]:
        """Path, name, size, SHA-256 and end of a backup's file. Raises: NotFound; Conflict while there is none."""
        row = await self._row(uuid)
        if row["status"] != COMPLETED:
            why = f": {row['error']}" if row["error"] else ""
            raise Conflict(f"the backup's status is {row['status']}{why}; there is no file")
        path = self.folder / row["file_name"]
        if not path.exists():
            raise NotFound(f"the file of backup {uuid} is not in {self.folder} any more")
        return path, row["file_name"], row["size_bytes"], row["sha256"], row["ended_us"]

    async def fetched(self, uuid: str) -> tuple[Path, str, int, str, int]:
        """`file`, and an entry in the audit trail: whoever fetches a backup has everything."""
        found, actor = await self.file(uuid), acting()
        await self._database.write(lambda tx: record(tx, actor, "download", "backup", uuid))
        return found

    async def remove(self, uuid: str) -> None:
        """Removes a backup and its file; one that waits or is made is cancelled, and stays listed. Raises: NotFound."""
        row, actor, at_us = await self._row(uuid), acting(), self._clock.now_us()
        values: dict[str, Any] = {"as_status": CANCELLED, "size": row["size_bytes"], "digest": None, "why": None}

        async def work(tx: Transaction) -> None:
            cancelled = await tx.execute(_end, of_uuid=uuid, at_us=at_us, **values)
            if not cancelled:
                await tx.execute(_delete, of_uuid=uuid)
            await record(tx, actor, "cancel" if cancelled else "delete", "backup", uuid)

        await self._database.write(work)
        await asyncio.to_thread((self.folder / row["file_name"]).unlink, missing_ok=True)

    async def run(self) -> None:
        """Makes what is asked for, until cancelled."""
        while True:
            self._asked.clear()
            await self.sweep()
            while await self.make_next():
                pass
            waits = [asyncio.ensure_future(self._asked.wait()), asyncio.ensure_future(self._clock.sleep(LOOK_S))]
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for each in waits:
                    each.cancel()

    async def sweep(self) -> None:
        """What nobody makes any more has failed; what nobody writes any more is removed; old backups go."""
        now_us = self._clock.now_us()
        why = "the server was stopped while it was made; ask for it again"
        await self._database.write(lambda tx: tx.execute(_dead, dead_us=now_us - DEAD_US, at_us=now_us, why=why))
        rows = [dict(zip(_COLUMNS, row, strict=True)) for row in await self._database.all(_all)]
        unfinished = {row["file_name"] for row in rows if row["status"] in (STARTING, DUMPING, PACKING)}
        for left in [*self.folder.glob(".*.part"), *self.folder.glob(".*.tables")]:
            if left.name.removeprefix(".").rsplit(".", 1)[0] not in unfinished:
                await asyncio.to_thread(_remove, left)
        for row in rows:  # its name was given to it, but the end of it could not be told
            if row["status"] in (FAILED, CANCELLED):
                await asyncio.to_thread(_remove, self.folder / row["file_name"])
        done = [row["uuid"] for row in rows if row["status"] == COMPLETED]
        for uuid in done[: -self._keep]:
            await self.remove(uuid)

    async def make_next(self) -> bool:
        """Makes the oldest one that waits; False if there is none."""
        found = await self._database.one(_waiting)
        if found is None:
            return False
        row = dict(zip(_COLUMNS, found, strict=True))
        if now_us := await self.taken(row["uuid"]):
            await self._make(_Work(self, row, now_us))
        return True

    async def taken(self, uuid: str) -> int:
        """Takes one that waits to make it; the time, or 0 if another process was faster."""
        now_us = self._clock.now_us()
        return now_us * await self._database.write(lambda tx: tx.execute(_take, of_uuid=uuid, at_us=now_us))

    async def _make(self, work: "_Work") -> None:
        """Makes one; whatever goes wrong with it is its own failure, and the next one is made."""
        try:
            await asyncio.to_thread(self.folder.mkdir, mode=0o700, parents=True, exist_ok=True)
            digest = await self._write(work)
            if not await self._ended(work.uuid, COMPLETED, work.size_bytes, digest, None):
                raise Stopped
        except Stopped:
            log.info("backup cancelled", uuid=work.uuid)
            await asyncio.to_thread((self.folder / work.file_name).unlink, missing_ok=True)
        except (Problem, OSError) as error:
            log.warning("backup failed", uuid=work.uuid, reason=str(error))
            await self._ended(work.uuid, FAILED, work.size_bytes, None, str(error))
        except Exception as error:
            log.exception("backup failed", uuid=work.uuid)
            await self._ended(work.uuid, FAILED, work.size_bytes, None, f"{type(error).__name__}: {error}")

    async def _write(self, work: "_Work") -> str:
        part = self.folder / f".{work.file_name}.part"
        tables = self.folder / f".{work.file_name}.tables"
        tables.mkdir(mode=0o700)
        try:
            rows = await dump(self.source, work.parameters, tables, work.beat)
            self._check_room(rows)
            work.status = PACKING
            chunks = work.counted(packed(self.source, work.parameters, rows, work.at_us))
            return await write_file(chunks, part, self.folder / work.file_name)
        finally:
            await asyncio.to_thread(_remove, part)
            await asyncio.to_thread(_remove, tables)

    def _check_room(self, rows: Dump) -> None:
        free_bytes = shutil.disk_usage(self.folder).free - self.reserve_bytes
        if rows.size_bytes > free_bytes:
            raise Conflict(
                f"the backup takes {rows.size_bytes / 1e9:.1f} GB and {max(0, free_bytes) / 1e9:.1f} GB are free for "
                "it; remove old backups, or write it elsewhere with `roundsman backup`"
            )

    async def step(self, uuid: str, status: str, size_bytes: int) -> None:
        """Tells how far one is. Raises: Stopped when it is to be made no longer."""
        values: dict[str, Any] = {"of_uuid": uuid, "as_status": status, "size": size_bytes}
        at_us = self._clock.now_us()
        if not await self._database.write(lambda tx: tx.execute(_step, at_us=at_us, **values)):
            raise Stopped

    def due(self, since_us: int) -> int:
        """The time if a beat is due, else 0."""
        now_us = self._clock.now_us()
        return now_us if now_us - since_us >= BEAT_US else 0

    async def _ended(self, uuid: str, status: str, size_bytes: int, digest: str | None, why: str | None) -> int:
        values: dict[str, Any] = {"as_status": status, "size": size_bytes, "digest": digest, "why": why}
        at_us = self._clock.now_us()
        return await self._database.write(lambda tx: tx.execute(_end, of_uuid=uuid, at_us=at_us, **values))

    async def _row(self, uuid: str) -> dict[str, Any]:
        row = await self._database.one(_one, of_uuid=uuid)
        if row is None:
            raise NotFound(f"there is no backup {uuid[:80]}; GET backup_tasks lists them")
        return dict(zip(_COLUMNS, row, strict=True))


class _Work:
    """How far one backup is."""

    def __init__(self, backups: Backups, row: dict[str, Any], at_us: int) -> None:
        self.uuid: str = row["uuid"]
        self.file_name: str = row["file_name"]
        self.parameters = BackupParameters(bool(row["include_missions"]), bool(row["include_captures"]))
        self.status = DUMPING
        self.size_bytes = 0
        self.at_us = at_us
        self._told_us = 0
        self._backups = backups

    async def beat(self) -> None:
        """Tells how far it is, now and then. Raises: Stopped."""
        if now_us := self._backups.due(self._told_us):
            await self._backups.step(self.uuid, self.status, self.size_bytes)
            self._told_us = now_us

    async def counted(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The chunks, their size taken as they pass."""
        await self._backups.step(self.uuid, self.status, 0)
        async for chunk in chunks:
            self.size_bytes += len(chunk)
            await self.beat()
            yield chunk


async def write_file(chunks: AsyncIterator[bytes], part: Path, target: Path) -> str:
    """Writes a file that has its name once it is whole and on disk; its SHA-256. Mode 600: hashes are in it."""
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    digest = hashlib.sha256()

    def take(chunk: bytes) -> None:
        digest.update(chunk)
        file.write(chunk)

    def finish() -> None:
        file.flush()
        os.fsync(file.fileno())
        part.rename(target)
        folder = os.open(target.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)

    with os.fdopen(handle, "wb") as file:
        async for chunk in chunks:
            await asyncio.to_thread(take, chunk)
        await asyncio.to_thread(finish)
    return digest.hexdigest()


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _shown(row: Sequence[Any] | dict[str, Any]) -> BackupTask:
    known = row if isinstance(row, dict) else dict(zip(_COLUMNS, row, strict=True))
    return BackupTask(
        task_id=known["uuid"],
        started_at=iso(known["created_us"]),
        status=known["status"],
        filename=known["file_name"],
        size=known["size_bytes"],
        error=known["error"] or "",
        params=BackupParameters(bool(known["include_missions"]), bool(known["include_captures"])),
    )

"""A backup made while the server goes on: rows of one moment, then the files that they name.

A file is durable before the row that names it, and files of captures are never removed: so whatever the snapshot of
the rows names is there to be read after the snapshot is over, however long that takes.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from importlib.metadata import version as version_of
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import MetaData, Table, select

from roundsman.backups import archive
from roundsman.backups.archive import DumpedTable, Line, Manifest
from roundsman.backups.types import BackupParameters
from roundsman.backups.wrapping import wrap
from roundsman.kit.blobs import Blobs
from roundsman.kit.database import Database, Snapshot, Statement
from roundsman.kit.times import iso

_CHUNK_BYTES = 1 << 20
_CAPTURES = ("run_captures",)

NO_KEY = "without a passphrase the key of robots' passwords and other secrets is not in it: enter those anew"


class Source:
    """What a backup is made of. `key` is the installation's, and `passphrase` seals it; without one it stays out."""

    def __init__(
        self, *, database: Database, blobs: Blobs, tables: MetaData, revision: str, key: bytes, passphrase: str
    ) -> None:
        self.database = database
        self.blobs = blobs
        self.tables = [table for table in tables.sorted_tables if archive.kept(table)]
        self.revision = revision
        self.key = key
        self.passphrase = passphrase


class Dump:
    """The rows of one moment, in files of a folder, and the files that they name with their sizes."""

    def __init__(self, tables: tuple[DumpedTable, ...], files: dict[str, int], folder: Path) -> None:
        self.tables = tables
        self.files = files
        self.folder = folder

    @property
    def size_bytes(self) -> int:
        """About what the backup will take."""
        parts = [*self.files.values(), *(table.size_bytes for table in self.tables)]
        return sum(parts) + 2 * archive.BLOCK_BYTES * (len(parts) + 4)


async def dump(source: Source, parameters: BackupParameters, folder: Path, beat: Callable[[], Awaitable[None]]) -> Dump:
    """Writes the tables into `folder`."""
    tables: list[DumpedTable] = []
    files: dict[str, int] = {}
    async with source.database.snapshot() as snapshot:
        for table in source.tables:
            tables.append(await _dump_table(snapshot, table, folder, beat))
            files |= await _files_of(snapshot, table, parameters)
    return Dump(tuple(tables), dict(sorted(files.items())), folder)


async def _dump_table(
    snapshot: Snapshot, table: Table, folder: Path, beat: Callable[[], Awaitable[None]]
) -> DumpedTable:
    line, sha256, rows = Line(table), hashlib.sha256(), 0
    path = folder / f"{table.name}.jsonl"
    statement = Statement(select(*table.columns).order_by(*table.primary_key.columns))
    with path.open("wb") as file:
        async for batch in snapshot.scan(statement):
            content = await asyncio.to_thread(line.all, batch)
            sha256.update(content)
            file.write(content)
            rows += len(batch)
            await beat()
    columns = tuple(str(column.name) for column in table.columns)
    return DumpedTable(str(table.name), columns, rows, path.stat().st_size, sha256.hexdigest())


async def _files_of(snapshot: Snapshot, table: Table, parameters: BackupParameters) -> dict[str, int]:
    """The files that a table names, where they are wanted."""
    if "blob_sha256" not in table.columns or "size_bytes" not in table.columns:
        return {}
    if not (parameters.include_captures if table.name in _CAPTURES else parameters.include_missions):
        return {}
    statement = Statement(select(table.c.blob_sha256, table.c.size_bytes).distinct())
    return {row[0]: row[1] async for batch in snapshot.scan(statement) for row in batch}


async def packed(source: Source, parameters: BackupParameters, rows: Dump, now_us: int) -> AsyncIterator[bytes]:
    """The bytes of the backup. Raises: FileNotFoundError when a file that a row names is not there."""
    wrapped = await asyncio.to_thread(wrap, source.key, source.passphrase) if source.passphrase else None
    manifest = Manifest(
        format=archive.FORMAT,
        roundsman=version_of("roundsman"),
        revision=source.revision,
        created_at=iso(now_us),
        database=source.database.dialect,
        include_missions=parameters.include_missions,
        include_captures=parameters.include_captures,
        tables=rows.tables,
        file_count=len(rows.files),
        file_bytes=sum(rows.files.values()),
        secret_key=wrapped,
        note="" if wrapped else NO_KEY,
    )
    written = 0
    async for chunk in _members(source, manifest, rows, now_us):
        written += len(chunk)
        yield chunk
    yield archive.ending(written)


async def _members(source: Source, manifest: Manifest, rows: Dump, now_us: int) -> AsyncIterator[bytes]:
    for name, content in (
        (archive.MANIFEST, archive.encode(manifest)),
        (archive.SUMS, archive.sums(rows.tables, list(rows.files))),
    ):
        yield archive.header(name, len(content), now_us) + content + archive.padding(len(content))
    for table in rows.tables:
        yield archive.header(table.path, table.size_bytes, now_us)
        with (rows.folder / f"{table.name}.jsonl").open("rb") as file:
            while chunk := await asyncio.to_thread(_read, file):
                yield chunk
        yield archive.padding(table.size_bytes)
    for sha256, size_bytes in rows.files.items():
        yield archive.header(archive.file_path(sha256), size_bytes, now_us)
        async for chunk in source.blobs.read(sha256, 0, size_bytes):
            yield chunk
        yield archive.padding(size_bytes)


def _read(file: BinaryIO) -> bytes:
    return file.read(_CHUNK_BYTES)

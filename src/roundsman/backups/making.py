"""A backup made while the server goes on: rows of one moment, then the files that they name.

A file is durable before the row that names it, and files of captures are never removed: so whatever the snapshot of
the rows names is there to be read after the snapshot is over, however long that takes.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack
from heapq import merge
from importlib.metadata import version as version_of
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

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
_FILES = "files"

Beat = Callable[[], Awaitable[None]]
"""Is awaited after each piece of work: what makes the backup tells how far it is, or ends it by raising."""

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


class SumsFile(NamedTuple):
    """SHA256SUMS."""

    size_bytes: int
    sha256: str


class Dump(NamedTuple):
    """The rows of one moment in files of a folder, and beside them SHA256SUMS and the list of the files they name."""

    tables: tuple[DumpedTable, ...]
    file_count: int
    file_bytes: int
    sums: SumsFile
    folder: Path

    @property
    def size_bytes(self) -> int:
        """About what the backup will take."""
        content_bytes = self.file_bytes + self.sums.size_bytes + sum(table.size_bytes for table in self.tables)
        return content_bytes + 2 * archive.BLOCK_BYTES * (self.file_count + len(self.tables) + 4)


async def dump(source: Source, parameters: BackupParameters, folder: Path, beat: Beat) -> Dump:
    """Writes the tables into `folder`."""
    tables: list[DumpedTable] = []
    lists: list[Path] = []
    async with source.database.snapshot() as snapshot:
        for table in source.tables:
            tables.append(await _dump_table(snapshot, table, folder, beat))
            if _files_wanted(table, parameters):
                lists.append(await _list_files(snapshot, table, folder, beat))
    return await asyncio.to_thread(_summed, tuple(tables), lists, folder)


def _summed(tables: tuple[DumpedTable, ...], lists: list[Path], folder: Path) -> Dump:
    """One list of the files of all tables, each file once, and SHA256SUMS; both pass line by line."""
    count, size_bytes, sha256 = 0, 0, hashlib.sha256()
    with ExitStack() as stack:
        sums, files = (stack.enter_context((folder / name).open("wb")) for name in (archive.SUMS, _FILES))

        def told(line: bytes) -> None:
            sha256.update(line)
            sums.write(line)

        for table in tables:
            told(archive.sum_line(table.sha256, table.path))
        for line, _ in groupby(merge(*(stack.enter_context(path.open("rb")) for path in lists))):
            name, _, size = line.decode().partition(" ")
            told(archive.sum_line(name, archive.file_path(name)))
            files.write(line)
            count, size_bytes = count + 1, size_bytes + int(size)
        sums_bytes = sums.tell()
    return Dump(tables, count, size_bytes, SumsFile(sums_bytes, sha256.hexdigest()), folder)


async def _dump_table(snapshot: Snapshot, table: Table, folder: Path, beat: Beat) -> DumpedTable:
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


def _files_wanted(table: Table, parameters: BackupParameters) -> bool:
    if "blob_sha256" not in table.columns or "size_bytes" not in table.columns:
        return False
    return parameters.include_captures if table.name in _CAPTURES else parameters.include_missions


async def _list_files(snapshot: Snapshot, table: Table, folder: Path, beat: Beat) -> Path:
    """The files that a table names: a line of name and size for each, sorted."""
    statement = Statement(select(table.c.blob_sha256, table.c.size_bytes).distinct().order_by(table.c.blob_sha256))
    path = folder / f"{table.name}.files"
    with path.open("wb") as file:
        async for batch in snapshot.scan(statement):
            file.write("".join(f"{sha256} {size_bytes}\n" for sha256, size_bytes in batch).encode())
            await beat()
    return path


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
        file_count=rows.file_count,
        file_bytes=rows.file_bytes,
        sums_sha256=rows.sums.sha256,
        secret_key=wrapped,
        note="" if wrapped else NO_KEY,
    )
    written = 0
    async for chunk in _members(source, manifest, rows, now_us):
        written += len(chunk)
        yield chunk
    yield archive.ending(written)


async def _members(source: Source, manifest: Manifest, rows: Dump, now_us: int) -> AsyncIterator[bytes]:
    content = archive.encode(manifest)
    yield archive.header(archive.MANIFEST, len(content), now_us) + content + archive.padding(len(content))
    parts = [(archive.SUMS, rows.folder / archive.SUMS, rows.sums.size_bytes)]
    parts += [(table.path, rows.folder / f"{table.name}.jsonl", table.size_bytes) for table in rows.tables]
    for name, path, size_bytes in parts:
        yield archive.header(name, size_bytes, now_us)
        with path.open("rb") as file:
            while chunk := await asyncio.to_thread(file.read, _CHUNK_BYTES):
                yield chunk
        yield archive.padding(size_bytes)
    with (rows.folder / _FILES).open("rb") as files:
        for line in files:
            sha256, size_bytes = line[:64].decode(), int(line[65:])
            yield archive.header(archive.file_path(sha256), size_bytes, now_us)
            async for chunk in source.blobs.read(sha256, 0, size_bytes):
                yield chunk
            yield archive.padding(size_bytes)

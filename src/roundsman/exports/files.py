"""Exports as bytes: each format an iterator that never holds more than a page, a group of rows or a piece of a file."""

import asyncio
import importlib
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from roundsman.captures.archives import safe_name
from roundsman.exports.rows import CRC32, SOURCES, Column, documents, laid_out, pages, time_of
from roundsman.exports.types import Format, Kind, Selection
from roundsman.kit.blobs import Blobs
from roundsman.kit.csv_text import csv_lines
from roundsman.kit.database import Database, Row
from roundsman.kit.problem import BadRequest
from roundsman.kit.stored_zip import Entry
from roundsman.kit.times import iso, iso_or_none
from roundsman.kit.zip_stream import ZipStream

GROUP = 20_000  # rows of a Parquet row group: some 10 MB
_CHUNK = 1 << 20
_MISSING = "Parquet needs pyarrow, which is not installed here: pip install 'roundsman[parquet]', or take csv or jsonl"
_encode = msgspec.json.Encoder().encode

Tell = Callable[[int, int], Awaitable[None]]
"""Is told of further rows, and the time in microseconds that has been come to."""


class Sources(NamedTuple):
    """What exports are made from. `folder` is where what must be measured before it is sent lies meanwhile."""

    database: Database
    blobs: Blobs
    folder: Path


def check_format(format_: Format) -> None:
    """Raises: BadRequest when this installation cannot write it."""
    if format_ == "parquet":
        _arrow()


def written(sources: Sources, selection: Selection, tell: Tell) -> AsyncIterator[bytes]:
    """The file of a selection."""
    return _WRITERS[selection.format](sources, selection, tell)


async def _csv(sources: Sources, selection: Selection, tell: Tell) -> AsyncIterator[bytes]:
    columns = SOURCES[selection.kind].columns
    yield csv_lines([[column.name for column in columns]])
    async for rows in _told(sources, selection, tell):
        yield await asyncio.to_thread(_csv_page, selection, columns, rows)


def _csv_page(selection: Selection, columns: Sequence[Column], rows: Sequence[Row]) -> bytes:
    return csv_lines(_cells(columns, row) for row in laid_out(selection.kind, rows))


def _cells(columns: Sequence[Column], row: Sequence[Any]) -> list[Any]:
    return [iso_or_none(value) if column.type == "time" else value for column, value in zip(columns, row, strict=False)]


async def _jsonl(sources: Sources, selection: Selection, tell: Tell) -> AsyncIterator[bytes]:
    async for rows in _told(sources, selection, tell):
        yield await asyncio.to_thread(_json_page, selection, rows)


def _json_page(selection: Selection, rows: Sequence[Row]) -> bytes:
    # A stored document may have line ends in it: decoded and encoded again it has none.
    return b"".join(_one_line(_encode(document)) + b"\n" for document in documents(selection.kind, rows))


def _one_line(document: bytes) -> bytes:
    return _encode(msgspec.json.decode(document)) if b"\n" in document or b"\r" in document else document


async def _told(sources: Sources, selection: Selection, tell: Tell) -> AsyncIterator[list[Row]]:
    time = time_of(selection)
    async for rows in pages(sources.database, selection):
        yield rows
        await tell(len(rows), time(rows[-1]))


async def _zip(sources: Sources, selection: Selection, tell: Tell) -> AsyncIterator[bytes]:
    """The files of captures, and at the end a table that says what each of them is."""
    columns = SOURCES[selection.kind].columns
    with ZipStream(sources.folder) as out, tempfile.TemporaryFile(dir=sources.folder) as table:
        table.write(csv_lines([[*(column.name for column in columns), "file"]]))
        async for rows in pages(sources.database, selection):
            for row in rows:
                name = await _name(sources.blobs, row)
                table.write(csv_lines([*_cells(columns, one), name] for one in laid_out(selection.kind, [row])))
                if name:
                    async for chunk in _file(out, sources.blobs, name, row):
                        yield chunk
                await tell(1, row[3])
        for chunk in out.file("run_captures.csv", table, _now_us(selection)):
            yield chunk
        for chunk in out.end():
            yield chunk


async def _name(blobs: Blobs, row: Row) -> str:
    """Where a capture's file lies in the archive; empty if its content is not there any more."""
    uuid, time_us, file_name, sha256 = row[0], row[3], row[12], row[15]
    return f"files/{iso(time_us)[:10]}/{uuid}_{safe_name(file_name)}" if await blobs.exists(sha256) else ""


async def _file(out: ZipStream, blobs: Blobs, name: str, row: Row) -> AsyncIterator[bytes]:
    size_bytes, sha256 = row[14], row[15]
    yield out.head(Entry(name, size_bytes, row[CRC32], row[3], sha256))
    left = size_bytes
    async for chunk in blobs.read(sha256):
        left -= len(chunk)
        yield chunk
    if left:
        raise EOFError(f"the content of {name} is not as long as it was when it was acquired")


async def _parquet(sources: Sources, selection: Selection, tell: Tell) -> AsyncIterator[bytes]:
    """A folder `date=…` for each day in UTC, with one file in it, as data sets are partitioned by other tools."""
    time, day = time_of(selection), ""
    with ZipStream(sources.folder) as out:
        part: _Part | None = None
        async for rows in _told(sources, selection, tell):
            for row in rows:
                if (its := iso(time(row))[:10]) != day or part is None:
                    if part is not None:
                        for chunk in part.finish(out, day, _now_us(selection)):
                            yield chunk
                    part, day = _Part(sources.folder, selection), its
                part.rows.append(row)
            if part is not None and len(part.rows) >= GROUP:
                await asyncio.to_thread(part.write)
        part = part or _Part(sources.folder, selection)
        for chunk in part.finish(out, day or iso(_now_us(selection))[:10], _now_us(selection)):
            yield chunk
        for chunk in out.end():
            yield chunk


class _Part:
    """One Parquet file, written into an unnamed file, since a zip says how long it is before it begins."""

    def __init__(self, folder: Path, selection: Selection) -> None:
        self._arrow, self._parquet = _arrow()
        self._kind: Kind = selection.kind
        self._columns = SOURCES[selection.kind].columns
        self._schema = self._arrow.schema([(column.name, self._type(column)) for column in self._columns])
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by `finish`, or with this
        self._writer = self._parquet.ParquetWriter(self._file, self._schema, compression="zstd")
        self.rows: list[Row] = []

    def write(self) -> None:
        """Writes the rows at hand as a group."""
        laid = list(zip(*laid_out(self._kind, self.rows), strict=False))
        arrays = [self._arrow.array(values, type=field.type) for values, field in zip(laid, self._schema, strict=False)]
        if arrays:
            self._writer.write_table(self._arrow.Table.from_arrays(arrays, schema=self._schema))
        self.rows = []

    def finish(self, out: ZipStream, day: str, modified_us: int) -> Iterator[bytes]:
        """Its bytes within the archive."""
        self.write()
        self._writer.close()
        with self._file:
            yield from out.file(f"{self._kind}/date={day}/part-0.parquet", self._file, modified_us)

    def _type(self, column: Column) -> Any:
        arrow = self._arrow
        types = {"text": arrow.string(), "whole": arrow.int64(), "number": arrow.float64()}
        return types.get(column.type, arrow.timestamp("us", tz="UTC"))


def _arrow() -> tuple[Any, Any]:
    try:
        return importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise BadRequest("format", _MISSING, ("csv", "jsonl", "zip")) from None


def _now_us(selection: Selection) -> int:
    return selection.until_us or 0


_WRITERS: dict[Format, Callable[[Sources, Selection, Tell], AsyncIterator[bytes]]] = {
    "csv": _csv,
    "jsonl": _jsonl,
    "parquet": _parquet,
    "zip": _zip,
}

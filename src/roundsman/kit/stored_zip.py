"""A zip archive of files whose sizes and CRC-32s are known: its length, and any range of its bytes.

Files are stored, not deflated, so every byte's place is known before one is read. That gives an archive Content-Length,
ETag, Range and resume, in constant memory, at the speed of reading. Libraries that stream archives read the files to
learn their CRC-32 and cannot begin in the middle.

Source: PKWARE APPNOTE 6.3.10 §4.3 – 4.5; Info-ZIP's extra field 0x5455 (times in UTC).
"""

import asyncio
import os
import struct
from bisect import bisect_right
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

from roundsman.kit.blobs import Blobs

_READ_BYTES = 1 << 20  # for each thread hop; twice this is the memory that an archive takes
_MAX32 = 0xFFFFFFFF
_MAX16 = 0xFFFF
_UTF8 = 0x0800
_PLAIN, _ZIP64 = 20, 45  # versions needed to extract
_UNIX_FILE = 0o100644 << 16

_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR64 = struct.Struct("<4sLQL")


class Entry(NamedTuple):
    """One file of an archive. `source` is what the caller reads it by, or its bytes."""

    name: str
    size_bytes: int
    crc32: int
    modified_us: int
    source: str | bytes


class Slice(NamedTuple):
    """Bytes [start, end) of the file behind `source`."""

    source: str
    start: int
    end: int


class StoredZip:
    """The layout of one archive."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        """`entries` in the order in which they stand; their names are unique, relative and use "/"."""
        self._entries = entries
        self._heads = [local_header(entry) for entry in entries]
        sizes = (len(head) + entry.size_bytes for head, entry in zip(self._heads, entries, strict=True))
        self._offsets = list(accumulate(sizes, initial=0))
        self.directory = self._central_directory()  # says all of the archive but the files' bytes, so it tells it apart

    @property
    def size_bytes(self) -> int:
        """Length of the whole archive."""
        return self._offsets[-1] + len(self.directory)

    def pieces(self, start: int = 0, end: int | None = None) -> Iterator[bytes | Slice]:
        """What stands at [start, end): bytes of the archive's own, and slices of files to be read."""
        end = self.size_bytes if end is None else min(end, self.size_bytes)
        for index in range(max(0, bisect_right(self._offsets, start) - 1), len(self._entries)):
            if self._offsets[index] >= end:
                return
            yield from self._file(index, start, end)
        yield from _cut(self.directory, self._offsets[-1], start, end)

    def _file(self, index: int, start: int, end: int) -> Iterator[bytes | Slice]:
        head, entry, offset = self._heads[index], self._entries[index], self._offsets[index]
        yield from _cut(head, offset, start, end)
        offset += len(head)
        if isinstance(entry.source, bytes):
            yield from _cut(entry.source, offset, start, end)
            return
        first, last = max(0, start - offset), min(entry.size_bytes, end - offset)
        if first < last:
            yield Slice(entry.source, first, last)

    def _central_directory(self) -> bytes:
        records = b"".join(map(central_header, self._entries, self._offsets))
        return records + end_records(len(self._entries), len(records), self._offsets[-1])


async def read_range(layout: StoredZip, blobs: Blobs, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
    """The bytes [start, end) of an archive whose sources are blobs, in constant memory.

    Small files are read many at a time, and the next ones while the last are on their way: a thread for each would cost
    more than reading it.
    """
    ahead: asyncio.Future[bytes] | None = None
    try:
        for batch in _batches(layout.pieces(start, end)):
            last, ahead = ahead, asyncio.ensure_future(_read(batch, blobs))
            if last is not None:
                yield await last
        if ahead is not None:
            yield await ahead
    finally:
        if ahead is not None:
            ahead.cancel()


def _batches(pieces: Iterator[bytes | Slice]) -> Iterator[list[bytes | Slice]]:
    """Consecutive pieces, together as long as one read; longer slices in parts."""
    batch: list[bytes | Slice] = []
    room = _READ_BYTES
    for piece in pieces:
        for part in _parts(piece):
            size = len(part) if isinstance(part, bytes) else part.end - part.start
            if batch and size > room:
                yield batch
                batch, room = [], _READ_BYTES
            batch.append(part)
            room -= size
    if batch:
        yield batch


def _parts(piece: bytes | Slice) -> Iterator[bytes | Slice]:
    if isinstance(piece, bytes):
        yield piece
        return
    for start in range(piece.start, piece.end, _READ_BYTES):
        yield Slice(piece.source, start, min(start + _READ_BYTES, piece.end))


async def _read(batch: list[bytes | Slice], blobs: Blobs) -> bytes:
    paths = [None if isinstance(piece, bytes) else blobs.path(piece.source) for piece in batch]
    if any(path is not None for path in paths) or all(isinstance(piece, bytes) for piece in batch):
        return await asyncio.to_thread(_read_files, batch, paths)
    return b"".join([chunk for piece in batch async for chunk in _chunks(piece, blobs)])


async def _chunks(piece: bytes | Slice, blobs: Blobs) -> AsyncIterator[bytes]:
    if isinstance(piece, bytes):
        yield piece
        return
    async for chunk in blobs.read(piece.source, piece.start, piece.end):
        yield chunk


def _read_files(batch: list[bytes | Slice], paths: list[Path | None]) -> bytes:
    return b"".join([_part_of(piece, path) for piece, path in zip(batch, paths, strict=True)])


def _part_of(piece: bytes | Slice, path: Path | None) -> bytes:
    if isinstance(piece, bytes) or path is None:
        assert isinstance(piece, bytes)
        return piece
    handle = os.open(path, os.O_RDONLY)
    try:
        content = os.pread(handle, piece.end - piece.start, piece.start)
    finally:
        os.close(handle)
    if len(content) != piece.end - piece.start:
        raise EOFError(f"{path} is shorter than it was when it was acquired")
    return content


def _cut(content: bytes, offset: int, start: int, end: int) -> Iterator[bytes]:
    """The part of `content`, which stands at `offset`, that lies in [start, end)."""
    part = content[max(0, start - offset) : max(0, end - offset)]
    if part:
        yield part


def local_header(entry: Entry) -> bytes:
    """What stands before a file's bytes."""
    name, size = entry.name.encode(), entry.size_bytes
    wide = size >= _MAX32
    extra = _modified_extra(entry.modified_us) + (struct.pack("<2H2Q", 1, 16, size, size) if wide else b"")
    short = _MAX32 if wide else size
    fields = (_ZIP64 if wide else _PLAIN, _UTF8, 0, *_dos_time(entry.modified_us), entry.crc32, short, short)
    return _LOCAL.pack(b"PK\3\4", *fields, len(name), len(extra)) + name + extra


def central_header(entry: Entry, offset: int) -> bytes:
    """A file in the directory; `offset` is where its local header stands."""
    name, size = entry.name.encode(), entry.size_bytes
    wide = ([size, size] if size >= _MAX32 else []) + ([offset] if offset >= _MAX32 else [])
    extra = _modified_extra(entry.modified_us)
    if wide:
        extra += struct.pack(f"<2H{len(wide)}Q", 1, 8 * len(wide), *wide)
    short, version = min(size, _MAX32), _ZIP64 if wide else _PLAIN
    fields = (3 << 8 | _ZIP64, version, _UTF8, 0, *_dos_time(entry.modified_us), entry.crc32, short, short)
    places = (len(name), len(extra), 0, 0, 0, _UNIX_FILE, min(offset, _MAX32))
    return _CENTRAL.pack(b"PK\1\2", *fields, *places) + name + extra


def end_records(count: int, size: int, offset: int) -> bytes:
    """What ends an archive of `count` files, whose directory of `size` bytes stands at `offset`."""
    short = (min(count, _MAX16), min(count, _MAX16), min(size, _MAX32), min(offset, _MAX32))
    end = _END.pack(b"PK\5\6", 0, 0, *short, 0)
    if count < _MAX16 and size < _MAX32 and offset < _MAX32:
        return end
    end64 = _END64.pack(b"PK\6\6", _END64.size - 12, 3 << 8 | _ZIP64, _ZIP64, 0, 0, count, count, size, offset)
    return end64 + _LOCATOR64.pack(b"PK\6\7", 0, offset + size, 1) + end


def _modified_extra(modified_us: int) -> bytes:
    """The time of change in UTC: the header's own has no time zone and steps of two seconds."""
    seconds = modified_us // 1_000_000
    return struct.pack("<2HBl", 0x5455, 5, 1, seconds) if 0 <= seconds < 1 << 31 else b""


def _dos_time(modified_us: int) -> tuple[int, int]:
    at = datetime.fromtimestamp(modified_us // 1_000_000, UTC)
    if not 1980 <= at.year <= 2107:
        return 0, 0x21  # 1980-01-01
    return at.hour << 11 | at.minute << 5 | at.second // 2, (at.year - 1980) << 9 | at.month << 5 | at.day

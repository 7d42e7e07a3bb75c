"""A zip archive of any number of stored files, written as it goes, in constant memory.

For what nobody can lay out beforehand; kit/stored_zip.py is for what can be, and gives length and ranges.
"""

import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from roundsman.kit.stored_zip import Entry, central_header, end_records, local_header

_CHUNK = 1 << 20


class ZipStream:
    """An archive under way. Its directory, which stands at its end, waits in an unnamed file in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._directory = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by __exit__
        self._offset = 0
        self._count = 0

    def __enter__(self) -> "ZipStream":
        return self

    def __exit__(self, *_: object) -> None:
        self._directory.close()

    def head(self, entry: Entry) -> bytes:
        """What stands before a file's bytes, which must follow, as many as the entry says."""
        head = local_header(entry)
        self._directory.write(central_header(entry, self._offset))
        self._offset += len(head) + entry.size_bytes
        self._count += 1
        return head

    def file(self, name: str, content: IO[bytes], modified_us: int) -> Iterator[bytes]:
        """A file whose bytes are at hand."""
        crc32 = 0
        content.seek(0)
        for chunk in _chunks(content):
            crc32 = zlib.crc32(chunk, crc32)
        yield self.head(Entry(name, content.tell(), crc32, modified_us, b""))
        content.seek(0)
        yield from _chunks(content)

    def end(self) -> Iterator[bytes]:
        """The directory."""
        size = self._directory.tell()
        self._directory.seek(0)
        yield from _chunks(self._directory)
        yield end_records(self._count, size, self._offset)


def _chunks(content: IO[bytes]) -> Iterator[bytes]:
    while chunk := content.read(_CHUNK):
        yield chunk

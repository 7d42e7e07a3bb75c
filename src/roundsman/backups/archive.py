"""The file of a backup: a plain tar that any tar program opens.

    manifest.json          what it is, of what version; every table with its columns, rows, size and SHA-256
    SHA256SUMS             of every member below, in their order, for `sha256sum -c`; its own is in the manifest
    tables/<table>.jsonl   one JSON array a row, in the order of the manifest's columns
    files/<ab>/<sha256>    a file, named by its content

Sizes and names are known before a file is read, so a backup is written from front to back in constant memory.
"""

import base64
import math
import tarfile
from typing import Any

import msgspec
from sqlalchemy import Table

from roundsman.kit.schema import Blob, Double

FORMAT = 1
MANIFEST, SUMS = "manifest.json", "SHA256SUMS"
NOT_KEPT = ("sessions", "exports", "backup_tasks", "idempotency_keys")
BLOCK_BYTES = 512
_RECORD_BYTES = 20 * BLOCK_BYTES

encode = msgspec.json.Encoder().encode


class DumpedTable(msgspec.Struct, rename="camel", frozen=True):
    """A table's file."""

    name: str
    columns: tuple[str, ...]
    rows: int
    size_bytes: int
    sha256: str

    @property
    def path(self) -> str:
        """Where it is in the backup."""
        return f"tables/{self.name}.jsonl"


class Wrapped(msgspec.Struct, rename="camel", frozen=True):
    """The key of an installation's secrets, sealed with a passphrase: scrypt (n, r, p), then AES-256-GCM. Base64."""

    salt: str
    sealed: str
    n: int = 1 << 15
    r: int = 8
    p: int = 1


class Manifest(msgspec.Struct, rename="camel", frozen=True):
    """What a backup is."""

    format: int
    roundsman: str
    revision: str
    created_at: str
    database: str
    include_missions: bool
    include_captures: bool
    tables: tuple[DumpedTable, ...]
    file_count: int
    file_bytes: int
    sums_sha256: str
    secret_key: Wrapped | None
    note: str = ""


def kept(table: Table) -> bool:
    """Whether a table belongs into a backup: logins end with it, and files that can be asked for again are left out."""
    return table.name not in NOT_KEPT


def header(name: str, size_bytes: int, modified_us: int) -> bytes:
    """The header of a member of the tar, mode 600."""
    info = tarfile.TarInfo(name)
    info.size, info.mtime, info.mode = size_bytes, modified_us // 1_000_000, 0o600
    return info.tobuf(tarfile.PAX_FORMAT)


def padding(size_bytes: int) -> bytes:
    """What fills the last block of a member."""
    return bytes(-size_bytes % BLOCK_BYTES)


def ending(size_bytes: int) -> bytes:
    """Two empty blocks, and what fills the last record of a tar that is `size_bytes` long without them."""
    end = size_bytes + 2 * BLOCK_BYTES
    return bytes(2 * BLOCK_BYTES + -end % _RECORD_BYTES)


def file_path(sha256: str) -> str:
    """Where a file is in the backup."""
    return f"files/{sha256[:2]}/{sha256}"


def sum_line(sha256: str, path: str) -> bytes:
    """A line of SHA256SUMS."""
    return f"{sha256}  {path}\n".encode()


class Line:
    """A table's rows as lines and back. JSON knows neither bytes nor infinity: they are texts of their column."""

    def __init__(self, table: Table) -> None:
        self._bytes = [i for i, column in enumerate(table.columns) if isinstance(column.type, type(Blob))]
        self._doubles = [i for i, column in enumerate(table.columns) if isinstance(column.type, type(Double))]
        self._names = [column.name for column in table.columns]
        self._decode = msgspec.json.Decoder(list[Any]).decode

    def of(self, row: tuple[Any, ...]) -> bytes:
        """A row's line."""
        values = list(row)
        for i in self._bytes:
            values[i] = values[i] if values[i] is None else base64.b64encode(values[i]).decode()
        for i in self._doubles:
            if values[i] is not None and not math.isfinite(values[i]):
                values[i] = str(values[i])
        return encode(values) + b"\n"

    def all(self, rows: list[tuple[Any, ...]]) -> bytes:
        """The lines of rows."""
        return b"".join(map(self.of, rows))

    def row(self, line: bytes) -> dict[str, Any]:
        """A line's row. Raises: ValueError (msgspec.DecodeError is one) where it is none."""
        values = self._decode(line)
        if len(values) != len(self._names):
            raise ValueError(f"{len(values)} values for {len(self._names)} columns")
        for i in self._bytes:
            values[i] = values[i] if values[i] is None else base64.b64decode(values[i])
        for i in self._doubles:
            values[i] = values[i] if values[i] is None else float(values[i])
        return dict(zip(self._names, values, strict=True))

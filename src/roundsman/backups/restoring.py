"""A backup back into an empty installation: all of it is read and checked before any of it can be seen.

Everything goes into a folder beside the data folder, which becomes the data folder by its last step, a rename. Rows of
a PostgreSQL come in one transaction after that. A restore that was ended in between leaves at most that folder beside,
which the next one removes, or files that no row names.
"""

import asyncio
import hashlib
import os
import re
import shutil
import tarfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import IO

import msgspec
from sqlalchemy import MetaData, Table, func, insert, select

from roundsman.backups import archive
from roundsman.backups.archive import DumpedTable, Line, Manifest
from roundsman.backups.wrapping import unwrap
from roundsman.kit.blobs import Blobs, open_blobs
from roundsman.kit.database import Database, Statement, Transaction, open_database
from roundsman.kit.problem import BadRequest, Conflict
from roundsman.migrations import head, tables, upgrade
from roundsman.settings import Settings

_MANIFEST_MAX_BYTES = 16 << 20
_CHUNK_BYTES = 1 << 20
_BATCH_ROWS = 1000
_FILE = re.compile(r"files/([0-9a-f]{2})/(\1[0-9a-f]{62})")


class Restored(msgspec.Struct, frozen=True):
    """What came back. `has_key` says whether robots' passwords and other secrets can be read."""

    manifest: Manifest
    rows: int
    files: int
    has_key: bool


async def restore(settings: Settings, file: IO[bytes], passphrase: str = "", key: bytes | None = None) -> Restored:
    """Restores the backup that `file` reads into the installation of `settings`. `key`: the content of its secret.key.

    Raises: Conflict when something is there already; BadRequest for a file that is no whole backup of this version, or
    another passphrase. Nothing is left of it then.
    """
    target = settings.data_dir.absolute()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise Conflict(f"{target} is not empty; a backup is restored into an empty data folder, e.g. --data another")
    staging = target.with_name(f".{target.name}.restoring")
    if staging.exists():
        shutil.rmtree(staging)
    staging.mkdir(mode=0o700, parents=True)
    try:
        return await _restored(msgspec.structs.replace(settings, data_dir=staging), file, target, passphrase, key)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


async def _restored(staged: Settings, file: IO[bytes], target: Path, passphrase: str, key: bytes | None) -> Restored:
    if staged.database_url:
        await _check_empty(staged.database)
    folder = staged.data_dir / "restoring"
    folder.mkdir()
    blobs = await open_blobs(staged.blobs)
    try:
        manifest = await _read_all(file, folder, blobs, passphrase, key)
    finally:
        await blobs.close()
    if key is not None:
        secret = key
    else:
        secret = unwrap(manifest.secret_key, passphrase) if manifest.secret_key and passphrase else None
    if secret is not None:
        _write_key(staged.data_dir / "secret.key", secret)
    if staged.database_url:  # its rows come last: they are what makes the files visible
        kept = target.with_name(f".{target.name}.restoring-tables")
        shutil.rmtree(kept, ignore_errors=True)
        folder.rename(kept)
        try:
            _publish(staged.data_dir, target)
            rows = await _load(staged.database, manifest, kept)
        finally:
            shutil.rmtree(kept, ignore_errors=True)
    else:
        rows = await _load(staged.database, manifest, folder)
        shutil.rmtree(folder)
        _publish(staged.data_dir, target)
    return Restored(manifest, rows, manifest.file_count, secret is not None)


async def _check_empty(url: str) -> None:
    await upgrade(url)
    database = await open_database(url)
    try:
        for table in _tables():
            if await database.one(Statement(select(func.count()).select_from(table))) != (0,):
                raise Conflict("the database is not empty; a backup is restored into an empty one")
    finally:
        await database.close()


def _tables() -> list[Table]:
    known: MetaData = tables()
    return [table for table in known.sorted_tables if archive.kept(table)]


async def _read_all(file: IO[bytes], folder: Path, blobs: Blobs, passphrase: str, key: bytes | None) -> Manifest:
    """Tables into the folder, files into their store; every byte held against the manifest. Raises: BadRequest."""
    try:
        with tarfile.open(fileobj=file, mode="r|") as tar:
            return await _Reading(tar, folder, blobs).all(passphrase, key)
    except (tarfile.TarError, EOFError) as error:
        raise BadRequest(None, f"the file is no whole backup ({error}); fetch it again") from None


class _Reading:
    """One pass over the members."""

    def __init__(self, tar: tarfile.TarFile, folder: Path, blobs: Blobs) -> None:
        self._tar = tar
        self._folder = folder
        self._blobs = blobs

    async def all(self, passphrase: str, key: bytes | None) -> Manifest:
        """Reads everything; the manifest comes first."""
        manifest = self._manifest(await asyncio.to_thread(self._tar.next))
        if manifest.secret_key and passphrase and key is None:
            await asyncio.to_thread(unwrap, manifest.secret_key, passphrase)  # wrong: before gigabytes are read
        left = {table.path: table for table in manifest.tables}
        files = 0
        while (member := await asyncio.to_thread(self._tar.next)) is not None:
            if not member.isfile():
                raise _damaged(f"{member.name[:80]!r} in it is no plain file")
            if member.name == archive.SUMS:
                continue
            if (table := left.pop(member.name, None)) is not None:
                await asyncio.to_thread(self._table, member, table)
            else:
                await self._file(member)
                files += 1
        if left or files != manifest.file_count:
            missing = next(iter(left), f"{manifest.file_count - files} files")
            raise _damaged(f"{missing} of it are missing")
        return manifest

    def _manifest(self, member: tarfile.TarInfo | None) -> Manifest:
        if member is None or member.name != archive.MANIFEST or member.size > _MANIFEST_MAX_BYTES:
            raise BadRequest(None, "the file is no backup of Roundsman: it does not begin with its manifest.json")
        try:
            manifest = msgspec.json.decode(self._opened(member).read(), type=Manifest)
        except msgspec.DecodeError as error:
            raise _damaged(f"its manifest cannot be read ({error})") from None
        _check_version(manifest)
        return manifest

    def _table(self, member: tarfile.TarInfo, table: DumpedTable) -> None:
        sha256 = hashlib.sha256()
        with (self._folder / f"{table.name}.jsonl").open("xb") as target:
            for chunk in self._chunks(member):
                sha256.update(chunk)
                target.write(chunk)
        if sha256.hexdigest() != table.sha256:
            raise _damaged(f"{table.path} is not as it was written")

    async def _file(self, member: tarfile.TarInfo) -> None:
        match = _FILE.fullmatch(member.name)
        if match is None:
            raise _damaged(f"{member.name[:80]!r} does not belong into a backup")
        info = await self._blobs.put(self._parts(member))
        if info.sha256 != match[2]:
            await self._blobs.delete(info.sha256)
            raise _damaged(f"{member.name} is not as it was written")

    async def _parts(self, member: tarfile.TarInfo) -> AsyncIterator[bytes]:
        source = self._opened(member)
        while chunk := await asyncio.to_thread(source.read, _CHUNK_BYTES):
            yield chunk

    def _chunks(self, member: tarfile.TarInfo) -> Iterator[bytes]:
        source = self._opened(member)
        while chunk := source.read(_CHUNK_BYTES):
            yield chunk

    def _opened(self, member: tarfile.TarInfo) -> IO[bytes]:
        source = self._tar.extractfile(member)
        if source is None:
            raise _damaged(f"{member.name[:80]!r} in it is no plain file")
        return source


def _check_version(manifest: Manifest) -> None:
    """Raises: BadRequest when the backup's tables are not this version's."""
    ours = {table.name: tuple(column.name for column in table.columns) for table in _tables()}
    theirs = {table.name: table.columns for table in manifest.tables}
    if manifest.format > archive.FORMAT or (manifest.revision, theirs) != (head(), ours):
        raise BadRequest(
            None,
            f"the backup was made by Roundsman {manifest.roundsman}, whose tables are not this version's; "
            "restore it with that version, then start this one on the restored data folder",
        )


async def _load(url: str, manifest: Manifest, folder: Path) -> int:
    """All rows in one transaction."""
    await upgrade(url)
    database = await open_database(url)
    try:
        return await _insert(database, manifest, folder)
    finally:
        await database.close()


async def _insert(database: Database, manifest: Manifest, folder: Path) -> int:
    known = {table.name: table for table in _tables()}

    async def work(tx: Transaction) -> int:
        count = 0
        for dumped in manifest.tables:
            table = known[dumped.name]
            statement, line = Statement(insert(table)), Line(table)
            with (folder / f"{table.name}.jsonl").open("rb") as file:
                while lines := [text for _, text in zip(range(_BATCH_ROWS), file, strict=False)]:
                    await tx.execute_many(statement, [line.row(text) for text in lines])
                    count += len(lines)
        return count

    try:
        return await database.write(work)
    except ValueError as error:  # its checksum was right: whoever made it wrote something else
        raise _damaged(f"a row of it cannot be read ({error})") from None


def _publish(staging: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    staging.rename(target)  # over an empty folder, too
    handle = os.open(target.parent, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)


def _write_key(file: Path, key: bytes) -> None:
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        stream.write(key)
        stream.flush()
        os.fsync(stream.fileno())


def _damaged(what: str) -> BadRequest:
    return BadRequest(None, f"the backup is damaged: {what}; fetch it again, or take another one")

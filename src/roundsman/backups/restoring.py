"""A backup back into an empty installation: all of it is read and checked before any of it can be seen.

Everything goes into `.restoring` of the data folder first; while that is there, no server starts on the folder, and a
restore begins anew. Its last step is to remove it. Nothing beside the data folder is written to: it may be a volume.
"""

import asyncio
import hashlib
import tarfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import IO, BinaryIO

import msgspec
from sqlalchemy import MetaData, Table, func, insert, select

from roundsman.access.audit import Actor, acting, record
from roundsman.backups import archive
from roundsman.backups.archive import DumpedTable, Line, Manifest
from roundsman.backups.staging import STAGING, Staging
from roundsman.backups.wrapping import unwrap
from roundsman.kit.blobs import Blobs, open_blobs
from roundsman.kit.database import Database, Statement, Transaction, open_database
from roundsman.kit.problem import BadRequest, Conflict
from roundsman.migrations import head, tables, upgrade
from roundsman.settings import Settings

_MANIFEST_MAX_BYTES = 16 << 20
_CHUNK_BYTES = 1 << 20
_BATCH_ROWS = 1000


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
    if settings.database_url:
        await _check_empty(settings)
    staging = Staging.begun(settings.data_dir.absolute())
    try:
        done = await _restored(settings, staging, file, passphrase, key)
    except BaseException:
        staging.undo()
        raise
    staging.finish()
    return done


async def _restored(
    settings: Settings, staging: Staging, file: IO[bytes], passphrase: str, key: bytes | None
) -> Restored:
    staged = msgspec.structs.replace(settings, data_dir=staging.data)
    blobs = await open_blobs(staged.blobs)
    try:
        manifest = await _read_all(file, staging.tables, blobs, passphrase, key)
    finally:
        await blobs.close()
    secret = key
    if secret is None and manifest.secret_key and passphrase:
        secret = unwrap(manifest.secret_key, passphrase)
    if secret is not None:
        staging.write_key(secret)
    if staged.database_url:  # its rows come last: they are what makes the files visible
        staging.publish()
        rows = await _load(staged.database, manifest, staging.tables)
    else:
        rows = await _load(staged.database, manifest, staging.tables)
        staging.publish()
    return Restored(manifest, rows, manifest.file_count, secret is not None)


async def _check_empty(settings: Settings) -> None:
    await upgrade(settings.database)
    database = await open_database(settings.database)
    try:
        for table in _tables():
            if await database.one(Statement(select(func.count()).select_from(table))) != (0,):
                raise Conflict(f"the database is not empty; a backup is restored into an empty one{_left(settings)}")
    finally:
        await database.close()


def _left(settings: Settings) -> str:
    """What to do where a restore was ended between its last two steps, the commit of the rows and its finish."""
    folder = settings.data_dir / STAGING
    return (
        f" (if these are the rows of the restore that left {folder}, it is whole: remove that folder)" * folder.exists()
    )


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
    """One pass over the members: the manifest, SHA256SUMS, and what that lists, in its order."""

    def __init__(self, tar: tarfile.TarFile, folder: Path, blobs: Blobs) -> None:
        self._tar = tar
        self._folder = folder
        self._blobs = blobs

    async def all(self, passphrase: str, key: bytes | None) -> Manifest:
        """Reads everything."""
        manifest = self._manifest(await asyncio.to_thread(self._tar.next))
        if manifest.secret_key and passphrase and key is None:
            await asyncio.to_thread(unwrap, manifest.secret_key, passphrase)  # wrong: before gigabytes are read
        sums, left, files = self._folder / archive.SUMS, {table.path: table for table in manifest.tables}, 0
        await self._copy(await self._next(archive.SUMS), sums, manifest.sums_sha256)
        with sums.open("rb") as lines:
            for line in lines:
                sha256, _, path = line.decode().rstrip("\n").partition("  ")
                member = await self._next(path)
                if table := left.pop(path, None):
                    await self._table(member, table, sha256)
                else:
                    await self._file(member, sha256)
                    files += 1
        if (more := await asyncio.to_thread(self._tar.next)) is not None:
            raise _damaged(f"{more.name[:80]!r} does not belong into it")
        if left or files != manifest.file_count:
            raise _damaged("its checksums are not those of its manifest")
        return manifest

    async def _next(self, path: str) -> tarfile.TarInfo:
        member = await asyncio.to_thread(self._tar.next)
        if member is None:
            raise _damaged(f"{path} and all after it are missing")
        if member.name != path or not member.isfile():
            raise _damaged(f"{member.name[:80]!r} is where {path} belongs")
        return member

    def _manifest(self, member: tarfile.TarInfo | None) -> Manifest:
        if member is None or member.name != archive.MANIFEST or member.size > _MANIFEST_MAX_BYTES:
            raise BadRequest(None, "the file is no backup of Roundsman: it does not begin with its manifest.json")
        try:
            manifest = msgspec.json.decode(self._opened(member).read(), type=Manifest)
        except msgspec.DecodeError as error:
            raise _damaged(f"its manifest cannot be read ({error})") from None
        _check_version(manifest)
        return manifest

    async def _table(self, member: tarfile.TarInfo, table: DumpedTable, sha256: str) -> None:
        if sha256 != table.sha256:
            raise _damaged(f"the checksum of {table.path} is not that of its manifest")
        await self._copy(member, self._folder / f"{table.name}.jsonl", sha256)

    async def _copy(self, member: tarfile.TarInfo, path: Path, sha256: str) -> None:
        with path.open("xb") as target:
            found = await asyncio.to_thread(self._copied, member, target)
        if found != sha256:
            raise _damaged(f"{member.name} is not as it was written")

    def _copied(self, member: tarfile.TarInfo, target: BinaryIO) -> str:
        digest = hashlib.sha256()
        for chunk in self._chunks(member):
            digest.update(chunk)
            target.write(chunk)
        return digest.hexdigest()

    async def _file(self, member: tarfile.TarInfo, sha256: str) -> None:
        if member.name != archive.file_path(sha256):
            raise _damaged(f"{member.name[:80]!r} does not belong into a backup")
        info = await self._blobs.put(self._parts(member))
        if info.sha256 != sha256:
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
        return await _insert(database, manifest, folder, acting())
    finally:
        await database.close()


async def _insert(database: Database, manifest: Manifest, folder: Path, by: Actor) -> int:
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
        told = {"roundsman": manifest.roundsman, "rows": count, "files": manifest.file_count}
        await record(tx, by, "restore", "backup", manifest.created_at, after=told)
        return count

    try:
        return await database.write(work)
    except ValueError as error:  # its checksum was right: whoever made it wrote something else
        raise _damaged(f"a row of it cannot be read ({error})") from None


def _damaged(what: str) -> BadRequest:
    return BadRequest(None, f"the backup is damaged: {what}; fetch it again, or take another one")

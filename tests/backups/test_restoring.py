"""Restore drill: what a backup held is there again elsewhere, on the same or the other database; or nothing is."""

import asyncio
import hashlib
import io
import json
import os
import re
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from sqlalchemy import Table, select
from tests import seed
from tests.backups.conftest import PASSPHRASE
from tests.conftest import DATABASES

from roundsman.backups import archive
from roundsman.backups.making import Source, dump, packed
from roundsman.backups.restoring import Restored, restore
from roundsman.backups.staging import check_finished
from roundsman.backups.types import BackupParameters
from roundsman.kit.blobs import open_blobs
from roundsman.kit.database import Database, Statement, open_database
from roundsman.kit.problem import Problem
from roundsman.migrations import tables
from roundsman.settings import Settings

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[2]


async def _nothing() -> None:
    pass


async def backup_of(source: Source, folder: Path) -> bytes:
    os.makedirs(folder, exist_ok=True)  # noqa: PTH103
    rows = await dump(source, BackupParameters(), folder, _nothing)
    return b"".join([chunk async for chunk in packed(source, BackupParameters(), rows, 1_795_435_200_000_000)])


async def rows_of(database: Database, table: Table) -> list[tuple[Any, ...]]:
    statement = Statement(select(*table.columns).order_by(*table.primary_key.columns))
    return [row async for batch in database.scan(statement) for row in batch]


async def everything(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    known = [table for table in tables().sorted_tables if archive.kept(table)]
    return {table.name: await rows_of(database, table) for table in known}


def assert_same(restored: dict[str, list[Any]], original: dict[str, list[Any]]) -> None:
    """The same rows, and an entry in the audit trail that says that they were restored."""
    assert restored.pop("audit_entries")[:-1] == original.pop("audit_entries")
    restored.pop("audit_heads"), original.pop("audit_heads")
    assert restored == original


@pytest.fixture(params=["sqlite", "postgresql"])
def elsewhere(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Settings of an installation that does not exist yet."""
    url = request.getfixturevalue("empty_postgresql_url") if request.param == "postgresql" else ""
    return Settings(data_dir=tmp_path / "elsewhere" / "data", database_url=url)


async def test_a_drill(elsewhere: Settings, source: Source, filled: list[bytes], tmp_path: Path) -> None:
    content = await backup_of(source, tmp_path / "tables")
    done = await restore(elsewhere, io.BytesIO(content), PASSPHRASE)
    assert (done.files, done.has_key) == (3, True)
    assert (elsewhere.data_dir / "secret.key").read_bytes() == source.key
    database, blobs = await open_database(elsewhere.database), await open_blobs(elsewhere.blobs)
    assert_same(await everything(database), await everything(source.database))
    for row in await rows_of(database, tables().tables["run_captures"]):
        sha256 = row[tables().tables["run_captures"].columns.keys().index("blob_sha256")]
        assert b"".join([chunk async for chunk in blobs.read(sha256)]) in filled
    await blobs.close()
    await database.close()
    assert [path.name for path in elsewhere.data_dir.parent.iterdir()] == ["data"]


async def test_a_backup_under_load_holds_one_moment(elsewhere: Settings, source: Source, tmp_path: Path) -> None:
    """Runs, events and captures that are stored together come together, while more of them arrive."""
    pictures = [await source.blobs.put(b"%d" % number) for number in range(50)]
    plan = seed.Plan(runs=60, events_per_run=2, captures_per_event=2, robots=2, missions=2, days=1, blobs=pictures)
    some = asyncio.Event()

    async def load() -> None:
        for number, batch in enumerate(seed.Generator(plan).batches(1), 1):
            await seed.store(source.database, batch)
            if number == 10:
                some.set()

    loading = asyncio.create_task(load())
    await some.wait()
    content = await backup_of(source, tmp_path / "tables")
    await loading
    await restore(elsewhere, io.BytesIO(content), PASSPHRASE)
    database = await open_database(elsewhere.database)
    restored = await everything(database)
    await database.close()
    original = await everything(source.database)
    assert 10 <= len(restored["runs"]) <= 60
    assert len(restored["run_events"]) == 2 * len(restored["runs"])
    assert len(restored["run_captures"]) == 4 * len(restored["runs"])
    for name in ("runs", "run_events", "run_captures"):
        assert set(restored[name]) <= set(original[name])


async def refused(settings: Settings, content: bytes, passphrase: str = PASSPHRASE) -> str:
    with pytest.raises(Problem) as caught:
        await restore(settings, io.BytesIO(content), passphrase)
    left = [path for path in settings.data_dir.parent.rglob("*") if path != settings.data_dir]
    assert left == []
    return caught.value.detail


@pytest.fixture
def here(tmp_path: Path) -> Settings:
    (tmp_path / "elsewhere").mkdir()
    return Settings(data_dir=tmp_path / "elsewhere" / "data")


async def test_what_is_not_whole_is_refused(
    source: Source, filled: list[bytes], here: Settings, tmp_path: Path
) -> None:
    content = await backup_of(source, tmp_path / "tables")
    for end in (0, 511, len(content) // 3, len(content) - 12_000):
        assert await refused(here, content[:end]), end
    for position in range(3000, len(content) - 20_000, len(content) // 7):
        changed = content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :]
        await refused_or_same(source, here, changed)


async def refused_or_same(source: Source, settings: Settings, content: bytes) -> None:
    """A bit of a header's date, of padding or of SHA256SUMS, which we do not read, changes nothing of what is kept."""
    try:
        done = await restore(settings, io.BytesIO(content), PASSPHRASE)
    except Problem:
        assert list(settings.data_dir.parent.iterdir()) == []
        return
    assert isinstance(done, Restored)
    database = await open_database(settings.database)
    assert_same(await everything(database), await everything(source.database))
    await database.close()
    settings.data_dir.rename(settings.data_dir.parent.parent / f"kept-{id(content)}")


def rebuilt(content: bytes, change: Callable[[tarfile.TarInfo, bytes], list[tuple[tarfile.TarInfo, bytes]]]) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(content)) as old, tarfile.open(fileobj=target, mode="w") as new:
        for member in old:
            file = old.extractfile(member)
            for info, data in change(member, file.read() if file else b""):
                info.size = len(data)
                new.addfile(info, io.BytesIO(data))
    return target.getvalue()


def another_file(member: tarfile.TarInfo, data: bytes) -> list[tuple[tarfile.TarInfo, bytes]]:
    """A file of the same kind, true to its name, in the place of one that a capture names."""
    if member.name.startswith("files/") and data == b"a gauge":
        data = b"another"
        member.name = archive.file_path(hashlib.sha256(data).hexdigest())
    return [(member, data)]


async def test_what_does_not_belong_is_refused(
    source: Source, filled: list[bytes], here: Settings, tmp_path: Path
) -> None:
    content = await backup_of(source, tmp_path / "tables")
    for name, kind in (("../evil", b"0"), ("/etc/evil", b"0"), ("files/aa/../../evil", b"0"), ("tables/x", b"2")):

        def also(member: tarfile.TarInfo, data: bytes, name: str = name, kind: bytes = kind) -> list[Any]:
            if member.name != archive.SUMS:
                return [(member, data)]
            evil = tarfile.TarInfo(name)
            evil.type, evil.linkname = kind, "/etc/passwd" if kind == b"2" else ""
            return [(evil, b""), (member, data)]

        assert "damaged" in await refused(here, rebuilt(content, also))
    assert "missing" in await refused(
        here, rebuilt(content, lambda member, data: [] if member.name.startswith("files/") else [(member, data)])
    )
    assert "is where files/" in await refused(here, rebuilt(content, another_file))
    assert "is where tables/" in await refused(
        here, rebuilt(content, lambda member, data: [] if member.name == "tables/runs.jsonl" else [(member, data)])
    )
    assert "no backup of Roundsman" in await refused(
        here, rebuilt(content, lambda m, d: [(m, d)] * (m.name != "manifest.json"))
    )


async def test_another_version_another_passphrase_and_something_there_are_refused(
    source: Source, here: Settings, tmp_path: Path
) -> None:
    content = await backup_of(source, tmp_path / "tables")

    def newer(member: tarfile.TarInfo, data: bytes) -> list[Any]:
        if member.name == "manifest.json":
            data = json.dumps(json.loads(data) | {"revision": "9999", "roundsman": "9.0"}).encode()
        return [(member, data)]

    assert "Roundsman 9.0" in await refused(here, rebuilt(content, newer))
    assert "passphrase" in await refused(here, content, "wrong")
    here.data_dir.mkdir()
    (here.data_dir / "mine").write_text("precious")
    with pytest.raises(Problem, match="not empty"):
        await restore(here, io.BytesIO(content), PASSPHRASE)
    assert (here.data_dir / "mine").read_text() == "precious"


@pytest.mark.parametrize("database_url", DATABASES[:1], indirect=True)  # of the source: files come from it alone
async def test_a_restore_that_was_killed_is_begun_again(
    elsewhere: Settings, source: Source, filled: list[bytes], tmp_path: Path
) -> None:
    """Ended as by kill -9 before each of its steps, where nothing is tidied; the next one begins on what was left."""
    file = tmp_path / "plant.tar"
    file.write_bytes(await backup_of(source, tmp_path / "tables"))
    command = [sys.executable, "-m", "tests.backups.restore_killed", str(file), str(elsewhere.data_dir)]
    done = await anyio.run_process([*command, elsewhere.database_url, PASSPHRASE], cwd=ROOT, stderr=None)
    assert int(done.stdout) >= 6
    check_finished(elsewhere.data_dir)
    database = await open_database(elsewhere.database)
    assert_same(await everything(database), await everything(source.database))
    await database.close()
    assert not [path for path in elsewhere.data_dir.iterdir() if path.name.startswith(".")]


async def test_a_backup_whose_making_was_killed_is_not_there(
    here: Settings, database_url: str, source: Source, filled: list[bytes], tmp_path: Path
) -> None:
    """kill -9 at moments that a seed draws, while rows arrive: swept at the next start, and nothing is lost by it."""
    command = [sys.executable, "-m", "tests.backups.making_killed", str(tmp_path), database_url]
    done = await anyio.run_process(command, cwd=ROOT, stderr=None)
    assert int(done.stdout) == 10
    before = await everything(source.database)
    assert len(before["run_captures"]) > 30 + 10
    content = await backup_of(source, tmp_path / "tables")
    await restore(here, io.BytesIO(content), PASSPHRASE)
    database = await open_database(here.database)
    assert_same(await everything(database), before)
    await database.close()


async def test_a_failure_among_the_rows_leaves_nothing(
    elsewhere: Settings, source: Source, filled: list[bytes], tmp_path: Path
) -> None:
    """Also where they are in another place than the files."""

    def wrong(member: tarfile.TarInfo, data: bytes) -> list[tuple[tarfile.TarInfo, bytes]]:
        nonlocal summed
        if member.name == "tables/runs.jsonl":
            data = b"[1]\n"
        if member.name == archive.SUMS:
            data = re.sub(rb"\w+(?=  tables/runs.jsonl)", hashlib.sha256(b"[1]\n").hexdigest().encode(), data)
            summed = hashlib.sha256(data).hexdigest()
        if member.name == archive.MANIFEST and summed:
            told = json.loads(data)
            (table,) = (table for table in told["tables"] if table["name"] == "runs")
            table["sha256"] = hashlib.sha256(b"[1]\n").hexdigest()
            data = json.dumps(told | {"sumsSha256": summed}).encode()
        return [(member, data)]

    summed = ""
    content = await backup_of(source, tmp_path / "tables")
    rebuilt(content, wrong)  # once for the checksum of the checksums
    forged = rebuilt(content, wrong)
    elsewhere.data_dir.parent.mkdir()
    for _ in range(2):
        assert "cannot be read" in await refused(elsewhere, forged)
    assert (await restore(elsewhere, io.BytesIO(content), PASSPHRASE)).files == 3


async def test_a_data_folder_that_is_a_volume_is_filled(source: Source, tmp_path: Path) -> None:
    """Nothing beside it may be written, and it may hold what file systems put there."""
    content = await backup_of(source, tmp_path / "tables")
    volume = tmp_path / "volumes" / "data"
    (volume / "lost+found").mkdir(parents=True)
    volume.parent.chmod(0o500)
    await restore(Settings(data_dir=volume), io.BytesIO(content), PASSPHRASE)
    assert (volume / "roundsman.sqlite3").exists()


async def test_without_a_passphrase_the_key_stays_away(source: Source, here: Settings, tmp_path: Path) -> None:
    content = await backup_of(source, tmp_path / "tables")
    done = await restore(here, io.BytesIO(content))
    assert not done.has_key
    assert not (here.data_dir / "secret.key").exists()

"""Whoever else has an account on the machine reads neither the database nor what robots have captured."""

from pathlib import Path

import pytest

from roundsman import migrations
from roundsman.kit.blobs import open_blobs
from roundsman.kit.database import open_database

pytestmark = pytest.mark.anyio


async def test_the_database_with_its_log_and_the_blobs_are_the_owners_alone(tmp_path: Path) -> None:
    data = tmp_path / "data"
    url = f"sqlite:///{data}/roundsman.sqlite3"
    await migrations.upgrade(url)
    database, blobs = await open_database(url), await open_blobs(f"file://{data}/blobs")
    modes = {path.name: path.stat().st_mode & 0o777 for path in data.iterdir()}
    await blobs.close()
    await database.close()
    files = {f"roundsman.sqlite3{end}": 0o600 for end in ("", "-wal", "-shm")}
    assert modes == files | {"blobs": 0o700}

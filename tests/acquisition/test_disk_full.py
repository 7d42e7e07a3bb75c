"""A disk that is really full: acquisition pauses and says so, reads go on, and it goes on by itself."""

import asyncio
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.acquisition.conftest import Store, sync_of, until

from roundsman import migrations
from roundsman.acquisition.follower import Follower
from roundsman.acquisition.room import Room
from roundsman.kit.blobs import open_blobs
from roundsman.kit.database import open_database
from roundsman.kit.problem import DiskFull
from roundsman.settings import Settings

pytestmark = pytest.mark.anyio
MIB = 1 << 20


def mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True, capture_output=True)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 12 MiB; `grow` makes it larger."""
    folder = tmp_path / "disk"
    folder.mkdir()
    try:
        mount("-t", "tmpfs", "-o", "size=12m", "tmpfs", str(folder))
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("a small file system can be mounted by root only")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def grow(folder: Path) -> None:
    mount("-o", "remount,size=96m", str(folder))


@pytest.fixture
async def disk(small_disk):
    """Database and blobs on it."""
    url = f"sqlite:///{small_disk / 'roundsman.sqlite3'}"
    await asyncio.to_thread(migrations.create_all, url)
    database, blobs = await open_database(url), await open_blobs(f"file://{small_disk / 'blobs'}")
    yield database, blobs
    await blobs.close()
    await database.close()


async def test_a_full_disk_pauses_acquisition_and_room_lets_it_go_on(robots, small_disk, disk):
    fleet = await robots(captures=100, size_bytes=400_000)  # 40 MB
    spot, link = fleet.spots[0], await fleet.link()
    database, blobs = disk
    sync = sync_of(link, database, blobs)
    with pytest.raises(DiskFull):
        await sync.catch_up()
    stored = await Store(database).captures(spot.serial)  # reads go on
    assert len(stored) < 40
    assert {row["data_id"] for row in stored} == set(range(1, len(stored) + 1))
    with pytest.raises(DiskFull):
        await sync.catch_up()
    grow(small_disk)
    await sync.catch_up()
    again = await Store(database).captures(spot.serial)
    assert sorted(row["data_id"] for row in again) == list(range(1, 101))
    for row in again:
        assert blobs.path(row["blob_sha256"]).stat().st_size == 400_000


async def test_it_stops_before_the_reserve_says_so_and_goes_on_without_a_hand(robots, small_disk, disk, monkeypatch):
    monkeypatch.setattr("roundsman.acquisition.follower.FULL_POLL_S", 0.05)
    fleet = await robots(captures=100, size_bytes=400_000)
    spot, link = fleet.spots[0], await fleet.link()
    database, blobs = disk
    settings = Settings(data_dir=small_disk, disk_reserve_bytes=4 * MIB)
    room = Room(small_disk, settings.disk_reserve_bytes)
    told: list[str] = []
    sync = sync_of(link, database, blobs, check_room=room.check)
    follower = Follower(link, sync, blobs, room, settings, lambda state, _: told.append(state))
    follower.start()
    try:
        await until(lambda: "disk_full" in told)
        assert 4 * MIB < sum(row["size_bytes"] for row in await Store(database).captures(spot.serial)) < 8 * MIB
        assert shutil.disk_usage(small_disk).free > 3 * MIB
        grow(small_disk)
        await until(lambda: told[-1] == "running")
    finally:
        await follower.stop()
    rows = await Store(database).captures(spot.serial)
    assert sorted(row["data_id"] for row in rows) == list(range(1, 101))

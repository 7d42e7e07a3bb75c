"""Whatever a robot says of a capture is stored: one odd thing must not hold up everything behind it."""

from contextlib import aclosing

import pytest
from tests.acquisition.conftest import sync_of

from roundsman.acquisition.reconcile import Reconciliation
from roundsman.acquisition.spot_store import LAST_US, SpotStore
from roundsman.acquisition.store import RobotStoreError
from roundsman.captures.archives import archive_of_run
from roundsman.captures.reading import find_capture
from roundsman.kit.stored_zip import read_range
from roundsman.simulator.model import CaptureAction

pytestmark = pytest.mark.anyio
GROUP, START_US = "2026-11-23T120000Z_Boiler round", 1_795_435_200_000_000


async def test_a_time_beyond_all_calendars_does_not_hold_up_what_comes_after(robots, database, blobs, store):
    fleet = await robots(captures=1)
    spot = fleet.spots[0]
    spot.store.add("data", CaptureAction(GROUP, "Never", 1 << 61), "lidar", "", lambda: b"jpeg", size_bytes=4)
    spot.store.add("image", CaptureAction(GROUP, "After", START_US), "ptz", "", lambda: b"jpeg", size_bytes=4)
    assert (await (await fleet.sync(database, blobs)).catch_up()).stored == 3
    rows = {row["data_id"]: row for row in await store.captures(spot.serial)}
    assert (rows[2]["time_us"], rows[3]["action_name"]) == (LAST_US, "After")
    listed = await find_capture(database, rows[2]["uuid"])
    assert listed is not None
    assert listed.time.startswith("9999-01-01")


async def test_a_capture_without_bytes_is_a_file_without_bytes(robots, database, blobs, store):
    fleet = await robots()
    spot = fleet.spots[0]
    action = CaptureAction(GROUP, "Nothing seen", START_US)
    spot.store.add("data", action, "lidar", "", lambda: b"", file_extension=".las")
    spot.store.add("image", action, "ptz", "", lambda: b"jpeg", size_bytes=4)
    assert (await (await fleet.sync(database, blobs)).catch_up()).stored == 2
    rows = {row["data_id"]: row for row in await store.captures(spot.serial)}
    assert rows[1]["size_bytes"] == 0
    assert await blobs.exists(rows[1]["blob_sha256"])
    archive = await archive_of_run(database, (await store.runs(spot.serial))[0]["uuid"])
    assert archive
    content = b"".join([chunk async for chunk in read_range(archive.layout, blobs)])
    assert len(content) == archive.layout.size_bytes


async def test_a_number_that_no_row_can_bear_is_set_aside(robots, database, blobs, store):
    """Ids are unsigned 64-bit on the robot's wire. Its content must not be taken for the next one's either."""
    fleet = await robots(captures=2)
    spot = fleet.spots[0]
    spot.store._next_id = 1 << 62
    action = CaptureAction(GROUP, "High", START_US)
    spot.store.add("data", action, "lidar", "", lambda: b"high", size_bytes=4)
    spot.store._next_id = (1 << 63) + 5
    spot.store.add("data", action, "lidar", "", lambda: b"too high", size_bytes=8)
    spot.store.add("data", action, "lidar", "", lambda: b"", size_bytes=0)
    metadata = spot.store.add("metadata", action, "lidar", "", lambda: b"{}", reference_id=1 << 63)
    sync = await fleet.sync(database, blobs)
    for _ in range(2):
        await sync.catch_up()
        await Reconciliation(sync).run()
    assert metadata.id > 1 << 63
    assert {row["data_id"] for row in await store.captures(spot.serial)} == {1, 2, 1 << 62}
    assert sync.cursor.last_id == 1 << 62
    assert sync._unreadable == {(1 << 63) + 5, (1 << 63) + 6, (1 << 63) + 7}
    spot.store._next_id = (1 << 62) + 1
    spot.store.add("metadata", action, "lidar", "", lambda: b"{}", reference_id=1 << 63)
    await sync.catch_up()
    (document,) = await store.documents(spot.serial)
    assert document["reference_data_id"] is None


class Closing:
    """A robot whose link is closed by us while the first answer arrives."""

    def __init__(self, link):
        self._link, self._store = link, SpotStore.of(link)
        self.max_id, self.identifiers = self._store.max_id, self._store.identifiers

    async def captures(self, from_id, on_content, **options):
        async with aclosing(self._store.captures(from_id, on_content, **options)) as page:
            async for fetched in page:
                await self._link.close()
                yield fetched


async def test_a_link_that_is_closed_meanwhile_is_a_lost_one(robots, database, blobs):
    """Whatever is asked of a closed channel, or is under way on it, fails as a lost link does."""
    fleet = await robots(captures=40, size_bytes=200_000)  # two pages
    link = await fleet.link()
    sync = sync_of(link, database, blobs, Closing(link))
    for ask in (sync.catch_up, sync.catch_up, lambda: sync.fetch([1]), sync.store.max_id):
        with pytest.raises(RobotStoreError):
            await ask()

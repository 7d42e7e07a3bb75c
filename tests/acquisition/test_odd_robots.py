"""Whatever a robot says of a capture is stored: one odd thing must not hold up everything behind it."""

import pytest

from roundsman.acquisition.spot_store import LAST_US
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

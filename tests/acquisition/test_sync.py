"""Acquiring from simulated robots over their real protocol, on both databases."""

import asyncio
import hashlib
import json
import math
import random
from contextlib import aclosing

import msgspec
import pytest
from bosdyn.api import data_acquisition_store_pb2, data_acquisition_store_service_pb2_grpc
from google.protobuf import struct_pb2
from tests.acquisition.conftest import sync_of, until

from roundsman import migrations
from roundsman.acquisition import spot_store
from roundsman.acquisition.large import LargeLane
from roundsman.acquisition.losses import lost_of_robot, lost_of_run
from roundsman.acquisition.reconcile import Reconciled, Reconciliation
from roundsman.acquisition.spot_store import SpotStore
from roundsman.acquisition.store import RobotStoreError
from roundsman.kit.database import open_database
from roundsman.simulator.services.synthetic import fill

pytestmark = pytest.mark.anyio


async def content_of(blobs, sha256):
    return b"".join([piece async for piece in blobs.read(sha256)])


async def open_copy(folder):
    """Another empty database."""
    url = f"sqlite:///{folder / 'other.sqlite3'}"
    await asyncio.to_thread(migrations.create_all, url)
    return await open_database(url)


async def test_everything_a_robot_has_is_acquired_byte_for_byte(robots, plant, database, blobs, store):
    fleet = await robots(world=plant)
    spot = fleet.spots[0]
    sync = await fleet.sync(database, blobs)
    await sync.catch_up()
    entries = {entry.id: entry for entry in spot.store.query()}
    captures = {row["data_id"]: row for row in await store.captures(spot.serial)}
    documents = {row["data_id"]: row for row in await store.documents(spot.serial)}
    assert captures.keys() == {entry.id for entry in entries.values() if entry.kind in ("image", "data")}
    assert documents.keys() == {entry.id for entry in entries.values() if entry.kind in ("metadata", "alert")}
    for data_id, row in captures.items():
        made = entries[data_id].make()
        assert row["blob_sha256"] == hashlib.sha256(made).hexdigest()
        assert await content_of(blobs, row["blob_sha256"]) == made
    for data_id, row in documents.items():
        expected, found = json.loads(entries[data_id].make()), json.loads(row["document"])
        assert {name: found[name] for name in expected} == expected
    await store.check_tallies(spot.serial)


async def test_events_bear_what_came_with_their_captures(robots, plant, database, blobs, store):
    fleet = await robots(world=plant)
    spot = fleet.spots[0]
    sync = await fleet.sync(database, blobs, clock_ahead_us=lambda: spot.skew_us)
    await sync.catch_up()
    events = {row["uuid"]: row for row in await store.events(spot.serial)}
    named = {}
    alerts: dict[str, int] = {}
    for row in await store.documents(spot.serial):
        if row["kind"] == "alert":
            alerts[row["run_event_uuid"]] = max(alerts.get(row["run_event_uuid"], 0), row["severity"])
        elif row["channel_name"] == "metadata":
            named[row["run_event_uuid"]] = json.loads(row["document"]).get("element_id")
    assert alerts, "the plant has conditions that raise alerts"
    for uuid, event in events.items():
        assert event["worst_severity"] == alerts.get(uuid, 0)
        assert event["time_us"] == event["robot_time_us"] - spot.skew_us
        if named.get(uuid):
            assert event["action_uuid"] == named[uuid]
    for row in await store.captures(spot.serial):
        event = events[row["run_event_uuid"]]
        assert row["action_uuid"] == event["action_uuid"]
        if row["channel_name"] in ("gauge-reader", "leak-source") or row["data_name"] == "ir-raw":
            results = json.loads(row["key_results"])
            assert results
            assert all(isinstance(result["value"], float | int) for result in results)
    for run in await store.runs(spot.serial):
        mine = [event for event in events.values() if event["run_uuid"] == run["uuid"]]
        assert run["worst_severity"] == max(event["worst_severity"] for event in mine)
        assert run["action_count"] == len(mine)
        assert run["start_us"] <= min(event["time_us"] for event in mine)
        assert run["end_us"] == max(event["time_us"] for event in mine)


async def test_acquiring_twice_changes_nothing(robots, plant, database, blobs, store):
    fleet = await robots(world=plant)
    serial = fleet.spots[0].serial
    await (await fleet.sync(database, blobs)).catch_up()
    before = await store.dump(serial)
    again = await fleet.sync(database, blobs)
    assert (await again.catch_up()).stored == 0
    await again.fetch(range(1, 200))
    assert await store.dump(serial) == before


async def test_what_comes_later_is_fetched_later(robots, database, blobs, store):
    fleet = await robots(captures=10)
    spot = fleet.spots[0]
    sync = await fleet.sync(database, blobs)
    assert (await sync.catch_up()).stored == 10
    fill(spot, 25, 2000)
    assert (await sync.catch_up()).stored == 25
    assert {row["data_id"] for row in await store.captures(spot.serial)} == set(range(1, 36))


async def test_from_now_skips_what_was_there_before(robots, database, blobs, store):
    fleet = await robots(captures=10)
    spot = fleet.spots[0]
    sync = await fleet.sync(database, blobs, everything=False)
    assert (await sync.catch_up()).stored == 0
    fill(spot, 5, 1000)
    assert (await sync.catch_up()).stored == 5


class Exclusive:
    """The same robot, had its maker read `captures_from_id` as "greater than"."""

    def __init__(self, store):
        self._store = store
        self.max_id = store.max_id

    def captures(self, from_id, on_content, **options):
        return self._store.captures(from_id + 1 if from_id else 0, on_content, **options)

    def identifiers(self, from_id, **options):
        return self._store.identifiers(from_id + 1 if from_id else 0, **options)


class Hiding(Exclusive):
    """The same robot while some captures are not visible yet, though later ones are."""

    def __init__(self, store, hidden):
        super().__init__(store)
        self.hidden = set(hidden)

    async def captures(self, from_id, on_content, **options):
        async with aclosing(self._store.captures(from_id, on_content, **options)) as page:
            async for fetched in page:
                if fetched.id.data_id not in self.hidden:
                    yield fetched

    async def identifiers(self, from_id, **options):
        async with aclosing(self._store.identifiers(from_id, **options)) as page:
            async for identifier in page:
                if identifier.data_id not in self.hidden:
                    yield identifier


class Vanishing(Hiding):
    """The same robot when it overwrites something between telling of it and being asked for it."""

    asked = False

    async def captures(self, from_id, on_content, **options):
        self.asked = True
        async for fetched in super().captures(from_id, on_content, **options):
            yield fetched

    async def identifiers(self, from_id, **options):
        async for identifier in self._store.identifiers(from_id, **options):
            if identifier.data_id not in self.hidden or not self.asked:
                yield identifier


class Cutting(Exclusive):
    """The same robot when each connection is cut after some captures: by the network, or by our own end."""

    def __init__(self, store, dice):
        super().__init__(store)
        self._dice = dice

    async def captures(self, from_id, on_content, **options):
        left = self._dice.randint(0, 30)
        async with aclosing(self._store.captures(from_id, on_content, **options)) as page:
            async for fetched in page:
                if left == 0:
                    await self._cut()
                left -= 1
                yield fetched

    async def _cut(self):
        if self._dice.random() < 0.5:
            raise RobotStoreError("cut")
        asyncio.current_task().cancel()
        await asyncio.sleep(60)


async def test_a_robot_that_starts_behind_the_bound_gives_all_too(robots, database, blobs, store):
    fleet = await robots(captures=50, size_bytes=300_000)  # four pages
    spot, link = fleet.spots[0], await fleet.link()
    sync = sync_of(link, database, blobs, Exclusive(SpotStore.of(link)))
    assert (await sync.catch_up()).stored == 50
    assert (await Reconciliation(sync).run()) == Reconciled()
    assert {row["data_id"] for row in await store.captures(spot.serial)} == set(range(1, 51))


async def test_what_becomes_visible_late_is_found_by_comparing(robots, plant, database, blobs, store):
    fleet = await robots(world=plant)
    spot, link = fleet.spots[0], await fleet.link()
    hiding = Hiding(SpotStore.of(link), random.Random(4).sample(range(1, spot.store.max_id()), 40))
    sync = sync_of(link, database, blobs, hiding)
    await sync.catch_up()
    reconciliation = Reconciliation(sync)
    assert (await reconciliation.run()) == Reconciled()  # they were never listed, so nothing is missed
    late, hiding.hidden = hiding.hidden, set()
    assert (await reconciliation.run()) == Reconciled(fetched=len(late))
    assert (await reconciliation.run()) == Reconciled()
    ids = {row["data_id"] for row in [*await store.captures(spot.serial), *await store.documents(spot.serial)]}
    assert ids == set(range(1, spot.store.max_id() + 1))
    await store.check_tallies(spot.serial)


async def test_what_a_robot_overwrote_unseen_is_recorded_as_lost(robots, database, blobs, store):
    fleet = await robots(captures=10)
    spot = fleet.spots[0]
    sync = await fleet.sync(database, blobs)
    await sync.catch_up()
    spot.store.capacity_bytes = 40_000  # the link is away while 100 more come, of which 40 remain
    fill(spot, 100, 1000)
    await sync.catch_up()
    found = await Reconciliation(sync).run()
    assert found.lost == 60
    assert await lost_of_robot(database, spot.serial) == 60
    assert (await Reconciliation(sync).run()) == Reconciled()
    assert {row["data_id"] for row in await store.captures(spot.serial)} == {*range(1, 11), *range(71, 111)}


async def test_what_vanishes_under_our_hands_is_lost_by_name(robots, database, blobs, store):
    fleet = await robots(captures=20)
    spot, link = fleet.spots[0], await fleet.link()
    sync = sync_of(link, database, blobs, Vanishing(SpotStore.of(link), {5, 6}))
    await sync.catch_up()
    sync.store.asked = False
    assert (await Reconciliation(sync).run()) == Reconciled(lost=2)
    (run,) = await store.runs(spot.serial)
    assert await lost_of_run(database, run["uuid"]) == 2


async def test_a_factory_reset_begins_a_new_epoch(robots, database, blobs, store):
    fleet = await robots(captures=20)
    spot = fleet.spots[0]
    sync = await fleet.sync(database, blobs)
    await sync.catch_up()
    spot.store.factory_reset()
    fill(spot, 8, 3000)
    assert (await sync.catch_up()).stored == 8
    assert sync.cursor.store_epoch == 2
    rows = await store.captures(spot.serial)
    assert sorted((row["store_epoch"], row["data_id"]) for row in rows) == [
        *((1, number) for number in range(1, 21)),
        *((2, number) for number in range(1, 9)),
    ]


async def test_captures_behind_the_cursor_at_a_reset_are_lost(robots, database, blobs):
    fleet = await robots(captures=20, size_bytes=400_000)
    spot = fleet.spots[0]
    sync = await fleet.sync(database, blobs)
    cut = asyncio.create_task(sync.catch_up())
    await until(lambda: sync._cursor and sync.cursor.last_id > 0)
    cut.cancel()
    await asyncio.wait([cut])
    stored = sync.cursor.last_id
    spot.store.factory_reset()
    await sync.catch_up()
    assert sync.cursor.store_epoch == 1  # an empty store may be one that is starting up
    fill(spot, 1, 1000)
    await sync.catch_up()
    assert await lost_of_robot(database, spot.serial) == 20 - stored


async def test_the_same_captures_after_an_upgrade_are_known_again(robots, plant, database, blobs, store):
    fleet = await robots(world=plant)
    spot, link = fleet.spots[0], await fleet.link()
    await sync_of(link, database, blobs).catch_up()
    before = await store.dump(spot.serial)
    upgraded = sync_of(link, database, blobs, software="another")
    await upgraded.catch_up()
    assert upgraded.cursor.store_epoch == 2
    after = await store.dump(spot.serial)
    text = json.dumps(after["run_captures"] + after["run_event_documents"])
    assert text.replace('\\"store_epoch\\": 2', '\\"store_epoch\\": 1') == json.dumps(
        before["run_captures"] + before["run_event_documents"]
    )
    assert after["run_events"] == before["run_events"]
    assert (await Reconciliation(upgraded).run()) == Reconciled()
    await store.check_tallies(spot.serial)


async def test_cuts_at_any_moment_give_the_same_store(robots, plant, database, blobs, store, tmp_path):
    fleet = await robots(world=plant)
    spot, link = fleet.spots[0], await fleet.link()
    dice, cuts = random.Random(11), 0
    while True:
        acquiring = asyncio.create_task(sync_of(link, database, blobs, Cutting(SpotStore.of(link), dice)).catch_up())
        await asyncio.wait([acquiring])
        if not acquiring.cancelled() and acquiring.exception() is None:
            break
        cuts += 1
    assert cuts > 5
    cut_store = await store.dump(spot.serial)
    await store.check_tallies(spot.serial)
    whole = await open_copy(tmp_path)
    try:
        await sync_of(link, whole, blobs).catch_up()
        assert cut_store == await type(store)(whole).dump(spot.serial)
    finally:
        await whole.close()


async def test_a_lost_link_is_said_and_the_next_goes_on(robots, database, blobs, store):
    fleet = await robots(captures=400, size_bytes=200_000)
    spot = fleet.spots[0]
    sync = await fleet.sync(database, blobs)
    acquiring = asyncio.create_task(sync.catch_up())
    await until(lambda: sync._cursor and sync.cursor.last_id > 20)
    await fleet.fleet.set_link(spot, False)
    with pytest.raises(RobotStoreError):
        await acquiring
    assert 20 < sync.cursor.last_id < 400
    await fleet.fleet.set_link(spot, True)
    await (await fleet.sync(database, blobs)).catch_up()
    assert {row["data_id"] for row in await store.captures(spot.serial)} == set(range(1, 401))


async def test_a_large_capture_comes_in_its_own_lane(robots, database, blobs, store, tmp_path):
    fleet = await robots(captures=3)
    spot = fleet.spots[0]
    fill(spot, 1, 110_000_000, kind="data")
    fill(spot, 3, 1000)
    sync = await fleet.sync(database, blobs)
    assert (await sync.catch_up()).stored == 6
    assert (await Reconciliation(sync).run()) == Reconciled()
    turns = []
    lane = LargeLane(sync, blobs, tmp_path, lambda: asyncio.sleep(0, turns.append(1)))
    assert await lane.run() == 1
    assert turns
    large = {row["data_id"]: row for row in await store.captures(spot.serial)}[4]
    assert (large["kind"], large["size_bytes"]) == ("large", 110_000_000)
    assert large["blob_sha256"] == hashlib.sha256(spot.store.get(4).make()).hexdigest()
    assert await lane.run() == 0


async def test_names_and_numbers_that_databases_and_json_refuse_do_not_stop_anything(robots, database, blobs, store):
    """A plugin stores NaN, and names with a NUL, by the robot's own service."""
    fleet = await robots(captures=2)
    spot, link = fleet.spots[0], await fleet.link()
    stub = data_acquisition_store_service_pb2_grpc.DataAcquisitionStoreServiceStub(
        link.channel("data-acquisition-store")
    )
    request = data_acquisition_store_pb2.StoreMetadataRequest(header=link.header())
    request.data_id.channel = "plug\0in"
    request.data_id.action_id.action_name, request.data_id.action_id.group_name = "A\0", "2026-11-23T185610Z_X\0"
    request.data_id.action_id.timestamp.GetCurrentTime()
    data = request.metadata.metadata.data
    data["text"], data["list"], data["none"], data["yes"] = "a\0b", [1, 2.5, {"x": "y"}], None, True
    await stub.StoreMetadata(request, metadata=link.metadata())
    nan = struct_pb2.Struct(fields={"bad": struct_pb2.Value(number_value=math.nan)})
    assert json.loads(msgspec.json.encode(spot_store._members(nan))) == {"bad": "NaN"}
    sync = sync_of(link, database, blobs)
    await sync.catch_up()
    (document,) = await store.documents(spot.serial)
    assert json.loads(document["document"]) == {"text": "a\0b", "list": [1, 2.5, {"x": "y"}], "none": None, "yes": True}
    assert document["channel_name"] == "plug\ufffdin"

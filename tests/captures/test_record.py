"""Storing what came, in any order and as often as one likes, gives the same store. On both databases."""

import itertools
import json
import random

import pytest
from tests.acquisition.conftest import Store

from roundsman.captures.record import CapturedDocument, CapturedFile, DataId, Origin, Recording, known_ids
from roundsman.kit import outbox
from roundsman.kit.blobs import BlobInfo
from roundsman.runs.record import RobotIdentity

pytestmark = pytest.mark.anyio
START_US = 1_795_435_200_000_000  # 2026-11-23T12:00:00Z
GROUP = "2026-11-23T120000Z_Boiler round"
robots = itertools.count()


def identifier(number, channel="spot-cam-ptz", action=0, group=GROUP, name=""):
    return DataId(number, group, f"Action {action}", START_US + (action + 1) * 60_000_000, channel, name)


def image(number, channel="spot-cam-ptz", action=0, group=GROUP, kind="image", results=()):
    one = identifier(number, channel, action, group)
    blob = BlobInfo(f"{number:064x}", 1000 + number, number)
    return CapturedFile(one, kind, one.action_time_us + 5, ".jpg", blob, results, b"frames")


def metadata(number, document, channel="metadata", action=0, reference=None):
    return CapturedDocument(identifier(number, channel, action), "metadata", json.dumps(document), reference)


def alert(number, severity, action=0, reference=None):
    document = json.dumps({"severity": severity, "title": "Hot", "source": "", "additional_data": {}})
    return CapturedDocument(identifier(number, "spot-cam-ir", action), "alert", document, reference, severity)


def a_round():
    """One of everything, with what refers to something before and after it."""
    gauge = {"name": "Pressure", "value": 4.2, "units": "bar"}
    return [
        image(1),
        metadata(2, {"element_id": "0e7f9d6c-30a5-4d6f-9f0b-3d6ad6f7f001", "custom_metadata": ["west"]}),
        image(3, "gauge-reader", 1),
        metadata(4, gauge, "gauge-reader", 1, identifier(3, "gauge-reader", 1)),
        image(5, "gauge-reader", 1),
        metadata(6, {"SPL At Source": 60.0}, "leak-source", 2),
        image(7, "leak-source", 2),
        alert(8, 2, 2),
        alert(9, 0, 3),
        image(10, "spot-cam-ir", 3, results=({"name": "Max temperature", "units": "°C", "value": 50.0},)),
        metadata(11, {"element_id": "0e7f9d6c-30a5-4d6f-9f0b-3d6ad6f7f002"}, action=3),
        image(12, action=4, group="teleop_2026-11-23T130000Z"),
        alert(13, 3, 2),
    ]


async def keep(database, batch, serial, epoch=1):
    origin = Origin(RobotIdentity(serial, "10.0.0.3", "Spot", (5, 1, 4), "abc"), epoch, 2_000_000)
    ids = [one.id.data_id for one in batch]

    async def work(tx):
        known = await known_ids(tx, serial, epoch, min(ids), max(ids))
        return await Recording(tx, origin, START_US + 1, known).add_all(batch)

    return await database.write(work)


async def dump(database, serial):
    return json.loads(json.dumps(await Store(database).dump(serial), default=bytes.hex).replace(serial, "serial"))


async def test_any_order_any_batches_and_twice_give_the_same_store(database):
    await keep(database, a_round(), "whole")
    expected = await dump(database, "whole")
    dice = random.Random(17)
    for attempt in range(40):
        serial, things = f"serial-{attempt}", a_round() * 2
        dice.shuffle(things)
        while things:
            size = dice.randint(1, 7)
            await keep(database, things[:size], serial)
            del things[:size]
        assert await dump(database, serial) == expected
        await Store(database).check_tallies(serial)


async def test_what_comes_later_updates_event_captures_and_run(database):
    store = Store(database)
    await keep(database, [image(3, "gauge-reader", 1), image(5, "gauge-reader", 1)], "a")
    (event,) = await store.events("a")
    assert (event["action_uuid"] != "", event["worst_severity"], event["event_type"]) == (True, 0, "daq")
    assert [row["key_results"] for row in await store.captures("a")] == [None, None]
    await keep(database, a_round()[3:4], "a")
    results = {row["data_id"]: row["key_results"] for row in await store.captures("a")}
    assert json.loads(results[3]) == [{"name": "Pressure", "units": "bar", "value": 4.2}]
    assert results[5] is None  # the metadata speaks of the other capture
    await keep(database, [alert(8, 2, 1), metadata(9, {"element_id": "e-1"}, action=1)], "a")
    await keep(database, [alert(10, 1, 1)], "a")
    (event,), (run,) = await store.events("a"), await store.runs("a")
    assert (event["worst_severity"], run["worst_severity"], event["action_uuid"]) == (2, 2, "e-1")
    assert {row["action_uuid"] for row in await store.captures("a")} == {"e-1"}
    await store.check_tallies("a")


@pytest.mark.parametrize("severity", [0, 5, -1])
async def test_an_alert_of_unknown_severity_counts_as_the_highest(database, severity):
    await keep(database, [alert(9, severity)], "b")
    ((event,), (run,)) = await Store(database).events("b"), await Store(database).runs("b")
    assert (event["worst_severity"], run["worst_severity"]) == (4, 4)


async def test_a_picture_of_a_driver_is_a_screenshot(database):
    await keep(database, [image(1, group="teleop_2026-11-23T130000Z")], "c")
    (event,) = await Store(database).events("c")
    assert (event["event_type"], event["action_uuid"]) == ("screenshot", "")


async def test_news_are_told_once_per_event_and_transaction(database):
    await keep(database, a_round()[:2], "d")
    await keep(database, [image(20), image(21), alert(22, 2)], "d")
    topics = [topic for _, _, topic, *_ in await outbox.after(database, 0)]
    assert topics == ["run_event.created", "run_event.alerted", "run_event.changed"]


async def test_a_new_epoch_numbers_known_captures_anew(database):
    store = Store(database)
    await keep(database, a_round(), "e")
    renumbered = [
        type(one)(**{name: getattr(one, name) for name in one.__struct_fields__} | {"id": _moved(one.id)})
        for one in a_round()
    ]
    assert await keep(database, renumbered, "e", epoch=2) == 0
    captures = await store.captures("e")
    assert {(row["store_epoch"], row["data_id"] - 100) for row in captures} == {
        (2, one.id.data_id) for one in a_round() if isinstance(one, CapturedFile)
    }
    assert len(await store.documents("e")) + len(captures) == len(a_round())
    await store.check_tallies("e")


def _moved(one):
    return DataId(one.data_id + 100, *(getattr(one, name) for name in one.__struct_fields__[1:]))

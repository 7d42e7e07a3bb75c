"""Every alert opens one anomaly: late, told twice, after a restart, and with two processes at it. On both databases."""

import asyncio
import itertools
import json

import pytest
from tests.captures.test_record import START_US, alert, image, metadata

from roundsman.anomalies.reading import ANOMALIES, ORDERS, anomalies_of, find_anomalies
from roundsman.anomalies.service import CLOSED, OPENED, close_elements, opener, set_status
from roundsman.captures.record import DataId, Origin, Recording
from roundsman.kit import outbox
from roundsman.kit.bus import Bus
from roundsman.kit.clock import WallClock
from roundsman.kit.listing import Window
from roundsman.kit.problem import NotFound
from roundsman.runs.matching import Ranges
from roundsman.runs.record import RobotIdentity

pytestmark = pytest.mark.anyio
CLOCK = WallClock()
ELEMENT = "0e7f9d6c-30a5-4d6f-9f0b-3d6ad6f7f001"
numbers = itertools.count(1)


async def keep(database, *captured, epoch=1):
    origin = Origin(RobotIdentity("spot-1", "10.0.0.1", "Spot 1"), epoch)
    await database.write(lambda tx: Recording(tx, origin, START_US).add_all(list(captured)))


async def listed(database, **wanted):
    window = Window(100)
    found = await find_anomalies(database, wanted, Ranges(), ORDERS["time"], window)
    assert found.total == len(found.rows)
    return await anomalies_of(database, found.rows)


def reader_of(database):
    return opener(database, Bus(), CLOCK)


async def topics(database):
    return [topic for _, _, topic, *_ in await outbox.after(database, 0) if topic.startswith("anomaly.")]


async def test_an_alert_opens_one_however_often_it_is_told(database):
    await keep(database, image(1, "spot-cam-ir"), alert(2, 3))
    await reader_of(database).catch_up()
    await reader_of(database).catch_up()  # as after a restart
    await keep(database, alert(3, 1))  # another one at the same action, later
    await reader_of(database).catch_up()
    await keep(database, alert(4, 3), epoch=2)  # the first one under the number of a new epoch
    await reader_of(database).catch_up()
    first, second = await listed(database)
    assert {first.severity, second.severity} == {3, 1}
    assert (first.title, first.status, first.status_modified_at, first.action_name) == ("Hot", "open", None, "Action 0")
    assert [capture.channel_name for capture in first.data_captures] == ["spot-cam-ir"]
    assert await topics(database) == [OPENED, OPENED]


async def test_what_the_robot_says_of_the_element_later_is_known_of_the_anomaly(database):
    await keep(database, alert(1, 2, reference=DataId(9, "", "Action 0", 0, "Thermal", "")))
    await reader_of(database).catch_up()
    (before,) = await listed(database)
    assert (before.channel_name, before.custom_metadata_tags) == ("Thermal", [])
    await keep(database, metadata(2, {"element_id": ELEMENT, "custom_metadata": ["west", 7]}))
    await reader_of(database).catch_up()
    (after,) = await listed(database)
    assert before.element_id != after.element_id == ELEMENT
    assert after.custom_metadata_tags == ["west"]


async def test_two_processes_open_each_once(database):
    for number in range(1, 31):
        await keep(database, alert(number, 2, action=number))
    await asyncio.gather(*(reader_of(database).catch_up() for _ in range(2)))
    await reader_of(database).catch_up()
    assert len(await listed(database)) == len(await topics(database)) == 30


async def test_status_is_changed_by_people_and_told(database):
    await keep(database, *(alert(number, 2, action=number) for number in (1, 2)))
    await keep(database, metadata(3, {"element_id": ELEMENT}, action=1))
    await reader_of(database).catch_up()
    one, other = await listed(database, status=["open"])
    closed = await set_status(database, CLOCK, "ada", one.uuid, "closed")
    assert (closed.status, closed.status_modified_by) == ("closed", "ada")
    assert closed.status_modified_at is not None
    again = await set_status(database, CLOCK, "bob", one.uuid, "closed")
    assert again.status_modified_by == "ada", "nothing has changed"
    assert [found.uuid for found in await listed(database, status=["open"])] == [other.uuid]
    assert (await set_status(database, CLOCK, "bob", one.uuid, "open")).status_modified_by == "bob"
    assert await close_elements(database, CLOCK, "ada", [ELEMENT, ELEMENT, "unknown"]) == 1
    assert [found.element_id for found in await listed(database, status=["closed"])] == [ELEMENT]
    with pytest.raises(NotFound):
        await set_status(database, CLOCK, "ada", "4711", "closed")
    assert await topics(database) == [OPENED, OPENED, CLOSED, OPENED, CLOSED]
    told = [
        json.loads(document)
        for *_, document in await outbox.after(database, 0)
        if '"statusModifiedBy":"ada"' in document
    ]
    assert [one["status"] for one in told] == ["closed", "closed"]


def test_every_column_is_listed():
    assert set(ANOMALIES.columns) == {column.name for column in ANOMALIES.table.columns}

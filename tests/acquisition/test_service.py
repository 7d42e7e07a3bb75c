"""The service: follows links as they come and go, several robots at once, and says what goes wrong."""

import asyncio

import pytest
from tests.acquisition.conftest import Store, until

from roundsman.acquisition.service import Acquisition
from roundsman.kit.bus import Bus
from roundsman.kit.clock import WallClock
from roundsman.robots.link import Mission, Observation
from roundsman.robots.supervisor import LINK_DOWN, LINK_UP, OBSERVED
from roundsman.settings import Settings
from roundsman.simulator.services.synthetic import fill

pytestmark = pytest.mark.anyio


class Links:
    """A fleet whose links come and go by hand."""

    def __init__(self, bus):
        self.bus, self.open = bus, {}

    def links(self):
        return self.open

    def up(self, link):
        self.open[link.hostname] = link
        self.bus.publish(LINK_UP, link.hostname)

    def down(self, link):
        del self.open[link.hostname]
        self.bus.publish(LINK_DOWN, link.hostname)


@pytest.fixture
async def running(database, blobs, tmp_path):
    bus = Bus()
    links = Links(bus)
    settings = Settings(
        data_dir=tmp_path, acquire_poll_s=0.05, acquire_idle_poll_s=3600, reconcile_s=3600, disk_reserve_bytes=0
    )
    service = Acquisition(fleet=links, database=database, blobs=blobs, bus=bus, clock=WallClock(), settings=settings)
    task = asyncio.create_task(service.run())
    yield service, links
    task.cancel()
    await asyncio.wait([task])


def looked_at(link, status):
    return Observation(hostname=link.hostname, at_us=0, mission=Mission(status=status, mission_id=1))


async def stored(database, spot):
    return len(await Store(database).captures(spot.serial))


async def settled(database, spots):
    """Waits until of each robot all is stored."""
    async with asyncio.timeout(60):
        while [await stored(database, spot) for spot in spots] != [len(spot.store) for spot in spots]:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_captures_of_several_robots_are_acquired_as_they_come(robots, database, running):
    fleet = await robots(captures=60, size_bytes=100_000, count=3)
    service, links = running
    opened = [await fleet.link(index) for index in range(3)]
    for link in opened:
        links.up(link)
    await settled(database, fleet.spots)
    links.bus.publish(OBSERVED, looked_at(opened[1], "RUNNING"))
    for count in (5, 7):  # while a mission runs it looks again and again
        fill(fleet.spots[1], count, 1000)
        await settled(database, fleet.spots)
    assert {state.state for state in service.states.values()} == {"running"}


async def test_the_end_of_a_mission_is_looked_at_at_once(robots, database, running):
    fleet = await robots(captures=5)
    _, links = running
    link = await fleet.link()
    links.up(link)
    await settled(database, fleet.spots)
    links.bus.publish(OBSERVED, looked_at(link, "RUNNING"))
    fill(fleet.spots[0], 5, 1000)
    links.bus.publish(OBSERVED, looked_at(link, "SUCCESS"))
    await settled(database, fleet.spots)


async def test_a_lost_link_is_said_and_the_next_one_goes_on(robots, database, running):
    fleet = await robots(captures=300, size_bytes=200_000)
    service, links = running
    link = await fleet.link()
    links.up(link)
    async with asyncio.timeout(30):
        while not await stored(database, fleet.spots[0]):  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    await fleet.fleet.set_link(fleet.spots[0], False)
    await until(lambda: service.states[link.hostname].state == "failing")
    assert service.states[link.hostname].detail
    links.down(link)
    await until(lambda: not service.states)
    assert await stored(database, fleet.spots[0]) < 300
    await fleet.fleet.set_link(fleet.spots[0], True)
    links.up(await fleet.link())
    await settled(database, fleet.spots)

"""Fifty robots on one server, as issue and design promise: all are connected to, and what that takes is bounded."""

import threading

import pytest
from tests.robots.conftest import House, until

pytestmark = pytest.mark.anyio

FIFTY = 50
MORE_THREADS_MAX = 24  # gRPC's own, the disk's and the resolver's; none of them is a robot's


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_fifty_robots_are_all_online_in_few_threads(site, database, vault, settings_for) -> None:
    plant = await site(robots=FIFTY)
    before = threading.active_count()
    async with House(database, vault, settings_for(plant, robot_poll_s=2.0, robot_timeout_s=20.0)) as house:
        hostnames = [await plant.enter(house.registry, index) for index in range(FIFTY)]

        def online() -> int:
            return sum(house.fleet.live(hostname).connection == "connected" for hostname in hostnames)

        await until(lambda: online() == FIFTY, 120)
        assert threading.active_count() - before <= MORE_THREADS_MAX
        serials = {house.fleet.live(hostname).identity.serial for hostname in hostnames}
        assert serials == {spot.serial for spot in plant.world.robots}
        assert len(house.fleet.links()) == FIFTY

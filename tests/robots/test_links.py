"""Links to simulated robots over the real protocol: connected, lost, found again, and why not."""

import asyncio
import socket

import pytest
from tests.robots.conftest import House, Hurried, until

from roundsman.kit.problem import BadRequest, Conflict

pytestmark = pytest.mark.anyio


async def test_a_robot_is_connected_and_observed(site, database, vault, settings_for) -> None:
    plant = await site()
    async with House(database, vault, settings_for(plant)) as house:
        hostname = await plant.enter(house.registry)
        await until(lambda: house.fleet.live(hostname).connection == "connected")
        live = house.fleet.live(hostname)
        spot = plant.world.robots[0]
        assert live.identity.serial == spot.serial
        assert live.battery_pct == pytest.approx(spot.battery_pct, abs=1)
        assert live.observation.docked
        assert live.observation.dock_id == spot.dock_id
        link = house.fleet.links()[hostname]
        assert link.skew_us == pytest.approx(spot.skew_us, abs=20_000)
        robot = await house.registry.get(hostname)
        assert (robot.serial, robot.paired, robot.robot_index) == (spot.serial, True, 0)
        await house.registry.remove(hostname)
        await until(lambda: hostname not in house.fleet.links())


async def test_a_lost_robot_is_offline_with_the_reason_and_comes_back(site, database, vault, settings_for) -> None:
    plant = await site()
    async with House(database, vault, settings_for(plant)) as house:
        hostname = await plant.enter(house.registry)
        await until(lambda: house.fleet.live(hostname).connection == "connected")
        await plant.fleet.set_link(plant.world.robots[0], False)
        await until(lambda: house.fleet.live(hostname).connection == "offline")
        lost = house.fleet.live(hostname)
        assert lost.reason
        assert lost.observation is not None, "what was last seen is still told"
        await plant.fleet.set_link(plant.world.robots[0], True)
        await until(lambda: house.fleet.live(hostname).connection == "connected")


async def test_a_wrong_password_is_tried_twice_and_never_hammered(site, database, vault, settings_for) -> None:
    plant = await site()
    clock = Hurried()
    async with House(database, vault, settings_for(plant), clock) as house:
        hostname = await plant.enter(house.registry, password="wrong")
        await until(lambda: house.fleet.live(hostname).reason and not _links())
        live = house.fleet.live(hostname)
        assert live.connection == "offline"
        assert "refuses this user or password" in live.reason
        assert [pause_s for pause_s in clock.slept_s if pause_s > 60] == [70.0]


def _links() -> list[asyncio.Task]:

    return [task for task in asyncio.all_tasks() if task.get_name().startswith("link to")]


async def test_a_restarted_robot_that_forgot_our_token_is_logged_in_to_anew(
    site, database, vault, settings_for
) -> None:
    plant = await site()
    async with House(database, vault, settings_for(plant)) as house:
        hostname = await plant.enter(house.registry)
        await until(lambda: house.fleet.live(hostname).connection == "connected")
        first = house.fleet.links()[hostname]
        first._calls._token = "forgotten"
        seen_us = house.fleet.live(hostname).last_seen_us
        await until(lambda: (house.fleet.live(hostname).last_seen_us or 0) > seen_us + 300_000)
        assert house.fleet.links()[hostname] is first


@pytest.mark.parametrize(
    ("hostname", "connection", "sentence"),
    [
        ("127.0.0.1:{closed}", "offline", "refuses connections"),
        ("no-such-robot.invalid", "offline", "not known to the network's DNS"),
        ("127.0.0.1:{plain}", "unsupported", "not with TLS"),
    ],
)
async def test_why_a_robot_cannot_be_reached(database, vault, settings_for, hostname, connection, sentence) -> None:
    with socket.socket() as closed, socket.create_server(("127.0.0.1", 0)) as plain:
        closed.bind(("127.0.0.1", 0))

        async def talk(_, writer) -> None:
            writer.write(b"SSH-2.0-what\r\n")
            writer.close()

        speaking = await asyncio.start_server(talk, sock=plain.dup())
        name = hostname.format(closed=closed.getsockname()[1], plain=plain.getsockname()[1])
        async with House(database, vault, settings_for()) as house:
            await house.registry.add(name, "Nobody", "admin", "x")
            await until(lambda: house.fleet.live(name).connection != "unknown")
            live = house.fleet.live(name)
            assert live.connection == connection
            assert sentence in live.reason
        speaking.close()


async def test_an_untrusted_certificate_is_named(site, database, vault, settings_for) -> None:
    plant = await site()
    async with House(database, vault, settings_for()) as house:
        hostname = await plant.enter(house.registry)
        await until(lambda: house.fleet.live(hostname).connection != "unknown")
        live = house.fleet.live(hostname)
        assert live.connection == "unsupported"
        assert "not signed by a robot's authority" in live.reason


async def test_the_registry_says_what_is_wrong(database, vault, settings_for) -> None:
    registry = House(database, vault, settings_for()).registry
    await registry.add("10.0.0.3", "Spot 1", "admin", "secret")
    assert await registry.password("10.0.0.3") == "secret"
    for hostname, nickname, error in [
        ("10.0.0.3", "Spot 2", Conflict),
        ("10.0.0.4", "spot 1", Conflict),
        ("https://10.0.0.5", "Spot 5", BadRequest),
        ("10.0.0.6", "Spot #6", BadRequest),
        ("10.0.0.7", "", BadRequest),
    ]:
        with pytest.raises(error):
            await registry.add(hostname, nickname, "admin", "x")
    second = await registry.add("10.0.0.4", "Spot 2", "admin", "x")
    await registry.remove("10.0.0.3")
    third = await registry.add("10.0.0.8:8443", "Spot 3", "admin", "x")
    assert (second.robot_index, third.robot_index) == (1, 0), "the lowest free slot is taken"

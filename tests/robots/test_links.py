"""Links to simulated robots over the real protocol: connected, lost, found again, and why not."""

import asyncio
import socket
import sys

import pytest
from tests.robots.conftest import House, Hurried, until

from roundsman.kit import outbox
from roundsman.kit.problem import BadRequest, Conflict
from roundsman.robots.supervisor import LINK_DOWN, LINK_UP, OBSERVED

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
        await house.registry.remove(hostname)

        async def told() -> list[str]:
            return [row[2] for row in await outbox.after(database, 0)]

        news = ["robot.added", "robot.online", "robot.offline", "robot.online", "robot.removed"]
        await until(lambda: told_all(told, news))


async def told_all(told, news) -> bool:
    return await told() == news


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
        assert plant.attempts() == 2, "as the robot counts them"
        await house.registry.set_login(hostname, plant.fleet.robots[0].password)
        await until(lambda: house.fleet.live(hostname).connection == "connected")


async def test_a_login_can_be_changed_while_the_robot_is_connected(site, database, vault, settings_for) -> None:
    plant = await site()
    async with House(database, vault, settings_for(plant)) as house:
        hostname = await plant.enter(house.registry)
        await until(lambda: house.fleet.live(hostname).connection == "connected")
        link = house.fleet.links()[hostname]
        plant.fleet.servers[0].tokens._users["ada"] = "another"
        await house.registry.set_login(hostname, "another", "ada")
        await until(lambda: house.fleet.links().get(hostname, link) is not link)
        assert house.fleet.links()[hostname]._calls._password == ("ada", "another")
        assert (await house.registry.get(hostname)).paired, "it is the robot that it was"


async def test_a_locked_out_user_is_waited_for_and_then_logged_in(site, database, vault, settings_for) -> None:
    plant = await site()
    server, clock = plant.fleet.servers[0], Hurried()
    for _ in range(6):
        assert server.tokens.login("admin", "somebody else's guess") is None
    async with House(database, vault, settings_for(plant), clock) as house:
        hostname = await plant.enter(house.registry)
        await until(lambda: house.fleet.live(hostname).reason)
        assert "locked this user out" in house.fleet.live(hostname).reason
        await until(lambda: clock.slept_s.count(70.0) >= 3)
        assert _links(), "the password may be right: it goes on"
        server.robot.skew_us += 61_000_000  # a minute on the robot
        await until(lambda: house.fleet.live(hostname).connection == "connected")


async def test_a_password_that_was_changed_on_the_robot_is_said_and_not_hammered(
    site, database, vault, settings_for
) -> None:
    plant = await site()
    tokens, clock = plant.fleet.servers[0].tokens, Hurried()
    async with House(database, vault, settings_for(plant), clock) as house:
        hostname = await plant.enter(house.registry)
        await until(lambda: house.fleet.live(hostname).connection == "connected")
        tokens._users["admin"] = "a new one"
        tokens.forget()
        await until(lambda: house.fleet.live(hostname).reason and not _links())
        assert "refuses this user or password" in house.fleet.live(hostname).reason
        assert plant.attempts() == 2


async def test_a_link_that_hangs_is_stale_then_offline_and_comes_back(site, database, vault, settings_for) -> None:
    plant = await site()
    async with House(database, vault, settings_for(plant, robot_timeout_s=0.5, robot_stale_s=1.0)) as house:
        hostname = await plant.enter(house.registry)
        await until(lambda: house.fleet.live(hostname).connection == "connected")
        link = house.fleet.links()[hostname]
        await plant.fleet.set_link(plant.world.robots[0], False, stalled=True)
        await until(lambda: house.fleet.live(hostname).connection == "stale")
        assert "last answer is old" in house.fleet.live(hostname).reason
        assert house.fleet.links()[hostname] is link, "it may only be slow"
        await until(lambda: house.fleet.live(hostname).connection == "offline")
        await until(lambda: "says nothing within" in house.fleet.live(hostname).reason)
        await plant.fleet.set_link(plant.world.robots[0], True)
        await until(lambda: house.fleet.live(hostname).connection == "connected")


async def test_one_robot_at_two_addresses_is_looked_after_once(site, database, vault, settings_for) -> None:
    plant = await site()
    async with House(database, vault, settings_for(plant)) as house:
        first = await plant.enter(house.registry)
        await until(lambda: house.fleet.live(first).connection == "connected")
        second = first.replace("127.0.0.1", "localhost")
        await house.registry.add(second, "Its other name", "admin", plant.fleet.robots[0].password)
        await until(lambda: house.fleet.live(second).reason)
        assert house.fleet.live(second).connection == "unsupported"
        assert "the same robot as" in house.fleet.live(second).reason
        assert list(house.fleet.links()) == [first]
        await house.registry.remove(first)
        await until(lambda: house.fleet.live(second).connection == "connected")


async def test_a_service_that_is_not_there_does_not_break_the_link(site, database, vault, settings_for) -> None:
    plant = await site()
    async with House(database, vault, settings_for(plant)) as house:
        hostname = await plant.enter(house.registry)
        await until(lambda: house.fleet.live(hostname).connection == "connected")
        link = house.fleet.links()[hostname]
        for service in ("docking", "robot-mission", "lease"):
            link._authorities.pop(service)
        seen_us = house.fleet.live(hostname).last_seen_us
        await until(lambda: (house.fleet.live(hostname).last_seen_us or 0) > seen_us + 500_000)
        observation = house.fleet.live(hostname).observation
        assert (observation.mission, observation.lease_owner, observation.dock_id) == (None, "", None)
        assert house.fleet.links()[hostname] is link


async def test_without_the_robots_protocol_it_says_what_to_install(database, vault, settings_for, monkeypatch) -> None:
    monkeypatch.delattr("roundsman.robots.spot", raising=False)
    monkeypatch.setitem(sys.modules, "roundsman.robots.spot", None)
    async with House(database, vault, settings_for()) as house:
        await house.registry.add("10.0.0.3", "Spot 1", "admin", "x")
        await until(lambda: house.fleet.live("10.0.0.3").reason)
        assert house.fleet.live("10.0.0.3").connection == "unsupported"
        assert "roundsman[spot]" in house.fleet.live("10.0.0.3").reason


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


async def test_an_unreachable_robot_is_added_and_shown_as_offline_with_the_reason(
    database, vault, settings_for
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        name = f"127.0.0.1:{closed.getsockname()[1]}"
        async with House(database, vault, settings_for()) as house:
            await house.registry.add(name, "Nobody", "admin", "x")
            await until(lambda: house.fleet.live(name).connection != "unknown")
            assert house.fleet.live(name).connection == "offline"
            assert "refuses connections" in house.fleet.live(name).reason


async def test_an_untrusted_certificate_is_named(site, database, vault, settings_for) -> None:
    plant = await site()
    async with House(database, vault, settings_for()) as house:
        hostname = await plant.enter(house.registry)
        await until(lambda: house.fleet.live(hostname).connection != "unknown")
        live = house.fleet.live(hostname)
        assert live.connection == "unsupported"
        assert "not signed by a robot's authority but by “" in live.reason


async def test_the_registry_says_what_is_wrong(database, vault, settings_for) -> None:
    registry = House(database, vault, settings_for()).registry
    await registry.add("10.0.0.3", "Spot 1", "admin", "secret")
    await registry.add("spot.plant", "RÖBOT", "admin", "x")
    assert await registry.password("10.0.0.3") == "secret"
    for hostname, nickname, error in [
        ("10.0.0.3", "Spot 2", Conflict),
        ("10.0.0.3:443", "Spot 2", Conflict),
        ("Spot.Plant.", "Spot 2", Conflict),
        ("10.0.0.4", "spot 1", Conflict),
        ("10.0.0.4", "röBOT", Conflict),
        ("10.0.0.4:0", "Spot 4", BadRequest),
        ("10.0.0.4:65536", "Spot 4", BadRequest),
        ("https://10.0.0.5", "Spot 5", BadRequest),
        ("10.0.0.6", "Spot #6", BadRequest),
        ("10.0.0.7", "", BadRequest),
    ]:
        with pytest.raises(error):
            await registry.add(hostname, nickname, "admin", "x")
    second = await registry.add("10.0.0.4", "Spot 2", "admin", "x")
    await registry.remove("10.0.0.3")
    third = await registry.add("10.0.0.8:8443", "Spot 3", "admin", "x")
    assert (second.robot_index, third.robot_index) == (2, 0), "the lowest free slot is taken"


async def test_a_link_is_open_to_others_once_it_was_looked_at(site, database, vault, settings_for) -> None:
    """Until then it can still fail, and turn out to be a robot that is looked after already."""
    plant = await site()
    house = House(database, vault, settings_for(plant))
    identify, open_then = house.registry.identify, []

    async def watched(*told):
        open_then.append(dict(house.fleet.links()))
        await identify(*told)

    house.registry.identify = watched
    with house.bus.subscribe(LINK_UP, LINK_DOWN, OBSERVED) as news:
        async with house:
            hostname = await plant.enter(house.registry)
            topics = [(await anext(news)).topic for _ in range(2)]
            assert hostname in house.fleet.links()
    assert topics == [LINK_UP, OBSERVED]
    assert open_then == [{}]

"""The official clients log in and find the robots, each in its own environment."""

import asyncio
from typing import Any

import pytest
from tests.clients.official import OfficialClient, official_client
from tests.served import Served

from roundsman.robots.link import LiveState, Mission, Observation

pytestmark = pytest.mark.anyio

WITH_PASSWORDS = ("bosdyn-scout-3.3.2", "bosdyn-scout-5.2.0")
WITH_TOKENS = ("bosdyn-scout-5.2.0", "bosdyn-orbit-4.0.3", "bosdyn-orbit-5.2.0")


def made(client: OfficialClient, served: Served) -> None:
    answer = client.call("client", "create", served.host, str(served.ca_file))
    assert answer.kind == "value", answer.text


def robots_of(client: OfficialClient) -> list[dict[str, Any]]:
    robot = {"hostname": "10.0.0.3", "nickname": "Spot 1", "username": "admin", "password": "x"}
    added = client.post_robot(json=robot)
    assert (added.status, added.json) == (200, {"robotIndex": 0})
    assert client.get_robot_by_hostname("10.0.0.3").json["nickname"] == "Spot 1"
    missing = client.get_robot_by_hostname("10.0.0.4")
    assert missing.status == 404
    assert "error" in missing.json
    listed = client.get_robots().json
    assert client.delete_robot("10.0.0.3").status == 200
    assert client.get_robots().json == []
    return listed


def use(client: OfficialClient) -> None:
    """What every client does once it is in."""
    scout = "_scout" if client.package == "scout" else ""
    assert client.call("client", f"get{scout}_version").json["version"]
    assert isinstance(client.call("client", f"get{scout}_system_time").json["msSinceEpoch"], int)
    [robot] = robots_of(client)
    assert {"robotIndex", "hostname", "nickname", "username"} <= set(robot)


@pytest.mark.parametrize("name", WITH_PASSWORDS)
async def test_a_password_lets_the_scout_clients_in(served: Served, name: str) -> None:
    def session() -> None:
        with official_client(name) as client:
            made(client, served)
            refused = client.authenticate_with_password(served.username, "wrong")
            assert (refused.status, client.get_robots().kind) == (401, "error")
            answer = client.authenticate_with_password(served.username, served.password)
            assert (answer.status, answer.json["username"]) == (200, served.username)
            use(client)

    await asyncio.to_thread(session)


@pytest.mark.parametrize("name", WITH_TOKENS)
async def test_a_token_lets_the_later_clients_in(served: Served, name: str) -> None:
    def session() -> None:
        with official_client(name) as client:
            made(client, served)
            assert client.authenticate_with_api_token("rmn_wrong").status == 401
            assert client.get_robots().kind == "error"
            assert client.authenticate_with_api_token(served.token).status == 200
            use(client)

    await asyncio.to_thread(session)


async def test_the_examples_find_out_who_drives(served: Served) -> None:
    await served.parts.registry.add("10.0.0.3", "Spot 1", "admin", "secret")
    at = Observation(
        hostname="10.0.0.3",
        at_us=served.parts.clock.now_us(),
        lease_owner="tablet-1",
        mission=Mission(status="RUNNING", mission_id=4),
    )
    served.parts.fleet._live["10.0.0.3"] = LiveState(hostname="10.0.0.3", connection="connected", observation=at)

    def session() -> Any:
        with official_client("bosdyn-orbit-5.2.0") as client:
            made(client, served)
            client.authenticate_with_api_token(served.token)
            return client.get_robot_info("Spot 1").json

    info = await asyncio.to_thread(session)
    assert info["missionRunning"] is True
    assert info["currentDriverId"] == "tablet-1"

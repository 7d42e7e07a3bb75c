"""Robots over v0 (scout-api.md §2.2, §2.3)."""

import pytest
from tests.served import Served

from roundsman.robots.link import LiveState, Mission, Observation

pytestmark = pytest.mark.anyio

ROBOT = {"hostname": "10.0.0.3", "nickname": "Spot #1".replace("#", ""), "username": "admin", "password": "a secret"}


async def test_robots_are_added_listed_found_and_removed(served: Served) -> None:
    async with served.client() as client:
        assert (await client.post("/api/v0/robots", json=ROBOT)).json() == {"robotIndex": 0}
        second = ROBOT | {"hostname": "spot.plant:8443", "nickname": "Spot Zwei ä"}
        assert (await client.post("/api/v0/robots", json=second)).json() == {"robotIndex": 1}
        listed = await client.get("/api/v0/robots/")
        assert [robot["hostname"] for robot in listed.json()] == ["10.0.0.3", "spot.plant:8443"]
        assert listed.json()[0] == {
            "robotIndex": 0,
            "hostname": "10.0.0.3",
            "nickname": ROBOT["nickname"],
            "username": "admin",
            "paired": False,
            "bootable": False,
        }
        assert "a secret" not in listed.text
        assert (await client.get("/api/v0/robots/spot.plant:8443/")).json()["nickname"] == "Spot Zwei ä"
        assert (await client.delete("/api/v0/robots/10.0.0.3")).status_code == 200
        assert (await client.get("/api/v0/robots/10.0.0.3")).status_code == 404
        assert (await client.post("/api/v0/robots", json=ROBOT)).json() == {"robotIndex": 0}, "the lowest free slot"


async def test_an_unknown_robot_is_404_with_a_json_object(served: Served) -> None:
    async with served.client() as client:
        answers = [
            await client.get("/api/v0/robots/nobody/"),
            await client.delete("/api/v0/robots/nobody"),
            await client.get("/api/v0/robot-session/nobody/session/"),
        ]
    for answer in answers:
        assert answer.status_code == 404
        assert "nobody" in answer.json()["error"]


@pytest.mark.parametrize(
    ("change", "parameter"),
    [({"nickname": "Spot #1"}, "nickname"), ({"hostname": "https://spot"}, "hostname"), ({"username": ""}, "username")],
)
async def test_a_robot_that_cannot_be_added_says_why(served: Served, change: dict[str, str], parameter: str) -> None:
    async with served.client() as client:
        answer = await client.post("/api/v0/robots", json=ROBOT | change)
    assert answer.status_code == 400
    assert answer.json()["parameter"] == parameter


async def test_a_robot_is_added_once(served: Served) -> None:
    async with served.client() as client:
        await client.post("/api/v0/robots", json=ROBOT)
        assert (await client.post("/api/v0/robots", json=ROBOT)).status_code == 409


async def test_the_session_says_whether_a_mission_runs_and_who_drives(served: Served) -> None:
    await served.parts.registry.add("10.0.0.3", "Spot 1", "admin", "secret")
    mission = Mission(status="RUNNING", mission_id=4)
    observation = Observation(
        hostname="10.0.0.3", at_us=served.parts.clock.now_us(), lease_owner="tablet-1", mission=mission
    )
    session = "/api/v0/robot-session/Spot%201/session/"
    async with served.client() as client:
        idle = (await client.get(session)).json()
        live = LiveState(hostname="10.0.0.3", connection="connected", observation=observation)
        served.parts.fleet._live["10.0.0.3"] = live
        busy = (await client.get(session)).json()
    assert idle == {"missionRunning": False, "currentDriverId": "", "bodyLeaseOwner": ""}
    assert busy == {"missionRunning": True, "currentDriverId": "tablet-1", "bodyLeaseOwner": "tablet-1"}

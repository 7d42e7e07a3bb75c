"""Version 1: robots, its lists, its failures, its documentation (scout-api.md §0.1)."""

import re
from typing import Any

import pytest
from tests.served import Served

from roundsman.robots.link import LiveState, Mission, Observation

pytestmark = pytest.mark.anyio

ROBOTS = "/api/fleet/v1/robots"


async def registered(served: Served, count: int) -> None:
    for number in range(count):
        await served.parts.registry.add(f"10.0.0.{number}", f"Spot {number}", "admin", "secret")


async def test_robots_come_in_pages_of_25_with_the_count_of_all(served: Served) -> None:
    await registered(served, 30)
    async with served.client() as client:
        first = (await client.get(ROBOTS)).json()
        second = (await client.get(ROBOTS + "/", params={"offset": 25})).json()
        some = (await client.get(ROBOTS, params={"limit": 2, "offset": 29})).json()
        beyond = (await client.get(ROBOTS, params={"offset": 400})).json()
        filtered = (await client.get(ROBOTS, params={"nickname": "Spot 7", "cursor": "x"})).json()
    assert first["page"] == {"count": 30, "limit": 25, "offset": 0}
    assert [one["nickname"] for one in first["items"] + second["items"]] == [f"Spot {number}" for number in range(30)]
    assert (len(some["items"]), some["page"]) == (1, {"count": 30, "limit": 2, "offset": 29})
    assert (beyond["items"], beyond["page"]["count"]) == ([], 30)
    assert ([one["hostname"] for one in filtered["items"]], filtered["page"]["count"]) == (["10.0.0.7"], 1)
    assert len({one["id"] for one in first["items"]}) == 25


async def test_a_robot_is_found_by_its_id_and_says_how_well_it_is_known(served: Served) -> None:
    await registered(served, 2)
    parts = served.parts
    seen = Observation(
        hostname="10.0.0.1", at_us=parts.clock.now_us(), battery_pct=71.5, docked=True, dock_id=520,
        mission=Mission(status="RUNNING", mission_id=4, name="Round"), lease_owner="tablet-1",
    )  # fmt: skip
    parts.fleet._live["10.0.0.1"] = LiveState(
        hostname="10.0.0.1", connection="connected", observation=seen, last_seen_us=seen.at_us
    )
    parts.fleet._live["10.0.0.0"] = LiveState(
        hostname="10.0.0.0", connection="offline", reason="nothing answers at 10.0.0.0"
    )
    async with served.client() as client:
        offline, connected = (await client.get(ROBOTS)).json()["items"]
        assert (await client.get(f"{ROBOTS}/{connected['id']}")).json() == connected
    assert (offline["connection"], offline["connectionReason"]) == ("offline", "nothing answers at 10.0.0.0")
    assert (offline["state"], offline["serial"], offline["lastSeenAt"]) == (None, None, None)
    assert (connected["connection"], connected["connectionReason"]) == ("connected", "")
    state = connected["state"]
    assert (state["batteryPercent"], state["docked"], state["dockId"]) == (71.5, True, 520)
    assert (state["mission"], state["leaseOwner"]) == ({"name": "Round", "status": "RUNNING"}, "tablet-1")
    assert connected["lastSeenAt"] == state["observedAt"]
    assert "secret" not in str(connected)


@pytest.mark.parametrize(
    ("path", "method", "status", "code"),
    [
        (f"{ROBOTS}/4711", "GET", 404, "ROBOT_NOT_FOUND"),
        (f"{ROBOTS}?limit=x", "GET", 400, "BAD_REQUEST"),
        (f"{ROBOTS}?offset=-1", "GET", 400, "BAD_REQUEST"),
        (ROBOTS, "POST", 405, "METHOD_NOT_ALLOWED"),
        ("/api/fleet/v1/nothing", "GET", 404, "NOT_FOUND"),
        ("//api//fleet/v1/nothing", "GET", 404, "NOT_FOUND"),
        ("/api/fleet", "GET", 404, "NOT_FOUND"),
        ("/api/facilities/v9", "GET", 404, "NOT_FOUND"),
    ],
)
async def test_failures_have_a_code_and_a_message(
    served: Served, path: str, method: str, status: int, code: str
) -> None:
    async with served.client() as client:
        answer = await client.request(method, served.url + path)
    assert answer.status_code == status
    assert answer.json()["code"] == code
    assert set(answer.json()) <= {"code", "message", "details"}
    assert answer.json()["message"]


async def test_a_parameter_that_cannot_be_used_is_named_in_the_details(served: Served) -> None:
    async with served.client() as client:
        answer = await client.get(ROBOTS, params={"limit": "many"})
    assert answer.json()["details"] == {"parameter": "limit"}


async def test_who_may_not_is_told_in_the_same_shape(served: Served) -> None:
    async with served.client("") as nobody, served.client("wrong") as wrong:
        without, refused = await nobody.get(ROBOTS), await wrong.get(ROBOTS)
    for answer in (without, refused):
        assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHORIZED")
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_defect_has_the_shape_too(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(served.parts.registry, "list", broken)
    async with served.client() as client:
        answer = await client.get(ROBOTS)
    assert (answer.status_code, answer.json()["code"]) == (500, "INTERNAL_SERVER_ERROR")
    assert answer.json()["details"]["requestId"] == answer.headers["x-request-id"]


@pytest.mark.parametrize(
    "docs", ["/api/v1/docs", "/api/v1/docs/fleet", "/api/v1/docs/facilities", "/api/roundsman/v1/docs"]
)
async def test_each_page_comes_from_here_alone(served: Served, docs: str) -> None:
    async with served.client("") as client:
        page = await client.get(docs + "/")
        links = re.findall(r'(?:src|href)="([^"]+)"', page.text)
        assert f"{docs}/assets/start.js" in links
        for link in links:
            assert link.startswith("/api/")
            assert (await client.get(link)).content
    assert "https://" not in page.text


@pytest.mark.parametrize(
    ("spec", "starts", "failure"),
    [
        ("/api/v0/docs/spec", ("/api/v0/", "/daq/"), {"error"}),
        ("/api/v1/docs/fleet/spec", ("/api/fleet/",), {"code", "message"}),
        ("/api/v1/docs/facilities/spec", ("/api/facilities/",), {"code", "message"}),
    ],
)
async def test_each_document_has_its_own_paths_and_failures_and_is_whole(
    served: Served, spec: str, starts: tuple[str, ...], failure: set[str]
) -> None:
    async with served.client("") as client:
        answer = await client.get(spec)
    document: Any = answer.json()
    assert all(path.startswith(starts) for path in document["paths"])
    (response,) = document["components"]["responses"].values()
    name = response["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    assert set(document["components"]["schemas"][name]["required"]) == failure
    named = set(re.findall(r'"#/components/schemas/([^"]+)"', answer.text))
    assert named == set(document["components"]["schemas"])

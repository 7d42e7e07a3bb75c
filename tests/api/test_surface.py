"""What holds for every path: slashes, methods, failures, headers."""

import pytest
from tests.served import Served

from roundsman.access.roles import ROLES

pytestmark = pytest.mark.anyio

VERSION = "/api/v0/version"


@pytest.mark.parametrize("path", [VERSION, VERSION + "/", "//api//v0//version", VERSION + "//", "/" + VERSION])
async def test_slashes_do_not_matter_and_nothing_redirects(served: Served, path: str) -> None:
    async with served.client("", follow_redirects=False) as client:
        answer = await client.get(served.url + path)
    assert answer.status_code == 200
    assert answer.json()["version"] == "5.2.0"


@pytest.mark.parametrize("path", ["/api/v0/robots/", "/api/v0//robots"])
async def test_slashes_do_not_matter_for_unsafe_methods_either(served: Served, path: str) -> None:
    robot = {"hostname": "10.0.0.3", "nickname": "Spot 1", "username": "admin", "password": "secret"}
    async with served.client() as client:
        answer = await client.post(served.url + path, json=robot)
    assert (answer.status_code, answer.json()) == (200, {"robotIndex": 0})


async def test_status_and_version_need_no_login(served: Served) -> None:
    async with served.client("") as client:
        version = (await client.get("/api/v0/version")).json()
        assert (await client.get("/api/v0/status")).json() == {"status": "ok"}
    assert set(version) == {"version", "serial", "hostEnvironment", "roundsmanVersion"}
    assert version["serial"]


async def test_system_time_is_a_json_number_of_milliseconds(served: Served) -> None:
    async with served.client() as client:
        answer = (await client.get("/api/v0/settings/system-time/")).json()
    assert abs(answer["msSinceEpoch"] - served.parts.clock.now_us() // 1000) < 60_000


async def test_head_is_get_without_the_body(served: Served) -> None:
    async with served.client() as client:
        got, head = await client.get(VERSION), await client.head(VERSION)
    assert head.status_code == 200
    assert head.content == b""
    assert head.headers["content-length"] == got.headers["content-length"] == str(len(got.content))


async def test_options_names_the_methods_without_a_login(served: Served) -> None:
    async with served.client("") as client:
        answer = await client.options("/api/v0/robots/")
    assert answer.status_code == 204
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}


async def test_a_method_that_is_not_served_is_405_with_those_that_are(served: Served) -> None:
    async with served.client() as client:
        answer = await client.put("/api/v0/robots")
    assert answer.status_code == 405
    assert "GET" in answer.headers["allow"]
    assert answer.json()["error"]


@pytest.mark.parametrize("path", ["/api/v0/nothing", "/nothing/at/all", "/api/v0/robots/a/b", "/daq"])
async def test_an_unknown_path_is_404_with_a_json_object(served: Served, path: str) -> None:
    async with served.client() as client:
        answer = await client.get(path)
    assert answer.status_code == 404
    assert path in answer.json()["error"]


async def test_a_body_that_is_no_json_is_400(served: Served) -> None:
    async with served.client() as client:
        broken = await client.post("/api/v0/robots", content=b"{", headers={"content-type": "application/json"})
        lacking = await client.post("/api/v0/robots", json={"hostname": "10.0.0.3"})
        wrong = await client.post(
            "/api/v0/robots", json={"hostname": 3, "nickname": "", "username": "", "password": ""}
        )
    for answer in (broken, lacking, wrong):
        assert answer.status_code == 400
        assert answer.json()["error"]
    assert "nickname" in lacking.json()["error"]
    assert "hostname" in wrong.text


@pytest.mark.parametrize("accept", ["application/json", "image/jpeg", "application/zip", "*/*", "text/html"])
async def test_whatever_is_accepted_is_answered(served: Served, accept: str) -> None:
    async with served.client() as client:
        assert (await client.get(VERSION, headers={"accept": accept})).status_code == 200
        assert (await client.get("/", headers={"accept": accept})).status_code == 200


async def test_a_defect_is_500_without_a_traceback(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken() -> None:
        raise ZeroDivisionError("a secret detail")

    monkeypatch.setattr(served.parts.registry, "list", broken)
    async with served.client() as client:
        answer = await client.get("/api/v0/robots")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert answer.json()["requestId"] == answer.headers["x-request-id"]


async def test_every_answer_bears_an_id_and_guards_against_misuse(served: Served) -> None:
    async with served.client("") as client:
        answers = [await client.get(path) for path in ("/", VERSION, "/nothing", "/api/v0/robots", "/api/v0/docs")]
    ids = {answer.headers["x-request-id"] for answer in answers}
    assert len(ids) == len(answers)
    for answer in answers:
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert "strict-transport-security" not in answer.headers


async def test_health_and_metrics(served: Served) -> None:
    async with served.client("") as client:
        assert (await client.get("/healthz")).json() == {"status": "ok"}
        await client.get("/api/v0/robots/10.0.0.99")
        local = await client.get("/metrics")
        assert local.status_code == 200
        assert 'path="/api/v0/robots/{hostname}"' in local.text
        assert "10.0.0.99" not in local.text


async def test_who_may_read_the_metrics(served: Served) -> None:
    """Programs on this machine, and administrators from anywhere; docs/metrics.md says so."""
    elsewhere = [{name: "192.0.2.7"} for name in ("x-forwarded-for", "x-real-ip")] + [{"forwarded": "for=192.0.2.7"}]
    tokens = {role: (await served.parts.access.tokens.create(role, role, created_by="tests"))[0] for role in ROLES}
    for token, expected in ("", 403), ("rmn_wrong", 401), *((tokens[role], 403) for role in ROLES if role != "admin"):
        async with served.client(token) as client:
            for headers in elsewhere:
                assert (await client.get("/metrics", headers=headers)).status_code == expected
    async with served.client(tokens["admin"]) as admin:
        for headers in elsewhere:
            assert (await admin.get("/metrics", headers=headers)).status_code == 200

"""API tokens and roles: who is let through, who is refused, and with which status (scout-api.md §1.3, §1.4)."""

import pytest
from tests.served import Served

from roundsman.access import audit

pytestmark = pytest.mark.anyio


async def test_a_visitor_is_refused_with_403_and_a_json_object(served: Served) -> None:
    async with served.client("") as client:
        answer = await client.get("/api/v0/robots")
    assert answer.status_code == 403
    assert "Forbidden" in answer.json()["error"]


async def test_a_bad_token_is_refused_with_401(served: Served) -> None:
    async with served.client("rmn_unknown") as client:
        answer = await client.get("/api/v0/robots/")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("authorization", "status"),
    [(None, 400), ("Basic YTpi", 400), ("Bearer", 400), ("Bearer rmn_unknown", 401), ("", 400)],
)
async def test_authenticate_tells_a_missing_token_from_a_wrong_one(
    served: Served, authorization: str | None, status: int
) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    async with served.client("") as client:
        answer = await client.get("/api/v0/api_token/authenticate", headers=headers)
    assert answer.status_code == status
    assert answer.json()["error"]


async def test_authenticate_says_whose_token_it_is(served: Served) -> None:
    async with served.client() as client:
        answer = await client.get("/api/v0/api_token/authenticate")
    assert answer.json() == {"name": "tests", "role": "admin"}


@pytest.mark.parametrize("role", ["viewer", "reviewer", "operator"])
async def test_a_lesser_role_reads_but_does_not_administer(served: Served, role: str) -> None:
    token, _ = await served.parts.access.tokens.create("lesser", role, created_by="admin")  # type: ignore[arg-type]
    robot = {"hostname": "10.0.0.3", "nickname": "Spot 1", "username": "admin", "password": "secret"}
    async with served.client(token) as client:
        assert (await client.get("/api/v0/robots")).status_code == 200
        for refused in (await client.post("/api/v0/robots", json=robot), await client.delete("/api/v0/robots/x")):
            assert refused.status_code == 403
            assert "role admin" in refused.json()["error"]


async def test_a_revoked_token_is_useless_at_once(served: Served) -> None:
    token, record = await served.parts.access.tokens.create("short-lived", created_by="admin")
    async with served.client(token) as client:
        assert (await client.get("/api/v0/robots")).status_code == 200
        await served.parts.access.tokens.revoke(record.uuid)
        assert (await client.get("/api/v0/robots")).status_code == 401


async def test_another_scheme_beside_a_login_does_no_harm(served: Served) -> None:
    async with served.client("") as client:
        await client.post("/api/v0/login", json={"username": served.username, "password": served.password})
        answer = await client.get("/api/v0/robots", headers={"Authorization": "Basic YTpi"})
    assert answer.status_code == 200


async def test_a_limited_token_does_what_its_scopes_say_and_leaves_an_entry(served: Served) -> None:
    access = served.parts.access
    reading, _ = await access.tokens.create("reading", created_by="admin", scopes=["robots:read"])
    writing, _ = await access.tokens.create("writing", created_by="admin", scopes=["robots:write"])
    robot = {"hostname": "10.0.0.9", "nickname": "Spot 9", "username": "admin", "password": "a-robots-secret"}
    async with served.client(reading) as client:
        assert (await client.get("/api/v0/robots")).status_code == 200
        refused = await client.post("/api/v0/robots", json=robot)
        assert (refused.status_code, "robots:write" in refused.json()["error"]) == (403, True)
        assert (await client.get("/api/v0/run_events")).status_code == 403
    async with served.client(writing) as client:
        assert (await client.get("/api/v0/robots")).status_code == 200
        assert (await client.post("/api/v0/robots", json=robot)).status_code == 200
        assert (await client.delete("/api/v0/robots/10.0.0.9")).status_code == 200
    removed, added = await audit.newest(served.parts.database, 2)
    assert [(e.who, e.kind, e.action, e.noun, e.subject) for e in (added, removed)] == [
        ("writing", "token", "create", "robot", "10.0.0.9"), ("writing", "token", "delete", "robot", "10.0.0.9"),
    ]  # fmt: skip
    assert "127.0.0.1" in added.address
    assert "a-robots-secret" not in f"{added.after}{removed.before}"

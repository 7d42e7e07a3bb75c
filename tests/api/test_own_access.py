"""Users, API tokens, sessions and the audit trail in our own tier."""

import re
from typing import Any

import httpx
import pytest
from tests.served import PASSWORD, Served

from roundsman.access.roles import Role
from roundsman.access.tokens import COMMAND_LINE

pytestmark = pytest.mark.anyio

OWN = "/api/roundsman/v1"
ADA = {"username": "ada", "password": "a long enough one", "role": "operator"}


async def logged_in(client: httpx.AsyncClient, username: str, password: str) -> httpx.Response:
    """Logs a client in, as the official ones do."""
    await client.get("/")
    client.headers["x-csrf-token"] = client.cookies["x-csrf-token"]
    return await client.post("/api/v0/login", json={"username": username, "password": password})


async def token_of(client: httpx.AsyncClient, role: Role, **members: Any) -> dict[str, Any]:
    answer = await client.post(f"{OWN}/tokens", json={"name": f"a {role}'s", "role": role, **members})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_a_user_from_made_to_removed(served: Served) -> None:
    async with served.client() as client, served.client("") as ada:
        made = await client.post(f"{OWN}/users", json=ADA)
        assert (made.status_code, made.json()["role"], "password" in made.json()) == (201, "operator", False)
        assert (await client.post(f"{OWN}/users", json=ADA)).status_code == 409
        listed = (await client.get(f"{OWN}/users", params={"limit": 1})).json()
        assert [user["username"] for user in listed["items"]] == ["ada"]
        more = (await client.get(f"{OWN}/users", params={"limit": 1, "cursor": listed["next"]})).json()
        assert ([user["username"] for user in more["items"]], more["next"]) == (["admin"], None)

        assert (await logged_in(ada, "ada", ADA["password"])).status_code == 200
        assert (await ada.get(f"{OWN}/me")).json() == {
            "name": "ada", "kind": "session", "username": "ada", "role": "operator", "scopes": [],
            "expiresAt": (await ada.get(f"{OWN}/sessions")).json()["items"][0]["expiresAt"],
        }  # fmt: skip
        assert (await ada.get(f"{OWN}/users/ada")).status_code == 200
        assert (await ada.get(f"{OWN}/users/admin")).status_code == 404

        known = await client.get(f"{OWN}/users/ada")
        tag = {"if-match": known.headers["etag"]}
        changed = await client.patch(f"{OWN}/users/ada", json={"role": "viewer"}, headers=tag)
        assert changed.json()["role"] == "viewer"
        assert (await client.patch(f"{OWN}/users/ada", json={"role": "admin"}, headers=tag)).status_code == 412
        assert (await ada.get(f"{OWN}/me")).status_code == 401, "whatever changes ends the sessions"
        assert (await client.patch(f"{OWN}/users/ada", json={})).status_code == 400
        assert (await client.delete(f"{OWN}/users/ada")).status_code == 204
        assert (await client.get(f"{OWN}/users/ada")).status_code == 404
        assert (await client.delete(f"{OWN}/users/admin")).status_code == 409


async def test_a_disabled_user_and_its_tokens_are_refused_until_it_is_enabled(served: Served) -> None:
    async with served.client() as client, served.client("") as ada:
        await client.post(f"{OWN}/users", json=ADA)
        await logged_in(ada, "ada", ADA["password"])
        secret = (await token_of(ada, "operator"))["token"]
        async with served.client(secret) as program:
            assert (await program.get(f"{OWN}/me")).json()["role"] == "operator"
            assert (await client.patch(f"{OWN}/users/ada", json={"disabled": True})).json()["disabled"] is True
            assert (await program.get(f"{OWN}/me")).status_code == 401
            assert (await ada.get(f"{OWN}/me")).status_code == 401
            refused = await logged_in(ada, "ada", ADA["password"])
            assert (refused.status_code, "disabled" in refused.json()["error"]) == (401, True)
            await client.patch(f"{OWN}/users/ada", json={"disabled": False, "role": "viewer"})
            me = (await program.get(f"{OWN}/me")).json()
            assert (me["role"], me["username"]) == ("viewer", "ada"), "never more than who made it"
            assert (await program.post(f"{OWN}/exports", json={})).status_code == 403
        assert (await client.patch(f"{OWN}/users/admin", json={"disabled": True})).status_code == 409


async def test_nobody_gives_a_token_more_than_they_have(served: Served) -> None:
    async with served.client() as client, served.client("") as ada:
        await client.post(f"{OWN}/users", json=ADA)
        await logged_in(ada, "ada", ADA["password"])
        assert (await ada.post(f"{OWN}/tokens", json={"name": "x", "role": "admin"})).status_code == 403
        limits = {"scopes": ["runs:write", "users:write"], "expiresAt": "2999-01-01T00:00:00Z"}
        limited = await token_of(ada, "operator", **limits)
        assert re.fullmatch(r"rmn_[\w-]+", limited["token"])
        assert limited["token"].startswith(limited["hint"])
        async with served.client(limited["token"]) as program:
            for wrong in (
                {"scopes": []},
                {"scopes": ["captures:read"]},
                {"scopes": ["runs:read"]},  # it would outlive
                {"scopes": ["runs:read"], "expiresAt": "2999-01-02T00:00:00Z"},
            ):
                refused = await program.post(f"{OWN}/tokens", json={"name": "x", "role": "viewer", **wrong})
                assert refused.status_code == 403, wrong
            made = await token_of(program, "viewer", scopes=["runs:read"], expiresAt=limits["expiresAt"])
        assert (made["createdBy"], made["scopes"]) == ("ada", ["runs:read"])
        for body, parameter in (
            ({"name": " ", "role": "viewer"}, "name"),
            ({"name": "x", "role": "viewer", "scopes": ["runs:destroy"]}, "scopes"),
            ({"name": "x", "role": "viewer", "expiresAt": "tomorrow"}, "expiresAt"),
            ({"name": "x", "role": "viewer", "expiresAt": "1999-01-01T00:00:00Z"}, "expiresAt"),
        ):
            answer = await ada.post(f"{OWN}/tokens", json=body)
            assert (answer.status_code, answer.json()["parameter"]) == (400, parameter)


async def test_everyone_keeps_their_own_tokens_and_administrators_all(served: Served) -> None:
    async with served.client() as client, served.client("") as ada:
        await client.post(f"{OWN}/users", json=ADA)
        await logged_in(ada, "ada", ADA["password"])
        mine, other = await token_of(ada, "viewer"), await token_of(client, "admin")
        assert [one["uuid"] for one in (await ada.get(f"{OWN}/tokens")).json()["items"]] == [mine["uuid"]]
        theirs = await client.get(f"{OWN}/tokens", params={"createdBy": "ada"})
        assert [one["uuid"] for one in theirs.json()["items"]] == [mine["uuid"]]
        assert mine["uuid"] in (
            everyone := [one["uuid"] for one in (await client.get(f"{OWN}/tokens")).json()["items"]]
        )
        assert other["uuid"] in everyone
        for request in (ada.get, ada.delete):
            assert (await request(f"{OWN}/tokens/{other['uuid']}")).status_code == 404
        assert "token" not in (await ada.get(f"{OWN}/tokens/{mine['uuid']}")).json()
        assert (await ada.delete(f"{OWN}/tokens/{mine['uuid']}")).status_code == 204
        assert (await ada.delete(f"{OWN}/tokens/{mine['uuid']}")).status_code == 404
        assert (await ada.get(f"{OWN}/tokens/{mine['uuid']}")).json()["revokedAt"]


async def test_a_token_of_the_command_line_is_nobodys(served: Served) -> None:
    async with served.client() as client, served.client("") as admin:
        await logged_in(admin, served.username, PASSWORD)
        secret, _ = await served.parts.access.tokens.create("cron", "viewer", created_by=COMMAND_LINE)
        _, other = await served.parts.access.tokens.create("deploy", "admin", created_by=COMMAND_LINE)
        async with served.client(secret) as program:
            assert (await program.get(f"{OWN}/me")).json()["username"] == ""
            for path in (f"{OWN}/tokens", f"{OWN}/sessions"):
                assert (await program.get(path)).json()["items"] == []
            assert "127.0.0.1" not in (await program.get("/account")).text
            assert (await program.delete(f"{OWN}/tokens/{other.uuid}")).status_code == 404
            assert (await program.post(f"{OWN}/tokens", json={"name": "x", "role": "viewer"})).status_code == 403
        assert (await client.get(f"{OWN}/tokens/{other.uuid}")).json()["createdBy"] == COMMAND_LINE


async def test_a_token_asked_for_twice_with_one_key_is_one(served: Served) -> None:
    async with served.client() as client:
        body, headers = {"name": "once", "role": "viewer"}, {"idempotency-key": "4f1c"}
        first, second = [await client.post(f"{OWN}/tokens", json=body, headers=headers) for _ in range(2)]
        assert first.json() == second.json()


async def test_sessions_say_from_where_and_can_be_ended(served: Served) -> None:
    async with served.client() as client, served.client("") as ada:
        ada.headers["user-agent"] = "Tablet 1"
        await client.post(f"{OWN}/users", json=ADA)
        await logged_in(ada, "ada", ADA["password"])
        (mine,) = (await ada.get(f"{OWN}/sessions")).json()["items"]
        told = (mine["username"], mine["agent"], mine["address"], mine["current"])
        assert told == ("ada", "Tablet 1", "127.0.0.1", True)
        async with served.client("") as admin:
            await logged_in(admin, served.username, PASSWORD)
            (theirs,) = (await client.get(f"{OWN}/sessions", params={"username": "admin"})).json()["items"]
            assert (await ada.delete(f"{OWN}/sessions/{theirs['uuid']}")).status_code == 404
            assert (await admin.delete(f"{OWN}/sessions/{mine['uuid']}")).status_code == 204
        assert (await ada.get(f"{OWN}/me")).status_code == 401


async def test_one_changes_ones_own_password_and_stays_logged_in(served: Served) -> None:
    new = "another long one"
    async with served.client() as client, served.client("") as ada, served.client("") as elsewhere:
        await client.post(f"{OWN}/users", json=ADA)
        await logged_in(ada, "ada", ADA["password"])
        await logged_in(elsewhere, "ada", ADA["password"])
        wrong = await ada.post(f"{OWN}/me/password", json={"current": "not this one", "new": new})
        assert (wrong.status_code, wrong.json()["parameter"]) == (400, "current")
        short = await ada.post(f"{OWN}/me/password", json={"current": ADA["password"], "new": "short"})
        assert short.status_code == 400
        right = await ada.post(f"{OWN}/me/password", json={"current": ADA["password"], "new": new})
        assert right.status_code == 204
        assert (await ada.get(f"{OWN}/me")).status_code == 200
        assert (await elsewhere.get(f"{OWN}/me")).status_code == 401
        assert (await logged_in(elsewhere, "ada", new)).status_code == 200
        assert (await client.post(f"{OWN}/me/password", json={"current": "x", "new": new})).status_code == 409


async def test_the_trail_is_narrowed_and_read_on(served: Served) -> None:
    async with served.client() as client:
        await client.post(f"{OWN}/users", json=ADA)
        await client.patch(f"{OWN}/users/ada", json={"role": "viewer"})
        await client.delete(f"{OWN}/users/ada")
        wanted = {"noun": "user", "subject": "ada", "limit": 2}
        page = (await client.get(f"{OWN}/audit", params=wanted)).json()
        assert [entry["action"] for entry in page["items"]] == ["delete", "update"]
        assert page["items"][1]["before"] == {"disabled": False, "role": "operator"}
        assert page["items"][1]["after"] == {"disabled": False, "role": "viewer"}
        rest = (await client.get(f"{OWN}/audit", params={**wanted, "cursor": page["next"]})).json()
        assert ([entry["action"] for entry in rest["items"]], rest["next"]) == (["create"], None)
        newest = page["items"][0]
        assert (await client.get(f"{OWN}/audit/head")).json() == {
            "sequence": newest["sequence"], "hash": newest["hash"],
        }  # fmt: skip
        mine = (await client.get(f"{OWN}/audit", params={"who": "tests", "endTime": newest["time"]})).json()["items"]
        assert newest["sequence"] not in [entry["sequence"] for entry in mine]
        assert (await client.get(f"{OWN}/audit", params={"startTime": "x"})).status_code == 400

"""What all of our own tier shares: problems, idempotency keys, entity tags."""

import asyncio
from typing import Any

import httpx
import msgspec
import pytest
from litestar import Litestar, Request, get, post, put
from litestar.exceptions import HTTPException
from litestar.params import JSONBody
from litestar.types import ASGIApp, Receive, Scope, Send
from tests.served import Served

from roundsman.access.types import Identity
from roundsman.api import errors
from roundsman.api.answers import Json
from roundsman.api.own.collection import check_unchanged, resource
from roundsman.api.own.idempotency import Idempotency
from roundsman.api.parts import Parts
from roundsman.kit.idempotency import KEPT_US, UNSETTLED_US, Key, claim
from roundsman.kit.problem import BadRequest

pytestmark = pytest.mark.anyio

PROBLEM = "application/problem+json"
Asked = Request[Any, Any, Any]


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/api/roundsman/v1/nothing", "GET", 404),
        ("//api//roundsman/v1/nothing/", "GET", 404),
        ("/api/roundsman", "GET", 404),
        ("/api/roundsman/v1/changes", "PUT", 405),
        ("/api/roundsman/v1/changes?limit=x", "GET", 400),
    ],
)
async def test_failures_are_problems(served: Served, path: str, method: str, status: int) -> None:
    async with served.client() as client:
        answer = await client.request(method, served.url + path)
    told = answer.json()
    assert (answer.status_code, told["status"], answer.headers["content-type"]) == (status, status, PROBLEM)
    assert told["type"] == "about:blank"
    assert told["title"]
    assert told["detail"]
    assert told["instance"].startswith("/")


async def test_who_is_unknown_is_told_401_and_how_to_log_in(served: Served) -> None:
    async with served.client("") as nobody:
        answer = await nobody.get("/api/roundsman/v1/changes")
    assert (answer.status_code, answer.json()["status"]) == (401, 401)
    assert answer.headers["www-authenticate"] == "Bearer"


class Thing(msgspec.Struct):
    name: str


class Things:
    """A small API in front of the middleware: it counts how often something was made."""

    def __init__(self, parts: Parts) -> None:
        self.made: list[str] = []
        self.go = asyncio.Event()
        self.go.set()
        self.thing = Thing("first")

        @post("/api/roundsman/v1/things", status_code=200)
        async def make(data: JSONBody[Thing]) -> Thing:
            await self.go.wait()
            if data.name == "bad":
                raise BadRequest("name", "bad")
            self.made.append(data.name)
            return Thing(f"{data.name} {len(self.made)}")

        @get("/api/roundsman/v1/thing")
        async def one(request: Asked) -> Json[Thing]:
            return resource(request, self.thing)

        @put("/api/roundsman/v1/thing")
        async def change(request: Asked, data: JSONBody[Thing]) -> Json[Thing]:
            check_unchanged(request, self.thing)
            self.thing = data
            return resource(request, self.thing)

        self.app = Litestar(
            [make, one, change],
            middleware=[_As, Idempotency],
            exception_handlers={**errors.handlers(), HTTPException: errors.refused},
            openapi_config=None,
        )
        self.app.state.parts = parts

    def client(self, who: str = "anna") -> httpx.AsyncClient:
        transport = httpx.ASGITransport(self.app)
        return httpx.AsyncClient(transport=transport, base_url="http://own/api/roundsman/v1", headers={"x-who": who})


class _As:
    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        who = dict(scope["headers"])[b"x-who"].decode()
        scope["user"] = Identity(who, "admin", "session", "", None, who)
        await self.app(scope, receive, send)


@pytest.fixture
def things(parts: Parts) -> Things:
    return Things(parts)


def keyed(key: str) -> dict[str, str]:
    return {"Idempotency-Key": key}


async def test_the_same_request_is_done_once_and_answered_twice(things: Things) -> None:
    async with things.client() as client:
        first, again = [await client.post("/things", json={"name": "a"}, headers=keyed("k 1")) for _ in range(2)]
        without = [await client.post("/things", json={"name": "a"}) for _ in range(2)]
    assert (first.json(), again.json()) == ({"name": "a 1"}, {"name": "a 1"})
    assert (first.status_code, again.status_code, again.headers["content-type"]) == (200, 200, "application/json")
    assert (first.headers.get("idempotent-replayed"), again.headers["idempotent-replayed"]) == (None, "true")
    assert [one.json()["name"] for one in without] == ["a 2", "a 3"]


async def test_a_key_belongs_to_one_request_of_one_sender(things: Things) -> None:
    async with things.client() as anna, things.client("bert") as bert:
        await anna.post("/things", json={"name": "a"}, headers=keyed("k"))
        other = await anna.post("/things", json={"name": "b"}, headers=keyed("k"))
        query = await anna.post("/things?x=1", json={"name": "a"}, headers=keyed("k"))
        his = await bert.post("/things", json={"name": "b"}, headers=keyed("k"))
    for answer in (other, query):
        assert answer.status_code == 422
        assert answer.json()["type"] == "urn:roundsman:problem:idempotency-key-reused"
    assert his.json() == {"name": "b 2"}
    assert things.made == ["a", "b"]


async def test_of_two_at_once_one_is_done_and_the_other_asked_to_wait(things: Things) -> None:
    things.go.clear()
    async with things.client() as client:
        tasks = [asyncio.create_task(client.post("/things", json={"name": "a"}, headers=keyed("k"))) for _ in range(2)]
        (told,), (waiting,) = await asyncio.wait(tasks, timeout=30, return_when=asyncio.FIRST_COMPLETED)
        things.go.set()
        done, refused = await waiting, told.result()
        third = await client.post("/things", json={"name": "a"}, headers=keyed("k"))
    assert (refused.status_code, refused.headers["retry-after"]) == (409, "1")
    assert done.json() == third.json() == {"name": "a 1"}


async def test_what_failed_may_be_tried_again(things: Things) -> None:
    async with things.client() as client:
        failed = [await client.post("/things", json={"name": "bad"}, headers=keyed("k")) for _ in range(2)]
        unread = await client.post("/things", content=b"{", headers=keyed("k"))
        good = await client.post("/things", json={"name": "good"}, headers=keyed("k"))
    assert [answer.status_code for answer in (*failed, unread)] == [400, 400, 400]
    assert good.json() == {"name": "good 1"}


@pytest.mark.parametrize("key", ["", " ", "a" * 256, "ä"])
async def test_a_key_that_is_none_is_refused(things: Things, key: str) -> None:
    async with things.client() as client:
        answer = await client.post("/things", json={"name": "a"}, headers={"Idempotency-Key": key.encode()})
    assert (answer.status_code, answer.json()["parameter"]) == (400, "Idempotency-Key")
    assert things.made == []


async def test_keys_are_forgotten_after_a_day_and_taken_over_from_the_dead(parts: Parts) -> None:
    database, key = parts.database, Key("user anna", "k")
    assert await claim(database, key, "f", 0) == "claimed"
    assert await claim(database, key, "f", UNSETTLED_US - 1) == "under way"
    assert await claim(database, key, "g", UNSETTLED_US) == "another request"
    assert await claim(database, key, "f", UNSETTLED_US) == "claimed"
    assert await claim(database, key, "g", UNSETTLED_US + KEPT_US + 1) == "claimed"


async def test_what_is_known_is_not_sent_again_and_what_changed_not_overwritten(things: Things) -> None:
    async with things.client() as client:
        read = await client.get("/thing")
        tag = read.headers["etag"]
        same = await client.get("/thing", headers={"If-None-Match": f'"other", W/{tag}'})
        any_ = await client.get("/thing", headers={"If-None-Match": "*"})
        written = await client.put("/thing", json={"name": "second"}, headers={"If-Match": tag})
        late = await client.put("/thing", json={"name": "third"}, headers={"If-Match": tag})
        changed = await client.get("/thing", headers={"If-None-Match": tag})
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
    assert any_.status_code == 304
    assert written.status_code == 200
    assert (late.status_code, late.json()["type"]) == (412, "urn:roundsman:problem:precondition-failed")
    assert (changed.status_code, changed.json()) == (200, {"name": "second"})

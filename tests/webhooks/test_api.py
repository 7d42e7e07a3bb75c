"""Webhooks by the API, and what a receiver really gets."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests import seed
from tests.served import Served
from tests.webhooks.test_signing import SECRET, accepted

from roundsman.kit import outbox
from roundsman.webhooks.delivering import Deliverer, dispatcher

pytestmark = pytest.mark.anyio

HOOKS, OWN = "/api/v0/webhooks", "/api/roundsman/v1"


class Receiver:
    """A small HTTP server that keeps what it is sent."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], str]] = []
        self.url = ""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[1:-2]
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head)}
        body = await reader.readexactly(int(headers["content-length"]))
        self.got.append((headers, body.decode()))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")
        await writer.drain()
        writer.close()


@asynccontextmanager
async def listening() -> AsyncGenerator[Receiver]:
    """A receiver on this machine."""
    receiver = Receiver()
    server = await asyncio.start_server(receiver.answer, "127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    yield receiver
    server.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with listening() as receiver:
        yield receiver


async def deliver(served: Served) -> None:
    parts = served.parts
    deliverer = Deliverer(database=parts.database, vault=parts.vault, clock=parts.clock, sender=parts.outbound)
    await dispatcher(parts.database, parts.bus, parts.clock).catch_up()
    await deliverer.look()
    await deliverer.settled()


async def test_a_webhook_is_made_changed_and_removed(served: Served) -> None:
    async with served.client() as client:
        assert (await client.get(HOOKS)).json() == []
        made = (await client.post(HOOKS, json={"url": "https://a.example/x", "events": ["ACTION_COMPLETED"]})).json()
        assert (made["enabled"], made["archived"], made["validateTlsCert"], len(made["secret"])) == (
            True,
            False,
            True,
            64,
        )
        where = f"{HOOKS}/{made['uuid']}"
        changed = (await client.post(where, json=made | {"secret": SECRET, "enabled": False, "more": 1})).json()
        assert changed == made | {"secret": SECRET, "enabled": False}
        assert (await client.get(where)).json() == changed
        assert (await client.get(HOOKS)).json() == [changed]
        assert (await client.post(where, json={"archived": True})).json()["archived"] is True
        assert (await client.get(HOOKS)).json() == []
        assert (await client.delete(where)).status_code == 200
        for answer in (await client.get(where), await client.post(where, json={}), await client.delete(where)):
            assert answer.status_code == 404


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"url": None}, "url"), ({"url": "ftp://a.example"}, "url"), ({"url": "https://user:x@a.example"}, "url"),
        ({"url": 3}, "url"), ({"events": ["SOMETHING"]}, "events"), ({"events": "TEST"}, "events"),
        ({"secret": "short"}, "secret"), ({"secret": "g" * 64}, "secret"), ({"enabled": "yes"}, "enabled"),
    ],
)  # fmt: skip
async def test_what_cannot_be_used_is_named(served: Served, change: dict[str, Any], named: str) -> None:
    async with served.client() as client:
        answer = await client.post(HOOKS, json={"url": "https://a.example", "events": []} | change)
        assert (await client.get(HOOKS)).json() == []
    assert answer.status_code == 400
    assert named in json.dumps(answer.json())


async def test_webhooks_are_for_administrators(served: Served) -> None:
    token, _ = await served.parts.access.tokens.create("t", "operator", created_by="tests")
    async with served.client(token) as client:
        assert (await client.get(HOOKS)).status_code == 403
        assert (await client.get(f"{OWN}/webhook_deliveries")).status_code == 403


async def test_a_receiver_gets_what_the_official_validator_accepts(served: Served, receiver: Receiver) -> None:
    async with served.client() as client:
        webhook = (
            await client.post(HOOKS, json={"url": receiver.url, "events": ["ACTION_COMPLETED"], "secret": SECRET})
        ).json()
        [batch] = await seed.fill(
            served.parts.database, seed.Plan(runs=1, events_per_run=1, captures_per_event=2, teleop=0)
        )
        event = str(batch.events[0]["uuid"])
        await served.parts.database.write(lambda tx: outbox.append(tx, "run_event.created", event))
        await dispatcher(served.parts.database, served.parts.bus, served.parts.clock).catch_up()
        listed = (await client.get(f"{OWN}/webhook_deliveries")).json()["items"]
        await client.post(f"{OWN}/webhook_deliveries/{listed[0]['uuid']}/replay")  # so that it need not settle
        await client.post(f"{OWN}/webhooks/{webhook['uuid']}/test")
        await deliver(served)
        shown = (await client.get(f"/api/v0/run_events/{event}")).json()
        log = (await client.get(f"{OWN}/webhook_deliveries", params={"webhookUuid": webhook["uuid"]})).json()
        again = await client.post(f"{OWN}/webhooks/{webhook['uuid']}/replay", json={"state": "delivered"})
        missing = await client.post(f"{OWN}/webhook_deliveries/no-such-delivery/replay")
        wrong = await client.post(f"{OWN}/webhooks/{webhook['uuid']}/replay", json={"state": "lost"})
    messages = {message["type"]: message for message in (json.loads(body) for _, body in receiver.got)}
    assert set(messages) == {"ACTION_COMPLETED", "TEST"}
    assert messages["ACTION_COMPLETED"]["data"] == shown
    assert set(messages["TEST"]) == {"uuid", "type", "time", "data"}
    for headers, body in receiver.got:
        assert accepted(body, {"Orbit-Signature": headers["orbit-signature"]})
        assert headers["webhook-id"] == json.loads(body)["uuid"]
    assert [(one["state"], one["status"], one["answer"]) for one in log["items"]] == [("delivered", 200, "ok")] * 2
    assert {one["body"] for one in log["items"]} == {body for _, body in receiver.got}
    assert again.json() == {"deliveries": 2}
    assert (missing.status_code, wrong.status_code) == (404, 400)

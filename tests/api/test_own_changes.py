"""The change feed: each change once, in the order of commits, as pages and as a stream."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from tests.served import Served

from roundsman.kit import outbox
from roundsman.kit.database import Database, Transaction

pytestmark = pytest.mark.anyio

CHANGES = "/api/roundsman/v1/changes"
STREAM = {"Accept": "text/event-stream"}


async def happen(database: Database, topic: str, *subjects: str, document: str = '{"a": 1.50}') -> None:
    async def work(tx: Transaction) -> None:
        for subject in subjects:
            await outbox.append(tx, topic, subject, document, created_us=1_795_435_200_000_000)

    await database.write(work)


async def forget_up_to(database: Database, sequence: int) -> None:
    await database.write(lambda tx: outbox.forget(tx, 2**62, sequence))


async def events(lines: AsyncIterator[str], count: int) -> list[tuple[str, dict[str, Any]]]:
    """The next events of a stream: each id with its data."""
    found: list[tuple[str, dict[str, Any]]] = []
    place, data = "", ""
    async with asyncio.timeout(30):
        async for line in lines:
            if line.startswith("id: "):
                place = line[4:]
            elif line.startswith("data: "):
                data += line[6:]
            elif not line and data:
                found.append((place, json.loads(data)))
                data = ""
                if len(found) == count:
                    break
    return found


async def test_pages_follow_each_other_and_wait_at_the_end(served: Served) -> None:
    await happen(served.parts.database, "run.started", *"abcde")
    async with served.client() as client:
        first = await client.get(CHANGES, params={"limit": 3})
        second = await client.get(first.links["next"]["url"])
        assert "next" not in second.links
        third = (await client.get(CHANGES, params={"since": second.json()["next"]})).json()
        await happen(served.parts.database, "run.ended", "f")
        fourth = (await client.get(CHANGES, params={"since": third["next"]})).json()
        now = (await client.get(CHANGES, params={"since": "now"})).json()
    items = first.json()["items"] + second.json()["items"] + fourth["items"]
    assert [item["subjectUuid"] for item in items] == list("abcdef")
    assert [item["sequence"] for item in items] == [1, 2, 3, 4, 5, 6]
    assert len({item["uuid"] for item in items}) == 6
    assert (third, now) == ({"items": [], "next": "5"}, {"items": [], "next": "6"})
    assert items[0]["data"] == {"a": 1.5}
    assert items[0]["time"] == "2026-11-23T12:00:00.000000Z"


async def test_topics_are_chosen_by_name_or_by_beginning(served: Served) -> None:
    database = served.parts.database
    for topic in ("run.started", "anomaly.opened", "run_event.created", "anomaly.closed", "run.ended"):
        await happen(database, topic, topic)

    async def topics(client: httpx.AsyncClient, wanted: str, **more: Any) -> tuple[list[str], str]:
        page = (await client.get(CHANGES, params={"topics": wanted, **more})).json()
        return [item["topic"] for item in page["items"]], page["next"]

    async with served.client() as client:
        assert await topics(client, "run.*,anomaly.closed") == (["run.started", "anomaly.closed", "run.ended"], "5")
        assert await topics(client, "anomaly.*", limit=1) == (["anomaly.opened"], "2")
        assert await topics(client, "anomaly.*", since=2) == (["anomaly.closed"], "5")
        assert await topics(client, "nothing.*") == ([], "5")
        assert len((await topics(client, "*"))[0]) == 5


@pytest.mark.parametrize("since", ["x", "-1", "1.5", "9" * 30])
async def test_a_since_that_is_none_is_refused(served: Served, since: str) -> None:
    async with served.client() as client:
        answer = await client.get(CHANGES, params={"since": since})
    assert (answer.status_code, answer.json()["parameter"]) == (400, "since")
    assert answer.headers["content-type"] == "application/problem+json"


async def test_what_is_forgotten_is_said_so(served: Served) -> None:
    database = served.parts.database
    await happen(database, "run.started", *"abcde")
    await forget_up_to(database, 3)
    async with served.client() as client:
        for since in ("0", "2", "6"):
            answer = await client.get(CHANGES, params={"since": since})
            assert answer.status_code == 410
            assert answer.json()["type"] == "urn:roundsman:problem:changes-gone"
            assert "since=now" in answer.json()["detail"]
        assert (await client.get(CHANGES, params={"since": 0}, headers=STREAM)).status_code == 410
        kept = [(await client.get(CHANGES, params=query)).json()["items"] for query in ({}, {"since": 3})]
        await forget_up_to(database, 5)
        assert (await client.get(CHANGES)).json() == {"items": [], "next": "5"}
        assert (await client.get(CHANGES, params={"since": 5})).status_code == 200
        assert (await client.get(CHANGES, params={"since": 4})).status_code == 410
    assert [[item["sequence"] for item in items] for items in kept] == [[4, 5], [4, 5]]


async def test_a_stream_tells_what_is_there_and_what_comes(served: Served) -> None:
    database = served.parts.database
    await happen(database, "run.started", "a", "b", document='{\n"a": 1\r\n}')
    async with served.client() as client, client.stream("GET", CHANGES, headers=STREAM) as answer:
        assert answer.headers["content-type"] == "text/event-stream"
        lines = answer.aiter_lines()
        there = await events(lines, 2)
        await happen(database, "run.ended", *(str(number) for number in range(250)))
        come = await events(lines, 250)
    assert [(place, data["subjectUuid"], data["data"]) for place, data in there] == [
        ("1", "a", {"a": 1}),
        ("2", "b", {"a": 1}),
    ]
    assert [place for place, _ in come] == [str(number) for number in range(3, 253)]


async def test_a_stream_is_taken_up_where_it_broke_off(served: Served) -> None:
    await happen(served.parts.database, "run.started", "a", "b")
    await happen(served.parts.database, "run.ended", "c")
    headers = {**STREAM, "Last-Event-ID": "1"}
    async with served.client() as client:
        for query in ({"since": "0"}, {"since": "now", "topics": "run.*"}):
            async with client.stream("GET", CHANGES, headers=headers, params=query) as answer:
                found = await events(answer.aiter_lines(), 2)
            assert [(place, data["subjectUuid"]) for place, data in found] == [("2", "b"), ("3", "c")]


async def test_readers_miss_nothing_and_see_nothing_twice_while_many_write(served: Served) -> None:
    """Writers whose transactions overlap, some of which fail; a reader of pages and one of the stream."""
    database, count = served.parts.database, 120

    async def write(number: int) -> None:
        async def work(tx: Transaction) -> None:
            await outbox.append(tx, "run.started", str(number))
            if number % 6 == 0:
                raise ValueError(number)
            await outbox.append(tx, "run.ended", str(number))

        await database.write(work)

    expected = 2 * sum(number % 6 != 0 for number in range(count))

    async def pages() -> list[int]:
        seen: list[int] = []
        since = "0"
        while len(seen) < expected:
            page = (await client.get(CHANGES, params={"since": since, "limit": 7})).json()
            seen, since = seen + [item["sequence"] for item in page["items"]], page["next"]
        return seen

    async def stream() -> list[int]:
        async with client.stream("GET", CHANGES, headers=STREAM, params={"since": "0"}) as answer:
            return [data["sequence"] for _, data in await events(answer.aiter_lines(), expected)]

    async with served.client() as client:
        readers = asyncio.gather(pages(), stream())
        await asyncio.gather(*(write(number) for number in range(count)), return_exceptions=True)
        assert await readers == [list(range(1, expected + 1))] * 2

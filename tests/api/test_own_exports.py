"""Exports over our own API, and the lists of records beside them."""

import csv
import io
from typing import Any

import pytest
from tests import seed
from tests.served import Served

pytestmark = pytest.mark.anyio

OWN = "/api/roundsman/v1"
EXPORTS = f"{OWN}/exports"
PLAN = seed.Plan(runs=5, events_per_run=3, captures_per_event=2, robots=2, missions=2, days=2)


async def test_an_export_is_asked_for_made_fetched_and_removed(served: Served) -> None:
    (batch,) = await seed.fill(served.parts.database, PLAN)
    asked: dict[str, Any] = {"kind": "runs", "format": "csv", "endTime": "2027-01-01T00:00:00Z"}
    async with served.client() as client:
        key = {"Idempotency-Key": "one"}
        first, again = [await client.post(EXPORTS, json=asked, headers=key) for _ in range(2)]
        assert (first.status_code, again.status_code, first.json()) == (202, 202, again.json())
        export = first.json()
        path = f"{EXPORTS}/{export['uuid']}"
        assert (export["state"], export["createdBy"], export["downloadUrl"]) == ("waiting", "tests", None)
        early = await client.get(f"{path}/download")
        assert (early.status_code, early.headers["content-type"]) == (409, "application/problem+json")
        await served.parts.exports.make_next()
        read = await client.get(path)
        assert (read.json()["state"], read.json()["rows"]) == ("done", 5)
        same = await client.get(path, headers={"If-None-Match": read.headers["etag"]})
        assert same.status_code == 304
        file = await client.get(read.json()["downloadUrl"])
        rest = await client.get(read.json()["downloadUrl"], headers={"Range": "bytes=10-"})
        beyond = await client.get(read.json()["downloadUrl"], headers={"Range": "bytes=999999-"})
        late = await client.delete(path, headers={"If-Match": '"other"'})
        ended = await client.post(f"{path}/cancel")
        removed = await client.delete(path, headers={"If-Match": read.headers["etag"]})
        gone = await client.get(path)
    lines = list(csv.DictReader(io.StringIO(file.text, newline="")))
    assert {line["uuid"] for line in lines} == {row["uuid"] for row in batch.runs}
    assert "attachment" in file.headers["content-disposition"] or "inline" in file.headers["content-disposition"]
    assert (rest.status_code, rest.content) == (206, file.content[10:])
    assert (beyond.status_code, beyond.headers["content-type"]) == (416, "application/problem+json")
    assert beyond.headers["content-range"] == f"bytes */{len(file.content)}"
    assert [answer.status_code for answer in (late, ended, removed, gone)] == [412, 409, 204, 404]
    assert gone.json()["type"] == "urn:roundsman:problem:export-not-found"


async def test_exports_are_listed_with_the_newest_first(served: Served) -> None:
    async with served.client() as client:
        uuids = [
            (await client.post(EXPORTS, json={"kind": "runs", "format": "jsonl"})).json()["uuid"] for _ in range(5)
        ]
        await client.post(f"{EXPORTS}/{uuids[0]}/cancel")
        seen: list[str] = []
        url: str | None = f"{EXPORTS}?limit=2"
        while url:
            page = await client.get(url)
            seen += [item["uuid"] for item in page.json()["items"]]
            url = page.links.get("next", {}).get("url")
            assert (url is None) == (page.json()["next"] is None)
        waiting = (await client.get(EXPORTS, params={"state": "waiting"})).json()["items"]
    assert seen == uuids[::-1]
    assert [item["uuid"] for item in waiting] == uuids[:0:-1]


@pytest.mark.parametrize(
    ("changed", "parameter"),
    [
        ({"kind": "robots"}, "kind"),
        ({"format": "xls"}, "format"),
        ({"kind": "runs", "format": "zip"}, "format"),
        ({"kind": "runs", "channelName": "x"}, "channelName"),
        ({"startTime": "yesterday"}, "startTime"),
        ({"startTime": "2026-01-02T00:00:00Z", "endTime": "2026-01-01T00:00:00Z"}, "endTime"),
        ({"missionName": "a\0"}, "missionName"),
        ({"mission": "a"}, None),
    ],
)
async def test_what_cannot_be_exported_is_refused(served: Served, changed: dict[str, Any], parameter: str) -> None:
    async with served.client() as client:
        answer = await client.post(EXPORTS, json={"kind": "run_captures", "format": "csv"} | changed)
        assert (await client.get(EXPORTS)).json() == {"items": [], "next": None}
    assert answer.status_code == 400
    assert parameter is None or parameter in str(answer.json())


@pytest.mark.parametrize(("noun", "rows"), [("runs", 5), ("run_events", 15), ("run_captures", 30)])
async def test_records_are_those_of_version_0_read_on_by_a_cursor(served: Served, noun: str, rows: int) -> None:
    await seed.fill(served.parts.database, PLAN)
    async with served.client() as client:
        old = (await client.get(f"/api/v0/{noun}", params={"limit": 100})).json()["resources"]
        seen: list[Any] = []
        query: dict[str, Any] = {"limit": 4}
        while True:
            page = (await client.get(f"{OWN}/{noun}", params=query)).json()
            seen += page["items"]
            if page["next"] is None:
                break
            query["cursor"] = page["next"]
        one = await client.get(f"{OWN}/{noun}/{old[0]['uuid']}")
        none = await client.get(f"{OWN}/{noun}/4711")
    assert seen == old
    assert len(seen) == rows
    assert one.json() == old[0]
    assert one.headers["etag"]
    assert (none.status_code, none.json()["status"]) == (404, 404)

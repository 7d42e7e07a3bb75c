"""The lists over HTTPS: parameters in every form that clients send, refusals that help, pages, tables."""

import csv
import io
from typing import Any

import pytest
from tests import seed

pytestmark = pytest.mark.anyio

PLAN = seed.Plan(runs=12, events_per_run=3, captures_per_event=2, robots=3, missions=3, days=3, alerts=0.3)
LISTS = {"runs": 12, "run_events": 36, "run_captures": 72}


@pytest.fixture
async def filled(served: Any) -> tuple[Any, seed.Batch]:
    (batch,) = await seed.fill(served.parts.database, PLAN)
    return served, batch


@pytest.mark.parametrize("name", LISTS)
async def test_pages(filled: tuple[Any, seed.Batch], name: str) -> None:
    served, _ = filled
    async with served.client() as client:
        first = (await client.get(f"/api/v0/{name}")).json()
        assert (first["total"], first["limit"], first["offset"]) == (LISTS[name], 20, 0)
        assert len(first["resources"]) == min(20, LISTS[name])
        whole = (await client.get(f"/api/v0/{name}/?limit=1000")).json()["resources"]
        by_offset = [
            one
            for offset in range(0, LISTS[name], 7)
            for one in (await client.get(f"/api/v0/{name}/?limit=7&offset={offset}")).json()["resources"]
        ]
        assert by_offset == whole
        by_link, url = [], f"/api/v0/{name}/?limit=5&orderBy="
        while url:
            answer = await client.get(url)
            assert answer.json()["total"] == LISTS[name]
            by_link += answer.json()["resources"]
            url = answer.links.get("next", {}).get("url")
        assert by_link == whole
        for one in whole[:3]:
            assert (await client.get(f"/api/v0/{name}/{one['uuid']}/")).json() == one
        missing = await client.get(f"/api/v0/{name}/nothing")
        assert missing.status_code == 404
        assert isinstance(missing.json(), dict)


@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        ("runs?orderBy=best", "orderBy"),
        ("runs?types=2", "types"),
        ("runs?format=xml", "format"),
        ("runs?modifiedAt=yesterday", "modifiedAt"),
        ("run_events?orderBy=newest", "orderBy"),
        ("run_events?excludeNonAlerts=perhaps", "excludeNonAlerts"),
        ("run_events?startTime=2026-13-01T00:00:00Z", "startTime"),
        ("run_captures?endCreatedAt=x", "endCreatedAt"),
        ("run_captures?limit=0", "limit"),
        ("run_captures?limit=many", "limit"),
        ("run_captures?offset=-1", "offset"),
        ("run_captures?cursor=x", "cursor"),
        ("runs?cursor=kaFh", "cursor"),
    ],
)
async def test_what_cannot_be_used_is_named(filled: tuple[Any, seed.Batch], path: str, parameter: str) -> None:
    async with filled[0].client() as client:
        answer = await client.get(f"/api/v0/{path}")
        assert (answer.status_code, answer.json()["parameter"]) == (400, parameter)
        if parameter in ("orderBy", "types", "format"):
            assert len(answer.json()["choices"]) >= 2


async def test_filters_in_every_form(filled: tuple[Any, seed.Batch]) -> None:
    served, batch = filled
    run, event = batch.runs[4], batch.events[4]
    start = f"{seed.START_US // 1000}"
    cases: list[tuple[str, Any, int]] = [
        ("runs", {"robots": f"{run['robot_hostname']},10.9.9.9"}, sum(same(batch.runs, run, "robot_hostname"))),
        ("runs", {"robots": [run["robot_hostname"], "10.9.9.9"]}, sum(same(batch.runs, run, "robot_hostname"))),
        ("runs", {"types": "0"}, sum(row["run_type"] == "mission" for row in batch.runs)),
        ("runs", {"types": ["0", "1"]}, 12),
        ("runs", {"missions": "none"}, 0),
        ("runs", {"robots": run["robot_hostname"], "robotHostname": "10.9.9.9"}, 0),
        ("runs", {"startTime": start, "missions": "", "robotSerial": "", "unknown": "x"}, 12),
        ("runs", {"endTime": "2026-01-01 00:00:00+00:00"}, 0),
        ("run_events", {"runUuid": event["run_uuid"]}, 3),
        ("run_events", {"elementId": event["action_uuid"]}, sum(same(batch.events, event, "action_uuid"))),
        ("run_events", {"actionUuid": event["action_uuid"]}, sum(same(batch.events, event, "action_uuid"))),
        ("run_events", {"excludeNonAlerts": "true"}, sum(row["worst_severity"] > 0 for row in batch.events)),
        ("run_events", {"excludeNonAlerts": "False"}, 36),
        ("run_captures", {"runEventUuid": event["uuid"]}, 2),
        ("run_captures", {"actionName": event["action_name"]}, 2 * sum(same(batch.events, event, "action_name"))),
        ("run_captures", {"missionName": event["mission_name"]}, 2 * sum(same(batch.events, event, "mission_name"))),
        (
            "run_captures",
            {"robotNickname": event["robot_nickname"]},
            2 * sum(same(batch.events, event, "robot_nickname")),
        ),
        ("run_captures", {"startCreatedAt": "2027-01-01T00:00:00+01:00"}, 0),
        ("run_captures", {"uuid": batch.captures[0]["uuid"]}, 1),
    ]
    async with served.client() as client:
        for name, parameters, expected in cases:
            answer = (await client.get(f"/api/v0/{name}/", params={**parameters, "limit": 1000})).json()
            assert (answer["total"], len(answer["resources"])) == (expected, expected), (name, parameters)


def same(rows: list[seed.Row], row: seed.Row, name: str) -> list[bool]:
    return [other[name] == row[name] for other in rows]


async def test_the_shapes(filled: tuple[Any, seed.Batch]) -> None:
    async with filled[0].client() as client:
        (event,) = (await client.get("/api/v0/run_events/?limit=1&orderBy=-created_at")).json()["resources"]
        assert len(event["dataCaptures"]) == 2
        assert (
            event["dataCaptures"][0]
            == (await client.get(f"/api/v0/run_captures/{event['dataCaptures'][0]['uuid']}")).json()
        )
        assert {"error": 0, "eventType": "daq"}.items() <= event.items()
        for run in (await client.get("/api/v0/runs?limit=100")).json()["resources"]:
            assert isinstance(run["missionName"], str)
            assert run["startTime"].endswith("Z")
            assert len(run["startTime"]) == len("2026-01-01T00:00:00.000000Z")
            assert run["missionStatus"] != "RUNNING" or run["endTime"] is None or run["endTime"]


async def test_runs_as_a_table(filled: tuple[Any, seed.Batch]) -> None:
    served, batch = filled
    batch.runs[0] |= {"uuid": "evil", "group_name": "evil", "operator_id": '=HYPERLINK("x")', "mission_name": "@a,b"}
    await seed.store(served.parts.database, seed.Batch([batch.runs[0]], [], []))
    async with served.client() as client:
        answer = await client.get("/api/v0/runs/?format=csv&orderBy=oldest")
        assert answer.headers["content-type"].startswith("text/csv")
        rows = list(csv.DictReader(io.StringIO(answer.text)))
        assert len(rows) == 13
        shown = (await client.get("/api/v0/runs/?orderBy=oldest&limit=100")).json()["resources"]
        assert [row["uuid"] for row in rows] == [run["uuid"] for run in shown]
        assert list(rows[0]) == list(shown[0])
        evil = next(row for row in rows if row["uuid"] == "evil")
        assert evil["operatorId"] == '\'=HYPERLINK("x")'
        assert evil["missionName"] == "'@a,b"
        limited = await client.get("/api/v0/runs/?format=csv&limit=3&robots=10.0.0.1,10.0.0.2,10.0.0.3")
        assert len(limited.text.splitlines()) == 4


async def test_the_documentation_names_every_parameter(served: Any) -> None:
    async with served.client() as client:
        paths = (await client.get("/api/v0/docs/spec")).json()["paths"]
    for name, some in (
        ("runs", {"startTime", "endTime", "modifiedAt", "missions", "robots", "types", "orderBy", "format"}),
        ("run_events", {"runUuid", "actionUuid", "elementId", "excludeNonAlerts", "startCreatedAt", "orderBy"}),
        ("run_captures", {"runEventUuid", "actionUuid", "actionName", "startCreatedAt", "endCreatedAt", "orderBy"}),
    ):
        operation = paths[f"/api/v0/{name}"]["get"]
        named = {parameter["name"] for parameter in operation["parameters"]}
        assert named >= some | {"limit", "offset", "cursor", "robotHostname", "robotNickname", "robotSerial"}
        assert "application/json" in operation["responses"]["200"]["content"]
    assert "application/zip" in paths["/api/v0/run_archives/{uuid}"]["get"]["responses"]["200"]["content"]

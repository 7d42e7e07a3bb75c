"""The calendar over v0 and over our own API (scout-api.md §2.7, §2.8)."""

import copy
import json
from typing import Any

import pytest
from tests.calendar.test_events import EVENT, changed, long_of
from tests.served import Served

from roundsman.kit import outbox

pytestmark = pytest.mark.anyio

CALENDAR, OWN = "/api/v0/calendar/schedule", "/api/roundsman/v1/schedules"
DISPATCH = "/api/v0/calendar/mission/dispatch/Spot%201?currentDriverId=None"
SEND = "/api/v0/graph/send-robot"


@pytest.fixture
async def fleet(served: Served) -> Served:
    await served.parts.registry.add("10.0.0.1", "Spot 1", "admin", "secret")
    return served


async def test_an_event_is_made_listed_overwritten_and_deleted(fleet: Served) -> None:
    async with fleet.client() as client:
        made = (await client.post(CALENDAR, json=changed(task__colour="blue", note=long_of(-1)))).json()
        assert made["eventMetadata"]["modificationUser"] == "tests"
        assert (made["task"]["colour"], made["note"]) == ("blue", long_of(-1))
        assert "blackouts" not in made["schedule"]
        assert "disableReason" not in made["schedule"]
        assert (await client.get(CALENDAR + "/")).json() == {"activeEvents": [made]}
        later = copy.deepcopy(made)
        later["schedule"] |= {"repeatMs": "3600000", "timeMs": long_of(1_795_435_300_000)}
        stored = (await client.post(CALENDAR, json=later)).json()
        assert stored["schedule"] == {"timeMs": 1_795_435_300_000, "repeatMs": 3_600_000}
        assert stored["eventMetadata"]["eventId"] == made["eventMetadata"]["eventId"]
        assert (await client.get(CALENDAR)).json() == {"activeEvents": [stored]}
        path = f"{CALENDAR}/{made['eventMetadata']['eventId']}"
        assert (await client.delete(path)).json() == {"removed": made["eventMetadata"]["eventId"]}
        assert (await client.delete(path)).status_code == 404
        assert (await client.get(CALENDAR)).json() == {"activeEvents": []}
    topics = [row[2] for row in await outbox.after(fleet.parts.database, 0) if row[2].startswith("schedule.")]
    assert topics == ["schedule.saved", "schedule.saved", "schedule.deleted"]


async def test_a_client_may_bring_an_id_and_3_3_has_its_own_paths(fleet: Served) -> None:
    async with fleet.client() as client:
        for event_id in ("mine", "Another of mine: 2"):
            made = await client.post("/api/v0/calendar/set", json=changed(eventMetadata__eventId=event_id))
            assert made.json()["eventMetadata"]["eventId"] == event_id
        assert len((await client.get(CALENDAR)).json()["activeEvents"]) == 2
        assert (await client.post("/api/v0/calendar/delete", json={"eventId": "mine"})).status_code == 200
        other = {"eventMetadata": {"eventId": "Another of mine: 2"}}
        assert (await client.post("/api/v0/calendar/delete", json=other)).status_code == 200
        assert (await client.post("/api/v0/calendar/delete", json=other)).status_code == 404
        assert (await client.post("/api/v0/calendar/delete", json={})).json()["parameter"] == "eventId"


async def test_events_are_disabled_and_enabled_one_or_all(fleet: Served) -> None:
    disable = "/api/v0/calendar/disable-enable"
    async with fleet.client() as client:
        for event_id in ("a", "b"):
            await client.post(CALENDAR, json=changed(eventMetadata__eventId=event_id))

        async def reasons() -> list[str | None]:
            events = (await client.get(CALENDAR)).json()["activeEvents"]
            return [event["schedule"].get("disableReason") for event in events]

        answer = await client.post(disable, json={"disableReason": "winter", "eventId": "b"})
        assert [event["eventMetadata"]["eventId"] for event in answer.json()["activeEvents"]] == ["b"]
        assert await reasons() == [None, "winter"]
        await client.post(disable, json={"disableReason": "fire drill"})
        assert await reasons() == ["fire drill"] * 2
        await client.post(disable, json={"disableReason": "", "eventId": "a"})
        assert await reasons() == [None, "fire drill"]
        await client.post(disable, json={"disableReason": ""})
        assert await reasons() == [None, None]
        unknown = await client.post(disable, json={"disableReason": "x", "eventId": "c"})
        assert (unknown.status_code, "event c" in unknown.json()["error"]) == (404, True)
        for body in ({}, {"disableReason": None}, {"disableReason": 3}, {"disableReason": "x", "eventId": ""}):
            assert (await client.post(disable, json=body)).status_code == 400


async def test_an_event_for_a_robot_that_is_not_there_is_refused_and_one_whose_robot_went_is_kept(
    fleet: Served,
) -> None:
    async with fleet.client() as client:
        refused = await client.post(CALENDAR, json=changed(agent__nickname="Spto 1"))
        assert (refused.status_code, refused.json()["parameter"]) == (400, "agent.nickname")
        assert refused.json()["choices"] == ["Spot 1"]
        made = (await client.post(CALENDAR, json=EVENT)).json()
        await fleet.parts.registry.remove("10.0.0.1")
        assert (await client.post(CALENDAR, json=made)).status_code == 200
        (shown,) = (await client.get(OWN)).json()["items"]
    assert "there is no robot with the nickname Spot 1" in shown["problems"]


BODIES = [
    b"", b"[]", b"{", b"null", b"\xff", b'{"a":1e999}', b"[" * 100_000, b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
    b'{"agent":{"nickname":"\\ud800"}}',
    b'{"agent":{"nickname":"a\\u0000"},"task":{"missionId":"x"},"schedule":{"timeMs":1}}',
]  # fmt: skip


@pytest.mark.parametrize("body", BODIES, ids=lambda body: repr(body[:20]))
async def test_odd_bodies_are_400(fleet: Served, body: bytes) -> None:
    paths = [
        CALENDAR,
        "/api/v0/calendar/set",
        "/api/v0/calendar/delete",
        "/api/v0/calendar/disable-enable",
        DISPATCH,
        SEND,
    ]
    async with fleet.client() as client:
        for path in paths:
            for kind in ("application/json", "text/plain", "multipart/form-data"):
                answer = await client.post(path, content=body, headers={"content-type": kind})
                assert (answer.status_code, "error" in answer.json()) == (400, True), path


@pytest.mark.parametrize(("depth", "status"), [(95, 200), (150, 400), (300, 400), (600, 400), (900, 400), (3000, 400)])
async def test_depth_breaks_nothing(fleet: Served, depth: int, status: int) -> None:
    deep = '{"x":' * depth + "1" + "}" * depth
    body = json.dumps(changed(eventMetadata__eventId="deep"))[:-1] + f', "deep": {deep}}}'
    async with fleet.client() as client:
        assert (await client.post(CALENDAR, json=changed(eventMetadata__eventId="flat"))).status_code == 200
        answer = await client.post(CALENDAR, content=body)
        assert answer.status_code == status
        assert (await client.get(CALENDAR)).status_code == 200
        assert (await client.get(OWN)).status_code == 200
        disabled = await client.post("/api/v0/calendar/disable-enable", json={"disableReason": "x"})
        assert disabled.status_code == 200


TASKS: list[dict[str, Any]] = [
    {"missionId": "walk-1", "deleteMission": True, "forceAcquireEstop": False, "requireDocked": False},
    {"missionId": "walk-1", "skipInitialization": True, "forceAcquireLease": True},
    {"dispatchTarget": {"missionId": "walk-1"}, "skipInitialization": False},
    {"dispatchTarget": {"walk": {"elements": []}}},
]


@pytest.mark.parametrize("task", TASKS)
async def test_a_dispatch_in_every_form_is_understood_and_refused_honestly(fleet: Served, task: dict[str, Any]) -> None:
    body = {
        "agent": {"nickname": "Spot 1"},
        "schedule": {"timeMs": long_of(1), "repeatMs": long_of(0)},
        "task": task,
        "eventMetadata": {"name": "API Triggered Mission"},
    }
    async with fleet.client() as client:
        answer = await client.post(DISPATCH, json=body)
        listed = (await client.get(CALENDAR)).json()
    assert answer.status_code == 409
    assert "does not move robots yet" in answer.json()["error"]
    assert listed == {"activeEvents": []}


@pytest.mark.parametrize(
    ("change", "parameter"),
    [
        ({"task": {}}, "task.dispatchTarget"),
        ({"task": {"dispatchTarget": {"missionId": "a", "walk": {}}}}, "task.dispatchTarget.walk"),
        ({"task": {"dispatchTarget": {"walk": "a"}}}, "task.dispatchTarget.walk"),
        ({"agent": {"nickname": "Spot 2"}}, "agent.nickname"),
        ({"schedule": {"timeMs": {"low": "x"}}}, "schedule.timeMs"),
        ({"task": {"missionId": "a", "deleteMission": "no"}}, "task.deleteMission"),
    ],
)
async def test_a_dispatch_that_cannot_be_understood_says_why(
    fleet: Served, change: dict[str, Any], parameter: str
) -> None:
    async with fleet.client() as client:
        answer = await client.post(DISPATCH, json={"task": {"missionId": "walk-1"}} | change)
        nobody = await client.post("/api/v0/calendar/mission/dispatch/Nobody", json={"task": {"missionId": "walk-1"}})
    assert (answer.status_code, answer.json()["parameter"]) == (400, parameter)
    assert nobody.status_code == 404


async def test_a_robot_is_not_sent_to_its_dock_and_the_answer_says_so(fleet: Served) -> None:
    async with fleet.client() as client:
        refused = await client.post(SEND, json={"nickname": "Spot 1", "siteDockUuid": "dock-1"})
        assert (refused.status_code, "does not move robots yet" in refused.json()["error"]) == (409, True)
        unknown = await client.post(SEND, json={"nickname": "Spot 9", "siteDockUuid": "dock-1"})
        assert (unknown.status_code, unknown.json()["choices"]) == (400, ["Spot 1"])
        assert (await client.post(SEND, json={"nickname": "Spot 1"})).json()["parameter"] == "siteDockUuid"


async def test_our_own_list_says_when_each_starts_next(fleet: Served) -> None:
    day_ms = 24 * 3600 * 1000
    now_ms = fleet.parts.clock.now_us() // 1000
    always = [{"startMs": 0, "endMs": 7 * day_ms}]
    events = {
        "a": {"schedule__timeMs": now_ms + day_ms},
        "b": {"schedule__timeMs": now_ms - day_ms},
        "c": {
            "schedule__timeMs": now_ms - day_ms,
            "schedule__repeatMs": 3 * day_ms,
            "eventMetadata__name": "Ä; round," * 20,
        },
        "d": {"schedule__repeatMs": day_ms, "schedule__blackouts": always},
        "e": {"schedule__timeMs": now_ms + day_ms, "schedule__disableReason": "winter"},
    }
    async with fleet.client() as client:
        for event_id, change in events.items():
            assert (
                await client.post(CALENDAR, json=changed(eventMetadata__eventId=event_id, **change))
            ).status_code == 200
        shown = {one["eventId"]: one for one in (await client.get(OWN)).json()["items"]}
        ics = await client.get(f"{OWN}.ics")
    assert [name for name, one in shown.items() if one["nextStart"]] == ["a", "c"]
    assert "its only start has passed" in shown["b"]["problems"]
    assert "its blackouts cover the whole week" in shown["d"]["problems"]
    assert "it is disabled: winter" in shown["e"]["problems"]
    assert ics.headers["content-type"].startswith("text/calendar")
    lines = ics.content.split(b"\r\n")
    assert all(len(line) <= 75 for line in lines)
    unfolded = ics.text.replace("\r\n ", "")
    assert unfolded.count("BEGIN:VEVENT") == 1 + 9 == unfolded.count("END:VEVENT")
    assert "SUMMARY:" + "Ä\\; round\\," * 20 + " (Spot 1)" in unfolded

"""What is done with the calendar by the official clients. Source: scout-api.md §2.7, §2.8, §5.1."""

from typing import Any

from tests.clients.official import Answer, OfficialClient
from tests.clients.site import DRIVER, ROBOT, Site

WALK, DOCK = "0197a2f0-0000-7000-8000-000000000001", "0197a2f0-0000-7000-8000-000000000002"
FIRST_MS = 1_795_435_200_000
BLACKOUT = {"startMs": 0, "endMs": 3_600_000}
BODY: dict[str, Any] = {
    "agent": {"nickname": ROBOT},
    "task": {"missionId": WALK, "forceAcquireEstop": False, "requireDocked": True},
    "schedule": {"timeMs": FIRST_MS, "repeatMs": 0, "blackouts": [BLACKOUT]},
    "eventMetadata": {"name": "Night round"},
}


def ok(answer: Answer) -> Any:
    """The JSON of a response that is 200."""
    assert (answer.kind, answer.status) == ("response", 200), answer
    return answer.json


def listed(client: OfficialClient) -> list[dict[str, Any]]:
    """What the example program schedule_mission reads of every event, unguarded."""
    events = ok(client.get_calendar())["activeEvents"]
    for event in events:
        assert all(event["eventMetadata"][name] is not None for name in ("eventId", "name"))
        assert (event["agent"]["nickname"], event["task"]["missionId"]) == (ROBOT, WALK)
        assert isinstance(event["schedule"]["repeatMs"], int)
    return events


def posted(client: OfficialClient, event_id: str | None = None, repeat_ms: int | None = None) -> dict[str, Any]:
    """Makes or overwrites an event the way this client does."""
    if client.release < (4,):
        body = BODY | {"eventMetadata": {"name": "Night round", "eventId": event_id}}
        return ok(client.post_calendar_event(json=body | {"schedule": BODY["schedule"] | {"repeatMs": repeat_ms}}))
    return ok(
        client.post_calendar_event(
            nickname=ROBOT, time_ms=FIRST_MS, repeat_ms=repeat_ms, mission_id=WALK, force_acquire_estop=False,
            require_docked=True, schedule_name="Night round", blackout_times=[BLACKOUT], event_id=event_id,
        )
    )  # fmt: skip


def delete(client: OfficialClient, event_id: str) -> Answer:
    """Deletes an event the way this client does."""
    if client.release < (4,):
        return client.delete_calendar_event(json={"eventId": event_id})
    return client.delete_calendar_event(event_id)


def event(client: OfficialClient, site: Site) -> None:
    made = posted(client)
    assert listed(client) == [made]
    assert (made["schedule"], made["eventMetadata"]["name"]) == (
        {"timeMs": FIRST_MS, "repeatMs": 0, "blackouts": [BLACKOUT]},
        "Night round",
    )
    event_id = made["eventMetadata"]["eventId"]
    again = posted(client, event_id, 3_600_000)
    assert (listed(client), again["schedule"]["repeatMs"]) == ([again], 3_600_000)
    assert delete(client, event_id).status == 200
    assert (delete(client, event_id).status, listed(client)) == (404, [])


def lockout(client: OfficialClient, site: Site) -> None:
    first, second = (posted(client)["eventMetadata"]["eventId"] for _ in range(2))
    assert client.post_calendar_events_disable_all("fire drill").status == 200
    assert [one["schedule"].get("disableReason") for one in listed(client)] == ["fire drill"] * 2
    assert client.post_calendar_event_enable_by_id(first).status == 200
    assert ["disableReason" in one["schedule"] for one in listed(client)] == [False, True]
    assert client.post_calendar_events_enable_all().status == 200
    assert client.post_calendar_event_disable_by_id(second, "winter").status == 200
    assert ["disableReason" in one["schedule"] for one in listed(client)] == [False, True]
    assert client.post_calendar_event_disable_by_id("4711", "winter").status == 404
    for event_id in (first, second):
        assert delete(client, event_id).status == 200


def dispatch(client: OfficialClient, site: Site) -> None:
    flags = (False, False) if client.release < (4, 1) else (False, False, True)
    for driver in (DRIVER, None):
        refused = client.post_dispatch_mission_to_robot(ROBOT, driver, WALK, *flags)
        assert (refused.status, "does not move robots yet" in refused.text) == (409, True)
    if client.package == "orbit" and client.release >= (5, 0, 1):
        walk = client.post_dispatch_mission_to_robot(ROBOT, DRIVER, walk={"elements": []})
        assert walk.status == 409
    assert client.post_dispatch_mission_to_robot("Nobody", DRIVER, WALK, *flags).status == 404
    assert listed(client) == []


def to_dock(client: OfficialClient, site: Site) -> None:
    refused = client.post_return_to_dock_mission(ROBOT, DOCK)
    assert refused.status == 409
    assert "error" in refused.json, "by which the example program sees that it failed"


CALENDAR = {
    "delete_calendar_event": event,
    "get_calendar": event,
    "post_calendar_event": event,
    "post_calendar_event_disable_by_id": lockout,
    "post_calendar_event_enable_by_id": lockout,
    "post_calendar_events_disable_all": lockout,
    "post_calendar_events_enable_all": lockout,
    "post_dispatch_mission_to_robot": dispatch,
    "post_return_to_dock_mission": to_dock,
}
REFUSED = {
    "post /api/v0/calendar/mission/dispatch/{nickname}",
    "post /api/v0/graph/send-robot",
}
"""Operations that succeed for nobody yet."""

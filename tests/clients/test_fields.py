"""Every published field is there, of the published type, and null only where it may be. Source: scout-api.md §2."""

from typing import Any

import pytest
from tests.clients.calls import listed, ok
from tests.clients.official import OfficialClient
from tests.clients.site import Site

from roundsman.kit.times import iso

TEXT, NUMBER, FLAG, NOTHING = str, int, bool, type(None)
Fields = dict[str, tuple[type, ...]]

ROBOT: Fields = {"robotIndex": (NUMBER,), "hostname": (TEXT,), "nickname": (TEXT,), "username": (TEXT,)}
ROBOT_LATER: Fields = {"paired": (FLAG,), "bootable": (FLAG,)}
RUN: Fields = {
    "uuid": (TEXT,),
    "runType": (TEXT,),
    "startTime": (TEXT,),
    "endTime": (TEXT, NOTHING),
    "actionCount": (NUMBER,),
    "pendingActionCount": (NUMBER,),
    "robotHostname": (TEXT,),
    "robotSerial": (TEXT,),
    "robotNickname": (TEXT,),
    "operatorId": (TEXT,),
    "missionStatus": (TEXT,),
    "missionName": (TEXT,),
    "robotSoftwareMajorVersion": (NUMBER,),
    "robotSoftwareMinorVersion": (NUMBER,),
    "robotSoftwarePatchVersion": (NUMBER,),
    "robotSoftwareGitHash": (TEXT,),
}
EVENT: Fields = {
    "uuid": (TEXT,),
    "runUuid": (TEXT,),
    "time": (TEXT,),
    "createdAt": (TEXT,),
    "actionName": (TEXT,),
    "actionRunArchiveFileUrl": (TEXT,),
    "error": (NUMBER,),
    "actionUuid": (TEXT,),
    "missionName": (TEXT,),
    "metadataFileUrl": (TEXT,),
    "eventType": (TEXT,),
    "dataCaptures": (list,),
}
CAPTURE: Fields = {
    "time": (TEXT,),
    "uuid": (TEXT,),
    "runEventUuid": (TEXT,),
    "dataUrl": (TEXT,),
    "createdAt": (TEXT,),
    "keyResults": (list, NOTHING),
    "channelName": (TEXT,),
    "actionChannelRunFlagUuid": (TEXT,),
}
CHOICES = {
    "runType": {"teleop", "mission"},
    "eventType": {"daq", "screenshot"},
    "missionStatus": {"UNKNOWN", "FAILURE", "RUNNING", "SUCCESS", "PAUSED", "ERROR", "NONE", "STOPPED"},
}


def held(client: OfficialClient, found: list[dict[str, Any]], fields: Fields) -> None:
    assert found
    for one in found:
        for name, types in fields.items():
            assert type(one[name]) in types, (name, one[name])
            assert one[name] in CHOICES.get(name, (one[name],)), (name, one[name])
    first = found[0]
    for name in {"time", "createdAt", "startTime", "endTime"} & set(first):
        for one in found[:3]:
            told = one[name] is None or client.utils("datetime_from_isostring", one[name]).type == "datetime"
            assert told, (name, one[name])


def test_robots(client: OfficialClient) -> None:
    robots = ok(client.get_robots())
    held(client, robots, ROBOT | ROBOT_LATER)
    assert not any("password" in robot for robot in robots)


def test_runs(client: OfficialClient, site: Site) -> None:
    runs = listed(client.get_runs())
    held(client, runs, RUN)
    assert {run["missionStatus"] for run in runs} == CHOICES["missionStatus"]
    held(client, [ok(client.get_run_by_id(site.archived["uuid"]))], RUN)


def test_run_events(client: OfficialClient, site: Site) -> None:
    events = listed(client.get_run_events())
    held(client, events, EVENT)
    held(client, [capture for event in events for capture in event["dataCaptures"]], CAPTURE)
    held(client, [ok(client.get_run_event_by_id(site.events[0]["uuid"]))], EVENT)


def test_run_captures(client: OfficialClient, site: Site) -> None:
    captures = listed(client.get_run_captures(params={"limit": 100}))
    held(client, captures, CAPTURE)
    for capture in captures:
        assert capture["dataUrl"].startswith("/daq/download/")
        for result in capture["keyResults"] or []:
            assert {"name", "value"} <= set(result)
    held(client, [ok(client.get_run_capture_by_id(site.captures[0]["uuid"]))], CAPTURE)


@pytest.mark.parametrize("at_us", [0, 1, 999_999, 500_000, 1_000_000])
def test_times_have_a_fraction_at_any_microsecond(client: OfficialClient, at_us: int) -> None:
    assert client.utils("datetime_from_isostring", iso(1_795_435_200_000_000 + at_us)).type == "datetime"

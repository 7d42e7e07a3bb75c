"""What is told of runs beside the runs, by the official clients. Source: scout-api.md §2.9, §2.13, §2.14, §5.1."""

from typing import Any

from tests.clients.official import Answer, OfficialClient
from tests.clients.site import ACTION, LATEST_MISSION, Site

FOREVER = {"start": "2000-01-01T00:00:00.000Z", "end": "2100-01-01T00:00:00.000Z"}


def ok(answer: Answer) -> Any:
    """The JSON of a response that is 200."""
    assert (answer.kind, answer.status) == ("response", 200), answer
    return answer.json


def log(client: OfficialClient, site: Site) -> None:
    entries = ok(client.get_run_log(site.events[0]["run_uuid"]))
    assert [entry["event"] for entry in entries] == ["Run started", "Action", "Alert", "Action", "Alert", "Run ended"]
    assert [entry["timeFromStartS"] for entry in entries] == sorted(entry["timeFromStartS"] for entry in entries)
    assert entries[2]["severity"] == "CRITICAL"
    for image in entries[1]["imageFiles"]:
        assert client.get_image(f"https://{site.served.host}{image['dataPath']}").kind == "object"
    assert ok(client.get_run_log(site.runs[-1]["uuid"]))[0]["detail"] == LATEST_MISSION
    assert client.get_run_log("4711").status == 404


def statistics(client: OfficialClient, site: Site) -> None:
    shown = ok(client.get_run_statistics(params=FOREVER))
    assert [one["runId"] for one in shown] == [run["uuid"] for run in reversed(site.runs)]
    assert {one["worstSeverity"] for one in shown} == {"", "CRITICAL"}
    alerting = ok(client.get_run_statistics(params=FOREVER | {"minimumSeverity": "ERROR"}))
    assert [one["runId"] for one in alerting] == [site.events[0]["run_uuid"]]
    assert len(ok(client.get_run_statistics(params={"missionNames": LATEST_MISSION}))) == 1
    assert client.get_run_statistics(params={"minimumSeverity": "BAD"}).status == 400


def statistics_summary(client: OfficialClient, site: Site) -> None:
    shown = ok(client.get_run_statistics_session_summary(params=FOREVER))
    missions = [run for run in site.runs if run["run_type"] == "mission"]
    assert (shown["missionsAttempted"], shown["missionsCompletedPercentage"]) == (len(missions), 14.29)
    assert (shown["actionsAttempted"], shown["actionsCompletedPercentage"]) == (2 * len(missions), 100.0)
    before = ok(client.get_run_statistics_session_summary(params=FOREVER | {"end": "2001-01-01T00:00:00.000Z"}))
    assert set(before.values()) == {0}


def facets(client: OfficialClient, site: Site) -> None:
    """No method of its own: programs ask by get_resource."""
    (robot,) = ok(client.get_resource("runs/facets/robots"))
    assert set(robot) == {"robot_hostname", "robot_serial", "robot_nickname"}
    mission = site.events[0]["mission_name"]
    (action, *_) = ok(client.get_resource("runs/facets/actions", params={"missionName": mission}))
    assert (action["name"], len(action["channels"])) == (ACTION, 2)
    assert action in ok(client.get_resource(f"runs/facets/actions/{mission}"))
    (envelope,) = ok(client.get_resource("runs/facets/missions"))
    assert sum(one["sessionCount"] for one in envelope["resources"]) == len(site.runs)


RUN_REPORTS = {
    "get_run_log": log,
    "get_run_statistics": statistics,
    "get_run_statistics_session_summary": statistics_summary,
}

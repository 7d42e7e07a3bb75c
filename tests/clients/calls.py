"""What is done with every method, helper and function of the official clients, by its name.

A name that stands neither here nor in NOT_YET fails the tests, so that nothing a client can do is forgotten.
Source: scout-api.md §5.1.
"""

import io
import json
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.clients.calls_anomalies import ANOMALIES
from tests.clients.calls_backups import BACKUPS
from tests.clients.calls_calendar import CALENDAR
from tests.clients.calls_runs import RUN_REPORTS, facets
from tests.clients.calls_site import SITE, legacy
from tests.clients.calls_webhooks import WEBHOOK_HELPERS, WEBHOOKS
from tests.clients.official import Answer, OfficialClient
from tests.clients.site import ACTION, DRIVEN, DRIVER, IDLE, LATEST_MISSION, OPEN, ROBOT, THERMAL_BYTES, Site

Case = Callable[[OfficialClient, Site], None]

NOT_YET: set[str] = set()  # methods that a new release brought and we do not serve yet


def ok(answer: Answer) -> Any:
    """The JSON of a response that is 200."""
    assert (answer.kind, answer.status) == ("response", 200), answer
    return answer.json


def listed(answer: Answer) -> list[dict[str, Any]]:
    """The resources of an envelope."""
    envelope = ok(answer)
    assert set(envelope) == {"resources", "total", "limit", "offset"}
    return envelope["resources"]


# -- methods -----------------------------------------------------------------------------------------------------------
def version(client: OfficialClient, site: Site) -> None:
    name = "get_scout_version" if client.package == "scout" else "get_version"
    assert ok(client.call("client", name))["version"] == "5.2.0"


def system_time(client: OfficialClient, site: Site) -> None:
    name = "get_scout_system_time" if client.package == "scout" else "get_system_time"
    told = ok(client.call("client", name))["msSinceEpoch"]
    assert isinstance(told, int)
    assert abs(told - site.served.parts.clock.now_us() // 1000) < 60_000


def by_password(client: OfficialClient, site: Site) -> None:
    refused = client.authenticate_with_password(site.served.username, "wrong")
    assert (refused.status, bool(refused.text)) == (401, True)
    assert ok(client.authenticate_with_password(site.served.username, site.served.password))["username"] == "admin"


def by_token(client: OfficialClient, site: Site) -> None:
    assert client.authenticate_with_api_token("rmn_wrong").status == 401
    assert client.authenticate_with_api_token(site.served.token).status == 200


def robots(client: OfficialClient, site: Site) -> None:
    shown = ok(client.get_robots())
    assert [(one["robotIndex"], one["hostname"], one["nickname"]) for one in shown] == [
        (0, DRIVEN, ROBOT),
        (1, IDLE, "Spot two"),
    ]


def robot(client: OfficialClient, site: Site) -> None:
    assert ok(client.get_robot_by_hostname(DRIVEN))["nickname"] == ROBOT
    missing = client.get_robot_by_hostname("10.9.9.9")
    assert (missing.status, "error" in missing.json) == (404, True)


def robot_info(client: OfficialClient, site: Site) -> None:
    driven = ok(client.get_robot_info(ROBOT))
    assert (driven["missionRunning"], driven["currentDriverId"]) == (True, DRIVER)
    assert not ok(client.get_robot_info("Spot two"))["missionRunning"]
    assert client.get_robot_info("Spot #2").status == 404, "the client itself cuts the path at the #"


def add_and_remove(client: OfficialClient, site: Site) -> None:
    new = {"hostname": "127.0.0.1:41", "nickname": "The new one", "username": "admin", "password": "x"}
    assert ok(client.post_robot(json=new)) == {"robotIndex": 2}
    assert client.post_robot(json=new).status == 409
    assert ok(client.get_robot_by_hostname("127.0.0.1:41"))["nickname"] == "The new one"
    assert client.delete_robot("127.0.0.1:41").status == 200
    assert client.delete_robot("127.0.0.1:41").status == 404
    assert len(ok(client.get_robots())) == 2


def resources(client: OfficialClient, site: Site) -> None:
    new = {"hostname": "127.0.0.1:42", "nickname": "Another", "username": "admin", "password": "x"}
    assert ok(client.post_resource("robots", json=new)) == {"robotIndex": 2}
    assert len(ok(client.get_resource("robots"))) == 3
    assert client.delete_resource("robots/127.0.0.1:42").status == 200
    assert listed(client.get_resource("runs", params={"limit": 1}))
    facets(client, site)
    legacy(client, site)
    nothing = client.get_resource("site_walks/4711")
    assert (nothing.status, isinstance(nothing.json, dict)) == (404, True), "schedule_mission parses it unseen"


def runs(client: OfficialClient, site: Site) -> None:
    shown = listed(client.get_runs(params={"limit": 100}))
    assert [run["uuid"] for run in shown] == [run["uuid"] for run in reversed(site.runs)], "the newest comes first"
    assert {run["missionStatus"] for run in shown} == {run["mission_status"] for run in site.runs}
    assert [run["endTime"] is None for run in shown] == [run["missionStatus"] in OPEN for run in shown]
    two = ok(client.get_runs(params={"limit": 2, "offset": 3, "orderBy": "oldest"}))
    assert ([run["uuid"] for run in two["resources"]], two["total"]) == ([run["uuid"] for run in site.runs[3:5]], 9)
    assert len(listed(client.get_runs(params={"types": [1]}))) == 2
    assert len(listed(client.get_runs(params={"robotNickname": ROBOT, "missions": LATEST_MISSION}))) == 1


def run(client: OfficialClient, site: Site) -> None:
    shown = ok(client.get_run_by_id(site.archived["uuid"]))
    assert (shown["missionStatus"], shown["actionCount"], shown["robotNickname"]) == ("SUCCESS", 2, ROBOT)
    assert client.get_run_by_id("4711").status == 404


def run_events(client: OfficialClient, site: Site) -> None:
    shown = listed(client.get_run_events(params={"runUuid": site.archived["uuid"], "orderBy": "time"}))
    expected = [event["uuid"] for event in site.events if event["run_uuid"] == site.archived["uuid"]]
    assert [event["uuid"] for event in shown] == expected
    assert all(len(event["dataCaptures"]) == 2 and event["actionName"] == ACTION for event in shown)
    alerts = listed(client.get_run_events(params={"excludeNonAlerts": True}))
    assert [event["uuid"] for event in alerts] == [site.events[1]["uuid"], site.events[0]["uuid"]]


def run_event(client: OfficialClient, site: Site) -> None:
    shown = ok(client.get_run_event_by_id(site.events[0]["uuid"]))
    assert [capture["uuid"] for capture in shown["dataCaptures"]] == [
        capture["uuid"] for capture in site.captures if capture["run_event_uuid"] == shown["uuid"]
    ]


def run_captures(client: OfficialClient, site: Site) -> None:
    shown = listed(client.get_run_captures(params={"limit": 100, "orderBy": "created_at"}))
    assert [capture["uuid"] for capture in shown] == [capture["uuid"] for capture in site.captures]
    assert {capture["keyResults"] is None for capture in shown} == {True, False}
    one = listed(client.get_run_captures(params={"runEventUuid": site.events[1]["uuid"], "actionName": ACTION}))
    assert len(one) == 2


def run_capture(client: OfficialClient, site: Site) -> None:
    shown = ok(client.get_run_capture_by_id(site.captures[0]["uuid"]))
    assert shown["runEventUuid"] == site.captures[0]["run_event_uuid"]


def archive(client: OfficialClient, site: Site) -> None:
    answer = client.get_run_archives_by_id(site.archived["uuid"])
    assert answer.status == 200
    assert answer.headers is not None
    assert answer.headers["content-type"] == "application/zip"
    assert int(answer.headers["content-length"]) == answer.size_bytes > 2 * THERMAL_BYTES
    assert client.get_run_archives_by_id(site.runs[-1]["uuid"]).status == 200, "also of a run without actions"
    assert client.get_run_archives_by_id("4711").status == 404


def data_url(site: Site, client: OfficialClient, number: int) -> tuple[str, bytes]:
    """The path of a capture's file, as the client was told, and what is in it."""
    shown = ok(client.get_run_capture_by_id(site.captures[number]["uuid"]))
    return shown["dataUrl"], site.files[shown["uuid"]]


def image(client: OfficialClient, site: Site) -> None:
    path, content = data_url(site, client, 0)
    assert client.get_image(f"https://{site.served.host}{path}").kind == "object"
    saved = site.served.parts.settings.data_dir / client.name / "picture.jpg"
    assert client.utils("write_image", "$last", str(saved)).kind == "value"
    assert saved.read_bytes() == content
    if client.release > (4,):  # which does not look at the status
        assert client.get_image(f"https://{site.served.host}/daq/download/nothing.jpg").type == "HTTPError"


def image_response(client: OfficialClient, site: Site) -> None:
    path, content = data_url(site, client, 1)
    answer = client.get_image_response(f"https://{site.served.host}{path}")
    assert answer.status == 200
    assert answer.headers is not None
    assert int(answer.headers["content-length"]) == len(content) == THERMAL_BYTES


def data_acquisition(client: OfficialClient, site: Site) -> None:
    path, content = data_url(site, client, 0)
    for form in (path, path.removeprefix("/")):  # the client puts a slash before it
        answer = client.get_resource_from_data_acquisition(form)
        assert (answer.status, answer.size_bytes) == (200, len(content))
    event = ok(client.get_run_event_by_id(site.events[0]["uuid"]))
    metadata = client.get_resource_from_data_acquisition(event["metadataFileUrl"])
    assert (metadata.status, isinstance(metadata.json, dict)) == (200, True)
    assert client.get_resource_from_data_acquisition(event["actionRunArchiveFileUrl"]).status == 200


METHODS: dict[str, Case] = {
    **ANOMALIES,
    **BACKUPS,
    **CALENDAR,
    **RUN_REPORTS,
    **SITE,
    **WEBHOOKS,
    "authenticate_with_api_token": by_token,
    "authenticate_with_password": by_password,
    "delete_resource": resources,
    "delete_robot": add_and_remove,
    "get_image": image,
    "get_image_response": image_response,
    "get_resource": resources,
    "get_resource_from_data_acquisition": data_acquisition,
    "get_robot_by_hostname": robot,
    "get_robot_info": robot_info,
    "get_robots": robots,
    "get_run_archives_by_id": archive,
    "get_run_by_id": run,
    "get_run_capture_by_id": run_capture,
    "get_run_captures": run_captures,
    "get_run_event_by_id": run_event,
    "get_run_events": run_events,
    "get_runs": runs,
    "get_scout_system_time": system_time,
    "get_scout_version": version,
    "get_system_time": system_time,
    "get_version": version,
    "post_resource": resources,
    "post_robot": add_and_remove,
}


# -- helpers of utils --------------------------------------------------------------------------------------------------
def time_of(client: OfficialClient, at_us: int) -> str:
    """A time as the client's own helper reads it, in words."""
    seconds, us = divmod(at_us, 1_000_000)
    text = datetime.fromtimestamp(seconds, UTC).strftime(f"%Y-%m-%dT%H:%M:%S.{us:06d}Z")
    return client.utils("datetime_from_isostring", text).text


def latest_events(client: OfficialClient, site: Site) -> None:
    newest = max(event["created_us"] for event in site.events)
    assert client.utils("get_latest_created_at_for_run_events", "$client").text == time_of(client, newest)
    none = client.utils("get_latest_created_at_for_run_events", "$client", {"missionName": "none"})
    assert none.type == "datetime", "without events it is the system's time"


def latest_captures(client: OfficialClient, site: Site) -> None:
    newest = max(capture["created_us"] for capture in site.captures)
    assert client.utils("get_latest_created_at_for_run_captures", "$client").text == time_of(client, newest)
    none = client.utils("get_latest_created_at_for_run_captures", "$client", {"missionName": "none"})
    assert none.type == "datetime"


def latest_capture_resources(client: OfficialClient, site: Site) -> None:
    shown = client.utils("get_latest_run_capture_resources", "$client").value
    newest = sorted(site.captures, key=lambda capture: capture["created_us"], reverse=True)
    assert [capture["uuid"] for capture in shown] == [capture["uuid"] for capture in newest[:20]]


def latest_run(client: OfficialClient, site: Site) -> None:
    assert client.utils("get_latest_run_resource", "$client").value["uuid"] == site.runs[-1]["uuid"]
    assert client.utils("get_latest_run_resource", "$client", {"missions": "none"}).value is None


def in_progress(client: OfficialClient, site: Site) -> None:
    found = client.utils("get_latest_run_in_progress", "$client").value
    assert found["uuid"] == site.run("PAUSED")["uuid"], "the newest that is not over"


def latest_end(client: OfficialClient, site: Site) -> None:
    newest = time_of(client, site.runs[-1]["end_us"])
    assert client.utils("get_latest_end_time_for_runs", "$client").text == newest
    if client.release < (4,):
        return  # which cannot take a run that is under way: it knows no null
    open_now = {"startTime": str(site.run("PAUSED")["start_us"] // 1000), "orderBy": "oldest"}
    assert client.utils("get_latest_end_time_for_runs", "$client", open_now).type == "datetime"


def urls_of_events(client: OfficialClient, site: Site) -> None:
    events = ok(client.get_run_events(params={"limit": 1, "orderBy": "time"}))
    urls = client.utils("data_capture_urls_from_run_events", "$client", events).value
    paths = [capture["dataUrl"] for capture in events["resources"][0]["dataCaptures"]]
    assert urls == [f"https://{site.served.host}{path}" for path in paths]
    thermal = client.utils("data_capture_urls_from_run_events", "$client", events, ["Thermal"]).value
    assert thermal == urls[1:]
    assert client.get_image(thermal[0]).kind == "object"


def urls_of_captures(client: OfficialClient, site: Site) -> None:
    captures = listed(client.get_run_captures(params={"limit": 100}))
    urls = client.utils("data_capture_url_from_run_capture_resources", "$client", captures).value
    assert len(set(urls)) == len(site.captures)
    wanted = ["Thermal"]
    thermal = client.utils("data_capture_url_from_run_capture_resources", "$client", captures, wanted).value
    assert len(thermal) == len(site.captures) // 2
    assert all(url.endswith(".raw") for url in thermal)


def action_names(client: OfficialClient, site: Site) -> None:
    events = ok(client.get_run_events(params={"limit": 3}))
    assert client.utils("get_action_names_from_run_events", events).value == [ACTION] * 3


def iso_times(client: OfficialClient, site: Site) -> None:
    shown = ok(client.get_run_event_by_id(site.events[0]["uuid"]))
    for name in ("time", "createdAt"):
        assert client.utils("datetime_from_isostring", shown[name]).type == "datetime"
    assert client.utils("datetime_from_isostring", shown["time"]).text == time_of(client, site.events[0]["time_us"])


def print_json(client: OfficialClient, site: Site) -> None:
    client.get_robots()
    assert client.utils("print_json_response", "$last").value is True
    client.get_run_by_id("4711")
    assert client.utils("print_json_response", "$last").value is False


HELPERS: dict[str, Case] = {
    **WEBHOOK_HELPERS,
    "data_capture_url_from_run_capture_resources": urls_of_captures,
    "data_capture_urls_from_run_events": urls_of_events,
    "datetime_from_isostring": iso_times,
    "get_action_names_from_run_events": action_names,
    "get_latest_created_at_for_run_captures": latest_captures,
    "get_latest_created_at_for_run_events": latest_events,
    "get_latest_end_time_for_runs": latest_end,
    "get_latest_run_capture_resources": latest_capture_resources,
    "get_latest_run_in_progress": in_progress,
    "get_latest_run_resource": latest_run,
    "print_json_response": print_json,
    "write_image": image,
}

# Of no use once a client is logged in; test_access.py drives them.
AT_THE_DOOR = {"add_base_arguments", "create_client", "create_scout_client", "get_api_token", "get_credentials"}


def saved_archive(client: OfficialClient, site: Site, folder: Path) -> zipfile.ZipFile:
    """A run's archive, saved the way programs do: streamed by get_image's kin into a file."""
    url = f"https://{site.served.host}/api/v0/run_archives/{site.archived['uuid']}/"
    assert client.get_image(url).kind == "object"
    client.utils("write_image", "$last", str(folder / "run.zip"))
    return zipfile.ZipFile(io.BytesIO((folder / "run.zip").read_bytes()))


def metadata_of(archive: zipfile.ZipFile) -> Any:
    """The metadata.json in an archive."""
    (name,) = [name for name in archive.namelist() if name.endswith("metadata.json")]
    return json.loads(archive.read(name))

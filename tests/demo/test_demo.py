"""`roundsman demo --json`: one line, a served mission within a minute, a clean end, and a second start."""

import json
import ssl
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from PIL import Image
from tests.clients.calls import ok
from tests.clients.official import OfficialClient, official_client
from tests.contract import contract_of
from tests.processes import Running, started, until

pytestmark = pytest.mark.slow

KEYS = {"url", "username", "password", "apiToken", "caFile", "robots"}
SERVED_WITHIN_S = 60.0
Line = dict[str, Any]


@contextmanager
def demo(folder: Path) -> Iterator[tuple[Running, Line]]:
    """The demo of two robots and what it said."""
    with started("demo", "--json", "--robots", "2", "--port", "0", "--data", folder) as running:
        yield running, json.loads(running.line())


@contextmanager
def orbit(line: Line) -> Iterator[OfficialClient]:
    """The official client, logged in with what the line says."""
    verify = ssl.create_default_context(cafile=line["caFile"])
    document = httpx.get(f"{line['url']}/api/v0/docs/spec", verify=verify).raise_for_status().content
    with official_client("bosdyn-orbit-5.2.0", contract_of(document)) as client:
        assert client.create(line["url"].removeprefix("https://"), line["caFile"]).kind == "value"
        assert client.authenticate_with_api_token(line["apiToken"]).status == 200
        yield client


def test_the_demo_from_start_to_end_and_again(tmp_path: Path) -> None:
    with demo(tmp_path / "site") as (running, line), orbit(line) as client:
        told(line, client)
        walks = surveyed(client)
        run = until(lambda: run_with_pictures(client), SERVED_WITHIN_S)
        pictures(client, line, run, tmp_path)
        archive(client, line, run, tmp_path)
        ends(running)
        assert len(running.said) == 1, "exactly one line"
    with demo(tmp_path / "site") as (running, line), orbit(line) as client:
        told(line, client)
        assert surveyed(client) == walks
        assert ok(client.get_run_by_id(run["uuid"]))["missionName"] == run["missionName"]
        pictures(client, line, run, tmp_path)
        ends(running)


def told(line: Line, client: OfficialClient) -> None:
    assert set(line) == KEYS
    assert len(line["robots"]) == 2
    for robot in line["robots"]:
        assert set(robot) == {"nickname", "hostname"}
    assert {robot["hostname"] for robot in ok(client.get_robots())} == {one["hostname"] for one in line["robots"]}
    verify = ssl.create_default_context(cafile=line["caFile"])
    with httpx.Client(base_url=line["url"], verify=verify, timeout=60) as visitor:
        token = visitor.get("/").cookies["x-csrf-token"]
        credentials = {"username": line["username"], "password": line["password"]}
        login = visitor.post("/api/v0/login", data=credentials, headers={"x-csrf-token": token})
        assert login.json()["username"] == line["username"]


def surveyed(client: OfficialClient) -> list[dict[str, Any]]:
    """The plant's walks, which the robots walk under the same names; each with its actions and its dock."""
    walks = ok(client.get_site_walks())
    elements = {one["uuid"] for one in ok(client.get_site_elements())}
    assert len(walks) >= 6
    assert all(walk["siteElementIds"] and elements.issuperset(walk["siteElementIds"]) for walk in walks)
    assert [dock["dockId"] for dock in ok(client.get_site_docks())] == [520]
    return walks


def run_with_pictures(client: OfficialClient) -> dict[str, Any] | None:
    """The newest mission that has captured something."""
    for run in ok(client.get_runs(params={"types": [0], "limit": 50}))["resources"]:
        if ok(client.get_run_events(params={"runUuid": run["uuid"]}))["resources"]:
            return run
    return None


def pictures(client: OfficialClient, line: Line, run: dict[str, Any], folder: Path) -> None:
    events = ok(client.get_run_events(params={"runUuid": run["uuid"], "limit": 100}))
    urls = client.utils("data_capture_urls_from_run_events", "$client", events).value
    jpegs = [url for url in urls if url.endswith(".jpg")]
    assert jpegs
    for url in jpegs[:3]:
        assert client.get_image(url).kind == "object"
        client.utils("write_image", "$last", str(folder / "picture.jpg"))
        with Image.open(folder / "picture.jpg") as image:
            assert image.format == "JPEG"
            image.load()
            assert min(image.size) >= 200


def archive(client: OfficialClient, line: Line, run: dict[str, Any], folder: Path) -> None:
    assert client.get_image(f"{line['url']}/api/v0/run_archives/{run['uuid']}").kind == "object"
    client.utils("write_image", "$last", str(folder / "run.zip"))
    with zipfile.ZipFile(folder / "run.zip") as file:
        assert file.testzip() is None
        assert any(name.endswith(".jpg") for name in file.namelist())
        assert any(name.endswith("metadata.json") for name in file.namelist())


def ends(running: Running) -> None:
    """Ctrl-C stops everything: the simulated robots too, and nothing is complained about."""
    children = running.descendants()
    assert children, "the simulated robots have a process of their own"
    assert running.interrupt() in (0, 130), "".join(running.complained)
    _, alive = psutil.wait_procs(children, timeout=10)
    assert not alive
    assert "Traceback" not in "".join(running.complained)

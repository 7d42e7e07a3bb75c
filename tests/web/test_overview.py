"""The overview shows what is stored, and nothing more than is known."""

import msgspec
import pytest
from tests import seed
from tests.served import Served
from tests.web.test_entrance import log_in

from roundsman.acquisition import losses
from roundsman.acquisition.losses import Lost
from roundsman.robots.link import LiveState, Mission, Observation
from roundsman.robots.registry import Robot
from roundsman.web.rendering import duration, moment
from roundsman.web.robots import card

pytestmark = pytest.mark.anyio

NOW_US = 1_795_435_200_000_000
ROBOT = Robot("10.0.0.3", 0, "Spot 1", "admin", None, None, None, None, 0)
AT = Observation(hostname="10.0.0.3", at_us=NOW_US, battery_pct=81.6, motors_on=True)


async def test_robots_runs_and_captures_are_shown(served: Served) -> None:
    await seed.fill(served.parts.database, seed.Plan(runs=12, events_per_run=3, captures_per_event=3, teleop=0))
    await served.parts.registry.add("10.0.0.3", "Spot <1>", "admin", "secret")
    async with served.client("") as client:
        await log_in(client, served)
        page = (await client.get("/")).text
    assert "Spot &lt;1&gt;" in page
    assert "not reached yet" in page
    assert page.count('href="/runs/') >= 10
    assert page.count('<img src="/daq/download/') == 18
    assert 'loading="lazy"' in page
    assert "Pressure 4.5 bar" in page
    assert '<span class="count">12</span>' in page
    assert '<span class="count">108</span>' in page


async def test_what_a_robot_overwrote_is_not_hidden(served: Served) -> None:
    database = served.parts.database
    [batch] = await seed.fill(database, seed.Plan(runs=1, events_per_run=1, captures_per_event=1, teleop=0))
    run = batch.runs[0]
    serial, uuid = str(run["robot_serial"]), str(run["uuid"])
    await served.parts.registry.add("10.0.0.3", "Spot 1", "admin", "secret")
    await served.parts.registry.identify("10.0.0.3", serial, "5.1.4", "abc")
    lost = Lost(serial, 1, 900, 902, "overwritten", uuid, "group", "Valve", "ptz")
    await database.write(lambda tx: losses.add(tx, Lost(serial, 1, 1000, 1999, "overwritten"), NOW_US))
    await database.write(lambda tx: losses.add(tx, lost, NOW_US + 1_000_000))
    async with served.client("") as client:
        await log_in(client, served)
        assert "1,003 captures were overwritten on the robot" in (await client.get("/")).text
        page = (await client.get(f"/runs/{uuid}")).text
        assert "3 captures were overwritten" in page
        assert f"/api/roundsman/v1/lost_captures?runUuid={uuid}" in page
    async with served.client() as client:
        listed = (await client.get("/api/roundsman/v1/lost_captures")).json()
        of_run = (await client.get("/api/roundsman/v1/lost_captures", params={"runUuid": uuid})).json()
        of_another = (await client.get("/api/roundsman/v1/lost_captures", params={"robotSerial": "another"})).json()
        first = await client.get("/api/roundsman/v1/lost_captures", params={"limit": 1})
        rest = (await client.get(first.links["next"]["url"])).json()
    assert [len(found["items"]) for found in (listed, of_run, of_another)] == [2, 1, 0]
    assert listed["items"] == [*of_run["items"], *rest["items"]]
    assert of_run["items"][0] | {"uuid": ""} == {
        "uuid": "", "robotSerial": serial, "firstDataId": 900, "lastDataId": 902, "runUuid": uuid,
        "actionName": "Valve", "channelName": "ptz", "reason": "overwritten",
        "noticedAt": "2026-11-23T12:00:01.000000Z",
    }  # fmt: skip


async def test_a_path_that_leads_nowhere_is_a_page_for_people_and_json_for_programs(served: Served) -> None:
    async with served.client("") as client:
        browser = await client.get("/nothing/<here>", headers={"accept": "text/html,*/*"})
        program = await client.get("/nothing")
        api = await client.get("/api/v0/nothing", headers={"accept": "text/html,*/*"})
    assert browser.status_code == program.status_code == api.status_code == 404
    assert "text/html" in browser.headers["content-type"]
    assert "<here>" not in browser.text
    assert "error" in program.json()
    assert "error" in api.json()


async def test_pages_allow_no_script_within_them(served: Served) -> None:
    async with served.client("") as client:
        await log_in(client, served)
        page = await client.get("/")
        assert "script-src 'self'" in page.headers["content-security-policy"]
        assert "'unsafe" not in page.headers["content-security-policy"]
        for file in ("style.css", "refresh.js", "mark.svg"):
            assert f"/static/{file}" in page.text
            assert (await client.get(f"/static/{file}")).status_code == 200
        assert (await client.get("/static/overview.py")).status_code == 404


@pytest.mark.parametrize(
    ("changes", "doing"),
    [
        ({"estopped": True}, "Emergency stop"),
        ({"mission": Mission(status="RUNNING", mission_id=3, name="Boiler")}, "On its round: Boiler"),
        ({"mission": Mission(status="PAUSED", mission_id=3)}, "Paused on its round"),
        ({"mission": Mission(status="SUCCESS", mission_id=3), "docked": True, "dock_id": 520}, "On dock 520"),
        ({"lease_owner": "tablet-1", "operator": "ada"}, "Driven by ada"),
        ({}, "Standing by"),
        ({"motors_on": False}, "Motors off"),
    ],
)
def test_what_a_robot_does_is_said_in_words(changes: dict[str, object], doing: str) -> None:
    at = msgspec.structs.replace(AT, **changes)
    shown = card(ROBOT, LiveState(hostname="10.0.0.3", connection="connected", observation=at), NOW_US)
    assert (shown.doing, shown.battery_pct, shown.seen) == (doing, 82, None)


def test_what_was_seen_last_is_not_shown_as_the_present() -> None:
    live = LiveState(
        hostname="10.0.0.3",
        connection="offline",
        reason="nothing answers at 10.0.0.3:443",
        observation=AT,
        last_seen_us=NOW_US - 180_000_000,
    )
    shown = card(ROBOT, live, NOW_US)
    assert shown.battery_pct is None
    assert shown.doing == "Nothing answers at 10.0.0.3:443"
    assert shown.seen is not None
    assert shown.seen.short == "3 min ago"


@pytest.mark.parametrize(
    ("seconds", "text"), [(-1, "0 s"), (42.4, "42 s"), (119, "119 s"), (120, "2 min"), (7500, "2 h 05 min")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("ago_s", "text"),
    [
        (0, "just now"),
        (61, "1 min ago"),
        (7200, "10:00 UTC"),
        (43_201, "2026-11-22 23:59 UTC"),
        (86_400, "2026-11-22 12:00 UTC"),
    ],
)
def test_moments(ago_s: int, text: str) -> None:
    shown = moment(NOW_US - ago_s * 1_000_000, NOW_US)
    assert shown.short == text
    assert shown.full.endswith(" UTC")

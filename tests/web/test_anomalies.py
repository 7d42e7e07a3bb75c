"""The pages of anomalies as a browser without JavaScript uses them."""

import json
import re

import pytest
from msgspec import structs
from tests.captures.test_record import START_US, alert, image, metadata
from tests.served import Served
from tests.web.test_entrance import form_of, log_in, log_in_as

from roundsman.anomalies.service import opener
from roundsman.captures.record import CapturedDocument, Origin, Recording
from roundsman.runs.record import RobotIdentity
from roundsman.web.anomalies import PATH

pytestmark = pytest.mark.anyio
ELEMENT = "0e7f9d6c-30a5-4d6f-9f0b-3d6ad6f7f001"


def titled(number: int, severity: int, title: str, source: str, action: int) -> CapturedDocument:
    said = json.dumps({"severity": severity, "title": title, "source": source, "additional_data": {}})
    return structs.replace(alert(number, severity, action=action), document=said)


async def alarmed(served: Served) -> None:
    """Four alerts: two of the same site element, one of another source, one with a picture."""
    found = [
        titled(1, 4, "Too hot <b>", "Thermal & more", 1),
        titled(2, 2, "Still too hot", "Thermal & more", 2),
        titled(3, 2, "Leak", "Sound", 3),
        metadata(4, {"element_id": ELEMENT, "custom_metadata": ["west"]}, action=1),
        metadata(5, {"element_id": ELEMENT}, action=2),
        image(6, "spot-cam-ir", action=1),
    ]
    origin, database = Origin(RobotIdentity("spot-1", "10.0.0.1", "Spot 1"), 1), served.parts.database
    await database.write(lambda tx: Recording(tx, origin, START_US).add_all(found))
    await opener(database, served.parts.bus, served.parts.clock).catch_up()


def titles(text: str) -> list[str]:
    return re.findall(r'<a href="/anomalies/[^"]*">([^<]*)</a>', text)


async def test_they_are_narrowed_and_turned_page_by_page(served: Served) -> None:
    async with served.client("") as client:
        await log_in(client, served)
        page = await client.get(PATH)
        assert "No anomaly yet" in page.text
        assert "Close those" not in page.text
        await alarmed(served)
        page = await client.get(PATH)
        assert set(titles(page.text)) == {"Too hot &lt;b&gt;", "Still too hot", "Leak"}
        assert "3 open" in page.text
        assert "<option >Thermal &amp; more</option>" in page.text
        for filters, expected in (
            ({"severity": "2"}, {"Still too hot", "Leak"}),
            ({"source": "Sound"}, {"Leak"}),
            ({"status": "all", "severity": "2", "source": "Thermal & more"}, {"Still too hot"}),
            ({"status": "all", "source": "Thermal & more"}, {"Too hot &lt;b&gt;", "Still too hot"}),
            ({"status": "all", "severity": "4"}, {"Too hot &lt;b&gt;"}),
            ({"status": "all"}, {"Too hot &lt;b&gt;", "Still too hot", "Leak"}),
            ({"status": "closed"}, set()),
            ({"source": "nobody\0"}, set()),
        ):
            assert set(titles((await client.get(PATH, params=filters)).text)) == expected, filters
        for wrong in ({"status": "x"}, {"severity": "9"}, {"cursor": "x"}):
            assert (await client.get(PATH, params=wrong)).status_code == 400
        seen: list[str] = []
        where = f"{PATH}?severity=2&limit=1"
        for _ in range(2):
            page = await client.get(where)
            seen += titles(page.text)
            where = next(iter(re.findall(r'href="([^"]*cursor=[^"]*)"', page.text)), "").replace("&amp;", "&")
            where = f"{where}&limit=1"
        assert sorted(seen) == ["Leak", "Still too hot"]
        assert "The newest" in page.text


async def test_one_is_closed_for_a_reason_and_opened_again(served: Served) -> None:
    await alarmed(served)
    async with served.client("") as client:
        await log_in(client, served)
        where = next(
            f"{PATH}/{uuid}"
            for uuid, title in re.findall(r'href="/anomalies/([^"]*)">([^<]*)</a>', (await client.get(PATH)).text)
            if title.startswith("Too hot")
        )
        page = await client.get(where)
        for part in ("critical", "west", ELEMENT, "Still too hot", "Opened by an alert", "spot-cam-ir", "settings"):
            assert part in page.text
        closed = await client.post(where, data=form_of(page) | {"reason": "  Repaired <by> Bo "})
        assert (closed.status_code, closed.headers["location"]) == (303, where)
        page = await client.get(where)
        assert f"Closed by {served.username}: Repaired &lt;by&gt; Bo" in page.text
        assert titles((await client.get(f"{PATH}?status=closed")).text) == ["Too hot &lt;b&gt;"]
        await client.post(where, data=form_of(page) | {"open": "1"})
        assert f"Opened again by {served.username}" in (await client.get(where)).text
        assert (await client.get(f"{PATH}/4711")).status_code == 404
        assert (await client.post(f"{PATH}/4711", data=form_of(page))).status_code == 404


async def test_those_that_are_ticked_are_closed_together(served: Served) -> None:
    await alarmed(served)
    async with served.client("") as client:
        await log_in(client, served)
        page = await client.get(f"{PATH}?severity=2")
        assert (await client.post(PATH, data=form_of(page))).status_code == 400
        ticked = dict.fromkeys(re.findall(r'name="(anomaly\.[^"]*)"', page.text), "on")
        given = form_of(page) | ticked | {"anomaly.4711": "on", "reason": "False alarm", "severity": "2"}
        done = await client.post(PATH, data=given)
        assert done.headers["location"] == f"{PATH}?status=open&severity=2"
        assert titles((await client.get(PATH)).text) == ["Too hot &lt;b&gt;"]
        listed = (await client.get("/api/v0/anomalies?status=closed")).json()
        assert (listed["total"], {one["statusModifiedBy"] for one in listed["resources"]}) == (2, {served.username})


async def test_viewers_look_and_change_nothing(served: Served) -> None:
    await alarmed(served)
    await served.parts.access.users.create("vera", served.password, "viewer")
    async with served.client("") as client:
        assert (await client.get(PATH)).headers["location"].startswith("/login")
        await log_in_as(client, "vera", served.password)
        page = await client.get(PATH)
        assert len(titles(page.text)) == 3
        assert "Close those" not in page.text
        one = next(iter(re.findall(r'href="(/anomalies/[^"?]+)"', page.text)))
        assert "Close it" not in (await client.get(one)).text
        for path in (PATH, one):
            assert (await client.post(path, data=form_of(page))).status_code == 403
            assert (await client.post(path, data={"csrf": "guessed"})).status_code == 403

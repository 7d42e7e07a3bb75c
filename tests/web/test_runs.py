"""The pages of runs: every one of them can be found, and all that was captured on it."""

import re

import pytest
from httpx import AsyncClient
from tests import seed
from tests.served import Served
from tests.web.test_entrance import log_in

from roundsman.web.runs import PATH

pytestmark = pytest.mark.anyio


LISTED = r'<td><a href="/runs/([^"]*)">'


def listed(text: str) -> list[str]:
    return re.findall(LISTED, text)


async def turned(client: AsyncClient, where: str, found: str) -> list[list[str]]:
    """What is `found` on each page, from the first to the last, two at a time."""
    pages: list[list[str]] = []
    while where:
        text = (await client.get(f"{where}&limit=2")).text
        pages.append(re.findall(found, text))
        where = next(iter(re.findall(r'href="([^"]*)" rel="next"', text)), "").replace("&amp;", "&")
    return pages


async def test_a_run_shows_its_events_and_captures(served: Served) -> None:
    [batch] = await seed.fill(
        served.parts.database, seed.Plan(runs=2, events_per_run=3, captures_per_event=2, teleop=0)
    )
    run = batch.runs[0]
    async with served.client("") as client:
        await log_in(client, served)
        page = await client.get(f"/runs/{run['uuid']}")
        missing = await client.get("/runs/no-such-run")
    assert page.status_code == 200
    assert run["mission_name"] in page.text
    assert page.text.count('<img src="/daq/download/') == 6
    for event in batch.events[:3]:
        assert event["action_name"] in page.text
    assert f"/api/v0/run_archives/{run['uuid']}" in page.text
    assert missing.status_code == 404
    assert "text/html" in missing.headers["content-type"]


async def test_a_run_with_many_events_is_turned_page_by_page(served: Served) -> None:
    plan = seed.Plan(runs=1, events_per_run=5, captures_per_event=1, teleop=0)
    [batch] = await seed.fill(served.parts.database, plan)
    path = f"{PATH}/{batch.runs[0]['uuid']}"
    async with served.client("") as client:
        await log_in(client, served)
        pages = await turned(client, f"{path}?orderBy=time", r'<section class="event" aria-label="([^"]*)">')
        assert "The first events" not in (await client.get(path)).text
        assert (await client.get(path, params={"cursor": "x"})).status_code == 400
    assert [len(names) for names in pages] == [2, 2, 1]
    in_time = sorted(batch.events, key=lambda event: (event["time_us"], event["uuid"]))
    assert [name for names in pages for name in names] == [event["action_name"] for event in in_time]


async def test_runs_are_narrowed_and_turned_page_by_page(served: Served) -> None:
    async with served.client("") as client:
        assert (await client.get(PATH)).headers["location"] == f"/login?next={PATH}"
        await log_in(client, served)
        assert "No run yet" in (await client.get(PATH)).text
        plan = seed.Plan(runs=9, events_per_run=1, captures_per_event=1, robots=3, missions=3, teleop=0.4)
        runs = [run for batch in await seed.fill(served.parts.database, plan) for run in batch.runs]
        newest = sorted(runs, key=lambda run: (run["start_us"], run["uuid"]), reverse=True)
        pages = await turned(client, f"{PATH}?robot=", LISTED)
        assert [uuid for uuids in pages for uuid in uuids] == [run["uuid"] for run in newest]
        one = newest[0]
        for name, column in (("mission", "mission_name"), ("robot", "robot_nickname"), ("type", "run_type")):
            page = await client.get(PATH, params={name: one[column]})
            assert listed(page.text) == [run["uuid"] for run in newest if run[column] == one[column]], name
            assert f'<span class="count">{len(listed(page.text))}</span>' in page.text
        for run in runs:
            assert f'<option value="{run["mission_name"]}">' in page.text or run["run_type"] == "teleop"
        assert "No such run" in (await client.get(PATH, params={"mission": "<nobody's>"})).text
        assert listed((await client.get(PATH, params={"endTime": "1999-12-31"})).text) == []
        assert len(listed((await client.get(PATH, params={"startTime": "1999-12-31"})).text)) == 9
        for wrong in ({"type": "x"}, {"startTime": "soon"}, {"cursor": "x"}):
            refused = await client.get(PATH, params=wrong)
            assert refused.status_code == 400
            assert next(iter(wrong)).lower() in refused.text.lower()

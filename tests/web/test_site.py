"""The pages of the site as a browser without JavaScript uses them."""

import re

import pytest
from tests.served import Served
from tests.site.recorded import folder, walks, zipped
from tests.web.test_entrance import form_of, log_in, log_in_as

pytestmark = pytest.mark.anyio
PATH, ROUND = "/site", "Boiler house round"


async def test_a_walk_comes_in_is_drawn_and_goes_out(served: Served) -> None:
    async with served.client("") as client:
        assert (await client.get(PATH)).headers["location"] == "/login?next=/site"
        await log_in(client, served)
        page = await client.get(PATH)
        assert "No walk yet" in page.text
        upload = {"files": {"walk": ("round.zip", zipped(folder()))}, "data": form_of(page)}
        made = await client.post(PATH, **upload)
        assert (made.status_code, made.headers["location"].startswith(f"{PATH}?imported=")) == (303, True)
        page = await client.get(made.headers["location"])
        assert ROUND in re.search(r'role="status">([^<]+)', page.text)[1]  # type: ignore[index]
        assert page.text.count("<svg") == 1, "one map for all walks"
        assert ">10 m</text>" in page.text
        (walk,) = re.findall(rf'href="({PATH}/walks/[^"]+)">{ROUND}<', page.text)
        page = await client.get(walk)
        rows = re.findall(r'<td class="number">(\d+)</td>\s*<td>([^<]+)</td>', page.text)
        assert rows[:2] == [("1", "Emergency exit west"), ("2", "Boiler 1 steam pressure")]
        marks = [label for found in re.findall(r">([\d, ]+)</text>", page.text) for label in found.split(", ")]
        assert {number for number, _ in rows} <= set(marks)
        (archive,) = set(re.findall(r'href="(/api/v0/site_walks/archive[^"]+)"', page.text))
        assert (await client.get(archive)).headers["content-type"] == "application/zip"
        assert (await client.get(f"{PATH}/walks/4711")).status_code == 404


async def test_a_walk_alone_has_no_map_and_what_is_none_is_said(served: Served) -> None:
    async with served.client("") as client:
        await log_in(client, served)
        fields = form_of(await client.get(PATH))
        refused = await client.post(PATH, files={"walk": ("x.walk", b"hello")}, data=fields)
        assert (refused.status_code, "is no walk" in refused.text, "Bring a walk in" in refused.text) == (
            400,
            True,
            True,
        )
        assert (await client.post(PATH, files={"walk": ("", b"")}, data=fields)).status_code == 400
        assert (await client.post(PATH, data=fields)).status_code == 403, "the page's form is multipart"
        assert (await client.post(PATH, files={"walk": ("x.walk", walks()[ROUND])}, data=fields)).status_code == 303
        page = await client.get(PATH)
        assert "<svg" not in page.text
        (walk,) = re.findall(rf'href="({PATH}/walks/[^"]+)"', page.text)
        assert "No map." in (await client.get(walk)).text


async def test_forms_of_other_sites_and_of_viewers_are_refused(served: Served) -> None:
    walk = {"walk": ("x.walk", walks()[ROUND])}
    async with served.client("") as client:
        await log_in(client, served)
        assert (await client.post(PATH, files=walk, data={"csrf": "guessed"})).status_code == 403
        assert (await client.post(PATH, content=walks()[ROUND])).status_code == 403
    await served.parts.access.users.create("vera", served.password, "viewer")
    async with served.client("") as client:
        await log_in_as(client, "vera", served.password)
        page = await client.get(PATH)
        assert (page.status_code, "Bring a walk in" in page.text) == (200, False)
        assert (await client.post(PATH, files=walk, data=form_of(page))).status_code == 403


async def test_odd_documents_do_not_break_the_pages(served: Served) -> None:
    odd = {"action": {"dataAcquisition": {"acquireDataRequest": {"acquisitionRequests": {"dataCaptures": [7, None]}}}}}
    async with served.client() as api:
        elements = [{"name": "<b>", **odd}, {"name": "", "action": {"<i>": 1}}, {"waypointId": "w"}]
        uuids = [one["uuid"] for one in (await api.post("/api/v0/site_elements", json=elements)).json()]
        body = {"uuid": "a b", "name": "<script>", "siteElementIds": [*uuids, "gone"], "siteDockIds": {"x": "y"}}
        await api.post("/api/v0/site_walks", json=body)
    async with served.client("") as client:
        await log_in(client, served)
        for path in (PATH, f"{PATH}/walks/a%20b"):
            page = await client.get(path)
            assert (page.status_code, "<script>" in page.text) == (200, False)
        assert "not there any more" in page.text

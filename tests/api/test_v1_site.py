"""Site walks and site elements over version 1 (scout-api.md §0.1)."""

from typing import Any

import httpx
import pytest
from tests.served import Served
from tests.site.recorded import folder, walks, zipped

pytestmark = pytest.mark.anyio

SITE_WALKS, SITE_ELEMENTS = "/api/facilities/v1/site-walks", "/api/facilities/v1/site-elements"
IMPORT = "/api/v0/site_walks/import_from_walk"
ROUND = "Boiler house round"


async def everything(client: httpx.AsyncClient, path: str) -> list[dict[str, Any]]:
    """As the SDK's example pages: until the offset has reached the count, or a page is empty."""
    found: list[dict[str, Any]] = []
    while True:
        page = (await client.get(path, params={"limit": 7, "offset": len(found)})).json()
        found += page["items"]
        if not page["items"] or len(found) >= page["page"]["count"]:
            return found


async def test_walks_and_elements_come_in_pages(served: Served) -> None:
    async with served.client() as client:
        assert (await client.get(SITE_WALKS)).json() == {"items": [], "page": {"count": 0, "limit": 25, "offset": 0}}
        imported = (await client.post(IMPORT, content=zipped(folder()))).json()
        imported.sort(key=lambda one: one["uuid"])  # which came in together
        found = await everything(client, SITE_WALKS)
        assert [(one["id"], one["name"]) for one in found] == [(one["uuid"], one["name"]) for one in imported]
        assert [one["siteElementIds"] for one in found] == [one["siteElementIds"] for one in imported]
        assert len({one["siteMapId"] for one in found}) == 1
        assert found[0]["siteMapId"]
        elements = await everything(client, SITE_ELEMENTS)
        ids = [one["id"] for one in elements]
        assert len(ids) == len(set(ids))
        assert {uuid for one in found for uuid in one["siteElementIds"]} == set(ids)
        assert (await client.get(f"{SITE_WALKS}/{found[0]['id']}")).json() == found[0]
        assert (await client.get(f"{SITE_ELEMENTS}/{ids[3]}/")).json() == elements[3]
        by_name = (await client.get(SITE_WALKS, params={"name": ROUND})).json()
        assert ([one["name"] for one in by_name["items"]], by_name["page"]["count"]) == ([ROUND], 1)


async def test_elements_are_found_by_their_asset_and_docks_may_be_an_object(served: Served) -> None:
    async with served.client() as client:
        bodies = [{"name": "a", "assetId": "P-101"}, {"name": "b", "assetId": 7}, {"name": "c"}]
        await client.post("/api/v0/site_elements", json=bodies)
        for asset, names in (("P-101", ["a"]), ("7", ["b"]), ("x", [])):
            got = (await client.get(SITE_ELEMENTS, params={"assetId": asset})).json()
            assert ([one["name"] for one in got["items"]], got["page"]["count"]) == (names, len(names))
        shown = (await client.get(SITE_ELEMENTS)).json()["items"]
        assert [one["assetId"] for one in shown] == ["P-101", "7", None]
        await client.post("/api/v0/site_walks", json={"name": "w", "siteDockIds": {"first": "d1", "second": "d2"}})
        (walk,) = (await client.get(SITE_WALKS)).json()["items"]
        assert (walk["siteDockIds"], walk["siteMapId"]) == (["d1", "d2"], None)


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        (f"{SITE_WALKS}/4711", 404, "SITE_WALK_NOT_FOUND"),
        (f"{SITE_ELEMENTS}/4711", 404, "SITE_ELEMENT_NOT_FOUND"),
        (f"{SITE_WALKS}?limit=0", 400, "BAD_REQUEST"),
        (f"{SITE_WALKS}?offset=9223372036854775808", 400, "BAD_REQUEST"),
    ],
)
async def test_failures_have_a_code(served: Served, path: str, status: int, code: str) -> None:
    async with served.client() as client:
        answer = await client.get(served.url + path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_who_may_read_them(served: Served) -> None:
    token, _ = await served.parts.access.tokens.create("eyes", "viewer", created_by="tests")
    async with served.client(token) as viewer, served.client("") as nobody:
        assert (await viewer.get(SITE_WALKS)).status_code == 200
        assert (await viewer.post(IMPORT, content=walks()[ROUND])).status_code == 403
        assert (await nobody.get(SITE_WALKS)).json()["code"] == "UNAUTHORIZED"

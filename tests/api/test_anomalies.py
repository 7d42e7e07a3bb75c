"""Anomalies over v0 (scout-api.md §2.16); how they are opened is tested in tests/anomalies."""

import pytest
from tests.captures.test_record import START_US, alert, image
from tests.served import Served

from roundsman.anomalies.service import opener
from roundsman.captures.record import Origin, Recording
from roundsman.runs.record import RobotIdentity

pytestmark = pytest.mark.anyio
PATH = "/api/v0/anomalies"


@pytest.fixture
async def found(served: Served) -> Served:
    """A site with five anomalies."""
    parts, origin = served.parts, Origin(RobotIdentity("spot-1", "10.0.0.1", "Spot 1"), 1)
    captured = [image(1), *(alert(10 + number, number % 4 + 1, action=number) for number in range(5))]
    await parts.database.write(lambda tx: Recording(tx, origin, START_US).add_all(captured))
    await opener(parts.database, parts.bus, parts.clock).catch_up()
    return served


@pytest.mark.parametrize(
    "order", ["time", "-time", "created_at", "-created_at", "status_modified_at", "-status_modified_at"]
)
async def test_pages_concatenate_to_the_whole_in_every_order(found: Served, order: str) -> None:
    async with found.client() as client:
        whole = (await client.get(PATH, params={"orderBy": order, "limit": "50"})).json()
        assert whole["total"] == 5
        pages = [
            (await client.get(PATH, params={"orderBy": order, "limit": 2, "offset": at})).json() for at in (0, 2, 4)
        ]
        assert [one for page in pages for one in page["resources"]] == whole["resources"]
        first = await client.get(PATH, params={"orderBy": order, "limit": 3})
        rest = (await client.get(first.links["next"]["url"])).json()
        assert first.json()["resources"] + rest["resources"] == whole["resources"]


OWN = "/api/roundsman/v1/anomalies"


async def test_our_own_list_narrows_by_more_and_reads_on(found: Served) -> None:
    async with found.client() as client:
        whole = (await client.get(PATH)).json()["resources"]
        first = (await client.get(OWN, params={"limit": 3})).json()
        rest = (await client.get(OWN, params={"limit": 3, "cursor": first["next"]})).json()
        assert (first["items"] + rest["items"], rest["next"]) == (whole, None)
        for params in (
            {"severity": 2},
            {"severity": 2, "status": "open"},
            {"status": "closed"},
            {"source": whole[0]["source"]},
            {"elementId": whole[0]["elementId"]},
        ):
            wanted = [one for one in whole if all(str(one[name]) == str(value) for name, value in params.items())]
            assert (await client.get(OWN, params=params)).json()["items"] == wanted, params
        assert (await client.get(OWN, params={"severity": 9})).status_code == 400
        known = await client.get(f"{OWN}/{whole[0]['uuid']}")
        assert known.json() == whole[0]
        tag = {"if-none-match": known.headers["etag"]}
        assert (await client.get(f"{OWN}/{whole[0]['uuid']}", headers=tag)).status_code == 304
        assert (await client.get(f"{OWN}/4711")).status_code == 404


async def test_filters(found: Served) -> None:
    async with found.client() as client:
        whole = (await client.get(PATH)).json()["resources"]
        one = whole[2]
        for params, expected in (
            ({"uuid": one["uuid"]}, 1),
            ({"runEventUuid": one["runEventUuid"]}, 1),
            ({"runEventUuids": f"{one['runEventUuid']},{whole[3]['runEventUuid']}"}, 2),
            ({"runEventUuids": f"{one['runEventUuid']}", "runEventUuid": whole[3]["runEventUuid"]}, 0),
            ({"status": "open"}, 5),
            ({"status": "closed"}, 0),
            ({"startTime": one["time"]}, 3),
            ({"endTime": one["time"]}, 2),
            ({"startTime": one["time"], "status": "open", "orderBy": "created_at"}, 3),
        ):
            shown = (await client.get(PATH, params=params)).json()
            assert (shown["total"], len(shown["resources"])) == (expected, expected), params
        assert (await client.get(f"{PATH}/{one['uuid']}")).json() == one
        assert (await client.get(f"{PATH}/4711")).status_code == 404


@pytest.mark.parametrize(
    ("body", "parameter"),
    [
        ({}, "command"),
        ({"command": "open", "elementIds": []}, "command"),
        ({"command": "close"}, "elementIds"),
        ({"command": "close", "elementIds": "all"}, "elementIds"),
        ({"command": "close", "elementIds": [7]}, "elementIds"),
        ({"command": "close", "elementIds": ["x"] * 1001}, "elementIds"),
    ],
)
async def test_what_cannot_be_done_is_named(found: Served, body: object, parameter: str) -> None:
    async with found.client() as client:
        refused = await client.patch(PATH, json=body)
        assert (refused.status_code, refused.json()["parameter"]) == (400, parameter)
        assert (await client.get(PATH, params={"status": "open"})).json()["total"] == 5
        for status in (None, "gone", 7, ["open"], {}):
            refused = await client.patch(f"{PATH}/x", json={"status": status})
            assert (refused.status_code, refused.json()["parameter"]) == (400, "status")


async def test_closing_says_how_many(found: Served) -> None:
    async with found.client() as client:
        elements = [one["elementId"] for one in (await client.get(PATH)).json()["resources"]]
        closed = await client.patch(PATH, json={"command": "close", "elementIds": [*elements[:2], "unknown"]})
        assert closed.json() == {"command": "close", "closed": 2}
        assert (await client.get(PATH, params={"status": "open"})).json()["total"] == 3

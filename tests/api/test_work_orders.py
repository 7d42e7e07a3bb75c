"""Work orders over our own API, against a system that keeps them (scout-api.md §4.2)."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from tests.captures.test_record import START_US, alert
from tests.served import Served
from tests.workorders.conftest import SPEC, settings_for
from tests.workorders.receiver import FIRST_ID, SECRET, Receiver, receiving

from roundsman.anomalies.service import opener
from roundsman.captures.record import Origin, Recording
from roundsman.runs.record import RobotIdentity

pytestmark = pytest.mark.anyio

OWN = "/api/roundsman/v1"
ORDERS, SETTINGS, LOG = f"{OWN}/work-orders", f"{OWN}/work-order-settings", f"{OWN}/work-order-log"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


async def alarmed(served: Served, count: int = 1) -> list[str]:
    """The uuids of new anomalies, one at each action."""
    parts, origin = served.parts, Origin(RobotIdentity("spot-1", "10.0.0.1", "Spot 1"), 1)
    alerts = [alert(number, 3, number) for number in range(1, count + 1)]
    await parts.database.write(lambda tx: Recording(tx, origin, START_US).add_all(list(alerts)))
    await opener(parts.database, parts.bus, parts.clock).catch_up()
    async with served.client() as client:
        return [one["uuid"] for one in (await client.get("/api/v0/anomalies/")).json()["resources"]]


def given(receiver: Receiver, **changes: Any) -> dict[str, Any]:
    return {**msgspec.to_builtins(settings_for(receiver)), "authHeaderValue": SECRET, **changes}


async def test_from_settings_to_a_closed_order(served: Served, receiver: Receiver) -> None:
    (anomaly,) = await alarmed(served)
    async with served.client() as client:
        assert (await client.get(SETTINGS)).json()["authHeaderValueSet"] is False
        tested = (await client.post(f"{SETTINGS}/test", json=given(receiver))).json()
        assert (tested["ok"], tested["status"]) == (True, 405)
        stored = (await client.put(SETTINGS, json=given(receiver))).json()
        assert (stored["authHeaderValueSet"], stored["modifiedBy"]) == (True, "tests")
        assert SECRET not in str(stored)
        assert (await client.get(SETTINGS)).json() == stored
        preview = (await client.post(f"{ORDERS}/preview", json={"anomalyUuid": anomaly})).json()
        assert preview["problems"] == []
        assert preview["body"]["title"] == "Hot at Action 1"
        assert [field["displayName"] for field in preview["fields"]][-2:] == ["title", "Text"]
        assert receiver.posted == []
        order = (await client.post(ORDERS, json={"anomalyUuid": anomaly, "values": {"by": "me"}})).json()
        assert (order["state"], order["externalId"], order["createdBy"]) == ("open", str(FIRST_ID), "tests")
        assert receiver.posted[0][1]["by"] == "me"
        assert (await client.post(ORDERS, json={"anomalyUuid": anomaly})).status_code == 409
        another = await client.post("/api/v0/work_orders/", json={"anomalyUuid": anomaly, "evenIfOpen": True})
        assert another.json()["externalId"] == str(FIRST_ID + 1)
        receiver.close(FIRST_ID)
        closed = (await client.post(f"{ORDERS}/{order['uuid']}/synchronise")).json()
        assert (closed["state"], closed["externalStatus"]) == ("closed", "closed")
        assert (await client.get(f"{ORDERS}/{order['uuid']}")).json() == closed
        assert (await client.patch(f"{ORDERS}/{order['uuid']}", json={"state": "open"})).json()["state"] == "open"
        lines = (await client.get(LOG, params={"workOrderUuid": order["uuid"]})).json()["items"]
        assert [line["text"].split()[0] for line in lines] == ["tests", "Work", "Created"]


async def test_orders_and_the_log_come_in_pages(served: Served, receiver: Receiver) -> None:
    anomalies = await alarmed(served, 5)
    async with served.client() as client:
        await client.put(SETTINGS, json=given(receiver))
        made = [(await client.post(ORDERS, json={"anomalyUuid": uuid})).json()["uuid"] for uuid in anomalies]
        await client.patch(f"{ORDERS}/{made[0]}", json={"state": "closed"})
        for path, expected in ((ORDERS, 5), (LOG, 6), (f"{ORDERS}?state=open", 4), (f"{ORDERS}?state=failed", 0)):
            seen: list[str] = []
            url = f"{path}{'&' if '?' in path else '?'}limit=2"
            while url:
                answer = await client.get(url)
                seen += [item["uuid"] for item in answer.json()["items"]]
                url = answer.links.get("next", {}).get("url", "")
            assert len(seen) == len(set(seen)) == expected
        assert [one["uuid"] for one in (await client.get(ORDERS)).json()["items"]] == made[::-1]
        one = (await client.get(ORDERS, params={"anomalyUuid": anomalies[2]})).json()["items"]
        assert [order["uuid"] for order in one] == [made[2]]


async def test_what_cannot_be_done_says_why(served: Served, receiver: Receiver) -> None:
    (anomaly,) = await alarmed(served)
    async with served.client() as client:
        for path, body, status, text in (
            (ORDERS, {"anomalyUuid": anomaly}, 409, "administrator"),
            (ORDERS, {}, 400, "anomalyUuid"),
            (ORDERS, {"anomalyUuid": "x"}, 404, "no anomaly"),
            (f"{ORDERS}/preview", {"anomalyUuid": "x"}, 404, "no anomaly"),
            (f"{ORDERS}/preview", {"anomaly": {"title": "x"}, "specTemplate": {"specs": 1}}, 400, "specTemplate"),
            (f"{ORDERS}/x/retry", None, 404, "no work order"),
            (f"{ORDERS}/x/synchronise", None, 404, "no work order"),
            (f"{SETTINGS}/test", {}, 400, "createUrl"),
        ):
            answer = await client.post(path, json=body)
            assert (answer.status_code, text in answer.text) == (status, True), answer.text
        for changes, parameter in (
            ({"createUrl": "x"}, "createUrl"),
            ({"syncEveryS": 1}, "syncEveryS"),
            ({"colour": "red"}, None),
            ({"titleField": "a\0"}, "titleField"),
            ({"authHeaderValue": "a\r\nb"}, "authHeaderValue"),
            (
                {"specTemplate": {"specs": {"a": {"spec": {"stringSpec": {"templateValue": "{x}"}}}}}},
                "specTemplate.specs.a",
            ),
        ):
            answer = await client.put(SETTINGS, json=given(receiver, **changes))
            assert answer.status_code == 400
            assert str(answer.json().get("parameter")).startswith(str(parameter))
        assert (await client.patch(f"{ORDERS}/x", json={"state": "odd"})).status_code == 400
        nested = await client.put(SETTINGS, content=b'{"specTemplate":' * 5000 + b"1" + b"}" * 5000)
        assert nested.status_code == 400


async def test_a_preview_may_try_another_template_and_an_anomaly_that_there_is_not(served: Served) -> None:
    body = {"anomaly": {"title": "Cold", "runEventUuid": None}, "specTemplate": SPEC, "values": {"priority": "x"}}
    async with served.client() as client:
        preview = (await client.post(f"{ORDERS}/preview", json=body)).json()
    assert preview["body"]["title"] == "Cold at "
    assert preview["problems"] == ["priority must be a whole number, not 'x'"]
    assert {field["key"] for field in preview["fields"] if field["hasImages"]} == {"picture"}


@pytest.mark.parametrize(
    ("role", "reads", "makes", "sets"),
    [("viewer", 200, 403, 403), ("reviewer", 200, 400, 403), ("operator", 200, 400, 403)],
)
async def test_who_may(served: Served, role: Any, reads: int, makes: int, sets: int) -> None:
    token, _ = await served.parts.access.tokens.create(role, created_by="admin", role=role)
    async with served.client(token) as client:
        assert (await client.get(ORDERS)).status_code == reads
        assert (await client.get(LOG)).status_code == reads
        assert (await client.post(ORDERS, json={})).status_code == makes
        assert (await client.post("/api/v0/work_orders", json={})).status_code == makes
        assert (await client.get(SETTINGS)).status_code == sets
        assert (await client.put(SETTINGS, json={})).status_code == sets
        assert (await client.post(f"{SETTINGS}/test", json={})).status_code == sets

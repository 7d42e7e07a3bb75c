"""What is done with anomalies by the official clients. Source: scout-api.md §2.16, §5.1."""

from typing import Any

from tests.clients.official import Answer, OfficialClient
from tests.clients.site import Site


def ok(answer: Answer) -> Any:
    """The JSON of a response that is 200."""
    assert (answer.kind, answer.status) == ("response", 200), answer
    return answer.json


def listed(client: OfficialClient, **params: str) -> list[dict[str, Any]]:
    """What the example program get_anomalies reads; its limit is a text. 4.1 has no method for it."""
    more = {"limit": "50", "orderBy": "-time", **params}
    named = client.release >= (5,)
    envelope = ok(client.get_anomalies(params=more) if named else client.get_resource("anomalies", params=more))
    assert (envelope["total"], envelope["limit"]) == (len(envelope["resources"]), 50)
    for anomaly in envelope["resources"]:
        assert anomaly["actionName"] + anomaly["status"] + anomaly["uuid"], "which it joins"
    return envelope["resources"]


def anomalies(client: OfficialClient, site: Site) -> None:
    newest, oldest = listed(client)
    assert [newest["runEventUuid"], oldest["runEventUuid"]] == [site.events[1]["uuid"], site.events[0]["uuid"]]
    assert (oldest["severity"], oldest["title"], len(oldest["dataCaptures"])) == (4, "Überhitzt", 2)
    assert [one["uuid"] for one in listed(client, runEventUuids=f"{oldest['runEventUuid']},x")] == [oldest["uuid"]]
    assert listed(client, status="open") == [newest, oldest]
    assert listed(client, startTime=newest["time"]) == [newest]


def status(client: OfficialClient, site: Site) -> None:
    newest, oldest = listed(client)
    closed = ok(client.patch_anomaly_by_id(oldest["uuid"], {"status": "closed"}))
    assert (closed["status"], closed["statusModifiedAt"] is None) == ("closed", False)
    assert listed(client, status="open") == [newest]
    assert ok(client.patch_resource(f"anomalies/{oldest['uuid']}", json={"status": "open"}))["status"] == "open"
    assert client.patch_anomaly_by_id("4711", {"status": "open"}).status == 404
    assert client.patch_anomaly_by_id(oldest["uuid"], {"status": "gone"}).status == 400


def whole_elements(client: OfficialClient, site: Site) -> None:
    elements = [one["elementId"] for one in listed(client)]
    assert client.patch_bulk_close_anomalies(elements).status == 200
    assert listed(client, status="open") == []
    for anomaly in listed(client):
        assert client.patch_anomaly_by_id(anomaly["uuid"], {"status": "open"}).status == 200
    assert len(listed(client, status="open")) == 2


ANOMALIES = {
    "get_anomalies": anomalies,
    "patch_anomaly_by_id": status,
    "patch_bulk_close_anomalies": whole_elements,
    "patch_resource": status,
}

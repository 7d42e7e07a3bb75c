"""What is done with the site by the official clients. Source: scout-api.md §2.4 – 2.6, §2.18, §5.1."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.clients.official import Answer, OfficialClient
from tests.clients.site import Site
from tests.site.recorded import walks

from roundsman.site.walk import json_of

ROUND = "Boiler house round"


def ok(answer: Answer) -> Any:
    """The JSON of a response that is 200."""
    assert (answer.kind, answer.status) == ("response", 200), answer
    return answer.json


@contextmanager
def imported(client: OfficialClient, site: Site) -> Iterator[dict[str, Any]]:
    """A walk from a tablet, until the block ends; programs look it up by its name."""
    ok(client.post_import_from_walk(json=json_of(walks()[ROUND])))
    (walk,) = (one for one in ok(client.get_site_walks()) if one["name"] == ROUND)
    yield walk
    assert client.delete_site_walk(walk["uuid"]).status == 200
    assert client.get_site_walk_by_id(walk["uuid"]).status == 404


def recorded(client: OfficialClient, site: Site) -> None:
    with imported(client, site) as walk:
        assert ok(client.get_site_walk_by_id(walk["uuid"])) == walk
        assert ok(client.post_export_as_walk(walk["uuid"])) == json_of(walks()[ROUND])
        elements = {one["uuid"] for one in ok(client.get_site_elements())}
        assert set(walk["siteElementIds"]) <= elements
        first = walk["siteElementIds"][0]
        assert ok(client.get_site_element_by_id(first))["uuid"] == first
        assert client.get_site_element_by_id("4711").status == 404
        if client.package == "orbit" and client.release >= (4, 1):
            archive(client, walk)


def archive(client: OfficialClient, walk: dict[str, Any]) -> None:
    """As the example program export_site_walk_archives fetches it."""
    answer = client.get_site_walk_archive_by_id(walk["uuid"])
    assert (answer.status, answer.headers and answer.headers["content-type"]) == (200, "application/zip")
    assert answer.size_bytes > len(walks()[ROUND])
    assert client.get_site_walk_archive_by_id("4711").status == 404


def docks(client: OfficialClient, site: Site) -> None:
    """The example program send_robot_back_to_dock indexes two lists, of uuid and of dockId, with one number."""
    with imported(client, site):
        shown = ok(client.get_site_docks())
        assert all(one["uuid"] and isinstance(one["dockId"], int) for one in shown)
        assert ok(client.get_site_dock_by_id(shown[0]["uuid"])) == shown[0]
        assert client.get_site_dock_by_id("4711").status == 404


def made(client: OfficialClient, site: Site) -> None:
    dock = ok(client.post_site_dock(json=[{"name": "590", "dockedWaypointId": "w"}]))[0]
    element = ok(client.post_site_element(json=[{"name": "Gauge", "waypointId": "w", "note": {"of": "mine"}}]))[0]
    assert element["note"] == {"of": "mine"}
    body = {"name": "By a program", "siteElementIds": [element["uuid"]], "siteDockIds": [dock["uuid"]]}
    walk = ok(client.post_site_walk(json=[body]))
    assert (walk["siteElementIds"], ok(client.post_site_walk(json=walk))["uuid"]) == ([element["uuid"]], walk["uuid"])
    assert ok(client.post_export_as_walk(walk["uuid"]))["docks"][0]["dockId"] == 590
    for path in (f"site_walks/{walk['uuid']}", f"site_elements/{element['uuid']}", f"site_docks/{dock['uuid']}"):
        assert client.delete_resource(path).status == 200


def legacy(client: OfficialClient, site: Site) -> None:
    """No method of its own: programs for Scout 3.2 ask by get_resource; what only they use."""
    walk = ok(client.post_import_from_walk(data=None, json={"walk": json_of(walks()[ROUND])}))
    (mission,) = ok(client.get_resource("missions"))
    assert ok(client.get_resource(f"missions/{mission['uuid']}")) == mission
    changed = ok(client.post_resource(f"site_walks/{walk['uuid']}", json=walk | {"name": "Other"}))
    assert changed["name"] == "Other"
    element = ok(client.get_resource(f"site_elements/{walk['siteElementIds'][0]}"))
    assert ok(client.post_resource(f"site_elements/{element['uuid']}", json=element))[0]["uuid"] == element["uuid"]
    dock = ok(client.get_resource(f"site_docks/{walk['siteDockIds'][0]}"))
    assert ok(client.post_resource(f"site_docks/{dock['uuid']}", json=dock))[0]["dockId"] == dock["dockId"]
    export = client.post_resource(f"site_walks/export_as_walk/{walk['uuid']}")
    assert ok(export)["missionName"] == "Other"
    assert ok(client.post_resource("site_walks/export_as_walk", json={"siteWalkUuid": walk["uuid"]})) == export.json
    assert client.delete_resource(f"missions/{mission['uuid']}").status == 200


SITE = {
    "delete_site_walk": recorded,
    "get_site_dock_by_id": docks,
    "get_site_docks": docks,
    "get_site_element_by_id": recorded,
    "get_site_elements": recorded,
    "get_site_walk_archive_by_id": recorded,
    "get_site_walk_by_id": recorded,
    "get_site_walks": recorded,
    "post_export_as_walk": recorded,
    "post_import_from_walk": recorded,
    "post_site_dock": made,
    "post_site_element": made,
    "post_site_walk": made,
}

"""Every method and every helper of the official clients does its work on a served Roundsman."""

from pathlib import Path

import pytest
from tests.clients.calls import AT_THE_DOOR, HELPERS, METHODS, NOT_YET, metadata_of, ok, saved_archive
from tests.clients.calls_calendar import REFUSED
from tests.clients.conftest import Started
from tests.clients.official import NAMES, OfficialClient, names_of
from tests.clients.site import Site

CASES = METHODS | HELPERS
V0 = ("/api/v0/", "/daq/")
UNKNOWN_TO_CLIENTS = {"get /api/v0/status", "get /api/v0/anomalies/{uuid}", "post /api/v0/work_orders"}
CALLS = [(name, call) for name in NAMES for call in names_of(name) if call in CASES]


@pytest.mark.parametrize(("name", "call"), CALLS)
def test_it_works(clients: Started, site: Site, name: str, call: str) -> None:
    CASES[call](clients(name), site)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_a_client_can_do_is_forgotten(name: str) -> None:
    assert set(names_of(name)) - set(CASES) - NOT_YET - AT_THE_DOOR == set()


def test_what_is_listed_exists() -> None:
    known = {call for name in NAMES for call in names_of(name)}
    assert (set(CASES) | NOT_YET | AT_THE_DOOR) - known == set()
    assert not (set(CASES) | AT_THE_DOOR) & NOT_YET


def test_every_path_of_the_api_is_used_by_some_client(clients: Started, site: Site) -> None:
    for name in NAMES:
        for call in names_of(name):
            if call in METHODS:
                METHODS[call](clients(name), site)
    used = set[str]().union(*(clients(name).operations for name in NAMES))
    known = {operation for operation in site.served.contract.operations if operation.split()[1].startswith(V0)}
    assert known - used == UNKNOWN_TO_CLIENTS | REFUSED


def test_an_archive_opens_and_holds_what_was_captured(client: OfficialClient, site: Site, tmp_path: Path) -> None:
    with saved_archive(client, site, tmp_path) as archive:
        assert archive.testzip() is None
        contents = [archive.read(name) for name in archive.namelist()]
        for capture in site.captures:
            if capture["run_uuid"] == site.archived["uuid"]:
                assert site.files[capture["uuid"]] in contents
        assert len(metadata_of(archive)["actions"]) == 2


def test_pages_of_a_client_concatenate_to_the_whole(client: OfficialClient, site: Site) -> None:
    pages = [ok(client.get_run_captures(params={"limit": 7, "offset": start})) for start in range(0, 40, 7)]
    together = [capture["uuid"] for page in pages for capture in page["resources"]]
    assert together == [one["uuid"] for one in ok(client.get_run_captures(params={"limit": 1000}))["resources"]]
    assert {page["total"] for page in pages} == {len(site.captures)}

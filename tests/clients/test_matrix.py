"""Every release of the official clients, not only the four that the other tests look at closely."""

import pytest
from tests.clients.calls import AT_THE_DOOR, HELPERS, METHODS, NOT_YET
from tests.clients.conftest import Started
from tests.clients.matrix import PAGE, codes, page
from tests.clients.official import NAMES, names_of
from tests.clients.site import Site

CASES = METHODS | HELPERS
OTHERS = sorted(set(codes()) - set(NAMES))


@pytest.mark.parametrize("name", OTHERS)
def test_whatever_it_can_do_works(clients: Started, site: Site, name: str) -> None:
    names = set(names_of(name))
    assert names - set(CASES) - NOT_YET - AT_THE_DOOR == set(), "nothing that it can do is forgotten"
    failed: dict[str, str] = {}
    for call in sorted(names & set(CASES)):
        try:
            CASES[call](clients(name), site)
        except AssertionError as error:
            failed[call] = str(error)
    assert failed == {}


def test_the_page_on_compatibility_is_up_to_date() -> None:
    assert PAGE.read_text() == page(), "run `python -m tests.clients.matrix`"


def test_the_four_that_are_looked_at_closely_are_the_oldest_and_the_newest_of_their_kind() -> None:
    assert set(NAMES) <= set(codes())

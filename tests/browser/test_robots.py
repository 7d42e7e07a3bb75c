"""The pages of robots in a real browser: one is added, given another login, and removed."""

import pytest
from tests.browser.conftest import Visit
from tests.clients.site import Site

pytestmark = pytest.mark.browser


def test_one_is_added_and_removed(visit: Visit, site: Site) -> None:
    visit.log_in(site)
    page = visit.page
    page.get_by_text("Administration").click()
    page.get_by_role("link", name="Robots", exact=True).click()
    known = page.locator("tbody tr").count()
    form = page.get_by_role("region", name="Add a robot")
    for label, value in (("Hostname", "127.0.0.1:9"), ("Nickname", "Spare"), ("Password", "secret")):
        form.get_by_label(label).fill(value)
    page.get_by_role("button", name="Add").click()
    spare = page.locator("tr", has_text="Spare")
    assert page.locator("tbody tr").count() == known + 1
    spare.get_by_role("link", name="Spare").click()
    visit.fits_narrow_screens("/robots", "/robots/127.0.0.1%3A9")
    page.get_by_label("User on the robot").fill("ada")
    page.get_by_label("Its password").fill("another")
    page.get_by_role("button", name="Set the login").click()
    assert page.get_by_label("User on the robot").input_value() == "ada"
    assert page.get_by_label("Its password").input_value() == ""
    page.get_by_role("button", name="Remove").click()
    page.get_by_role("heading", name="Add a robot").wait_for()
    assert page.locator("tbody tr").count() == known


def test_what_somebody_has_begun_to_choose_stays(visit: Visit, site: Site) -> None:
    visit.log_in(site)
    page = visit.page
    page.goto(f"{visit.origin}/runs")
    page.get_by_label("Kind").select_option("teleop")
    page.get_by_role("heading", name="Runs").click()
    for _ in range(2):  # the second begins when the first has been taken in
        with page.expect_response(lambda answer: answer.url.endswith("/runs") and answer.ok, timeout=15_000):
            pass
    assert page.get_by_label("Kind").input_value() == "teleop"

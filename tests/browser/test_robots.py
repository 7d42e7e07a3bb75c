"""The page of robots in a real browser: one is added, its state appears by itself, it is removed."""

import pytest
from playwright.sync_api import Page
from tests.browser.conftest import Visit
from tests.clients.site import Site

pytestmark = pytest.mark.browser


def fits(page: Page) -> None:
    for width in (360, 768):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


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
    fits(page)
    spare.get_by_role("link", name="Spare").click()
    fits(page)
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

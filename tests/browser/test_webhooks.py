"""The pages of webhooks in a real browser: one is added and tried out, and nothing sticks out."""

import pytest
from tests.browser.conftest import Visit
from tests.clients.site import Site

pytestmark = pytest.mark.browser


def test_one_is_added_and_tried_out(visit: Visit, site: Site) -> None:
    visit.log_in(site)
    page = visit.page
    page.get_by_text("Administration").click()
    page.get_by_role("link", name="Webhooks").click()
    page.get_by_role("link", name="Add a webhook").click()
    page.get_by_label("URL").fill("http://127.0.0.1:9/hook/" + "a-long-path/" * 12)
    page.get_by_label("An action raised an alert").check()
    page.get_by_label("A robot cannot be reached any more").check()
    page.get_by_role("button", name="Save").click()
    page.get_by_text("It was told nothing yet").wait_for()
    page.get_by_role("button", name="Send a test").click()
    page.locator(".deliveries summary").first.click()
    page.get_by_role("button", name="Send now").wait_for()
    page.get_by_role("link", name="Failed").click()
    page.get_by_text("None failed").wait_for()
    page.get_by_role("link", name="All", exact=True).click()
    where = page.url.partition("?")[0]
    visit.fits_narrow_screens("/webhooks", where, f"{where}/settings")

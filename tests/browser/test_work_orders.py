"""The pages of work orders in a real browser: settings, a preview, an order, and nothing sticks out."""

from collections.abc import Iterator

import pytest
from tests.browser.conftest import Visit
from tests.clients.site import Site
from tests.workorders.receiver import FIRST_ID, SECRET, Receiver, receiving

pytestmark = pytest.mark.browser


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def test_from_the_settings_to_an_order(visit: Visit, site: Site, receiver: Receiver) -> None:
    visit.log_in(site)
    page = visit.page
    page.get_by_role("link", name="Work orders").click()
    page.get_by_role("link", name="Settings", exact=True).click()
    page.get_by_label("Create URL").fill(f"{receiver.url}/work_order")
    page.get_by_label("Authentication header").fill("Authorization")
    page.get_by_label("Its value").fill(SECRET)
    page.get_by_label("Status URL").fill(f"{receiver.url}/work_order/{{id}}/status")
    page.get_by_label("Status field").fill("state")
    page.get_by_role("button", name="Test the connection").click()
    page.get_by_text("The other system can be reached").wait_for()
    page.get_by_role("button", name="Preview").click()
    page.get_by_text("So it would be sent").wait_for()
    page.get_by_label("Its value").fill(SECRET)
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Saved.").wait_for()
    page.get_by_role("link", name="Work orders").first.click()
    page.get_by_role("link", name="Make a work order").first.click()
    page.get_by_label("Title").fill("Look at the pump")
    page.get_by_role("button", name="Send the work order").click()
    page.get_by_role("heading", name="Health log").wait_for()
    assert page.get_by_text("Look at the pump", exact=True).is_visible()
    assert [body["title"] for _, body in receiver.posted] == ["Look at the pump"]
    receiver.close(FIRST_ID)
    page.get_by_role("button", name="Read status").first.click()
    page.locator(".state.closed").wait_for()
    visit.fits_narrow_screens("/work-orders", "/work-orders/settings")

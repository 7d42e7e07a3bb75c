"""The pages of anomalies in a real browser: found by their filters, closed, and nothing sticks out."""

import pytest
from tests.browser.conftest import Visit
from tests.clients.site import Site

pytestmark = pytest.mark.browser


def test_one_is_found_looked_at_and_opened_and_closed(visit: Visit, site: Site) -> None:
    visit.log_in(site)
    page = visit.page
    page.get_by_role("link", name="Anomalies").click()
    page.get_by_label("Status").select_option("all")
    page.get_by_label("Severity").select_option("critical")
    page.get_by_role("button", name="Show").click()
    page.get_by_role("link", name="Überhitzt").first.click()
    page.get_by_role("heading", name="History").wait_for()
    assert visit.broken_pictures() == []
    where = page.url
    page.get_by_label("Why").fill("Repaired")
    page.get_by_role("button", name="Close it").click()
    page.get_by_text("Repaired").wait_for()
    page.get_by_label("Why").fill("It is back")
    page.get_by_role("button", name="Open it again").click()
    page.get_by_text("It is back").wait_for()
    visit.fits_narrow_screens("/anomalies", where)


def test_what_was_ticked_and_written_is_not_refreshed_away(visit: Visit, site: Site) -> None:
    visit.log_in(site)
    page = visit.page
    page.clock.install()
    page.goto(f"{visit.origin}/anomalies")
    page.get_by_role("checkbox").first.check()
    page.get_by_label("Why").fill("False alarm")
    page.get_by_label("Why").blur()
    page.evaluate("document.querySelector('main h1').textContent = 'As it was'")
    for begun in (True, False):
        with page.expect_response(lambda answer: "/anomalies" in answer.url) as answered:
            page.clock.run_for(5_000)
        answered.value.finished()
        if begun:
            assert page.get_by_role("heading", name="As it was").is_visible()
            page.get_by_role("checkbox").first.uncheck()
            page.get_by_label("Why").fill("")
            page.get_by_label("Why").blur()
            page.evaluate("document.activeElement.blur()")
    page.get_by_role("heading", name="Anomalies").wait_for()

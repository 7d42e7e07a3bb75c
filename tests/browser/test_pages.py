"""The pages in a real browser: log in, see robots, runs and pictures, open a run, log out."""

import zipfile
from pathlib import Path

import pytest
from tests.browser.conftest import Visit
from tests.clients.site import ACTION, ROBOT, Site

from roundsman.api import docs

pytestmark = pytest.mark.browser


def test_from_the_login_to_a_run_and_out_again(visit: Visit, site: Site, tmp_path: Path) -> None:
    visit.log_in(site)
    page = visit.page
    assert page.get_by_text(ROBOT, exact=True).first.is_visible()
    assert page.locator("tbody tr").count() == len(site.runs)
    assert page.locator("main img").count() > 5
    assert visit.broken_pictures() == []
    page.get_by_role("link", name="Runs", exact=True).click()
    page.get_by_role("combobox", name="Mission").fill(site.archived["mission_name"])
    page.get_by_role("button", name="Show").click()
    page.locator(f"a[href='/runs/{site.archived['uuid']}']").first.click()
    page.get_by_role("heading", name=site.archived["mission_name"]).wait_for()
    assert page.get_by_role("heading", name=ACTION).count() == 2
    assert page.locator("main img").count() == 2
    assert visit.broken_pictures() == []
    with page.expect_download() as download:
        page.get_by_role("link", name="Download everything").click()
    download.value.save_as(tmp_path / "run.zip")
    assert zipfile.ZipFile(tmp_path / "run.zip").testzip() is None
    page.get_by_role("button", name="Log out").click()
    page.get_by_label("Password").wait_for()
    page.goto(f"{visit.origin}/runs/{site.archived['uuid']}")
    page.get_by_label("Password").wait_for()


def test_a_wrong_password_says_so_and_keeps_the_name(visit: Visit, site: Site) -> None:
    page = visit.page
    page.goto(visit.origin)
    page.get_by_label("Username").fill(site.served.username)
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Log in").click()
    assert "wrong" in page.get_by_role("alert").inner_text().lower()
    assert page.get_by_label("Username").input_value() == site.served.username
    visit.complaints[:] = [text for text in visit.complaints if "401" not in text]  # which browsers log by themselves


def test_what_is_new_appears_by_itself(visit: Visit, site: Site) -> None:
    visit.log_in(site)
    with visit.page.expect_response(lambda answer: answer.url == f"{visit.origin}/" and answer.ok, timeout=15_000):
        pass
    assert visit.page.get_by_role("heading", name="Latest runs").is_visible()


@pytest.mark.parametrize("width", [360, 768])
def test_nothing_sticks_out_of_a_narrow_screen(visit: Visit, site: Site, width: int) -> None:
    visit.page.set_viewport_size({"width": width, "height": 800})
    visit.log_in(site)
    for path in ("/", "/runs", f"/runs/{site.archived['uuid']}"):
        visit.page.goto(visit.origin + path)
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("document", docs.DOCUMENTS, ids=lambda document: document.docs)
def test_the_documentation_shows_every_operation(visit: Visit, site: Site, document: docs.Document) -> None:
    visit.log_in(site)
    visit.page.goto(visit.origin + document.docs)
    visit.page.locator(".info .title").wait_for()
    operations = [one for one in site.served.contract.operations if one.split()[1].startswith(document.paths)]
    if operations:
        visit.page.locator(".opblock").first.wait_for()
    assert visit.page.locator(".opblock").count() == len(operations)


def test_one_page_shows_both_parts_of_version_1(visit: Visit, site: Site) -> None:
    page = visit.page
    page.goto(f"{visit.origin}/api/v1/docs")
    page.get_by_role("heading", name="Fleet API v1").wait_for()
    page.get_by_label("Which part of the API").select_option(label="Roundsman: Facilities API v1")
    page.get_by_role("heading", name="Facilities API v1").wait_for()
    assert page.get_by_role("heading", name="Fleet API v1").count() == 0

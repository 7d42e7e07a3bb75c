"""The pages of the site in a real browser: a walk is brought in, drawn, downloaded; nothing sticks out."""

import zipfile
from pathlib import Path

import pytest
from tests.browser.conftest import Visit
from tests.clients.site import Site
from tests.site.recorded import folder, zipped

pytestmark = pytest.mark.browser
ROUND = "Boiler house round"


def test_from_the_upload_to_the_archive(visit: Visit, site: Site, tmp_path: Path) -> None:
    (tmp_path / "round.zip").write_bytes(zipped(folder()))
    visit.log_in(site)
    page = visit.page
    page.get_by_role("link", name="Site", exact=True).click()
    page.get_by_label("A .walk folder").set_input_files(tmp_path / "round.zip")
    page.get_by_role("button", name="Import").click()
    page.get_by_role("status").wait_for()
    assert page.locator("svg[role=img]").count() == 1
    page.get_by_role("link", name=ROUND).click()
    page.get_by_role("heading", name=ROUND).wait_for()
    assert page.locator("svg .action").count() >= 8
    assert page.locator("tbody tr").count() >= 8
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the walk").click()
    download.value.save_as(tmp_path / "out.zip")
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        assert f"{ROUND}.walk/graph" in archive.namelist()
    visit.fits_narrow_screens("/site", page.url)

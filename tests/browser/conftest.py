"""Debian's Chromium on a served and filled Roundsman; whatever its console complains of fails the test."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urljoin

import pytest
from anyio.from_thread import start_blocking_portal
from playwright.sync_api import Browser, Page, Request, sync_playwright
from tests.clients.site import Site, site_over

CHROMIUM = Path("/usr/bin/chromium")


@pytest.fixture(scope="session")
def site(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """What the pages show does not depend on the kind of database."""
    folder = tmp_path_factory.mktemp("browsed")
    file = folder / "roundsman.sqlite3"
    file.write_bytes(sqlite_template.read_bytes())
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(site_over(f"sqlite:///{file}", folder)) as site,
    ):
        yield site


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """For one module alone: while Playwright runs, no other event loop can in this thread."""
    if not CHROMIUM.exists():
        assert os.environ.get("CI") != "true", "continuous integration tests with a browser: install chromium"
        pytest.skip("no browser: apt-get install --no-install-recommends chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--disable-dev-shm-usage"])
        yield browser
        browser.close()


@dataclass
class Visit:
    """A page and what went wrong on it: complaints of the console, requests to elsewhere, failed ones."""

    page: Page
    origin: str
    complaints: list[str] = field(default_factory=list)

    def watch(self) -> None:
        page = self.page
        page.on("console", lambda message: self._complain(message.type in ("error", "warning"), message.text))
        page.on("pageerror", lambda error: self._complain(True, str(error)))
        page.on("requestfailed", lambda request: self._complain(_is_failure(request), f"failed: {request.url}"))
        page.on("request", lambda request: self._complain(self._is_elsewhere(request), f"outside: {request.url}"))

    def log_in(self, site: Site) -> None:
        self.page.goto(self.origin)
        self.page.get_by_label("Username").fill(site.served.username)
        self.page.get_by_label("Password").fill(site.served.password)
        self.page.get_by_role("button", name="Log in").click()
        self.page.get_by_role("heading", name="Latest runs").wait_for()

    def fits_narrow_screens(self, *addresses: str) -> None:
        """Asserts that nothing of these pages sticks out of a telephone's or a tablet's screen."""
        for width in (360, 768):
            self.page.set_viewport_size({"width": width, "height": 800})
            for address in addresses:
                self.page.goto(urljoin(self.origin, address))
                assert self.page.evaluate("document.documentElement.scrollWidth") <= width, address

    def broken_pictures(self) -> list[str]:
        """Pictures of the page without content, once all of them were scrolled to and had time to come."""
        pictures = self.page.locator("main img")
        for picture in pictures.all():
            picture.scroll_into_view_if_needed()
        self.page.wait_for_function("[...document.images].every((image) => image.complete)")
        return self.page.evaluate("[...document.images].filter((i) => i.naturalWidth === 0).map((i) => i.src)")

    def _complain(self, wrong: bool, text: str) -> None:
        if wrong:
            self.complaints.append(text)

    def _is_elsewhere(self, request: Request) -> bool:
        return not request.url.startswith((f"{self.origin}/", "data:", "blob:"))


def _is_failure(request: Request) -> bool:
    """Downloads and pages that were left end like failures."""
    return request.failure not in ("net::ERR_ABORTED", None)


@pytest.fixture
def visit(browser: Browser, site: Site, tmp_path: Path) -> Iterator[Visit]:
    """A fresh browser; a picture of how the test left it lies in its folder."""
    context = browser.new_context(ignore_https_errors=True, viewport={"width": 1280, "height": 900})
    context.set_default_timeout(15_000)
    visit = Visit(context.new_page(), site.served.url)
    visit.watch()
    yield visit
    visit.page.screenshot(path=tmp_path / "end.png", full_page=True)
    context.close()
    assert visit.complaints == []

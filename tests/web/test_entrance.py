"""Set-up, login and logout as a browser without JavaScript does them."""

import re

import httpx
import pytest
from tests.served import Served

from roundsman.api.cookies import CSRF_COOKIE, SESSION_COOKIE

pytestmark = pytest.mark.anyio

PASSWORD = "a long password"


def form_of(page: httpx.Response) -> dict[str, str]:
    """The hidden fields of a page's form."""
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page.text))


async def log_in(client: httpx.AsyncClient, served: Served, path: str = "/") -> httpx.Response:
    return await log_in_as(client, served.username, served.password, path)


async def log_in_as(client: httpx.AsyncClient, username: str, password: str, path: str = "/") -> httpx.Response:
    page = await client.get(path, follow_redirects=True)
    return await client.post("/login", data=form_of(page) | {"username": username, "password": password})


async def test_who_logs_in_sees_the_overview_under_a_new_session(served: Served) -> None:
    async with served.client("") as client:
        page = await client.get("/")
        assert "Log in" in page.text
        before = client.cookies[SESSION_COOKIE]
        answer = await log_in(client, served)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        assert client.cookies[SESSION_COOKIE] != before
        overview = await client.get("/")
        assert served.username in overview.text
        assert "No robot yet" in overview.text
        assert "roundsman robot add" in overview.text
    async with served.client("", cookies={SESSION_COOKIE: before}) as planted:
        assert (await planted.get("/api/v0/robots")).status_code == 403


async def test_a_wrong_password_keeps_the_name_and_says_so(served: Served) -> None:
    async with served.client("") as client:
        fields = form_of(await client.get("/login")) | {"username": "<b>ada</b>", "password": "wrong"}
        answer = await client.post("/login", data=fields)
    assert answer.status_code == 401
    assert "Wrong username or password" in answer.text
    assert "&lt;b&gt;ada" in answer.text
    assert "<b>ada" not in answer.text


async def test_a_form_from_elsewhere_is_refused(served: Served) -> None:
    async with served.client("") as client:
        await client.get("/")
        credentials = {"username": served.username, "password": served.password}
        for csrf in ({}, {"csrf": "guessed"}):
            answer = await client.post("/login", data=credentials | csrf)
            assert answer.status_code == 403
            assert "text/html" in answer.headers["content-type"]
    async with served.client("") as without_cookies:
        assert (await without_cookies.post("/login", data=credentials)).status_code == 403


@pytest.mark.parametrize(
    ("onward", "location"),
    [
        ("/runs/1", "/runs/1"),
        ("//evil.example", "/"),
        ("https://evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/\x00", "/"),
    ],
)
async def test_login_leads_on_within_this_server_only(served: Served, onward: str, location: str) -> None:
    async with served.client("") as client:
        fields = form_of(await client.get("/login")) | {"next": onward}
        answer = await client.post("/login", data=fields | {"username": served.username, "password": served.password})
    assert answer.headers["location"] == location


async def test_a_page_that_needs_a_login_leads_there_and_back(served: Served) -> None:
    async with served.client("") as client:
        page = await client.get("/runs/1", follow_redirects=True)
        assert form_of(page)["next"] == "/runs/1"


async def test_who_logs_out_is_out(served: Served) -> None:
    async with served.client("") as client:
        await log_in(client, served)
        session = client.cookies[SESSION_COOKIE]
        overview = await client.get("/")
        assert (await client.post("/logout", data=form_of(overview))).status_code == 303
    async with served.client("", cookies={SESSION_COOKIE: session}) as left:
        assert (await left.get("/api/v0/robots")).status_code == 403


async def test_the_browsers_session_works_for_the_api_too(served: Served) -> None:
    async with served.client("") as client:
        await log_in(client, served)
        robot = {"hostname": "10.0.0.3", "nickname": "Spot 1", "username": "admin", "password": "x"}
        csrf = {CSRF_COOKIE: client.cookies[CSRF_COOKIE]}
        assert (await client.post("/api/v0/robots", json=robot, headers=csrf)).status_code == 200


async def test_the_first_user_is_made_with_the_printed_link_and_logged_in(unset: Served) -> None:
    token = await unset.parts.access.setup_token()
    async with unset.client("") as client:
        assert "set-up link" in (await client.get("/")).text
        page = await client.get(f"/setup?token={token}")
        assert page.headers["referrer-policy"] == "no-referrer"
        fields = form_of(page) | {"username": "ada", "password": PASSWORD}
        differing = await client.post("/setup", data=fields | {"repeated": "another one"})
        assert differing.status_code == 400
        assert "differ" in differing.text
        short = await client.post("/setup", data=fields | {"password": "x", "repeated": "x"})
        assert short.status_code == 400
        assert "8 characters" in short.text
        made = await client.post("/setup", data=fields | {"repeated": PASSWORD})
        assert made.status_code == 303
        assert "ada" in (await client.get("/")).text
        again = await client.get(f"/setup?token={token}")
        assert again.status_code == 401
        assert "not valid" in again.text
    assert [user.role for user in await unset.parts.access.users.list()] == ["admin"]


@pytest.mark.parametrize("token", ["", "guessed"])
async def test_without_the_link_nobody_sets_up(unset: Served, token: str) -> None:
    await unset.parts.access.setup_token()
    async with unset.client("") as client:
        page = await client.get("/setup", params={"token": token})
        assert page.status_code == 401
        fields = {"csrf": client.cookies[CSRF_COOKIE], "token": token, "username": "eve"}
        fields |= {"password": PASSWORD, "repeated": PASSWORD}
        assert (await client.post("/setup", data=fields)).status_code == 401
    assert await unset.parts.access.users.list() == []

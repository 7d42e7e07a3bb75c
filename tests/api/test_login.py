"""First contact, login and csrf, as the documented programs of Scout 3.3 and Orbit 4 do them (scout-api.md §1)."""

import asyncio

import httpx
import pytest
import requests
from tests.served import Served

from roundsman.api.cookies import CSRF_COOKIE, SESSION_COOKIE

pytestmark = pytest.mark.anyio

ROBOT = {"hostname": "10.0.0.3", "nickname": "Spot 1", "username": "admin", "password": "secret"}


async def test_the_first_answer_is_200_with_two_host_only_cookies(served: Served) -> None:
    async with served.client("", follow_redirects=False) as client:
        answer = await client.get("/")
    assert answer.status_code == 200
    cookies = answer.headers.get_list("set-cookie")
    names = sorted(cookie.partition("=")[0] for cookie in cookies)
    assert names == sorted([SESSION_COOKIE, CSRF_COOKIE])
    for cookie in cookies:
        words = cookie.lower()
        assert "path=/;" in words + ";"
        assert "domain=" not in words
        assert "secure" in words
        assert "samesite=lax" in words
        assert ("httponly" in words) == cookie.startswith(SESSION_COOKIE)


def documented_program(served: Served) -> tuple[requests.Response, requests.Response]:
    """The program of the manual: it re-uses the cookies of the first answer and never reads those of the login."""
    verify = str(served.ca_file)
    first = requests.get(served.url, verify=verify)
    cookies = requests.utils.dict_from_cookiejar(first.cookies)
    headers = {"x-csrf-token": cookies["x-csrf-token"]}
    form = {"username": served.username, "password": served.password}
    login = requests.post(
        f"{served.url}/api/v0/login", data=form, headers=headers, cookies=cookies, verify=verify, allow_redirects=False
    )
    robots = requests.get(f"{served.url}/api/v0/robots/", headers=headers, cookies=cookies, verify=verify)
    return login, robots


async def test_the_documented_program_logs_in_with_the_first_cookies(served: Served) -> None:
    login, robots = await asyncio.to_thread(documented_program, served)
    assert login.status_code == 200, login.text
    assert login.json()["username"] == served.username
    assert "set-cookie" not in login.headers
    assert robots.status_code == 200
    assert robots.json() == []


async def test_json_logs_in_too_also_without_a_visit_before(served: Served) -> None:
    async with served.client("") as client:
        answer = await client.post("/api/v0/login", json={"username": served.username, "password": served.password})
        assert answer.status_code == 200
        assert answer.json() == {"username": served.username, "role": "admin"}
        assert (await client.get("/api/v0/robots")).status_code == 200


@pytest.mark.parametrize(
    ("content_type", "body", "parameter"),
    [
        ("application/x-www-form-urlencoded", b"username=ada", "password"),
        ("application/json", b"{", "username, password"),
        ("application/json", b'{"username": 3, "password": "x"}', "username, password"),
        ("text/plain", b"", "username"),
    ],
)
async def test_a_login_that_cannot_be_read_says_what_is_missing(
    served: Served, content_type: str, body: bytes, parameter: str
) -> None:
    async with served.client("") as client:
        answer = await client.post("/api/v0/login", content=body, headers={"content-type": content_type})
    assert answer.status_code == 400
    assert answer.json()["parameter"] == parameter


async def test_wrong_passwords_are_401_then_429_with_retry_after(served: Served) -> None:
    wrong = {"username": served.username, "password": "wrong"}
    async with served.client("") as client:
        for _ in range(served.parts.settings.login_attempts_max):
            answer = await client.post("/api/v0/login", data=wrong)
            assert answer.status_code == 401
            assert answer.json()["error"] == "wrong username or password"
        answer = await client.post("/api/v0/login", data=wrong)
        assert answer.status_code == 429
        assert 0 < int(answer.headers["retry-after"]) <= 60
        assert isinstance(answer.json(), dict)
        other = await client.post("/api/v0/login", data={"username": "ada", "password": "wrong"})
        assert other.status_code == 401


async def logged_in(served: Served, client: httpx.AsyncClient) -> str:
    """The csrf token of a client that has logged in."""
    await client.get("/")
    csrf = client.cookies[CSRF_COOKIE]
    form = {"username": served.username, "password": served.password}
    answer = await client.post("/api/v0/login", data=form, headers={CSRF_COOKIE: csrf})
    assert answer.status_code == 200, answer.text
    return csrf


async def test_a_session_changes_nothing_without_the_csrf_header(served: Served) -> None:
    async with served.client("") as client:
        csrf = await logged_in(served, client)
        for headers in ({}, {CSRF_COOKIE: "wrong"}, {CSRF_COOKIE: "ä".encode("latin-1")}):
            refused = await client.post("/api/v0/robots", json=ROBOT, headers=headers)  # type: ignore[arg-type]
            assert refused.status_code == 403
            assert CSRF_COOKIE in refused.json()["error"]
        assert (await client.get("/api/v0/robots")).json() == []
        assert (await client.post("/api/v0/robots", json=ROBOT, headers={CSRF_COOKIE: csrf})).status_code == 200


async def test_a_token_needs_no_csrf_header_even_beside_cookies(served: Served) -> None:
    async with served.client() as client:
        await client.get("/")
        assert (await client.post("/api/v0/robots", json=ROBOT)).status_code == 200


async def test_the_same_visitor_keeps_session_and_csrf_token(served: Served) -> None:
    async with served.client("") as client:
        await client.get("/")
        before = dict(client.cookies)
        await client.get("/")
        assert dict(client.cookies) == before


async def test_a_session_id_that_was_not_minted_here_is_replaced(served: Served) -> None:
    async with served.client("", cookies={SESSION_COOKIE: "planted.by-somebody"}) as client:
        answer = await client.post("/api/v0/login", json={"username": served.username, "password": served.password})
        assert answer.status_code == 200
        assert "planted" not in answer.headers["set-cookie"]
    async with served.client("", cookies={SESSION_COOKIE: "planted.by-somebody"}) as planted:
        assert (await planted.get("/api/v0/robots")).status_code == 403

"""The pages of users, one's account, API tokens and the audit trail, as a browser without JavaScript uses them."""

import re

import httpx
import pytest
from tests.served import Served
from tests.web.test_entrance import form_of, log_in, log_in_as

from roundsman.web.people import program_of

pytestmark = pytest.mark.anyio

ADA, PASSWORD, ANOTHER = "ada", "a long enough one", "another long one"


async def add_ada(client: httpx.AsyncClient, role: str = "reviewer") -> httpx.Response:
    fields = form_of(await client.get("/users")) | {"username": ADA, "password": PASSWORD, "role": role}
    return await client.post("/users", data=fields)


async def test_a_user_is_added_changed_kept_out_and_removed(served: Served) -> None:
    where = f"/users/{ADA}"
    async with served.client("") as client, served.client("") as ada:
        await log_in(client, served)
        csrf = form_of(await client.get("/users"))
        refused = await client.post("/users", data=csrf | {"username": "<b>", "password": PASSWORD, "role": "admin"})
        assert (refused.status_code, "A username is" in refused.text, "<b>" in refused.text) == (400, True, False)
        made = await add_ada(client)
        assert (made.status_code, made.headers["location"]) == (303, where)
        assert (await log_in_as(ada, ADA, PASSWORD)).status_code == 303
        page = await client.get(where)
        assert "Where" not in page.text
        assert "python-httpx" in page.text, "what is logged in"
        for act, fields in (("role", {"role": "operator"}), ("password", {"password": ANOTHER}), ("disable", {})):
            assert (await client.post(f"{where}/{act}", data=csrf | fields)).headers["location"] == where
        page = await client.get(where)
        assert ("operator" in page.text, ">disabled<" in page.text) == (True, True)
        assert "Not logged in anywhere" in page.text
        kept_out = await log_in_as(ada, ADA, ANOTHER)
        assert (kept_out.status_code, "is disabled" in kept_out.text) == (401, True)
        await client.post(f"{where}/enable", data=csrf)
        assert (await log_in_as(ada, ADA, ANOTHER)).status_code == 303
        assert (await client.post(f"{where}/sing", data=csrf)).status_code == 400
        assert (await client.post(f"{where}/remove", data=csrf)).headers["location"] == "/users"
        assert (await client.get(where)).status_code == 404
        alone = await client.post(f"/users/{served.username}/disable", data=csrf)
        assert (alone.status_code, "the last administrator" in alone.text) == (409, True)


@pytest.mark.parametrize(
    ("agent", "program"),
    [
        (
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0 Safari/537.36",
            "Chrome on Linux",
        ),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/156.0 Safari/537.36 Edg/156.0", "Edge on Windows"),
        ("Mozilla/5.0 (iPad; CPU OS 18_0 like Mac OS X) Version/18.0 Safari/604.1", "Safari on iPad"),
        ("python-requests/2.32.3", "python-requests/2.32.3"),
        ("", "not said"),
    ],
)
def test_what_is_logged_in_is_said_in_words(agent: str, program: str) -> None:
    assert program_of(agent) == program


async def test_one_keeps_ones_own_account(served: Served) -> None:
    async with served.client("") as admin, served.client("") as ada, served.client("") as elsewhere:
        await log_in(admin, served)
        await add_ada(admin)
        await log_in_as(ada, ADA, PASSWORD)
        await log_in_as(elsewhere, ADA, PASSWORD)
        page = await ada.get("/account")
        assert page.text.count('/end"') == 2
        assert "this one" in page.text
        wrong = {"current": "not this one", "password": ANOTHER, "repeated": ANOTHER}
        for fields, said in (
            (wrong, "not your present password"),
            (wrong | {"current": PASSWORD, "repeated": "x"}, "differ"),
            (wrong | {"current": PASSWORD, "password": "short", "repeated": "short"}, "at least 8"),
        ):
            refused = await ada.post("/account/password", data=form_of(page) | fields)
            assert (refused.status_code, said in refused.text) == (400, True), said
        changed = await ada.post("/account/password", data=form_of(page) | wrong | {"current": PASSWORD})
        assert changed.headers["location"] == "/account"
        assert (await elsewhere.get("/account")).headers["location"].startswith("/login")
        page = await ada.get("/account")
        (session,) = re.findall(r'action="(/sessions/[^"]+/end)"', page.text)
        assert (await ada.post(session, data=form_of(page))).status_code == 303
        assert (await ada.get("/account")).headers["location"].startswith("/login")


async def test_nobody_ends_anothers_session_or_token(served: Served) -> None:
    async with served.client("") as admin, served.client("") as ada:
        await log_in(admin, served)
        await add_ada(admin, "operator")
        await log_in_as(ada, ADA, PASSWORD)
        csrf = form_of(await ada.get("/account"))
        (session,) = re.findall(r'action="(/sessions/[^"]+/end)"', (await admin.get("/account")).text)
        (token,) = await served.parts.access.tokens.list()
        for path in (session, f"/tokens/{token.uuid}/revoke"):
            assert (await ada.post(path, data=csrf)).status_code == 404
        for path in ("/users", "/tokens", "/audit"):
            assert (await ada.get(path)).status_code == 403
        (session,) = re.findall(r'action="(/sessions/[^"]+/end)"', (await admin.get(f"/users/{ADA}")).text)
        assert (await admin.post(session, data=form_of(await admin.get("/users")))).status_code == 303
        assert (await ada.get("/account")).headers["location"].startswith("/login")


async def test_a_token_is_shown_once_and_does_what_was_chosen(served: Served) -> None:
    async with served.client("") as client:
        await log_in(client, served)
        csrf = form_of(await client.get("/tokens/new"))
        given = csrf | {"name": "night <report>", "role": "viewer", "days": "30"}
        for wrong, said in (
            ({"name": " "}, "needs a name"),
            ({"limited": "on"}, "Choose what it may"),
            ({"days": "x"}, "when it ends"),
            ({"role": "king"}, "Choose a role"),
        ):
            refused = await client.post("/tokens/new", data=given | wrong)
            assert (refused.status_code, said in refused.text) == (400, True), said
        made = await client.post("/tokens/new", data=given | {"limited": "on", "scope.runs": "read"})
        assert made.headers["cache-control"] == "no-store"
        (secret,) = re.findall(r'id="secret">(rmn_[\w-]+)<', made.text)
        (tried,) = re.findall(r"(/api/\S+)</pre>", made.text)
        async with served.client(secret) as program:
            assert (await program.get(tried)).status_code == 200
            assert (await program.get("/api/v0/runs")).status_code == 200
            assert (await program.get("/api/v0/robots")).status_code == 403
        for path in ("/account", "/tokens"):
            page = await client.get(path)
            assert "night &lt;report&gt;" in page.text
            assert secret not in page.text
            assert "only runs:read" in page.text
        (uuid,) = [token.uuid for token in await served.parts.access.tokens.list() if "report" in token.name]
        revoked = await client.post(f"/tokens/{uuid}/revoke", data=csrf | {"all": "on"})
        assert revoked.headers["location"] == "/tokens"
        assert ">revoked<" in (await client.get("/tokens")).text


async def test_the_trail_says_in_words_what_was_changed(served: Served) -> None:
    async with served.client("") as client:
        await log_in(client, served)
        await add_ada(client)
        await client.post(f"/users/{ADA}/role", data=form_of(await client.get("/users")) | {"role": "viewer"})
        page = await client.get("/audit?noun=user&subject=ada")
        words = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", page.text))
        assert "admin changed user ada" in words
        assert "admin added user ada" in words
        assert "logged in" not in words
        assert re.search(r'class="changed"><td>role</td><td>reviewer</td><td>viewer</td>', page.text)
        assert "<tr><td>disabled</td><td>false</td><td>false</td>" in page.text
        assert "admin logged in" in re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", (await client.get("/audit")).text))
        older = re.search(r'href="(/audit\?[^"]*cursor=[^"]*)"', (await client.get("/audit?limit=1")).text)
        assert older
        assert "The newest" in (await client.get(older[1].replace("&amp;", "&"))).text
        assert "No such change" in (await client.get("/audit?who=eve")).text
        assert (await client.get("/audit?startTime=x")).status_code == 400

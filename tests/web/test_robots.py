"""The page of robots, as a browser without JavaScript uses it."""

import pytest
from tests.served import Served
from tests.web.test_entrance import form_of, log_in, log_in_as

from roundsman.web.robots import PATH

pytestmark = pytest.mark.anyio

GIVEN = {"hostname": " 10.0.0.3:4433 ", "nickname": "Spot <1>", "username": "ada", "password": "hunter2"}


async def test_a_robot_is_added_shown_and_removed(served: Served) -> None:
    async with served.client("") as client:
        await log_in(client, served)
        assert f'<a href="{PATH}">Add the first one</a>' in (await client.get("/")).text
        page = await client.get(PATH)
        assert "No robot yet" in page.text
        assert 'value="admin"' in page.text
        csrf = {"csrf": form_of(page)["csrf"]}
        added = await client.post(PATH, data=csrf | GIVEN)
        assert (added.status_code, added.headers["location"]) == (303, PATH)
        page = await client.get(PATH)
        for part in ("Spot &lt;1&gt;", "10.0.0.3:4433", "not reached yet", "ada"):
            assert part in page.text
        assert "hunter2" not in page.text
        assert await served.parts.registry.password("10.0.0.3:4433") == "hunter2"
        where = f"{PATH}/10.0.0.3%3A4433"
        assert f'<a href="{where}">Spot &lt;1&gt;</a>' in page.text
        page = await client.get(where)
        assert "hunter2" not in page.text
        for part in ("Spot &lt;1&gt;", "10.0.0.3:4433", "not reached yet", 'value="ada"', "No run yet"):
            assert part in page.text
        removed = await client.post(f"{where}/remove", data=csrf)
        assert (removed.status_code, removed.headers["location"]) == (303, PATH)
        assert "No robot yet" in (await client.get(PATH)).text
        for again in (await client.post(f"{where}/remove", data=csrf), await client.get(where)):
            assert (again.status_code, "no robot 10.0.0.3" in again.text) == (404, True)
    assert await served.parts.registry.list() == []


async def test_a_login_is_changed_and_a_wrong_one_changes_nothing(served: Served) -> None:
    await served.parts.registry.add("spot2", "Spot 2", "admin", "old")
    before, where = await served.parts.registry.get("spot2"), f"{PATH}/spot2"
    async with served.client("") as client:
        await log_in(client, served)
        given = {"csrf": form_of(await client.get(where))["csrf"], "username": "ada", "password": "hunter2"}
        for name in ("", "a\x00b"):
            refused = await client.post(f"{where}/login", data=given | {"username": name})
            assert (refused.status_code, "A username on the robot is needed" in refused.text) == (400, True)
            assert "Set the login" in refused.text
        assert (await client.post(f"{PATH}/spot3/login", data=given)).status_code == 404
        assert await served.parts.registry.get("spot2") == before
        assert await served.parts.registry.password("spot2") == "old"
        changed = await client.post(f"{where}/login", data=given)
        assert (changed.status_code, changed.headers["location"]) == (303, where)
        trail = (await client.get("/audit?noun=robot&subject=spot2")).text
    after = await served.parts.registry.get("spot2")
    assert after.username == "ada"
    assert after.modified_us > before.modified_us
    assert await served.parts.registry.password("spot2") == "hunter2"
    assert "set the password of" in trail
    assert "hunter2" not in trail


async def test_a_token_sees_no_more_of_a_page_than_its_limits_let_it(served: Served) -> None:
    await served.parts.registry.add("spot2", "Spot 2", "admin", "old")
    secret, _ = await served.parts.access.tokens.create("robots alone", created_by="tests", scopes=["robots:read"])
    async with served.client(secret) as client:
        page, overview = await client.get(f"{PATH}/spot2"), await client.get("/")
    assert ("Spot 2" in page.text, "Latest runs" in page.text) == (True, False)
    assert (overview.status_code, "Spot 2" in overview.text, "Log in" in overview.text) == (200, False, True)


@pytest.mark.parametrize(
    ("changed", "status", "said"),
    [
        ({"hostname": "https://spot/"}, 400, "not a name or address"),
        ({"hostname": "spot:70000"}, 400, "must be from 1 to 65535"),
        ({"nickname": "a/b"}, 400, "A nickname needs"),
        ({"username": ""}, 400, "A username on the robot is needed"),
        ({"username": "ada\t"}, 400, "A username on the robot is needed"),
        ({"nickname": "sPOT 2"}, 409, "is called"),
        ({"hostname": "SPOT2."}, 409, "is added already"),
    ],
)
async def test_what_cannot_be_added_is_kept_in_the_form(
    served: Served, changed: dict[str, str], status: int, said: str
) -> None:
    await served.parts.registry.add("spot2", "Spot 2", "admin", "secret")
    async with served.client("") as client:
        await log_in(client, served)
        fields = {"csrf": form_of(await client.get(PATH))["csrf"]} | GIVEN | changed
        refused = await client.post(PATH, data=fields)
    assert refused.status_code == status
    assert said in refused.text
    assert f'name="username" value="{fields["username"]}"' in refused.text
    assert "hunter2" not in refused.text
    assert len(await served.parts.registry.list()) == 1


async def test_only_administrators_keep_robots(served: Served) -> None:
    await served.parts.access.users.create("otto", served.password, "operator")
    async with served.client("") as client:
        assert (await client.get(PATH)).headers["location"] == f"/login?next={PATH}"
        await log_in_as(client, "otto", served.password)
        overview = await client.get("/")
        assert "An administrator adds" in overview.text
        spot = await served.parts.registry.add("spot2", "Spot 2", "admin", "secret")
        csrf = {"csrf": form_of(overview)["csrf"]}
        assert (await client.get(PATH)).status_code == 403
        page = await client.get(f"{PATH}/spot2")
        assert ("Spot 2" in page.text, "Set the login" in page.text) == (True, False)
        for path in (PATH, f"{PATH}/spot2/login", f"{PATH}/spot2/remove"):
            assert (await client.post(path, data=csrf | GIVEN)).status_code == 403
        await log_in(client, served)
    async with served.client("") as client:
        await log_in(client, served)
        for path in (PATH, f"{PATH}/spot2/login", f"{PATH}/spot2/remove"):
            assert (await client.post(path, data=GIVEN)).status_code == 403, "without the form's own token"
    assert await served.parts.registry.list() == [spot]

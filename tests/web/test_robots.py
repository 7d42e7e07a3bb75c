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
        removed = await client.post(f"{PATH}/remove", data=csrf | {"hostname": "10.0.0.3:4433"})
        assert (removed.status_code, removed.headers["location"]) == (303, PATH)
        assert "No robot yet" in (await client.get(PATH)).text
        again = await client.post(f"{PATH}/remove", data=csrf | {"hostname": "10.0.0.3:4433"})
        assert (again.status_code, "no robot 10.0.0.3" in again.text) == (404, True)
    assert await served.parts.registry.list() == []


@pytest.mark.parametrize(
    ("changed", "status", "said"),
    [
        ({"hostname": "https://spot/"}, 400, "not a name or address"),
        ({"hostname": "spot:70000"}, 400, "must be from 1 to 65535"),
        ({"nickname": "a/b"}, 400, "A nickname needs"),
        ({"username": ""}, 400, "A username on the robot is needed"),
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
        csrf = {"csrf": form_of(overview)["csrf"]}
        assert (await client.get(PATH)).status_code == 403
        for path, fields in ((PATH, GIVEN), (f"{PATH}/remove", {"hostname": "10.0.0.3"})):
            assert (await client.post(path, data=csrf | fields)).status_code == 403
        await log_in(client, served)
    async with served.client("") as client:
        await log_in(client, served)
        assert (await client.post(PATH, data=GIVEN)).status_code == 403
    assert await served.parts.registry.list() == []

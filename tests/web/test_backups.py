"""The page of backups as a browser without JavaScript uses it."""

import pytest
from tests.served import Served
from tests.web.test_entrance import form_of, log_in

from roundsman.web.backups import PATH

pytestmark = pytest.mark.anyio


async def test_a_backup_is_asked_for_fetched_and_removed(served: Served) -> None:
    async with served.client("") as client:
        await log_in(client, served)
        page = await client.get(PATH)
        assert "No backup yet" in page.text
        assert "keep\n<code>secret.key</code>" in page.text
        made = await client.post(PATH, data=form_of(page) | {"missions": "on"})
        assert (made.status_code, made.headers["location"]) == (303, PATH)
        (task,) = (await client.get("/api/v0/backup_tasks")).json()
        assert task["params"] == {"includeMissions": True, "includeCaptures": False}
        await served.parts.backups.make_next()
        page = await client.get(PATH)
        assert ">complete<" in page.text
        assert "database, walks and maps<" in page.text
        assert f'href="/api/v0/backups/{task["taskId"]}"' in page.text
        refused = await client.post(f"{PATH}/{task['taskId']}/remove", data={"csrf": "another"})
        assert refused.status_code == 403
        await client.post(f"{PATH}/{task['taskId']}/remove", data=form_of(page))
        assert "No backup yet" in (await client.get(PATH)).text


async def test_one_that_failed_says_why(served: Served) -> None:
    async with served.client("") as client:
        await log_in(client, served)
        served.parts.backups.reserve_bytes = 1 << 60
        await client.post(PATH, data=form_of(await client.get(PATH)))
        await served.parts.backups.make_next()
        page = await client.get(PATH)
    assert ">failed<" in page.text
    assert "are free for it" in page.text


async def test_only_administrators_see_it(served: Served) -> None:
    async with served.client("") as client:
        asked = await client.get(PATH)
        assert (asked.status_code, asked.headers["location"]) == (303, f"/login?next={PATH}")

"""The pages of webhooks as a browser without JavaScript uses them."""

import re
from collections.abc import AsyncIterator

import pytest
from tests.served import Served
from tests.web.test_entrance import form_of, log_in, log_in_as
from tests.webhooks.test_api import Receiver, deliver, listening
from tests.webhooks.test_signing import SECRET

from roundsman.web.webhooks import PATH, WORDS
from roundsman.webhooks.store import change_delivery
from roundsman.webhooks.types import EVENTS

pytestmark = pytest.mark.anyio


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with listening() as receiver:
        yield receiver


def test_every_event_has_words() -> None:
    assert set(WORDS) == set(EVENTS.values())


async def test_one_is_added_tried_out_changed_and_removed(served: Served, receiver: Receiver) -> None:
    async with served.client("") as client:
        await log_in(client, served)
        assert "No webhook yet" in (await client.get(PATH)).text
        page = await client.get(f"{PATH}/new")
        assert re.search(r'name="secret"[^>]*value="[0-9a-f]{64}"', page.text), "shown once, to be copied"
        given = form_of(page) | {"url": receiver.url, "event.RUN_ENDED": "on", "enabled": "on", "secret": SECRET}
        wrong = await client.post(f"{PATH}/new", data=given | {"url": "ftp://<x>"})
        assert (wrong.status_code, "ftp://&lt;x&gt;" in wrong.text) == (400, True)
        made = await client.post(f"{PATH}/new", data=given)
        assert made.status_code == 303
        where = made.headers["location"]
        page = await client.get(where)
        assert receiver.url in (await client.get(PATH)).text
        assert SECRET not in page.text
        assert (await client.post(f"{where}/test", data=form_of(page))).headers["location"] == where
        assert "not sent yet" in (await client.get(where)).text
        await deliver(served)
        page = await client.get(where)
        assert "it answered 200" in page.text
        assert "it answered 200" in (await client.get(f"{where}?state=delivered&limit=1")).text
        assert "None failed" in (await client.get(f"{where}?state=failed")).text
        assert (await client.get(f"{where}?state=lost")).status_code == 400
        assert "Orbit-Signature: t=" in page.text
        assert (await client.post(f"{where}/replay", data=form_of(page))).status_code == 303
        await deliver(served)
        assert [body for _, body in receiver.got] == [receiver.got[0][1]] * 2
        form = await client.get(f"{where}/settings")
        assert re.search(r'name="event.RUN_ENDED" checked', form.text)
        assert SECRET not in form.text
        another = re.search(r'value="([0-9a-f]{64})"', (await client.get(f"{where}/settings?secret=new")).text)
        assert another
        assert another[1] != SECRET
        changed = form_of(form) | {"url": receiver.url, "event.ROBOT_OFFLINE": "on", "secret": ""}
        assert (await client.post(where, data=changed)).status_code == 303
        (webhook,) = await served.parts.webhooks.list()
        assert (webhook.events, webhook.enabled, webhook.secret) == (["ROBOT_OFFLINE"], False, SECRET)
        for _ in range(2):
            await client.post(f"{where}/test", data=form_of(page))
        newest = await client.get(f"{where}?limit=2")
        (older,) = re.findall(r'href="([^"]*cursor=[^"]*)"', newest.text)
        assert "The newest" in (await client.get(older)).text
        assert 'class="outcome">it answered 200' not in newest.text
        assert 'class="outcome">it answered 200' in (await client.get(older)).text
        refused = await client.post(f"{where}/replay-failed", data=form_of(page))
        assert (refused.status_code, "enable it first" in refused.text) == (409, True)
        assert "Send again" in page.text
        await served.parts.webhooks.change(webhook.uuid, {"enabled": True})
        failed = form_of(page)["delivery"]
        await served.parts.database.write(lambda tx: change_delivery(tx, failed, state="failed"))
        assert (await client.post(f"{where}/replay-failed", data=form_of(page))).status_code == 303
        assert "None failed" in (await client.get(f"{where}?state=failed")).text
        assert (await client.post(f"{where}/sing", data=form_of(page))).status_code == 400
        assert (await client.post(f"{where}/remove", data=form_of(page))).headers["location"] == PATH
        assert (await client.get(where)).status_code == 404


async def test_they_are_for_administrators_and_their_forms_for_our_pages(served: Served) -> None:
    async with served.client("") as client:
        assert (await client.get(PATH)).headers["location"].startswith("/login")
        await log_in(client, served)
        for path in (f"{PATH}/new", f"{PATH}/x/test"):
            assert (await client.post(path, data={"csrf": "guessed"})).status_code == 403
    await served.parts.access.users.create("olga", served.password, "operator")
    async with served.client("") as client:
        await log_in_as(client, "olga", served.password)
        page = await client.get("/")
        assert PATH not in page.text
        for path in (PATH, f"{PATH}/new", f"{PATH}/x", f"{PATH}/x/settings"):
            assert (await client.get(path)).status_code == 403
        assert (await client.post(f"{PATH}/x/test", data=form_of(page))).status_code == 403

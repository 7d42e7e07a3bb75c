"""The pages of work orders as a browser without JavaScript uses them."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.api.test_work_orders import alarmed
from tests.served import Served
from tests.web.test_entrance import form_of, log_in, log_in_as
from tests.workorders.conftest import settings_for
from tests.workorders.receiver import FIRST_ID, SECRET, Receiver, receiving

from roundsman.web.work_orders import PATH, _form_of

pytestmark = pytest.mark.anyio


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


async def submitted(client: httpx.AsyncClient, path: str, page: httpx.Response, **fields: Any) -> httpx.Response:
    return await client.post(path, data=form_of(page) | fields)


async def test_from_the_settings_to_an_order_that_is_closed(served: Served, receiver: Receiver) -> None:
    (anomaly,) = await alarmed(served)
    given = {**_form_of(settings_for(receiver)), "authHeaderValue": SECRET}
    async with served.client("") as client:
        await log_in(client, served)
        assert "First an administrator names the system" in (await client.get(PATH)).text
        page = await client.get(f"{PATH}/settings")
        assert "templateValue" in page.text
        tested = await submitted(client, f"{PATH}/settings", page, **given, test="")
        assert "The other system can be reached" in tested.text
        assert "Enter it again before you save" in tested.text
        assert SECRET not in tested.text
        preview = await submitted(client, f"{PATH}/settings", page, **given, anomaly=anomaly, preview="")
        assert "Hot at Action 1" in preview.text
        assert receiver.posted == []
        wrong = await submitted(client, f"{PATH}/settings", page, **given | {"specTemplate": '{"specs"'})
        assert (wrong.status_code, "spec template is no JSON" in wrong.text) == (400, True)
        saved = await submitted(client, f"{PATH}/settings", page, **given)
        assert (saved.status_code, saved.headers["location"]) == (303, f"{PATH}/settings?saved=1")
        assert 'placeholder="unchanged"' in (await client.get(saved.headers["location"])).text
        page = await client.get(f"{PATH}/new/{anomaly}")
        assert 'value="Hot at Action 1"' in page.text
        made = await submitted(client, f"{PATH}/new/{anomaly}", page, **{"value.title": "Look <at> this"})
        assert (made.status_code, made.headers["location"]) == (303, PATH)
        assert receiver.posted[0][1]["title"] == "Look <at> this"
        again = await submitted(client, f"{PATH}/new/{anomaly}", page)
        assert (again.status_code, "Make another one all the same" in again.text) == (409, True)
        listed = await client.get(PATH)
        assert "Look &lt;at&gt; this" in listed.text
        assert f'href="{receiver.url}/show/{FIRST_ID}"' in listed.text
        (order,) = (await client.get("/api/roundsman/v1/work-orders")).json()["items"]
        receiver.close(FIRST_ID)
        assert (await submitted(client, f"{PATH}/{order['uuid']}/synchronise", listed)).status_code == 303
        assert "is closed" in (await client.get(PATH)).text
        await served.parts.work_orders.set_closed("tests", order["uuid"], False)
        assert (await submitted(client, f"{PATH}/{order['uuid']}/close", listed)).status_code == 303
        assert f"{served.username} closes" in (await client.get(PATH)).text
        assert (await submitted(client, f"{PATH}/{order['uuid']}/sing", listed)).status_code == 400
        assert (await submitted(client, f"{PATH}/{order['uuid']}/retry", listed)).status_code == 409


async def test_forms_of_other_sites_and_of_viewers_are_refused(served: Served, receiver: Receiver) -> None:
    (anomaly,) = await alarmed(served)
    async with served.client("") as client:
        for path in (PATH, f"{PATH}/settings", f"{PATH}/new/{anomaly}"):
            assert (await client.get(path)).headers["location"].startswith("/login?next=/work-orders")
        await log_in(client, served)
        for path in (f"{PATH}/settings", f"{PATH}/new/{anomaly}", f"{PATH}/x/close"):
            assert (await client.post(path, data={"csrf": "guessed"})).status_code == 403
    await served.parts.access.users.create("vera", served.password, "viewer")
    async with served.client("") as client:
        await log_in_as(client, "vera", served.password)
        page = await client.get(PATH)
        assert page.status_code == 200
        assert "Settings" not in page.text
        for path in (f"{PATH}/settings", f"{PATH}/new/{anomaly}", f"{PATH}/x/close"):
            assert (await submitted(client, path, page)).status_code == 403
        for path in (f"{PATH}/settings", f"{PATH}/new/{anomaly}"):
            assert (await client.get(path)).status_code == 403

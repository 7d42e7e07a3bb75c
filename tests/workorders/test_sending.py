"""Orders reach the other system once, whatever fails; their status follows; no order waits for another."""

import asyncio
import base64
import json

import msgspec
import pytest
from tests.workorders.conftest import JPEG, SPEC, Plant, string
from tests.workorders.receiver import FIRST_ID, SECRET

from roundsman.kit import outbox
from roundsman.kit.bus import Bus
from roundsman.kit.database import Transaction
from roundsman.kit.problem import BadRequest, Conflict, NotFound
from roundsman.workorders import configuration, health, store
from roundsman.workorders.keeping import LOOK_S, Keeper, maker
from roundsman.workorders.service import TAKEN_US

pytestmark = pytest.mark.anyio


async def topics(plant: Plant) -> list[str]:
    return [row[2] for row in await outbox.after(plant.database, 0) if row[2].startswith("work_order.")]


async def test_an_order_made_by_hand_is_sent_at_once_with_all_that_its_templates_say(plant: Plant) -> None:
    await plant.set_up()
    anomaly = await plant.alarm()
    order = await plant.orders.make("ada", anomaly, {}, even_if_open=False)
    ((headers, body),) = plant.receiver.posted
    assert headers["Authorization"] == SECRET
    assert headers["Content-Type"] == "application/json"
    assert headers["Idempotency-Key"]
    assert set(body) == set(SPEC["specs"])
    assert body["title"] == "Hot at Action 0"
    assert base64.b64decode(body["picture"]) == JPEG
    assert (body["by"], body["priority"]) == ("ada", 3)
    assert json.loads(body["body"])["uuid"] == anomaly
    assert (order.state, order.external_id, order.title) == ("open", str(FIRST_ID), "Hot at Action 0")
    assert order.detail_url == f"{plant.receiver.url}/show/{FIRST_ID}"
    assert (order.origin, order.created_by, order.anomaly_uuid, order.problem) == ("user", "ada", anomaly, "")
    assert await topics(plant) == ["work_order.created", "work_order.changed"]
    assert (await plant.log())[0].startswith(f"Created work order {FIRST_ID} (Hot at Action 0)")


async def test_values_of_a_person_take_the_place_of_templates(plant: Plant) -> None:
    await plant.set_up()
    given = {"title": "Look {anomaly.title}", "priority": 1, "picture": None}
    await plant.orders.make("ada", await plant.alarm(), given, even_if_open=False)
    ((_, body),) = plant.receiver.posted
    assert (body["title"], body["priority"], "picture" in body) == ("Look {anomaly.title}", 1, False)
    assert body["by"] == "ada"


async def test_what_cannot_be_made_is_refused_before_anything_is_sent(plant: Plant) -> None:
    anomaly = await plant.alarm()
    with pytest.raises(Conflict, match="settings"):
        await plant.orders.make("ada", anomaly, {}, even_if_open=False)
    await plant.set_up()
    with pytest.raises(NotFound, match="no anomaly"):
        await plant.orders.make("ada", "nobody", {}, even_if_open=False)
    for given, name in (({"colour": "red"}, "colour"), ({"priority": "high"}, "priority"), ({"title": [1]}, "title")):
        with pytest.raises(BadRequest, match=name):
            await plant.orders.make("ada", anomaly, given, even_if_open=False)
    await plant.orders.make("ada", anomaly, {}, even_if_open=False)
    with pytest.raises(Conflict, match="evenIfOpen"):
        await plant.orders.make("ada", anomaly, {}, even_if_open=False)
    await plant.orders.make("ada", anomaly, {}, even_if_open=True)
    assert len(plant.receiver.posted) == 2


async def test_while_the_other_system_is_down_orders_wait_longer_and_longer_and_none_is_lost(plant: Plant) -> None:
    await plant.set_up()
    plant.receiver.fail(503, times=3)
    order = await plant.orders.make("ada", await plant.alarm(), {}, even_if_open=False)
    assert (order.state, order.attempts) == ("waiting", 1)
    assert "503" in order.problem
    waits = [30, 60, 120]
    for number, wait in enumerate(waits, 1):
        await plant.turn(wait - 1)
        assert plant.receiver.orders == {}
        assert (await plant.listed())[0].attempts == number
        await plant.turn(1)
    (order,) = await plant.listed()
    assert (order.state, order.attempts, order.problem, len(plant.receiver.orders)) == ("open", 0, "", 1)
    log = await plant.log()
    assert sum(line.startswith("Failed to create") and "request to http" in line for line in log) == 3
    assert all("reason: it answered 503" in line for line in log if line.startswith("Failed"))


async def test_an_order_whose_answer_was_lost_is_sent_again_as_it_was_and_made_once(plant: Plant) -> None:
    await plant.set_up()
    plant.receiver.forgetful = True
    order = await plant.orders.make("ada", await plant.alarm(), {}, even_if_open=False)
    assert order.state == "waiting"
    await plant.alarm()  # another picture at the same action
    changed = {"specs": {"title": string("something else")}}
    await plant.set_up(spec_template=changed)
    plant.receiver.forgetful = False
    await plant.turn()
    (order,) = await plant.listed()
    assert (order.state, order.external_id) == ("open", str(FIRST_ID))
    (first, body), (again, same) = plant.receiver.posted
    assert first["Idempotency-Key"] == again["Idempotency-Key"]
    assert body == same
    assert len(plant.receiver.orders) == 1


async def test_an_order_that_is_refused_stays_until_somebody_sends_it_again(plant: Plant) -> None:
    await plant.set_up()
    plant.receiver.fail(422, body=b'{"error": "title is too long"}')
    order = await plant.orders.make("ada", await plant.alarm(), {}, even_if_open=False)
    assert (order.state, order.next_attempt_at) == ("failed", None)
    assert "title is too long" in order.problem
    await plant.turn(100_000)
    assert plant.receiver.posted == []
    await plant.set_up(spec_template={"specs": {"title": string("short")}})
    order = await plant.orders.retry("ada", order.uuid)
    assert (order.state, order.title) == ("open", "short")
    with pytest.raises(Conflict, match="sent already"):
        await plant.orders.retry("ada", order.uuid)


async def test_wrong_credentials_are_no_fault_of_the_order(plant: Plant) -> None:
    await plant.set_up(secret="Bearer expired")
    order = await plant.orders.make("ada", await plant.alarm(), {}, even_if_open=False)
    assert order.state == "waiting"
    assert "401" in order.problem
    await plant.set_up()  # the right one: whatever waits is tried at once
    await plant.turn()
    assert (await plant.listed())[0].state == "open"


async def test_the_other_system_may_ask_for_a_longer_pause(plant: Plant) -> None:
    await plant.set_up()
    plant.receiver.fail(429, Retry_After="600")
    await plant.orders.make("ada", await plant.alarm(), {}, even_if_open=False)
    await plant.turn(599)
    assert plant.receiver.posted == []
    await plant.turn(1)
    assert len(plant.receiver.posted) == 1


@pytest.mark.parametrize("body", [b"", b"not json", b"[1]", b'{"id": null}', b'{"id": {"a": 1}}', b'{"id": true}'])
async def test_an_answer_without_an_id_is_no_reason_to_make_it_twice(plant: Plant, body: bytes) -> None:
    await plant.set_up()
    plant.receiver.fail(200, body=body)
    order = await plant.orders.make("ada", await plant.alarm(), {}, even_if_open=False)
    assert (order.state, order.external_id, order.next_attempt_at) == ("open", None, None)
    assert "no id" in order.problem
    await plant.turn(10_000)
    assert plant.receiver.posted == []
    with pytest.raises(Conflict, match="cannot be read"):
        await plant.orders.synchronise(order.uuid)
    assert (await plant.orders.set_closed("ada", order.uuid, True)).state == "closed"


async def test_the_status_is_followed_until_it_is_closed(plant: Plant) -> None:
    await plant.set_up(sync_every_s=60)
    order = await plant.orders.make("ada", await plant.alarm(), {}, even_if_open=False)
    await plant.turn(60)
    (order,) = await plant.listed()
    assert (order.state, order.external_status, len(plant.receiver.asked)) == ("open", "open", 1)
    plant.receiver.close(FIRST_ID)
    await plant.turn(60)
    (order,) = await plant.listed(state="closed")
    assert (order.external_status, order.closed_at) == ("closed", order.synchronised_at)
    await plant.turn(10_000)
    assert len(plant.receiver.asked) == 2
    assert (await plant.log())[0] == f'Work order {FIRST_ID} is closed: "closed"'
    plant.receiver.orders[FIRST_ID]["state"] = "reopened"
    assert (await plant.orders.synchronise(order.uuid)).state == "open"


async def test_one_order_that_cannot_be_synchronised_delays_no_other(plant: Plant) -> None:
    await plant.set_up(sync_every_s=60)
    for action in range(3):
        await plant.orders.make("ada", await plant.alarm(action), {}, even_if_open=False)
    del plant.receiver.orders[FIRST_ID]
    plant.receiver.orders[FIRST_ID + 1]["state"] = 7
    plant.receiver.close(FIRST_ID + 2)
    await plant.turn(60)
    by_id = {order.external_id: order for order in await plant.listed()}
    assert by_id[str(FIRST_ID + 2)].state == "closed"
    assert "404" in by_id[str(FIRST_ID)].problem
    assert "no text but 7" in by_id[str(FIRST_ID + 1)].problem
    lines = [line for line in await plant.log() if line.startswith(f"Failed to synchronize {FIRST_ID} with error: ")]
    assert len(lines) == 1
    assert f"request to {plant.receiver.url}/work_order/{FIRST_ID}/status failed, reason: " in lines[0]
    plant.receiver.orders[FIRST_ID + 1]["state"] = "open"
    await plant.turn(60)
    by_id = {order.external_id: order for order in await plant.listed()}
    assert (by_id[str(FIRST_ID + 1)].problem, by_id[str(FIRST_ID)].attempts) == ("", 2)


async def test_an_anomaly_makes_one_order_by_itself(plant: Plant) -> None:
    await plant.set_up()
    before = await plant.alarm(action=8)
    await plant.clock.advance(1)
    await plant.set_up(auto_create=True)
    opened = await plant.alarm(element="e-1")
    for _ in range(3):
        await plant.make_automatic()
    await asyncio.gather(*(maker(plant.database, Bus(), plant.clock).catch_up() for _ in range(2)))
    (order,) = await plant.listed()
    assert (order.anomaly_uuid, order.origin, order.state) == (opened, "alert", "waiting")
    assert before != opened
    await plant.turn()
    assert plant.receiver.posted == []  # pictures may still arrive
    await plant.turn(10)
    ((_, body),) = plant.receiver.posted
    assert base64.b64decode(body["picture"]) == JPEG
    assert body["by"] == "Roundsman"


async def test_alerts_of_an_element_are_suppressed_while_its_order_is_open(plant: Plant) -> None:
    await plant.set_up(auto_create=True)
    for action, element in ((0, "e-1"), (1, "e-1"), (2, "e-2")):
        await plant.alarm(action, element)
        await plant.make_automatic()
    await plant.turn(10)
    assert len(plant.receiver.orders) == 2
    assert any(line.startswith("No order for anomaly") for line in await plant.log())
    plant.receiver.close(FIRST_ID)
    plant.receiver.close(FIRST_ID + 1)
    await plant.turn(300)
    await plant.alarm(3, "e-1")
    await plant.set_up(auto_create=True, suppress_while_open=False)
    await plant.alarm(4, "e-2")
    await plant.alarm(5, "e-2")
    await plant.make_automatic()
    await plant.turn(10)
    assert len(plant.receiver.orders) == 5


async def test_two_processes_send_each_order_once_and_a_dead_one_is_replaced(plant: Plant) -> None:
    await plant.set_up(auto_create=True, suppress_while_open=False)
    for action in range(6):
        await plant.alarm(action)
    await plant.make_automatic()
    await plant.clock.advance(10)
    keepers = [plant.keeper, Keeper(plant.orders, plant.database, plant.clock)]
    await asyncio.gather(*(keeper.look() for keeper in keepers))
    await asyncio.gather(*(keeper.settled() for keeper in keepers))
    assert len(plant.receiver.posted) == 6
    anomaly, now_us = await plant.orders.anomaly(await plant.alarm(7)), plant.clock.now_us()

    async def take_and_die(tx: Transaction) -> None:
        order = await store.add(tx, anomaly, "user", "ada", now_us, now_us, {}, "Hot")
        assert order is not None
        assert await store.claim(tx, order.uuid, now_us, now_us + TAKEN_US) is not None

    await plant.database.write(take_and_die)
    await plant.turn(119)
    assert len(plant.receiver.posted) == 6
    await plant.turn(1)
    assert len(plant.receiver.orders) == 7
    assert {order.state for order in await plant.listed()} == {"open"}


async def test_an_order_closed_by_hand_while_it_waits_is_never_sent(plant: Plant) -> None:
    await plant.set_up()
    plant.receiver.fail(500)
    order = await plant.orders.make("ada", await plant.alarm(), {}, even_if_open=False)
    closed = await plant.orders.set_closed("ada", order.uuid, True)
    assert (closed.state, closed.next_attempt_at) == ("closed", None)
    await plant.turn(100_000)
    assert plant.receiver.posted == []
    with pytest.raises(Conflict, match="never sent"):
        await plant.orders.set_closed("ada", order.uuid, False)


async def test_a_broken_template_holds_orders_back_until_it_is_mended(plant: Plant) -> None:
    broken = {"specs": {"kind": {"spec": {"stringSpec": {"templateValue": "{anomaly.title}", "options": ["a"]}}}}}
    await plant.set_up(auto_create=True, spec_template=broken)
    await plant.alarm()
    await plant.make_automatic()
    await plant.turn(10)
    (order,) = await plant.listed()
    assert order.state == "waiting"
    assert "kind must be one of a, not 'Hot'" in order.problem
    await plant.set_up(auto_create=True)
    await plant.turn()
    assert (await plant.listed())[0].state == "open"


async def test_the_secret_is_sealed_and_goes_to_no_other_host(plant: Plant) -> None:
    await plant.set_up()
    configured = await configuration.load(plant.database)
    assert configured.sealed is not None
    assert SECRET.encode() not in configured.sealed
    assert SECRET not in str(configured.settings)
    settings = configured.settings
    for name in ("create_url", "status_url"):
        moved = msgspec.structs.replace(settings, **{name: "https://elsewhere.example/{id}"})
        with pytest.raises(BadRequest, match="given again"):
            await plant.orders.test(moved, None)
        with pytest.raises(BadRequest, match="given again"):
            await plant.orders.save_settings("ada", moved, None)
    assert (await plant.orders.test(None, None)).status == 405
    assert (await plant.orders.test(settings, "Bearer wrong")).ok is False
    await plant.orders.save_settings("ada", settings, None)
    assert (await configuration.load(plant.database)).sealed == configured.sealed
    await plant.orders.save_settings("ada", settings, "")
    assert (await configuration.load(plant.database)).sealed is None


async def test_the_log_keeps_its_newest_lines(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    await plant.set_up()
    plant.receiver.fail(503, times=9)
    await plant.orders.make("ada", await plant.alarm(), {}, even_if_open=False)
    for _ in range(5):
        await plant.turn(3600)
    assert len(await plant.log()) == 6
    await plant.database.write(lambda tx: health.purge(tx, 4))
    assert len(await plant.log()) == 4


async def test_a_system_that_fails_up_to_three_times_gets_every_order_once(plant: Plant) -> None:
    failures: dict[str, list[str]] = {}
    patterns = ([], ["503"], ["lost", "503"], ["503", "lost", "lost"])

    def happens(subject: str) -> str:
        left = failures.setdefault(subject, list(patterns[len(failures) % 4]))
        return left.pop() if left else ""

    plant.receiver.unreliable = happens
    await plant.set_up(auto_create=True, suppress_while_open=False, sync_every_s=600)
    for action in range(12):
        await plant.alarm(action)
    await plant.make_automatic()
    for _ in range(12):  # eight at once, and those that are open are asked for their status in between
        await plant.turn(600)
    orders = await plant.listed()
    assert {order.state for order in orders} == {"open"}
    assert len(plant.receiver.orders) == len(orders) == len({order.external_id for order in orders}) == 12
    assert len(plant.receiver.posted) == 12 + 3 * 3  # those whose answer was lost came again, and were known
    for number in plant.receiver.orders:
        plant.receiver.close(number)
    failures.clear()
    for _ in range(12):  # eight at once, and those that are open are asked for their status in between
        await plant.turn(600)
    assert {order.state for order in await plant.listed()} == {"closed"}


async def test_the_service_gives_orders_their_turns_by_itself(plant: Plant) -> None:
    await plant.set_up(sync_every_s=60)
    plant.receiver.fail(503)
    await plant.orders.make("ada", await plant.alarm(), {}, even_if_open=False)
    running = asyncio.create_task(plant.keeper.run())
    for seconds in (0, 29, 60):  # begins; sends it; reads its status
        await plant.clock.sleepers(1)
        await plant.clock.advance(seconds)
        await plant.clock.sleepers(1)  # it has looked, if there was time for that
        await plant.clock.advance(LOOK_S)
        await plant.clock.sleepers(1)
        await plant.keeper.settled()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    (order,) = await plant.listed()
    assert (order.state, order.external_status) == ("open", "open")
    assert len(plant.receiver.orders) == 1

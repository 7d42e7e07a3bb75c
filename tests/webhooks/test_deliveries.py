"""Deliveries: at least once, in order, with pauses, and never for ever."""

import asyncio
import json
import random
from collections import Counter
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from roundsman.kit import outbox
from roundsman.kit.bus import Bus
from roundsman.kit.clock import SimulatedClock
from roundsman.kit.crypto import Vault
from roundsman.kit.database import Database, Transaction
from roundsman.kit.outbound import Answer, Unreachable
from roundsman.kit.problem import Conflict
from roundsman.webhooks import store
from roundsman.webhooks.delivering import PATIENCE_US, PAUSES_S, Deliverer, dispatcher
from roundsman.webhooks.service import Webhooks
from roundsman.webhooks.types import Webhook

pytestmark = pytest.mark.anyio

SECOND_US = 1_000_000
URL = "https://receiver.example/hook"


class Receivers:
    """The other side, by URL. `answers` says what each attempt comes to: a status, or a text that no answer came."""

    def __init__(self) -> None:
        self.got: list[tuple[str, dict[str, Any]]] = []
        self.attempts: list[tuple[int, str]] = []
        self.answers: dict[str, Any] = {}
        self.clock: SimulatedClock
        self.hold: asyncio.Event | None = None  # until it is set, a message that came is not answered
        self.held = asyncio.Event()

    async def hang(self) -> None:
        """Returns once a message is here and not answered."""
        self.hold, self.held = asyncio.Event(), asyncio.Event()
        await self.held.wait()
        self.hold = None

    async def request(self, method: str, url: str, **sent: Any) -> Answer:
        message = json.loads(sent["content"])
        self.attempts.append((self.clock.now_us(), message["uuid"]))
        outcome = self.answers.get(url, 200)
        if self.hold is not None:
            self.got.append((url, message))
            self.held.set()
            await self.hold.wait()
            return Answer(200, {}, b"ok", truncated=False)
        outcome = outcome() if callable(outcome) else outcome
        if outcome == "lost":
            self.got.append((url, message))
        if isinstance(outcome, str):
            raise Unreachable(outcome)
        status, headers = outcome if isinstance(outcome, tuple) else (outcome, {})
        if status == 200:
            self.got.append((url, message))
        return Answer(status, headers, b"ok" if status == 200 else b"no", truncated=False)


class House:
    """Webhooks over a database, with time that the test moves."""

    def __init__(self, database: Database, clock: SimulatedClock, vault: Vault) -> None:
        self.database, self.clock = database, clock
        self.receivers = Receivers()
        self.receivers.clock = clock
        self.webhooks = Webhooks(database=database, vault=vault, clock=clock)
        self.reader = dispatcher(database, Bus(), clock)
        self.vault = vault
        self.deliverer = self._deliverer()

    def _deliverer(self) -> Deliverer:
        return Deliverer(database=self.database, vault=self.vault, clock=self.clock, sender=self.receivers)

    def kill(self) -> None:
        """What is under way ends wherever it is, and another process comes."""
        for task in self.deliverer._under_way.values():
            task.cancel()
        self.deliverer = self._deliverer()

    async def add(self, *events: str, url: str = URL) -> Webhook:
        return await self.webhooks.add({"url": url, "events": list(events)})

    async def happens(self, topic: str, *numbers: int) -> None:
        async def work(tx: Transaction) -> None:
            for number in numbers:
                document = json.dumps({"number": number})
                await outbox.append(tx, topic, f"subject-{number}", document, created_us=self.clock.now_us())

        await self.database.write(work)

    async def turn(self) -> None:
        await self.reader.catch_up()
        await self.deliverer.look()
        await self.deliverer.settled()

    async def turns(self, seconds: int, every_s: int) -> None:
        for _ in range(0, seconds, every_s):
            await self.turn()
            await self.clock.advance(every_s)

    async def log(self, **wanted: str) -> list[Any]:
        found = await store.find_log(
            self.database, {name: [value] for name, value in wanted.items()}, store.Window(1000)
        )
        return [store.logged(row) for row in found.rows]


@pytest.fixture
def house(database: Database, clock: SimulatedClock, tmp_path: Path) -> House:
    return House(database, clock, Vault.open_file(tmp_path / "secret.key"))


async def test_each_is_told_of_what_it_names_and_of_nothing_before_it(house: House) -> None:
    await house.happens("anomaly.opened", 1)
    await house.clock.advance(1)
    await house.add("ANOMALY_OPENED", "RUN_ENDED")
    await house.add("ROBOT_OFFLINE", url="https://other.example/")
    for number, topic in enumerate(
        ["anomaly.opened", "anomaly.closed", "run.ended", "robot.offline", "site_walk.saved"]
    ):
        await house.happens(topic, number + 2)
    await house.turn()
    assert sorted((url, message["type"], message["data"]["number"]) for url, message in house.receivers.got) == [
        ("https://other.example/", "ROBOT_OFFLINE", 5), (URL, "ANOMALY_OPENED", 2), (URL, "RUN_ENDED", 4),
    ]  # fmt: skip
    assert {one.state for one in await house.log()} == {"delivered"}
    await house.turns(10, 1)
    assert len(house.receivers.got) == 3


async def test_it_is_tried_again_after_the_standards_pauses_until_it_is_given_up(
    house: House,
) -> None:
    webhook = await house.add("RUN_ENDED")
    house.receivers.answers[URL] = "no answer"
    began_us = house.clock.now_us()
    await house.happens("run.ended", 1)
    await house.turn()
    for pause_s in PAUSES_S:
        await house.clock.advance(pause_s - 1)
        attempts = len(house.receivers.attempts)
        await house.turn()
        assert len(house.receivers.attempts) == attempts
        await house.clock.advance(1)
        await house.turn()
        assert len(house.receivers.attempts) == attempts + 1
    assert house.clock.now_us() - began_us == PATIENCE_US
    (given_up,) = await house.log(webhook_uuid=webhook.uuid)
    assert (given_up.state, given_up.attempts, given_up.problem, given_up.next_attempt_at) == (
        "failed", len(PAUSES_S) + 1, "no answer", None,
    )  # fmt: skip
    disabled = await house.webhooks.get(webhook.uuid)
    assert (disabled.enabled, "three days" in disabled.problem) == (False, True)
    house.receivers.answers[URL] = 200
    await house.webhooks.change(webhook.uuid, {"enabled": True})
    assert await house.webhooks.replay_all(webhook.uuid, "failed", 0) == 1
    await house.turn()
    assert [message["data"]["number"] for _, message in house.receivers.got] == [1]
    assert len({uuid for _, uuid in house.receivers.attempts}) == 1, "a receiver knows it again"
    assert (await house.webhooks.get(webhook.uuid)).problem == ""


async def test_gone_means_gone(house: House) -> None:
    webhook = await house.add("RUN_ENDED")
    house.receivers.answers[URL] = 410
    await house.happens("run.ended", 1)
    await house.happens("run.ended", 2)
    await house.turns(600, 60)
    assert len(house.receivers.attempts) == 1
    assert "410" in (await house.webhooks.get(webhook.uuid)).problem
    assert {one.state for one in await house.log()} == {"failed"}
    await house.happens("run.ended", 3)
    await house.turn()
    assert len(await house.log()) == 2, "what happens while it is disabled is not told"


async def test_a_receiver_says_how_long_to_wait(house: House) -> None:
    await house.add("RUN_ENDED")
    house.receivers.answers[URL] = (429, {"retry-after": "120"})
    await house.happens("run.ended", 1)
    await house.turn()
    house.receivers.answers[URL] = 200
    await house.clock.advance(119)
    await house.turn()
    assert not house.receivers.got
    await house.clock.advance(1)
    await house.turn()
    assert len(house.receivers.got) == 1


async def test_one_that_does_not_answer_keeps_nobody_else_waiting(house: House) -> None:
    for number in range(3):
        await house.add("RUN_ENDED", url=f"https://receiver-{number}.example/")
    house.receivers.answers["https://receiver-0.example/"] = "no answer"
    for number in range(20):
        await house.happens("run.ended", number)
    await house.turn()
    for number in (1, 2):
        url = f"https://receiver-{number}.example/"
        assert [message["data"]["number"] for to, message in house.receivers.got if to == url] == list(range(20))


async def test_whatever_was_under_way_when_the_process_died_is_sent_again(house: House) -> None:
    await house.add("RUN_ENDED")
    await house.happens("run.ended", 1)
    await house.reader.catch_up()
    now_us = house.clock.now_us()
    (webhook_uuid,) = await store.awaited(house.database, now_us)
    (uuid,) = await store.due(house.database, webhook_uuid, now_us, 10)
    assert await house.database.write(lambda tx: store.claim(tx, uuid, now_us, now_us + 60 * SECOND_US))
    assert await house.database.write(lambda tx: store.claim(tx, uuid, now_us, now_us + 60 * SECOND_US)) is None
    await house.turn()
    assert not house.receivers.got, "another process is at it"
    await house.clock.advance(60)
    await house.turn()
    assert len(house.receivers.got) == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_of_a_receiver_that_fails_for_three_days_nothing_is_lost_and_nothing_comes_twice(
    house: House,
) -> None:
    """It fails 30 % of the time, before it took the message."""
    dice = random.Random(4)
    await house.add("RUN_ENDED")

    def outcome() -> int | str:
        return dice.choice([500, "no answer"]) if dice.random() < 0.3 else 200

    house.receivers.answers[URL] = outcome
    events = 0
    for _ in range(72 * 6):
        await house.happens("run.ended", events)
        events += 1
        await house.turn()
        await house.clock.advance(5)
        await house.turn()
        await house.clock.advance(595)
    house.receivers.answers[URL] = 200
    await house.turns(100 * 3600, 3600)
    came = Counter(message["data"]["number"] for _, message in house.receivers.got)
    assert set(came) == set(range(events))
    assert sum(came.values()) == events
    assert {one.state for one in await house.log(state="failed")} == set()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_when_processes_die_and_answers_are_lost_no_message_is_and_next_to_none_comes_twice(house: House) -> None:
    """Over 72 hours 30 % of attempts fail, one answer in some thousand is lost, and twice the process dies while the
    receiver has a message."""
    dice = random.Random(7)
    lost = 0
    await house.add("RUN_ENDED")

    def outcome() -> int | str:
        nonlocal lost
        if dice.random() < 0.3:
            return dice.choice([500, "no answer"])
        if dice.random() < 0.0003:
            lost += 1
            return "lost"
        return 200

    house.receivers.answers[URL] = outcome
    events = 0
    for step in range(72 * 2):
        await house.happens("run.ended", *range(events, events + 30))
        events += 30
        await house.reader.catch_up()
        await house.deliverer.look()
        if step in {40, 90}:
            await house.receivers.hang()
            house.kill()
            lost += 1
        await house.deliverer.settled()
        await house.turns(10, 5)
        await house.clock.advance(1790)
    house.receivers.answers[URL] = 200
    await house.turns(100 * 3600, 3600)
    came = Counter(message["data"]["number"] for _, message in house.receivers.got)
    assert set(came) == set(range(events))
    assert sum(came.values()) - events == lost, "only what was there, and could not be known to be, comes twice"
    assert 2 < lost <= events / 1000, "some answers were lost, and at most 0.1 % came twice"
    twice = {number for number, count in came.items() if count > 1}
    bodies = {
        number: {message["uuid"] for _, message in house.receivers.got if message["data"]["number"] == number}
        for number in twice
    }
    assert all(len(uuids) == 1 for uuids in bodies.values()), "a receiver knows it again"


async def test_a_long_backlog_of_one_holds_up_no_other_and_is_never_held_whole(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More is due for the first than is looked at, and there is room for one at a time."""
    monkeypatch.setattr("roundsman.webhooks.delivering.AT_ONCE", 1)
    await house.add("RUN_ENDED")
    await house.add("ROBOT_OFFLINE", url="https://other.example/")
    for number in range(300):
        await house.happens("run.ended", number)
    await house.happens("robot.offline", 300)
    await house.reader.catch_up()

    def slowly() -> int:
        house.clock._now_us += SECOND_US  # each takes a second
        return 200

    house.receivers.answers[URL] = slowly
    await house.deliverer.look()
    await house.deliverer.settled()
    assert 5 <= len(house.receivers.got) <= 15, "its turn is over"
    await house.deliverer.look()
    await house.deliverer.settled()
    assert house.receivers.got[-1][0] == "https://other.example/"
    while len(house.receivers.got) < 301:
        await house.deliverer.look()
        await house.deliverer.settled()
    assert [message["data"]["number"] for to, message in house.receivers.got if to == URL] == list(range(300))


async def test_what_is_settled_or_sent_again_meanwhile_is_not_undone(house: House) -> None:
    await house.add("RUN_ENDED")
    await house.happens("run.ended", 1)
    await house.reader.catch_up()
    (webhook_uuid,) = await store.awaited(house.database, house.clock.now_us())
    (uuid,) = await store.due(house.database, webhook_uuid, house.clock.now_us(), 10)
    now_us = house.clock.now_us()
    row = await house.database.write(lambda tx: store.claim(tx, uuid, now_us, now_us + 60 * SECOND_US))
    assert row
    await house.clock.advance(61)  # its process stood still
    await house.turn()
    assert not await house.database.write(lambda tx: store.change_claimed(tx, row, state="waiting", due_us=0))
    (delivery,) = await house.log()
    assert (delivery.state, delivery.attempts) == ("delivered", 1)


async def test_many_are_given_up_sent_again_and_removed(house: House) -> None:
    webhook = await house.add("RUN_ENDED")
    count = 2 * store.SOME + 3
    for number in range(count):
        await house.happens("run.ended", number)
    await house.reader.catch_up()
    await house.webhooks.change(webhook.uuid, {"enabled": False})
    assert {one.state for one in await house.log()} == {"failed"}
    with pytest.raises(Conflict, match="enable it first"):
        await house.webhooks.replay_all(webhook.uuid, "failed", 0)
    await house.webhooks.change(webhook.uuid, {"enabled": True})
    assert await house.webhooks.replay_all(webhook.uuid, "failed", 0) == count
    await house.webhooks.remove(webhook.uuid)
    assert await house.log() == []
    assert await house.webhooks.list() == []


async def test_what_cannot_be_written_ends_like_a_failure(house: House) -> None:
    webhook = await house.add("RUN_ENDED")
    deep = "[" * 5000 + "]" * 5000
    await house.database.write(
        lambda tx: outbox.append(tx, "run.ended", "subject", deep, created_us=house.clock.now_us())
    )
    await house.turn()
    (delivery,) = await house.log(webhook_uuid=webhook.uuid)
    assert (delivery.state, delivery.attempts, "cannot be written" in delivery.problem) == ("waiting", 1, True)


async def test_a_date_to_come_back_at_is_understood(house: House) -> None:
    await house.add("RUN_ENDED")
    at = datetime.fromtimestamp(house.clock.now_us() / SECOND_US + 120, UTC)
    house.receivers.answers[URL] = (503, {"retry-after": format_datetime(at, usegmt=True)})
    await house.happens("run.ended", 1)
    await house.turn()
    house.receivers.answers[URL] = 200
    await house.clock.advance(118)
    await house.turn()
    assert not house.receivers.got
    await house.clock.advance(3)
    await house.turn()
    assert len(house.receivers.got) == 1


async def test_what_is_under_way_ends_before_the_service_does(house: House) -> None:
    await house.add("RUN_ENDED")
    await house.happens("run.ended", 1)
    await house.reader.catch_up()
    house.receivers.hold = asyncio.Event()
    running = asyncio.create_task(house.deliverer.run())
    await house.receivers.held.wait()
    running.cancel()
    await asyncio.sleep(0)
    house.receivers.hold.set()
    await asyncio.gather(running, return_exceptions=True)
    assert {one.state for one in await house.log()} == {"delivered"}

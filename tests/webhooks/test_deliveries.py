"""Deliveries: at least once, in order, with pauses, and never for ever."""

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from roundsman.kit import outbox
from roundsman.kit.bus import Bus
from roundsman.kit.clock import SimulatedClock
from roundsman.kit.crypto import Vault
from roundsman.kit.database import Database
from roundsman.kit.outbound import Answer, Unreachable
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

    async def request(self, method: str, url: str, **sent: Any) -> Answer:
        message = json.loads(sent["content"])
        self.attempts.append((self.clock.now_us(), message["uuid"]))
        outcome = self.answers.get(url, 200)
        outcome = outcome() if callable(outcome) else outcome
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
        self.deliverer = Deliverer(database=database, vault=vault, clock=clock, sender=self.receivers)

    async def add(self, *events: str, url: str = URL) -> Webhook:
        return await self.webhooks.add({"url": url, "events": list(events)})

    async def happens(self, topic: str, number: int) -> None:
        document = json.dumps({"number": number})
        await self.database.write(
            lambda tx: outbox.append(tx, topic, f"subject-{number}", document, created_us=self.clock.now_us())
        )

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
    ((uuid, _),) = await store.due(house.database, house.clock.now_us(), 10)
    now_us = house.clock.now_us()
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

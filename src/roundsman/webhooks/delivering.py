"""What keeps deliveries going: one for each event and each webhook that is subscribed to it, sent until it is there.

At least once: a delivery is settled only after the receiver said so. Every attempt sends the same body under the same
uuid, by which a receiver knows a message again. Webhooks do not wait for each other: each has a task of its own while
something is due, at most `AT_ONCE` of them, and where that is too few they take turns. One webhook's messages are sent
one after the other, in their order as far as they do not fail.

Source of the pauses and of what 410 means: the Standard Webhooks specification.
"""

import asyncio
import math
from collections.abc import Mapping, Sequence
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, Protocol

import msgspec

from roundsman.acquisition.recorder import CHANGED
from roundsman.captures.reading import find_event
from roundsman.kit.bus import Bus
from roundsman.kit.clock import Clock
from roundsman.kit.crypto import Vault
from roundsman.kit.database import Database, Reader, Row, Transaction
from roundsman.kit.log import get_logger
from roundsman.kit.metrics import Counter
from roundsman.kit.outbound import Answer, Unreachable
from roundsman.kit.outbox_reader import OutboxReader
from roundsman.kit.problem import BadRequest
from roundsman.kit.times import iso
from roundsman.robots.supervisor import LINK_DOWN, LINK_UP
from roundsman.webhooks import store
from roundsman.webhooks.signing import body_of, headers_of
from roundsman.webhooks.types import ALERTED, COMPLETED, EVENTS, TEST

_log = get_logger("webhooks")
SECOND_US = 1_000_000
PAUSES_S = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Between attempts: 75 hours and 35 minutes in all."""
PATIENCE_US = sum(PAUSES_S) * SECOND_US
SETTLE_US = 5 * SECOND_US  # for what else belongs to an action: it is captured within seconds
LOOK_S = 1.0
TAKEN_US = 60 * SECOND_US
TIMEOUT_S = 20.0
AT_ONCE = 50  # webhooks
TURN_US = 10 * SECOND_US  # after which a webhook gives way to others that wait
STOP_S = 5.0  # for what is under way when the service is stopped: what is cut off comes a second time
_AHEAD = 64
_ANSWER_BYTES = 2000
_GONE = 410
_LONGEST_WAIT_S = 3600
_PURGE_EVERY_US = 3600 * SECOND_US

SENT = Counter("roundsman_webhook_attempts", "Attempts to deliver to webhooks.", ["outcome"])


class Sender(Protocol):
    """Who sends: kit.outbound.Outbound."""

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        verify: bool = True,
        timeout_s: float = TIMEOUT_S,
        answer_bytes: int = _ANSWER_BYTES,
    ) -> Answer:
        """The answer. Raises: Unreachable."""
        ...


class Dispatcher:
    """Makes deliveries of the outbox's events, in the transaction that moves the reader's mark."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def __call__(self, tx: Transaction, events: Sequence[Row], /) -> None:
        """Works on a batch of the outbox."""
        told = [event for event in events if event[2] in EVENTS]
        rows = [row for row in await store.all_rows(tx) if row["enabled"] and not row["archived"]] if told else []
        wanted = [(row, set(msgspec.json.decode(row["events"], type=list[str]))) for row in rows]
        now_us = self._clock.now_us()
        for _, uuid, topic, subject_uuid, at_us, document in told:
            kind = EVENTS[topic]
            due_us = now_us + (SETTLE_US if kind in {COMPLETED, ALERTED} else 0)
            for row, names in wanted:
                if kind in names and at_us >= row["created_us"]:  # not what was before it
                    await store.add_delivery(
                        tx, row["uuid"], (uuid, kind, at_us, subject_uuid, document), now_us, due_us
                    )


def dispatcher(database: Database, bus: Bus, clock: Clock) -> OutboxReader:
    """The service that makes deliveries."""
    return OutboxReader(
        "webhooks",
        Dispatcher(clock),
        database=database,
        bus=bus,
        clock=clock,
        wakes=("captures.stored", CHANGED, LINK_UP, LINK_DOWN),
    )


class Deliverer:
    """The service that sends deliveries when their time has come."""

    name = "webhook_deliveries"

    def __init__(self, *, database: Database, vault: Vault, clock: Clock, sender: Sender) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._sender = sender
        self._under_way: dict[str, asyncio.Task[None]] = {}  # by webhook
        self._turns: dict[str, int] = {}  # of webhooks that wait: when they had their last one
        self._turn = 0
        self._crowded = False
        self._stopping = False

    async def run(self) -> None:
        """Works until cancelled."""
        self._stopping, purge_us = False, 0
        try:
            while True:
                await self.look()
                if self._clock.now_us() >= purge_us:
                    await store.purge(self._database, self._clock.now_us())
                    purge_us = self._clock.now_us() + _PURGE_EVERY_US
                await self._clock.sleep(LOOK_S)
        finally:
            await self._stop()

    async def look(self) -> None:
        """Begins with the webhooks that something is due for, as far as there is room: who waited longest first."""
        waiting = await store.awaited(self._database, self._clock.now_us())
        self._turns = {uuid: self._turns.get(uuid, 0) for uuid in waiting}
        self._crowded = len(self._under_way.keys() | waiting) > AT_ONCE
        for uuid in sorted(waiting, key=lambda uuid: self._turns[uuid]):
            if len(self._under_way) >= AT_ONCE:
                return
            if uuid not in self._under_way:
                self._turn += 1
                self._turns[uuid] = self._turn
                task = asyncio.create_task(self._send_all(uuid))
                self._under_way[uuid] = task
                task.add_done_callback(lambda _, of=uuid: self._under_way.pop(of, None))

    async def settled(self) -> None:
        """Returns when nothing is under way."""
        while self._under_way:
            await asyncio.wait(list(self._under_way.values()))

    async def _stop(self) -> None:
        self._stopping = True
        tasks = list(self._under_way.values())
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=STOP_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _send_all(self, webhook_uuid: str) -> None:
        """Sends what is due for one webhook, until it is done or its turn is over."""
        ends_us = self._clock.now_us() + TURN_US
        try:
            while uuids := await store.due(self._database, webhook_uuid, self._clock.now_us(), _AHEAD):
                for uuid in uuids:
                    await self._attempt(uuid)
                    if self._stopping or (self._crowded and self._clock.now_us() >= ends_us):
                        return
        except Exception:  # of the database, most likely: its claim runs out and it is tried again
            _log.exception("deliveries interrupted", webhook=webhook_uuid)

    async def _attempt(self, uuid: str) -> None:
        now_us = self._clock.now_us()
        taken = await self._database.write(lambda tx: self._taken(tx, uuid, now_us))
        if taken is None:
            return
        row, webhook, problem = taken
        if webhook["archived"] or not (webhook["enabled"] or row["type"] == TEST):
            await self._not_told(row)
            return
        shown = store.shown(webhook, self._vault)
        if problem or not shown.secret:
            await self._failed(row, {}, None, problem or "its secret cannot be read: give it another")
            return
        headers = headers_of(shown.secret, row["event_uuid"], row["body"], now_us)
        try:
            answer = await self._sender.request(
                "POST", shown.url, headers=headers, content=row["body"].encode(), verify=shown.validate_tls_cert,
                timeout_s=TIMEOUT_S, answer_bytes=_ANSWER_BYTES,
            )  # fmt: skip
        except (Unreachable, BadRequest) as reason:
            await self._failed(row, headers, None, str(reason))
            return
        if answer.ok:
            await self._delivered(row, headers, answer)
        else:
            await self._failed(row, headers, answer, _refusal(answer))

    async def _taken(
        self, tx: Transaction, uuid: str, now_us: int
    ) -> tuple[dict[str, Any], dict[str, Any], str] | None:
        """A delivery that nobody else is at, its webhook, and why it cannot be sent, if so. Its body is kept before it
        is sent for the first time, so that it is the same ever after."""
        row = await store.claim(tx, uuid, now_us, now_us + TAKEN_US)
        webhook = row and await store.find(tx, row["webhook_uuid"])
        if not row or not webhook:
            return None
        if row["body"] is None:
            try:
                row["body"] = await _written(tx, row)
            except (ValueError, RecursionError) as error:
                _log.exception("delivery cannot be written", delivery=uuid)
                return row, webhook, f"it cannot be written as JSON: {type(error).__name__}"
            await store.change_delivery(tx, uuid, body=row["body"])
        return row, webhook, ""

    async def _not_told(self, row: dict[str, Any]) -> None:
        why = "the webhook is disabled"
        await self._database.write(lambda tx: store.change_claimed(tx, row, state="failed", due_us=None, problem=why))
        await store.give_up(self._database, row["webhook_uuid"], why)

    async def _delivered(self, row: dict[str, Any], headers: Mapping[str, str], answer: Answer) -> None:
        SENT.labels("delivered").inc()

        async def work(tx: Transaction) -> None:
            told = self._told(headers, answer, "")
            settled = {"state": "delivered", "attempts": row["attempts"] + 1, "due_us": None, "claimed_until_us": 0}
            await store.change_delivery(tx, row["uuid"], **settled, **told)  # whoever has it now: it is there
            await store.change_webhook(tx, row["webhook_uuid"], {"failing_since_us": None})

        await self._database.write(work)

    async def _failed(
        self, row: dict[str, Any], headers: Mapping[str, str], answer: Answer | None, problem: str
    ) -> None:
        """Plans the next attempt, or ends; a webhook that fails for too long, or says that it is gone, is disabled."""
        SENT.labels("failed").inc()
        now_us, attempts = self._clock.now_us(), int(row["attempts"]) + 1
        pause_s = PAUSES_S[attempts - 1] if attempts <= len(PAUSES_S) and row["type"] != TEST else None
        due_us = None if pause_s is None else now_us + max(pause_s, _retry_after_s(answer, now_us)) * SECOND_US
        state = "failed" if due_us is None else "waiting"

        async def work(tx: Transaction) -> str:
            told = self._told(headers, answer, problem)
            if not await store.change_claimed(tx, row, state=state, attempts=attempts, due_us=due_us, **told):
                return ""
            webhook = await store.find(tx, row["webhook_uuid"])
            if webhook is None or row["type"] == TEST:
                return ""
            since_us = webhook["failing_since_us"] or now_us
            reason = _why_disabled(answer, now_us - since_us)
            changes = {"enabled": 0, "problem": reason} if reason and webhook["enabled"] else {}
            await store.change_webhook(tx, webhook["uuid"], {"failing_since_us": since_us, **changes})
            return reason if changes else ""

        if reason := await self._database.write(work):
            _log.warning("webhook disabled", webhook=row["webhook_uuid"], reason=reason)
            await store.give_up(self._database, row["webhook_uuid"], f"the webhook was disabled: {reason}")

    def _told(self, headers: Mapping[str, str], answer: Answer | None, problem: str) -> dict[str, Any]:
        """What the log keeps of an attempt."""
        return {
            "attempted_us": self._clock.now_us(),
            "request_headers": msgspec.json.encode(dict(headers)).decode(),
            "status": None if answer is None else answer.status,
            "answer": "" if answer is None else answer.body.decode("utf-8", "replace").replace("\0", "\ufffd"),
            "problem": problem,
        }


def _refusal(answer: Answer) -> str:
    if 300 <= answer.status < 400:
        return f"it answered {answer.status}, and redirects are not followed: give the final URL"
    return f"it answered {answer.status}"


def _retry_after_s(answer: Answer | None, now_us: int) -> int:
    """How long it wants to be left alone, in either form, within bounds. Source: RFC 9110 §10.2.3."""
    text = "" if answer is None else answer.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit() and len(text) < 9:
        return min(_LONGEST_WAIT_S, int(text))
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return 0
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0, min(_LONGEST_WAIT_S, math.ceil(at.timestamp() - now_us / SECOND_US)))


async def _written(reader: Reader, row: Mapping[str, Any]) -> str:
    data = msgspec.json.decode(row["document"])
    if row["type"] in {COMPLETED, ALERTED}:
        event = await find_event(reader, row["subject_uuid"])
        data = data if event is None else msgspec.json.decode(msgspec.json.encode(event))
    return body_of({"uuid": row["event_uuid"], "type": row["type"], "time": iso(row["event_us"]), "data": data})


def _why_disabled(answer: Answer | None, failing_us: int) -> str:
    if answer is not None and answer.status == _GONE:
        return "it answered 410: it does not want any more"
    if failing_us >= PATIENCE_US:
        return "nothing was delivered to it for more than three days"
    return ""

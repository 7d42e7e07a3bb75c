"""What keeps deliveries going: one for each event and each webhook that is subscribed to it, sent until it is there.

At least once: a delivery is settled only after the receiver said so. Every attempt sends the same body under the same
uuid, by which a receiver knows a message again. Webhooks do not wait for each other; one webhook's messages are sent
in their order as far as they do not fail.

Source of the pauses and of what 410 means: the Standard Webhooks specification.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from roundsman.acquisition.recorder import CHANGED
from roundsman.captures.reading import find_event
from roundsman.kit.bus import Bus
from roundsman.kit.clock import Clock
from roundsman.kit.crypto import Vault
from roundsman.kit.database import Database, Row, Transaction
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
AT_ONCE = 16  # webhooks
_AHEAD = 256
_ANSWER_BYTES = 2000
_GONE = 410
_LONGEST_WAIT_S = 3600
_PURGE_EVERY = 3600  # looks

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

    async def run(self) -> None:
        """Works until cancelled."""
        looks = 0
        try:
            while True:
                await self.look()
                if looks % _PURGE_EVERY == 0:
                    await self._database.write(lambda tx: store.purge(tx, self._clock.now_us()))
                looks += 1
                await self._clock.sleep(LOOK_S)
        finally:
            for task in self._under_way.values():
                task.cancel()
            await asyncio.gather(*self._under_way.values(), return_exceptions=True)

    async def look(self) -> None:
        """Begins with what is due, as far as there is room: for each webhook one after the other."""
        by_webhook: dict[str, list[str]] = {}
        for uuid, webhook_uuid in await store.due(self._database, self._clock.now_us(), _AHEAD):
            by_webhook.setdefault(webhook_uuid, []).append(uuid)
        for webhook_uuid, uuids in by_webhook.items():
            if len(self._under_way) >= AT_ONCE:
                return
            if webhook_uuid not in self._under_way:
                task = asyncio.create_task(self._send_all(uuids))
                self._under_way[webhook_uuid] = task
                task.add_done_callback(lambda _, of=webhook_uuid: self._under_way.pop(of, None))

    async def settled(self) -> None:
        """Returns when nothing is under way."""
        while self._under_way:
            await asyncio.wait(list(self._under_way.values()))

    async def _send_all(self, uuids: Sequence[str]) -> None:
        for uuid in uuids:
            try:
                await self._attempt(uuid)
            except Exception:  # one delivery's trouble is no other's; its claim runs out and it is tried again
                _log.exception("delivery failed", delivery=uuid)

    async def _attempt(self, uuid: str) -> None:
        now_us = self._clock.now_us()
        row = await self._database.write(lambda tx: store.claim(tx, uuid, now_us, now_us + TAKEN_US))
        if row is None:
            return
        webhook = await store.find(self._database, row["webhook_uuid"])
        if webhook is None:
            return
        if webhook["archived"] or not (webhook["enabled"] or row["type"] == TEST):
            await self._database.write(lambda tx: store.give_up(tx, webhook["uuid"], "the webhook is disabled"))
            return
        body = row["body"] or await self._written(row)
        shown = store.shown(webhook, self._vault)
        if not shown.secret:
            await self._failed(row, {}, None, "its secret cannot be read: give it another")
            return
        headers = headers_of(shown.secret, row["event_uuid"], body, now_us)
        try:
            answer = await self._sender.request(
                "POST", shown.url, headers=headers, content=body.encode(), verify=shown.validate_tls_cert,
                timeout_s=TIMEOUT_S, answer_bytes=_ANSWER_BYTES,
            )  # fmt: skip
        except (Unreachable, BadRequest) as reason:
            await self._failed(row, headers, None, str(reason))
            return
        if answer.ok:
            await self._delivered(row, headers, answer)
        else:
            await self._failed(row, headers, answer, _refusal(answer))

    async def _written(self, row: dict[str, Any]) -> str:
        """The body, kept before it is sent for the first time, so that it is the same ever after."""
        data = msgspec.json.decode(row["document"])
        if row["type"] in {COMPLETED, ALERTED}:
            event = await find_event(self._database, row["subject_uuid"])
            data = data if event is None else msgspec.json.decode(msgspec.json.encode(event))
        message = {"uuid": row["event_uuid"], "type": row["type"], "time": iso(row["event_us"]), "data": data}
        body = body_of(message)
        await self._database.write(lambda tx: store.change_delivery(tx, row["uuid"], body=body))
        return body

    async def _delivered(self, row: dict[str, Any], headers: Mapping[str, str], answer: Answer) -> None:
        SENT.labels("delivered").inc()

        async def work(tx: Transaction) -> None:
            told = self._told(headers, answer, "")
            await store.change_delivery(
                tx, row["uuid"], state="delivered", attempts=row["attempts"] + 1, due_us=None, **told
            )
            await store.change_webhook(tx, row["webhook_uuid"], {"failing_since_us": None})

        await self._database.write(work)

    async def _failed(
        self, row: dict[str, Any], headers: Mapping[str, str], answer: Answer | None, problem: str
    ) -> None:
        """Plans the next attempt, or ends; a webhook that fails for too long, or says that it is gone, is disabled."""
        SENT.labels("failed").inc()
        now_us, attempts = self._clock.now_us(), int(row["attempts"]) + 1
        pause_s = PAUSES_S[attempts - 1] if attempts <= len(PAUSES_S) and row["type"] != TEST else None
        due_us = None if pause_s is None else now_us + max(pause_s, _retry_after_s(answer)) * SECOND_US
        state = "failed" if due_us is None else "waiting"

        async def work(tx: Transaction) -> None:
            told = self._told(headers, answer, problem)
            await store.change_delivery(tx, row["uuid"], state=state, attempts=attempts, due_us=due_us, **told)
            webhook = await store.find(tx, row["webhook_uuid"])
            if webhook is None or row["type"] == TEST:
                return
            since_us = webhook["failing_since_us"] or now_us
            reason = _why_disabled(answer, now_us - since_us)
            changes = {"enabled": 0, "problem": reason} if reason and webhook["enabled"] else {}
            await store.change_webhook(tx, webhook["uuid"], {"failing_since_us": since_us, **changes})
            if changes:
                await store.give_up(tx, webhook["uuid"], f"the webhook was disabled: {reason}")
                _log.warning("webhook disabled", webhook=webhook["uuid"], reason=reason)

        await self._database.write(work)

    def _told(self, headers: Mapping[str, str], answer: Answer | None, problem: str) -> dict[str, Any]:
        """What the log keeps of an attempt."""
        return {
            "claimed_until_us": 0,
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


def _retry_after_s(answer: Answer | None) -> int:
    text = "" if answer is None else answer.headers.get("retry-after", "").strip()
    return min(_LONGEST_WAIT_S, int(text)) if text.isascii() and text.isdigit() and len(text) < 9 else 0


def _why_disabled(answer: Answer | None, failing_us: int) -> str:
    if answer is not None and answer.status == _GONE:
        return "it answered 410: it does not want any more"
    if failing_us >= PATIENCE_US:
        return "nothing was delivered to it for more than three days"
    return ""

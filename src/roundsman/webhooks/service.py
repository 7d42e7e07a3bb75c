"""Webhooks kept: made, changed, removed, tested, and their deliveries sent again."""

import re
import secrets
from collections.abc import Mapping
from typing import Any

import msgspec

from roundsman.access.audit import acting, record
from roundsman.kit.clock import Clock
from roundsman.kit.crypto import Vault
from roundsman.kit.database import Database, Transaction
from roundsman.kit.identifiers import new_uuid
from roundsman.kit.members import Members
from roundsman.kit.outbound import check_url
from roundsman.kit.problem import BadRequest, Conflict, NotFound
from roundsman.webhooks import store
from roundsman.webhooks.types import STATES, TEST, TYPES, Webhook

_SECRET = re.compile("[0-9a-fA-F]{64}")
_MOST_EVENTS = 100


class Webhooks:
    """All that can be done with webhooks."""

    def __init__(self, *, database: Database, vault: Vault, clock: Clock) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock

    async def list(self) -> list[Webhook]:
        """Those that are not archived, the oldest first."""
        return [store.shown(row, self._vault) for row in await store.all_rows(self._database) if not row["archived"]]

    async def get(self, uuid: str) -> Webhook:
        """One, also if it is archived. Raises: NotFound."""
        return store.shown(_there(await store.find(self._database, uuid), uuid), self._vault)

    async def add(self, given: Mapping[str, Any]) -> Webhook:
        """A new one, enabled unless it says otherwise; without a secret it is given one. Raises: BadRequest."""
        now_us = self._clock.now_us()
        defaults: dict[str, Any] = {
            "enabled": True, "archived": False, "validateTlsCert": True, "secret": secrets.token_hex(32), "events": [],
        }  # fmt: skip
        made = {
            "uuid": new_uuid(),
            "created_us": now_us,
            "modified_us": now_us,
            "failing_since_us": None,
            "problem": "",
        }
        row, by = made | self._columns(defaults | _present(given)), acting()
        shown = store.shown(row, self._vault)

        async def work(tx: Transaction) -> None:
            await store.insert_webhook(tx, row)
            await record(tx, by, "create", "webhook", shown.uuid, after=_told(shown))

        await self._database.write(work)
        return shown

    async def change(self, uuid: str, given: Mapping[str, Any]) -> Webhook:
        """Changes one; what is left out stays. Enabling it makes it start afresh. Raises: BadRequest, NotFound."""
        by = acting()

        async def work(tx: Transaction) -> dict[str, Any]:
            row = _there(await store.find(tx, uuid), uuid)
            earlier = store.shown(row, self._vault)
            before = msgspec.to_builtins(earlier)
            changes = self._columns(before | _present(given)) | {"modified_us": self._clock.now_us()}
            if changes["enabled"]:
                changes |= {"problem": "", "failing_since_us": None}
            await store.change_webhook(tx, uuid, changes)
            later = store.shown(row | changes, self._vault)
            await record(tx, by, "update", "webhook", uuid, before=_told(earlier), after=_told(later))
            return row | changes

        changed = await self._database.write(work)
        if not changed["enabled"] or changed["archived"]:
            await store.give_up(self._database, uuid, "the webhook was disabled")
        return store.shown(changed, self._vault)

    async def remove(self, uuid: str) -> None:
        """Removes one with its deliveries. Raises: NotFound."""
        by = acting()

        async def work(tx: Transaction) -> None:  # no more deliveries from here on
            _there(await store.find(tx, uuid), uuid)
            await store.change_webhook(tx, uuid, {"archived": 1, "enabled": 0})
            await record(tx, by, "delete", "webhook", uuid)

        await self._database.write(work)
        await store.delete_webhook(self._database, uuid)

    async def test(self, uuid: str) -> str:
        """Sends a message of type TEST, whatever it is subscribed to; the delivery's uuid. Raises: NotFound."""
        now_us, by = self._clock.now_us(), acting()

        async def work(tx: Transaction) -> str:
            _there(await store.find(tx, uuid), uuid)
            made = await store.add_delivery(tx, uuid, (new_uuid(), TEST, now_us, "", "{}"), now_us, now_us)
            await record(tx, by, "test", "webhook", uuid)
            return made

        return await self._database.write(work)

    async def replay(self, delivery_uuid: str) -> None:
        """Sends one delivery again, with the body and the uuid that it had. Raises: NotFound, Conflict."""
        by = acting()

        async def work(tx: Transaction) -> None:
            row = await store.find_delivery(tx, delivery_uuid)
            if row is None:
                raise NotFound(f"there is no delivery {delivery_uuid}", "DELIVERY_NOT_FOUND")
            if row["type"] != TEST:
                _enabled(_there(await store.find(tx, row["webhook_uuid"]), row["webhook_uuid"]))
            await self._again(tx, delivery_uuid)
            await record(tx, by, "replay", "webhook_delivery", delivery_uuid)

        await self._database.write(work)

    async def replay_all(self, uuid: str, state: str, since_us: int) -> int:
        """Sends all deliveries of a webhook in `state` again, made since a time; how many, when all are on their way.

        Raises: BadRequest; NotFound; Conflict when it is disabled.
        """
        if state not in STATES:
            raise BadRequest("state", f"state must be one of {', '.join(STATES)}, not {state!r}", STATES)
        after, until_us, count = (since_us, ""), self._clock.now_us(), 0

        by = acting()

        async def some(tx: Transaction) -> list[tuple[int, str]]:
            _enabled(_there(await store.find(tx, uuid), uuid))
            found = await store.of_state(tx, uuid, state, after, until_us)
            for _, delivery_uuid in found:
                await self._again(tx, delivery_uuid)
            if found:
                await record(tx, by, "replay", "webhook", uuid, after={"state": state, "count": len(found)})
            return found

        while found := await self._database.write(some):
            after, count = found[-1], count + len(found)
        return count

    async def _again(self, tx: Transaction, delivery_uuid: str) -> None:
        now_us = self._clock.now_us()
        await store.change_delivery(tx, delivery_uuid, state="waiting", attempts=0, due_us=now_us, problem="")

    def _columns(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The columns that members give. Raises: BadRequest."""
        members = Members(given)
        events = members.texts("events", most=_MOST_EVENTS)
        unknown = [name for name in events if name not in TYPES]
        if unknown:
            raise BadRequest("events", f"events has {unknown[0]!r}; the names are {', '.join(TYPES)}", TYPES)
        secret = members.text("secret")
        if not _SECRET.fullmatch(secret):
            raise members.wrong("secret", "must be 64 hexadecimal digits, or be left out to be given one")
        return {
            "url": check_url("url", members.needed_text("url", "where to send to", longest=2000)),
            "enabled": int(members.flag("enabled")),
            "archived": int(members.flag("archived")),
            "events": msgspec.json.encode(list(dict.fromkeys(events))).decode(),
            "validate_tls_cert": int(members.flag("validateTlsCert")),
            "secret": self._vault.seal(secret.lower().encode(), store.PURPOSE),
        }


def _present(given: Mapping[str, Any]) -> dict[str, Any]:
    """Members that say something; an empty secret says nothing."""
    return {name: value for name, value in given.items() if value is not None and (name, value) != ("secret", "")}


def _told(webhook: Webhook) -> dict[str, Any]:
    """What the audit trail says of a webhook: all but its secret."""
    return {name: value for name, value in msgspec.to_builtins(webhook).items() if name != "secret"}


def _there(row: dict[str, Any] | None, uuid: str) -> dict[str, Any]:
    if row is None:
        raise _missing(uuid)
    return row


def _enabled(row: dict[str, Any]) -> None:
    """Raises: Conflict when a webhook is told nothing."""
    if row["archived"] or not row["enabled"]:
        raise Conflict("the webhook is disabled: enable it first, then send again what it was not told")


def _missing(uuid: str) -> NotFound:
    return NotFound(f"there is no webhook {uuid}", "WEBHOOK_NOT_FOUND")

"""Work orders: made by hand and by themselves, sent until the other system has them, kept in step with it.

Each has its own next turn; a failure delays that order alone. A process takes an order before it speaks of it with the
other system, so that two do not; whoever dies at it leaves it to be taken again, with the same body and the same key.

Source: scout-api.md §4.2.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from roundsman.access.audit import acting, record
from roundsman.anomalies.reading import find_anomaly
from roundsman.kit.blobs import Blobs
from roundsman.kit.clock import Clock
from roundsman.kit.crypto import Vault
from roundsman.kit.database import Database, Transaction
from roundsman.kit.identifiers import new_uuid
from roundsman.kit.log import get_logger
from roundsman.kit.outbound import Outbound
from roundsman.kit.problem import BadRequest, Conflict, NotFound
from roundsman.workorders import configuration, exchange, health, pictures, store
from roundsman.workorders.configuration import Configured
from roundsman.workorders.exchange import Failed, Tested
from roundsman.workorders.settings import Settings, checked
from roundsman.workorders.spec import Field, Kind, Value, check_given, rendered, text_of, value_of, values_of
from roundsman.workorders.templates import literal
from roundsman.workorders.types import Frozen, Kept, Picture, WorkOrder

TAKEN_US = 120 * 1_000_000
MOST_BODY_BYTES = 64 * 1024 * 1024
_log = get_logger("work orders")


class PreviewField(msgspec.Struct, kw_only=True, rename="camel"):
    """A field of an order as its form shows it."""

    key: str
    kind: Kind
    display_name: str
    options: tuple[str, ...]
    editable: Annotated[bool, Meta(description="Whether it may be other than one of the options.")]
    multiline: bool
    has_images: Annotated[bool, Meta(description="Whether pictures are in it, which the value only describes.")]
    value: str
    problem: Annotated[str, Meta(description="What is wrong with the value; empty: nothing.")]


class Preview(msgspec.Struct, kw_only=True, rename="camel"):
    """An order as it would be sent."""

    fields: list[PreviewField]
    body: Annotated[dict[str, Value], Meta(description="What would be sent; pictures are described, not in it.")]
    problems: Annotated[list[str], Meta(description="Why it could not be sent; empty: it could.")]


class WorkOrders:
    """All that can be done with work orders."""

    def __init__(self, *, database: Database, blobs: Blobs, vault: Vault, clock: Clock, outbound: Outbound) -> None:
        self._database = database
        self._blobs = blobs
        self._vault = vault
        self._clock = clock
        self._outbound = outbound

    async def configured(self) -> Configured:
        """The settings."""
        return await configuration.load(self._database)

    async def save_settings(self, by: str, settings: Settings, secret: str | None) -> Configured:
        """Stores the settings; a secret of None leaves it as it is. Raises: BadRequest."""
        now_us, actor = self._clock.now_us(), acting()

        async def work(tx: Transaction) -> Configured:
            saved = await configuration.save(tx, self._vault, by, now_us, settings, secret)
            await record(tx, actor, "update", "work_order_settings", "", after=saved.settings)
            return saved

        return await self._database.write(work)

    async def test(self, settings: Settings | None, secret: str | None) -> Tested:
        """Whether the other system can be reached, with the settings stored or with others. Raises: BadRequest."""
        configured = await self.configured()
        if settings is not None:
            configured = configuration.changed(configured, self._vault, settings, secret)
        if not configured.settings.create_url:
            raise BadRequest("createUrl", "createUrl is needed: there is nothing to reach yet")
        try:
            return await exchange.test(self._outbound, configured.settings, configured.headers(self._vault))
        except ValueError as wrong:
            return Tested(False, None, str(wrong))

    async def preview(
        self, by: str, anomaly: Mapping[str, Any], settings: Settings | None, given: Mapping[str, Any]
    ) -> Preview:
        """An order of an anomaly, without making it. Raises: BadRequest for settings that cannot be used."""
        settings = (await self.configured()).settings if settings is None else checked(settings)
        fields = settings.fields
        check_given(fields, given)
        found = await pictures.pictures_of(self._database, anomaly)
        variables = _variables(anomaly, by, [pictures.described(one, _said(one)) for one in found])
        shown = [_previewed(field, variables, given) for field in fields]
        body = {field.key: value for field, (_, value) in zip(fields, shown, strict=True) if value is not None}
        told = [field for field, _ in shown]
        return Preview(fields=told, body=body, problems=[field.problem for field in told if field.problem])

    async def anomaly(self, uuid: str) -> dict[str, Any]:
        """An anomaly as v0 shows it. Raises: NotFound."""
        found = await find_anomaly(self._database, uuid)
        if found is None:
            raise NotFound(f"there is no anomaly {uuid}", "ANOMALY_NOT_FOUND")
        return msgspec.json.decode(msgspec.json.encode(found))

    async def make(self, by: str, anomaly_uuid: str, given: Mapping[str, Any], *, even_if_open: bool) -> WorkOrder:
        """An order made by hand; it is sent at once, and again later if that fails.

        Raises: NotFound; BadRequest for a value; Conflict when there is no system to send it to, or an order already.
        """
        settings, anomaly = (await self.configured()).settings, await self.anomaly(anomaly_uuid)
        if not settings.create_url:
            raise Conflict("there is no system that keeps work orders: an administrator can name it in the settings")
        values_of(settings.fields, _variables(anomaly, by, []), given)
        now_us, actor = self._clock.now_us(), acting()

        async def work(tx: Transaction) -> WorkOrder:
            alive = None if even_if_open else await store.alive_of_anomaly(tx, anomaly_uuid)
            if alive is not None:
                raise Conflict(
                    f"this anomaly has the work order {alive.uuid}, which is {alive.state}; evenIfOpen makes another"
                )
            made = await store.add(tx, anomaly, "user", by, now_us, now_us, given, title_before(anomaly))
            assert made is not None
            await record(tx, actor, "create", "work_order", made.uuid, after={"anomaly": anomaly_uuid, "given": given})
            return made

        made = await self._database.write(work)
        await self.attend(made.uuid)
        return (await store.find(self._database, made.uuid)).order

    async def retry(self, by: str, uuid: str) -> WorkOrder:
        """Sends an order at once that waits or that was refused. Raises: NotFound; Conflict when it was sent."""
        now_us, actor = self._clock.now_us(), acting()

        async def work(tx: Transaction) -> None:
            kept = await store.find(tx, uuid)
            if kept.order.state not in ("waiting", "failed"):
                raise Conflict(f"this order is {kept.order.state}: it was sent already")
            if kept.claimed_until_us > now_us:
                return  # it is being sent
            # What was refused is written anew, by the settings of now and under another key.
            renewed = {"frozen": None} if kept.order.state == "failed" else {}
            await store.change(tx, uuid, now_us, state="waiting", due_us=now_us, **renewed)
            await health.note(tx, now_us, "info", f"{by} lets {_name(kept.order)} be sent again", uuid)
            await record(tx, actor, "retry", "work_order", uuid)

        await self._database.write(work)
        await self.attend(uuid)
        return (await store.find(self._database, uuid)).order

    async def synchronise(self, uuid: str) -> WorkOrder:
        """Reads an order's status at once, also of one that is closed. Raises: NotFound; Conflict if it has none."""
        now_us, actor = self._clock.now_us(), acting()
        settings = (await self.configured()).settings

        async def work(tx: Transaction) -> None:
            kept = await store.find(tx, uuid)
            if kept.order.external_id is None or not settings.status_url:
                raise Conflict("the status cannot be read: the order has no id there, or there is no status URL")
            if kept.claimed_until_us <= now_us:
                await store.change(tx, uuid, now_us, due_us=now_us)
            await record(tx, actor, "synchronise", "work_order", uuid)

        await self._database.write(work)
        await self.attend(uuid)
        return (await store.find(self._database, uuid)).order

    async def set_closed(self, by: str, uuid: str, closed: bool) -> WorkOrder:
        """Closes an order here, or opens it again; the other system is not told. What waits is not sent any more.

        Raises: NotFound; Conflict when one is to be opened that the other system never got.
        """
        now_us, actor = self._clock.now_us(), acting()

        async def work(tx: Transaction) -> WorkOrder:
            before = (await store.find(tx, uuid)).order
            if (before.state == "closed") == closed:
                return before
            if not closed and before.external_id is None:
                raise Conflict("this order was never sent, or its id is not known: make another")
            due_us = None if closed else now_us
            changes = {"state": "closed" if closed else "open", "closed_us": now_us if closed else None}
            after = await store.change(tx, uuid, now_us, due_us=due_us, **changes)
            verb = "closes" if closed else "opens"
            await health.note(tx, now_us, "info", f"{by} {verb} {_name(before)} here", uuid)
            said = {"before": {"state": before.state}, "after": {"state": after.order.state}}
            await record(tx, actor, "update", "work_order", uuid, **said)
            return after.order

        return await self._database.write(work)

    async def attend(self, uuid: str) -> None:
        """Gives an order its turn, if it is due and nobody else is at it: sends it, or reads its status."""
        now_us = self._clock.now_us()
        kept = await self._database.write(lambda tx: store.claim(tx, uuid, now_us, now_us + TAKEN_US))
        if kept is None:
            return
        try:
            configured = await self.configured()
            if kept.order.state == "waiting":
                await self._send(kept, configured)
            else:
                await self._read_status(kept, configured)
        except Failed as failure:
            await self._postpone(kept, failure)
        except Exception as error:  # one order's trouble is no other's; it must not keep its turn for ever
            _log.exception("work order failed", work_order=uuid)
            await self._postpone(kept, Failed(f"something went wrong here: {type(error).__name__}"))

    async def _send(self, kept: Kept, configured: Configured) -> None:
        order, settings = kept.order, configured.settings
        if not settings.create_url:
            raise Failed("there is no URL where work orders are made")
        frozen, body = await self._written(kept, settings)
        headers = self._headers(configured)
        created = await exchange.create(self._outbound, settings, headers, body, frozen.idempotency_key)
        now_us = self._clock.now_us()
        known = created.external_id is not None
        problem = "" if known else f"it was made, but the answer has no id in {settings.id_field}"

        async def work(tx: Transaction) -> None:
            closed = (await store.find(tx, order.uuid)).order.state == "closed"  # by somebody, meanwhile
            following = known and bool(settings.status_url) and not closed
            after = await store.change(
                tx, order.uuid, now_us, state="closed" if closed else "open", title=created.title or order.title,
                external_id=created.external_id, detail_url=created.detail_url, problem=problem, attempts=0,
                due_us=now_us + settings.sync_every_s * 1_000_000 if following else None,
            )  # fmt: skip
            text = f"Created {_name(after.order)} for anomaly {order.anomaly_uuid}"
            await health.note(
                tx, now_us, "info" if known else "error", f"{text}: {problem}" if problem else text, order.uuid
            )

        await self._database.write(work)

    async def _written(self, kept: Kept, settings: Settings) -> tuple[Frozen, dict[str, Value]]:
        """What is sent; that of the first attempt if there was one. Raises: Failed."""
        order, frozen = kept.order, kept.frozen
        try:
            fields = settings.fields if frozen is None else frozen.fields
            fields = [_fixed(field, kept.given) for field in fields] if frozen is None else fields
            parsed = [field.parsed for field in fields]
            if frozen is None:
                found = await pictures.pictures_of(self._database, kept.anomaly)
                frozen = Frozen(new_uuid(), fields, found[: pictures.wanted(parsed)])
            images = await pictures.read(self._blobs, frozen.pictures)
            body = values_of(frozen.fields, _variables(kept.anomaly, order.created_by, images), _left_out(kept, fields))
            size = sum(len(value) for value in body.values() if isinstance(value, str))
            if size > MOST_BODY_BYTES:
                raise BadRequest(None, f"it would have {size} characters; {MOST_BODY_BYTES} are the most")
        except (BadRequest, ValueError) as wrong:
            raise Failed(f"the order cannot be written: {wrong}") from None
        if kept.frozen is None:
            kept_frozen = frozen
            await self._database.write(lambda tx: store.freeze(tx, order.uuid, kept_frozen))
        return frozen, body

    async def _read_status(self, kept: Kept, configured: Configured) -> None:
        order, settings = kept.order, configured.settings
        if order.external_id is None or not settings.status_url:
            now_us = self._clock.now_us()
            await self._database.write(lambda tx: store.change(tx, order.uuid, now_us, due_us=None))
            return
        headers = self._headers(configured)
        found = await exchange.status_of(self._outbound, settings, headers, order.external_id)
        now_us = self._clock.now_us()
        detail_url = exchange.detail_of(settings, order.external_id)

        async def work(tx: Transaction) -> None:
            before = (await store.find(tx, order.uuid)).order
            by_hand = before.state == "closed" != order.state  # meanwhile: that stays
            closed = found.closed or by_hand
            state = "closed" if closed else "open"
            status = msgspec.json.encode(found.status).decode()
            await store.change(
                tx, order.uuid, now_us, state=state, title=found.title or before.title, external_status=status,
                detail_url=detail_url or before.detail_url, problem="", attempts=0, synchronised_us=now_us,
                due_us=None if closed else now_us + settings.sync_every_s * 1_000_000,
                **({"closed_us": now_us if closed else None} if state != before.state else {}),
            )  # fmt: skip
            if state != before.state:
                await health.note(
                    tx, now_us, "info", f"Work order {order.external_id} is {state}: {status}", order.uuid
                )
            elif before.problem:
                await health.note(tx, now_us, "info", f"Synchronized {order.external_id} again", order.uuid)

        await self._database.write(work)

    async def _postpone(self, kept: Kept, failure: Failed) -> None:
        order, now_us = kept.order, self._clock.now_us()
        attempts = order.attempts + 1
        sending = order.state == "waiting"
        wait_s = max(exchange.wait_s(attempts), failure.wait_s)
        what = f"create {_name(order)}" if sending else f"synchronize {order.external_id}"

        async def work(tx: Transaction) -> None:
            before = (await store.find(tx, order.uuid)).order
            again = before.state == order.state != "closed" and not (sending and failure.refused)
            state = "failed" if sending and failure.refused and before.state == "waiting" else before.state
            due_us = now_us + round(wait_s * 1_000_000) if again else None
            await store.change(
                tx, order.uuid, now_us, state=state, problem=str(failure), attempts=attempts, due_us=due_us
            )
            await health.note(tx, now_us, "error", f"Failed to {what} with error: {failure}", order.uuid)

        await self._database.write(work)

    def _headers(self, configured: Configured) -> dict[str, str]:
        try:
            return configured.headers(self._vault)
        except ValueError as wrong:
            raise Failed(f"the authentication header cannot be read: {wrong}") from None


def title_before(anomaly: Mapping[str, Any]) -> str:
    """An order's title until the other system has it."""
    return store.text_in(anomaly, "title") or store.text_in(anomaly, "name") or store.text_in(anomaly, "actionName")


def _variables(anomaly: Mapping[str, Any], user: str, images: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {"anomaly": anomaly, "images": list(images), "user": user}


def _fixed(field: Field, given: Mapping[str, Any]) -> Field:
    """The field with what a person gave for it in the place of its template."""
    text = text_of(given.get(field.key))
    return field if text is None else msgspec.structs.replace(field, template=literal(text))


def _left_out(kept: Kept, fields: Sequence[Field]) -> dict[str, Any]:
    """What a person gave as null: those fields are not sent."""
    keys = {field.key for field in fields}
    return {key: None for key, value in kept.given.items() if value is None and key in keys}


def _previewed(
    field: Field, variables: Mapping[str, Any], given: Mapping[str, Any]
) -> tuple[PreviewField, Value | None]:
    text = text_of(given[field.key]) if field.key in given else rendered(field, variables)
    problem, value = "", None
    try:
        value = None if text is None else value_of(field, text)
    except BadRequest as wrong:
        problem = str(wrong)
    shown = PreviewField(
        key=field.key, kind=field.kind, display_name=field.display_name or field.key, options=field.options,
        editable=field.editable, multiline=field.multiline, has_images=field.parsed.shows_images,
        value=text or "", problem=problem,
    )  # fmt: skip
    return shown, value


def _said(picture: Picture) -> str:
    """What a preview shows instead of a picture."""
    return f"[{picture.size_bytes} bytes of JPEG in base64: {picture.channel_name}]"


def _name(order: WorkOrder) -> str:
    return (
        f"work order {order.external_id or order.uuid} ({order.title})" if order.title else f"work order {order.uuid}"
    )

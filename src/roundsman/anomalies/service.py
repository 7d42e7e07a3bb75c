"""Anomalies opened by alerts, and closed and opened again by people.

An alert opens one anomaly, however late it comes and however often it is told: the outbox tells of the event, and the
alert's own row says whether it has one.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import bindparam, insert, select, update

from roundsman.access.audit import Actor, acting, record
from roundsman.anomalies.reading import ANOMALIES, BY_TIME, anomalies_of, status_series
from roundsman.anomalies.tables import anomalies
from roundsman.anomalies.types import Anomaly, Status
from roundsman.captures.record import ALERTED, CHANGED, ELEMENT_CHANNEL
from roundsman.captures.tables import run_event_documents, run_events
from roundsman.kit import outbox
from roundsman.kit.bus import Bus
from roundsman.kit.clock import Clock
from roundsman.kit.database import Database, Row, Statement, Transaction
from roundsman.kit.identifiers import new_uuid
from roundsman.kit.listing import one_statement
from roundsman.kit.outbox_reader import OutboxReader
from roundsman.kit.problem import NotFound

OPENED, CLOSED = "anomaly.opened", "anomaly.closed"

_TAGS = ("custom_metadata", "customMetadata")
_EVENT = ("run_uuid", "action_uuid", "robot_serial", "robot_nickname", "mission_name", "action_name", "time_us")
_ALERT = ("uuid", "channel_name", "reference_channel_name", "severity", "document")
_alerts = Statement(
    select(
        *(run_event_documents.c[name].label(f"alert_{name}") for name in _ALERT),
        *(run_events.c[name] for name in _EVENT),
    )
    .select_from(run_event_documents.join(run_events, run_events.c.uuid == run_event_documents.c.run_event_uuid))
    .where(
        run_event_documents.c.run_event_uuid == bindparam("run_event_uuid"),
        run_event_documents.c.kind == "alert",
        ~select(anomalies.c.uuid).where(anomalies.c.alert_uuid == run_event_documents.c.uuid).exists(),
    )
    .order_by(run_event_documents.c.uuid)
)
_event = Statement(select(run_events.c.action_uuid).where(run_events.c.uuid == bindparam("run_event_uuid")))
_metadata = Statement(
    select(run_event_documents.c.document)
    .where(
        run_event_documents.c.run_event_uuid == bindparam("run_event_uuid"),
        run_event_documents.c.kind == "metadata",
        run_event_documents.c.channel_name == ELEMENT_CHANNEL,
    )
    .order_by(run_event_documents.c.uuid)
)
_rename = Statement(
    update(anomalies)
    .where(anomalies.c.run_event_uuid == bindparam("of_event"))
    .values(element_id=bindparam("element_id"), tags=bindparam("tags"))
)
_has = Statement(select(anomalies.c.uuid).where(anomalies.c.run_event_uuid == bindparam("run_event_uuid")).limit(1))
_insert = Statement(insert(anomalies))
_set_status = Statement(
    update(anomalies)
    .where(anomalies.c.uuid == bindparam("of_uuid"))
    .values({name: bindparam(name) for name in ("status", "status_modified_us", "status_modified_by")})
)
_of_element = Statement(
    select(*(anomalies.c[name] for name in ANOMALIES.columns))
    .where(anomalies.c.element_id == bindparam("element_id"), anomalies.c.status == "open")
    .order_by(anomalies.c.uuid)
)
_encode = msgspec.json.Encoder().encode


class Opener:
    """Opens anomalies for the alerts that the outbox tells of."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def __call__(self, tx: Transaction, events: Sequence[Row], /) -> None:
        """Works on a batch of the outbox."""
        told = {(topic, subject) for _, _, topic, subject, *_ in events if topic in {ALERTED, CHANGED}}
        for topic, run_event_uuid in sorted(told):
            if topic == CHANGED:  # the robot may have told the site element only now
                await self._refresh(tx, run_event_uuid)
            else:
                await self._open(tx, run_event_uuid)

    async def _refresh(self, tx: Transaction, run_event_uuid: str) -> None:
        event = await tx.one(_event, run_event_uuid=run_event_uuid)
        if event is not None and await tx.one(_has, run_event_uuid=run_event_uuid):
            tags = await _tags(tx, run_event_uuid)
            await tx.execute(_rename, of_event=run_event_uuid, element_id=event[0], tags=tags)

    async def _open(self, tx: Transaction, run_event_uuid: str) -> None:
        for found in await tx.all(_alerts, run_event_uuid=run_event_uuid):
            row: dict[str, Any] = self._row(run_event_uuid, *found)
            row["tags"] = await _tags(tx, run_event_uuid)
            await tx.execute(_insert, **row)
            tx.tally(BY_TIME, row["time_us"])
            tx.tally(status_series("open"), row["time_us"])
            await _tell(tx, OPENED, tuple(row[name] for name in ANOMALIES.columns), row["created_us"])

    def _row(self, run_event_uuid: str, *found: Any) -> dict[str, Any]:
        alert, event = dict(zip(_ALERT, found, strict=False)), dict(zip(_EVENT, found[len(_ALERT) :], strict=True))
        told = msgspec.json.decode(alert["document"], type=_Told)
        return {
            "uuid": new_uuid(), "alert_uuid": alert["uuid"], "run_event_uuid": run_event_uuid,
            "element_id": event.pop("action_uuid"), **event,
            "channel_name": alert["reference_channel_name"] or alert["channel_name"],
            "title": told.title, "source": told.source, "severity": alert["severity"],
            "created_us": self._clock.now_us(), "status": "open", "status_modified_us": 0, "status_modified_by": "",
        }  # fmt: skip


async def _tags(tx: Transaction, run_event_uuid: str) -> str:
    """What the walk's author wrote to the action, as JSON."""
    documents = await tx.all(_metadata, run_event_uuid=run_event_uuid)
    told = [tag for (document,) in documents for tag in _written(msgspec.json.decode(document))]
    return _encode(list(dict.fromkeys(told))).decode()


def _written(document: dict[str, Any]) -> list[str]:
    given = [document[name] for name in _TAGS if isinstance(document.get(name), list)]
    return [tag for tag in given[0] if isinstance(tag, str)] if given else []


class _Told(msgspec.Struct):
    """What we show of AlertData. Source: alerts.proto."""

    title: str = ""
    source: str = ""


def opener(database: Database, bus: Bus, clock: Clock) -> OutboxReader:
    """The service that opens anomalies."""
    return OutboxReader("anomalies", Opener(clock), database=database, bus=bus, clock=clock, wakes=("captures.stored",))


async def set_status(database: Database, clock: Clock, by: str, uuid: str, status: Status, reason: str = "") -> Anomaly:
    """Closes an anomaly or opens it again; without effect when it has that status. Raises: NotFound."""
    actor = acting()

    async def work(tx: Transaction) -> Anomaly:
        row = await tx.one(one_statement(ANOMALIES), uuid=uuid)
        if row is None:
            raise NotFound(f"there is no anomaly {uuid}", "ANOMALY_NOT_FOUND")
        return await _changed(tx, actor, row, status, by, clock.now_us(), reason)

    return await database.write(work)


async def close_elements(database: Database, clock: Clock, by: str, element_ids: Sequence[str]) -> int:
    """Closes all open anomalies of these elements; how many there were."""
    actor = acting()

    async def work(tx: Transaction) -> int:
        closed = 0
        for element_id in dict.fromkeys(element_ids):
            for row in await tx.all(_of_element, element_id=element_id):
                await _changed(tx, actor, row, "closed", by, clock.now_us())
                closed += 1
        return closed

    return await database.write(work)


async def close_all(database: Database, clock: Clock, by: str, uuids: Sequence[str], reason: str = "") -> int:
    """Closes those of these anomalies that are there and open; how many they were."""
    actor = acting()

    async def work(tx: Transaction) -> int:
        rows = [await tx.one(one_statement(ANOMALIES), uuid=uuid) for uuid in dict.fromkeys(uuids)]
        place = ANOMALIES.columns.index("status")
        still_open = [row for row in rows if row is not None and row[place] == "open"]
        for row in still_open:
            await _changed(tx, actor, row, "closed", by, clock.now_us(), reason)
        return len(still_open)

    return await database.write(work)


async def _changed(
    tx: Transaction, actor: Actor, row: Row, status: Status, by: str, now_us: int, reason: str = ""
) -> Anomaly:
    before = dict(zip(ANOMALIES.columns, row, strict=True))
    if before["status"] == status:
        return (await anomalies_of(tx, [row]))[0]
    change = {"status": status, "status_modified_us": now_us, "status_modified_by": by}
    await tx.execute(_set_status, of_uuid=before["uuid"], **change)
    tx.tally(status_series(before["status"]), before["time_us"], -1)
    tx.tally(status_series(status), before["time_us"])
    after = before | change
    topic = CLOSED if status == "closed" else OPENED
    told = await _tell(tx, topic, tuple(after[name] for name in ANOMALIES.columns), now_us)
    because = {"reason": reason} if reason else {}
    said = {"before": {"status": before["status"]}, "after": {"status": status, **because}}
    await record(tx, actor, "update", "anomaly", before["uuid"], **said)
    return told


async def _tell(tx: Transaction, topic: str, row: Row, at_us: int) -> Anomaly:
    (anomaly,) = await anomalies_of(tx, [row])
    await outbox.append(tx, topic, anomaly.uuid, _encode(anomaly).decode(), created_us=at_us)
    return anomaly

"""Stores what a robot captured: event, capture or document, counts and news, in one transaction.

Everything here may happen twice, late and in any order; the store is the same in the end. A capture is known by
(robot, store epoch, id). When a robot starts a new epoch and tells us of an old capture under a new id, it is known
again by what it is, and takes the new id instead of appearing twice.

Source: robot-link.md 3.3 and 4; scout-api.md 2.10.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from roundsman.captures import key_results, naming
from roundsman.captures import record_statements as statements
from roundsman.captures.tallies import count_alerting_event, count_capture, count_event
from roundsman.kit import outbox
from roundsman.kit.blobs import BlobInfo
from roundsman.kit.database import Reader, Statement, Transaction
from roundsman.kit.identifiers import new_uuid
from roundsman.runs.record import RobotIdentity, Run, ensure_run
from roundsman.runs.tallies import count_modified

Kind = Literal["image", "data", "large", "metadata", "alert"]
SEVERITY_MAX = 4
DATA_ID_MAX = 2**63 - 2  # the last that a BIGINT holds together with the id behind it
FIRST_EPOCH = 1

# Topics of the outbox; subject is the event's uuid. "changed": it got captures, metadata or an alert later.
CREATED, CHANGED, ALERTED = "run_event.created", "run_event.changed", "run_event.alerted"
ELEMENT_CHANNEL = "metadata"
ELEMENT_KEYS = ("element_id", "elementId", "site_element_id", "action_uuid")

# RunEvent.error has no public table; ours is GetStatusResponse.Status of the failed acquisition, 0 while all is well.
# Source: scout-api.md 3.2.
ERRORS = {"ACQUISITION_CANCELLED": 5, "DATA_ERROR": 10, "TIMEDOUT": 11, "INTERNAL_ERROR": 12}


class DataId(msgspec.Struct, frozen=True):
    """A robot's name for one thing in its store. Source: robot-link.md 3.3."""

    data_id: int
    group_name: str
    action_name: str
    action_time_us: int  # the robot's clock
    channel_name: str
    data_name: str

    @property
    def action(self) -> tuple[str, str, int]:
        """What tells its action from all others of the robot."""
        return self.group_name, self.action_name, self.action_time_us


class CapturedFile(msgspec.Struct, frozen=True):
    """A capture with content. Times are the robot's clock."""

    id: DataId
    kind: Literal["image", "data", "large"]
    time_us: int
    extension: str
    blob: BlobInfo
    key_results: Sequence[dict[str, Any]] = ()  # those that the content itself gives
    robot_message: bytes = b""  # what else the robot said of it, in its own encoding


class CapturedDocument(msgspec.Struct, frozen=True):
    """Metadata (`document` is its JSON object) or an alert (`document` is the AlertData as JSON)."""

    id: DataId
    kind: Literal["metadata", "alert"]
    document: str
    reference: DataId | None = None  # what it speaks of; the whole action if it names no channel
    severity: int = 0


class Origin(msgspec.Struct, frozen=True):
    """Where captures come from: a robot, one of its store's epochs, and how far its clock is ahead of ours."""

    robot: RobotIdentity
    store_epoch: int
    clock_ahead_us: int = 0


@dataclass(slots=True)
class _Document:
    channel_name: str
    data_id: int
    reference_data_id: int | None
    reference_channel_name: str | None
    document: str


@dataclass(slots=True)
class _Event:
    """A run event in this transaction: its row, and the metadata it has so far."""

    row: dict[str, Any]
    run_type: str
    documents: list[_Document]
    news: set[str] = field(default_factory=set[str])


class Recording:
    """What one robot captured, written in one transaction."""

    def __init__(self, tx: Transaction, origin: Origin, now_us: int, known: Iterable[int] = ()) -> None:
        self._tx = tx
        self._origin = origin
        self._now_us = now_us
        self._known = set(known)
        self._runs: dict[str, Run] = {}
        self._events: dict[tuple[str, str, int], _Event] = {}
        self._element_ids: dict[tuple[str, str, int], str] = {}
        self._rows: dict[Statement, list[dict[str, Any]]] = {}

    async def add_all(self, captured: Sequence[CapturedFile | CapturedDocument]) -> int:
        """Stores all in this order; how many were new."""
        self._element_ids.update(
            (one.id.action, element_id)
            for one in captured
            if isinstance(one, CapturedDocument) and (element_id := _element_id(one))
        )
        stored = sum([await self._add(one) for one in captured])
        await self._insert()
        await self._extend_runs()
        await self._tell()
        return stored

    async def _add(self, captured: CapturedFile | CapturedDocument) -> bool:
        """Stores it with all that follows from it; False when it was here already."""
        if captured.id.data_id in self._known:
            return False
        self._known.add(captured.id.data_id)
        if isinstance(captured, CapturedFile):
            return await self._file(captured)
        return await self._document(captured)

    async def _file(self, captured: CapturedFile) -> bool:
        event = await self._event(captured.id)
        twin = await self._twin(statements.twin_capture(), event, captured, blob_sha256=captured.blob.sha256)
        if twin is not None:
            await self._tx.execute(statements.renumber_capture(), **self._number(twin, captured.id))
            return False
        row = self._capture_row(event, captured)
        self._later(statements.insert_capture(), row)
        if captured.robot_message:
            message = {"run_capture_uuid": row["uuid"], "message": captured.robot_message}
            self._later(statements.insert_message(), message)
        count_capture(self._tx, row)
        event.news.add(CHANGED)
        if captured.kind == "image" and event.run_type == "teleop":
            await self._change(event, event_type="screenshot")
        return True

    def _later(self, statement: Statement, row: dict[str, Any]) -> None:
        """A row to be inserted, with all others of its kind: one statement for many is what it costs least."""
        self._rows.setdefault(statement, []).append(row)

    async def _insert(self) -> None:
        """Inserts what waits for it; needed before anything looks for such rows."""
        waiting, self._rows = self._rows, {}
        for statement, rows in waiting.items():
            await self._tx.execute_many(statement, rows)

    def _capture_row(self, event: _Event, captured: CapturedFile) -> dict[str, Any]:
        """The row of `run_captures`."""
        identifier, shared = captured.id, event.row
        found = captured.key_results or _key_results(event.documents, identifier.channel_name, identifier.data_id)
        return {
            "uuid": new_uuid(),
            "run_event_uuid": shared["uuid"],
            **{name: shared[name] for name in statements.SHARED},
            "channel_name": identifier.channel_name,
            "data_name": identifier.data_name,
            "kind": captured.kind,
            "time_us": captured.time_us - self._origin.clock_ahead_us,
            "created_us": self._now_us,
            "file_name": naming.file_name(
                identifier.action_name, identifier.channel_name, identifier.data_name, captured.extension
            ),
            "media_type": naming.media_type(captured.extension),
            "blob_sha256": captured.blob.sha256,
            "size_bytes": captured.blob.size_bytes,
            "crc32": captured.blob.crc32,
            "key_results": _encoded(found),
            "action_channel_run_flag_uuid": naming.flag_uuid(
                shared["run_uuid"], identifier.action_name, identifier.channel_name
            ),
            "store_epoch": self._origin.store_epoch,
            "data_id": identifier.data_id,
        }

    async def _document(self, captured: CapturedDocument) -> bool:
        event = await self._event(captured.id)
        twin = await self._twin(statements.twin_document(), event, captured, document=captured.document)
        if twin is not None:
            reference_data_id, _ = _reference(captured.reference)
            number = self._number(twin, captured.id)
            await self._tx.execute(statements.renumber_document(), reference_data_id=reference_data_id, **number)
            return False
        await self._tx.execute(statements.insert_document(), **self._document_row(event, captured))
        event.news.add(CHANGED)
        if captured.kind == "alert":
            await self._alert(event, captured)
        else:
            await self._metadata(event, captured)
        return True

    def _document_row(self, event: _Event, captured: CapturedDocument) -> dict[str, Any]:
        """The row of `run_event_documents`."""
        identifier = captured.id
        reference_data_id, reference_channel_name = _reference(captured.reference)
        return {
            "uuid": new_uuid(),
            "run_event_uuid": event.row["uuid"],
            "run_uuid": event.row["run_uuid"],
            "kind": captured.kind,
            "channel_name": identifier.channel_name,
            "data_name": identifier.data_name,
            "reference_data_id": reference_data_id,
            "reference_channel_name": reference_channel_name,
            "severity": captured.severity,
            "document": captured.document,
            "created_us": self._now_us,
            "robot_serial": self._origin.robot.serial,
            "store_epoch": self._origin.store_epoch,
            "data_id": identifier.data_id,
        }

    async def _metadata(self, event: _Event, captured: CapturedDocument) -> None:
        """What metadata changes: the action's uuid, and key results of captures that came before it."""
        identifier = captured.id
        event.documents.append(
            _Document(identifier.channel_name, identifier.data_id, *_reference(captured.reference), captured.document)
        )
        element_id = _element_id(captured)
        if element_id and element_id != event.row["action_uuid"]:
            await self._rename_action(event, element_id)
        if key_results.of_document(identifier.channel_name, captured.document):
            await self._refresh_key_results(event)

    async def _refresh_key_results(self, event: _Event) -> None:
        """Computes the event's key results anew from all metadata; those out of a content stay as they are."""
        await self._insert()
        for uuid, channel_name, data_id, file_name, size_bytes, present in await self._tx.all(
            statements.captures_of_event(), run_event_uuid=event.row["uuid"]
        ):
            found = _encoded(_key_results(event.documents, channel_name, data_id))
            if found and found != present and not key_results.is_thermal(file_name.rpartition(".")[2], size_bytes):
                await self._tx.execute(statements.set_key_results(), uuid=uuid, key_results=found)

    async def _rename_action(self, event: _Event, action_uuid: str) -> None:
        """The robot says which site element the action was; event and captures bear it, and are counted under it."""
        await self._insert()
        before = dict(event.row)
        captures = await self._tx.all(statements.created_of_captures(), run_event_uuid=before["uuid"])
        await self._change(event, action_uuid=action_uuid)
        await self._tx.execute(statements.set_action_uuid(), run_event_uuid=before["uuid"], action_uuid=action_uuid)
        await count_event(self._tx, before, -1)
        await count_event(self._tx, event.row, 1)
        for (created_us,) in captures:
            count_capture(self._tx, before | {"created_us": created_us}, -1)
            count_capture(self._tx, event.row | {"created_us": created_us}, 1)
        await self._tx.execute(statements.forget_action(), **{name: before[name] for name in statements.ACTION})

    async def _alert(self, event: _Event, captured: CapturedDocument) -> None:
        """What an alert changes: the worst severity of event and run, once the count of alerting events."""
        known = 0 < captured.severity <= SEVERITY_MAX
        severity = captured.severity if known else SEVERITY_MAX  # assume the highest, says the robot's protocol
        worst = event.row["worst_severity"]
        event.news.add(ALERTED)
        if severity <= worst:
            return
        await self._change(event, worst_severity=severity)
        if worst == 0:
            count_alerting_event(self._tx, event.row)
        if await self._modify_run(event.row["run_uuid"], above=severity):
            await self._tx.execute(
                statements.raise_run_severity(), uuid=event.row["run_uuid"], severity=severity, modified_us=self._now_us
            )

    async def _twin(self, find: Statement, event: _Event, captured: Any, **content: Any) -> str | None:
        """The uuid under which it is known from an earlier epoch; it then bears its new number from now on."""
        if self._origin.store_epoch <= FIRST_EPOCH:
            return None
        twin = await self._tx.one(
            find,
            run_event_uuid=event.row["uuid"],
            kind=captured.kind,
            channel_name=captured.id.channel_name,
            data_name=captured.id.data_name,
            store_epoch=self._origin.store_epoch,
            **content,
        )
        return None if twin is None else twin[0]

    def _number(self, uuid: str, identifier: DataId) -> dict[str, Any]:
        """What gives a row its number in this epoch."""
        return {"uuid": uuid, "store_epoch": self._origin.store_epoch, "data_id": identifier.data_id}

    async def _run(self, identifier: DataId) -> Run:
        """The run that bears the robot's group name; opened if it is unknown."""
        run = self._runs.get(identifier.group_name)
        if run is None:
            ahead_us = self._origin.clock_ahead_us
            at_us = identifier.action_time_us - ahead_us
            run = await ensure_run(self._tx, self._origin.robot, identifier.group_name, at_us, self._now_us, ahead_us)
            self._runs[identifier.group_name] = run
        return run

    async def _event(self, identifier: DataId) -> _Event:
        """The event of an action; made if it is unknown."""
        event = self._events.get(identifier.action)
        if event is None:
            run = await self._run(identifier)
            event = await self._stored_event(run, identifier) or await self._new_event(run, identifier)
            self._events[identifier.action] = event
        return event

    async def _stored_event(self, run: Run, identifier: DataId) -> _Event | None:
        found = await self._tx.one(
            statements.event_of_action(),
            run_uuid=run.uuid,
            action_name=identifier.action_name,
            robot_time_us=identifier.action_time_us,
        )
        if found is None:
            return None
        row = dict(zip(statements.EVENT_COLUMNS, found, strict=True))
        documents = await self._tx.all(statements.metadata_of_event(), run_event_uuid=row["uuid"])
        return _Event(row, run.run_type, [_Document(*document) for document in documents])

    async def _new_event(self, run: Run, identifier: DataId) -> _Event:
        row: dict[str, Any] = {
            "uuid": new_uuid(),
            "run_uuid": run.uuid,
            "event_type": "daq",
            "action_name": identifier.action_name,
            "action_uuid": self._element_ids.get(identifier.action) or _fallback_uuid(run, identifier.action_name),
            "mission_name": run.mission_name,
            "robot_serial": self._origin.robot.serial,
            "robot_hostname": self._origin.robot.hostname,
            "robot_nickname": self._origin.robot.nickname,
            "time_us": identifier.action_time_us - self._origin.clock_ahead_us,
            "created_us": self._now_us,
            "modified_us": self._now_us,
            "robot_time_us": identifier.action_time_us,
            "error": 0,
            "worst_severity": 0,
        }
        await self._tx.execute(statements.insert_event(), **row)
        await count_event(self._tx, row)
        return _Event(row, run.run_type, [], {CREATED})

    async def _change(self, event: _Event, **values: Any) -> None:
        """Sets columns of the event, here and in the database."""
        if all(event.row[name] == value for name, value in values.items()):
            return
        event.row |= values | {"modified_us": self._now_us}
        await self._tx.execute(statements.set_event(), **{name: event.row[name] for name in statements.CHANGING})

    async def _extend_runs(self) -> None:
        """Runs that got events have at least so many actions, and last as long if nobody watched their end."""
        for run_uuid in sorted({event.row["run_uuid"] for event in self._events.values() if CREATED in event.news}):
            counted = await self._tx.one(statements.events_of_run(), run_uuid=run_uuid)
            events, last_us = counted or (0, 0)
            await self._modify_run(run_uuid)
            await self._tx.execute(
                statements.extend_run(), uuid=run_uuid, events=events, last_us=last_us, modified_us=self._now_us
            )

    async def _modify_run(self, run_uuid: str, above: int = SEVERITY_MAX + 1) -> bool:
        """Counts a run as modified now, if its worst severity is below `above`; whether it is."""
        before = await self._tx.one(statements.run_before(), uuid=run_uuid)
        if before is None or before[2] >= above:
            return False
        count_modified(self._tx, before[0], before[1], self._now_us)
        return True

    async def _tell(self) -> None:
        """The news of this transaction, in it: one of a kind per event, for captures come by the thousand."""
        for event in self._events.values():
            document = f'{{"runUuid":"{event.row["run_uuid"]}","runEventUuid":"{event.row["uuid"]}"}}'
            for topic in sorted(event.news - {CHANGED} if CREATED in event.news else event.news):
                await outbox.append(self._tx, topic, event.row["uuid"], document, created_us=self._now_us)
            event.news.clear()


async def known_ids(reader: Reader, robot_serial: str, store_epoch: int, first_id: int, last_id: int) -> set[int]:
    """Which ids of a range are stored, as capture or as document."""
    found: set[int] = set()
    for statement in (statements.capture_ids(), statements.document_ids()):
        rows = await reader.all(
            statement, robot_serial=robot_serial, store_epoch=store_epoch, first_id=first_id, last_id=last_id
        )
        found.update(data_id for (data_id,) in rows)
    return found


def _fallback_uuid(run: Run, action_name: str) -> str:
    """The action's uuid while the robot has not said which site element it was; none in teleoperation."""
    return "" if run.run_type == "teleop" else naming.derived_action_uuid(run.mission_name, action_name)


def _element_id(captured: CapturedDocument) -> str:
    """The uuid of the site element that metadata names; "" if it names none.

    The robot embeds it under a key that no public source tells; ours is read first.
    Source: robot-link.md 4.
    """
    if captured.kind != "metadata" or captured.id.channel_name != ELEMENT_CHANNEL:
        return ""
    try:
        document = msgspec.json.decode(captured.document, type=dict[str, Any])
    except msgspec.ValidationError:
        return ""
    return next((str(document[name]) for name in ELEMENT_KEYS if document.get(name)), "")


def _reference(reference: DataId | None) -> tuple[int | None, str | None]:
    """Id and channel of what a document speaks of; None for the whole action."""
    if reference is None or not (reference.channel_name or reference.data_id):
        return None, None
    speaks_of_one = 0 < reference.data_id <= DATA_ID_MAX
    return reference.data_id if speaks_of_one else None, reference.channel_name or None


def _key_results(documents: Iterable[_Document], channel_name: str, data_id: int) -> list[dict[str, Any]]:
    """The key results of a capture out of the event's metadata; a later document's value replaces an earlier one's."""
    found: dict[str, dict[str, Any]] = {}
    for document in sorted(documents, key=lambda one: one.data_id):
        if _speaks_of(document, channel_name, data_id):
            found |= {one["name"]: one for one in key_results.of_document(document.channel_name, document.document)}
    return list(found.values())


def _speaks_of(document: _Document, channel_name: str, data_id: int) -> bool:
    """Whether metadata is about a capture: it names it, or its channel, or lies on the same channel."""
    if document.reference_data_id is not None:
        return document.reference_data_id == data_id
    return (document.reference_channel_name or document.channel_name) == channel_name


def _encoded(found: Sequence[dict[str, Any]]) -> str | None:
    """Key results as they are stored; None where there are none."""
    return msgspec.json.encode(found).decode() if found else None

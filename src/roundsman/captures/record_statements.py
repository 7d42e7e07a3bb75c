"""The statements with which captures are stored, each compiled once."""

import functools
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Table,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    insert,
    select,
    update,
)

from roundsman.captures.tables import (
    run_actions,
    run_capture_messages,
    run_captures,
    run_event_documents,
    run_events,
)
from roundsman.kit.database import Statement
from roundsman.kit.schema import BigInt
from roundsman.runs.tables import runs

EVENT_COLUMNS = tuple(column.name for column in run_events.columns)
ACTION = tuple(column.name for column in run_actions.columns)
SHARED = (
    "run_uuid",
    "action_name",
    "action_uuid",
    "mission_name",
    "robot_serial",
    "robot_hostname",
    "robot_nickname",
)
CHANGING = ("uuid", "event_type", "action_uuid", "error", "worst_severity", "modified_us")


def _is(table: Table, *names: str) -> ColumnElement[bool]:
    """Each named column equals the value of its name."""
    return and_(*(table.c[name] == bindparam(name) for name in names))


@functools.cache
def insert_event() -> Statement:
    """A new run event."""
    return Statement(insert(run_events))


@functools.cache
def insert_capture() -> Statement:
    """A new run capture."""
    return Statement(insert(run_captures))


@functools.cache
def insert_message() -> Statement:
    """The robot's own message about a capture."""
    return Statement(insert(run_capture_messages))


@functools.cache
def insert_document() -> Statement:
    """A new document of an event."""
    return Statement(insert(run_event_documents))


@functools.cache
def event_of_action() -> Statement:
    """The event of an action, all columns."""
    return Statement(select(run_events).where(_is(run_events, "run_uuid", "action_name", "robot_time_us")))


@functools.cache
def set_event() -> Statement:
    """Sets the columns of an event that change after it was stored."""
    return _update(run_events, CHANGING)


@functools.cache
def metadata_of_event() -> Statement:
    """Channel, id, reference and text of an event's metadata."""
    table = run_event_documents
    return Statement(
        select(
            table.c.channel_name,
            table.c.data_id,
            table.c.reference_data_id,
            table.c.reference_channel_name,
            table.c.document,
        ).where(_is(table, "run_event_uuid"), table.c.kind == "metadata")
    )


@functools.cache
def captures_of_event() -> Statement:
    """What decides on the key results of an event's captures, and those that they have."""
    table = run_captures
    return Statement(
        select(
            table.c.uuid,
            table.c.channel_name,
            table.c.data_id,
            table.c.file_name,
            table.c.size_bytes,
            table.c.key_results,
        ).where(_is(table, "run_event_uuid"))
    )


@functools.cache
def set_key_results() -> Statement:
    """Sets the key results of one capture."""
    return _update(run_captures, ("uuid", "key_results"))


@functools.cache
def created_of_captures() -> Statement:
    """When each capture of an event was stored."""
    return Statement(select(run_captures.c.created_us).where(_is(run_captures, "run_event_uuid")))


@functools.cache
def set_action_uuid() -> Statement:
    """Sets the action of all captures of an event."""
    changed = update(run_captures).where(_is(run_captures, "run_event_uuid"))
    return Statement(changed.values(action_uuid=bindparam("action_uuid")))


@functools.cache
def forget_action() -> Statement:
    """Takes an action from the list of those that were made, when no event bears it any more."""
    bears = and_(*(run_events.c[name] == run_actions.c[name] for name in ACTION))
    unused = ~exists(select(run_events.c.uuid).where(bears))
    return Statement(delete(run_actions).where(_is(run_actions, *ACTION), unused))


@functools.cache
def raise_run_severity() -> Statement:
    """Sets a run's worst severity."""
    raised = update(runs).where(_is(runs, "uuid"))
    return Statement(raised.values(worst_severity=bindparam("severity"), modified_us=bindparam("modified_us")))


@functools.cache
def events_of_run() -> Statement:
    """How many events a run has, and when the last one was."""
    return Statement(select(func.count(), func.max(run_events.c.time_us)).where(_is(run_events, "run_uuid")))


@functools.cache
def run_before() -> Statement:
    """What a change of a run depends on: its start, when it was modified last, and its worst severity."""
    return Statement(select(runs.c.start_us, runs.c.modified_us, runs.c.worst_severity).where(_is(runs, "uuid")))


@functools.cache
def extend_run() -> Statement:
    """A run has at least as many actions as events; one that was closed before lasts until the last of them."""
    last_us, events = bindparam("last_us", type_=BigInt), bindparam("events", type_=BigInt)
    return Statement(
        update(runs)
        .where(_is(runs, "uuid"))
        .values(
            end_us=case((runs.c.end_us < last_us, last_us), else_=runs.c.end_us),
            action_count=case((runs.c.action_count < events, events), else_=runs.c.action_count),
            modified_us=bindparam("modified_us"),
        )
    )


@functools.cache
def twin_capture() -> Statement:
    """The same capture under the number of an earlier epoch."""
    table = run_captures
    same = _is(table, "run_event_uuid", "kind", "channel_name", "data_name", "blob_sha256")
    return _earlier(table, same)


@functools.cache
def twin_document() -> Statement:
    """The same document under the number of an earlier epoch."""
    table = run_event_documents
    return _earlier(table, _is(table, "run_event_uuid", "kind", "channel_name", "data_name", "document"))


@functools.cache
def renumber_capture() -> Statement:
    """Gives a capture its number in a new epoch."""
    return _update(run_captures, ("uuid", "store_epoch", "data_id"))


@functools.cache
def renumber_document() -> Statement:
    """Gives a document its number in a new epoch, and that of what it speaks of."""
    return _update(run_event_documents, ("uuid", "store_epoch", "data_id", "reference_data_id"))


@functools.cache
def capture_ids() -> Statement:
    """The ids of captures in a range."""
    return _ids(run_captures)


@functools.cache
def document_ids() -> Statement:
    """The ids of documents in a range."""
    return _ids(run_event_documents)


def _ids(table: Table) -> Statement:
    in_range = table.c.data_id.between(bindparam("first_id"), bindparam("last_id"))
    return Statement(select(table.c.data_id).where(_is(table, "robot_serial", "store_epoch"), in_range))


def _earlier(table: Table, same: ColumnElement[bool]) -> Statement:
    """The first of those that are the same but for an earlier epoch."""
    earlier = table.c.store_epoch < bindparam("store_epoch")
    found = select(table.c.uuid).where(same, earlier).order_by(table.c.store_epoch, table.c.data_id)
    return Statement(found.limit(1))


def _update(table: Table, names: tuple[str, ...]) -> Statement:
    """Sets the columns after the first, which is `uuid`, in one row."""
    values: dict[str, BindParameter[Any]] = {name: bindparam(name) for name in names[1:]}
    return Statement(update(table).where(_is(table, "uuid")).values(values))

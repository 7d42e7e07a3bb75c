"""The calendar as it is stored: list, save, delete, disable.

A new event must name a robot that is there: one that names none would wait for ever without a word. An event whose
robot has gone since is kept and can be changed, so that exchanging a robot loses no schedule.
"""

import functools
from typing import NamedTuple

import msgspec
from sqlalchemy import bindparam, delete, select

from roundsman.access.audit import Actor, acting, record
from roundsman.calendar.events import Event, disabled, stamped, stored_event
from roundsman.calendar.tables import calendar_events
from roundsman.kit import outbox
from roundsman.kit.clock import Clock
from roundsman.kit.database import Database, Reader, Statement, Transaction, upsert
from roundsman.kit.identifiers import new_uuid
from roundsman.kit.problem import BadRequest, NotFound
from roundsman.robots.tables import robots

_events = calendar_events.c
_all = Statement(select(_events.document).order_by(_events.created_us, _events.event_id))
_one = Statement(select(_events.document).where(_events.event_id == bindparam("event_id")))
_delete = Statement(delete(calendar_events).where(_events.event_id == bindparam("event_id")))
_save = upsert(
    calendar_events,
    ["event_id"],
    lambda new: {name: new.excluded[name] for name in ("nickname", "mission_id", "modified_us", "document")},
)
_nicknames = Statement(select(robots.c.nickname).order_by(robots.c.robot_index))
_encode = msgspec.json.Encoder().encode


class Change(NamedTuple):
    """Who changes the calendar, and when."""

    by: str
    at_us: int
    actor: Actor


async def list_documents(reader: Reader) -> list[msgspec.Raw]:
    """All events as v0 shows them, the oldest first."""
    return [msgspec.Raw(row[0].encode()) for row in await reader.all(_all)]


async def list_events(reader: Reader) -> list[Event]:
    """All events, the oldest first."""
    return [stored_event(row[0]) for row in await reader.all(_all)]


async def find_event(reader: Reader, event_id: str) -> Event:
    """One event. Raises: NotFound."""
    row = await reader.one(_one, event_id=event_id)
    if row is None:
        raise NotFound(f"there is no event {event_id} in the calendar", "EVENT_NOT_FOUND")
    return stored_event(row[0])


async def save_event(database: Database, clock: Clock, by: str, event: Event) -> Event:
    """Stores an event: a new one where its id is empty or unknown, else in the place of that one.

    Raises: BadRequest for a robot that is not there, unless the stored event names it too.
    """
    change = Change(by, clock.now_us(), acting())
    return await database.write(functools.partial(_saved, change, event, event.event_id or new_uuid()))


async def delete_event(database: Database, clock: Clock, by: str, event_id: str) -> Event:
    """Removes an event; a mission that it has started goes on. Raises: NotFound."""
    actor = acting()

    async def work(tx: Transaction) -> Event:
        event = await find_event(tx, event_id)
        await tx.execute(_delete, event_id=event_id)
        await outbox.append(tx, "schedule.deleted", event_id, _document(event))
        await record(tx, actor, "delete", "schedule", event_id, before=event.document)
        return event

    return await database.write(work)


async def disable_events(database: Database, clock: Clock, by: str, reason: str, event_id: str | None) -> list[Event]:
    """Disables (or, with an empty reason, enables) one event, or all there are; those that it concerned.

    Raises: NotFound.
    """
    change = Change(by, clock.now_us(), acting())

    async def work(tx: Transaction) -> list[Event]:
        concerned = await list_events(tx) if event_id is None else [await find_event(tx, event_id)]
        return [await _disabled(change, event, reason, tx) for event in concerned]

    return await database.write(work)


async def nicknames(reader: Reader) -> list[str]:
    """Those of all robots."""
    return [row[0] for row in await reader.all(_nicknames)]


async def check_nickname(reader: Reader, nickname: str, member: str) -> None:
    """Raises: BadRequest naming the robots there are."""
    known = await nicknames(reader)
    if nickname not in known:
        raise BadRequest(member, f"{member}: there is no robot with the nickname {nickname}", known)


async def _saved(change: Change, event: Event, event_id: str, tx: Transaction) -> Event:
    row = await tx.one(_one, event_id=event_id)
    before = None if row is None else stored_event(row[0])
    if before is None or before.nickname != event.nickname:
        await check_nickname(tx, event.nickname, "agent.nickname")
    return await _stored(change, event, event_id, tx)


async def _disabled(change: Change, event: Event, reason: str, tx: Transaction) -> Event:
    if event.disable_reason == reason:
        return event
    return await _stored(change, disabled(event, reason), event.event_id, tx)


async def _stored(change: Change, event: Event, event_id: str, tx: Transaction) -> Event:
    row = await tx.one(_one, event_id=event_id)
    before = None if row is None else stored_event(row[0]).document
    made = stamped(event, event_id, change.at_us // 1000, change.by)
    document = _document(made)
    await tx.execute(
        _save, event_id=event_id, nickname=made.nickname, mission_id=made.mission_id,
        created_us=change.at_us, modified_us=change.at_us, document=document,
    )  # fmt: skip
    await outbox.append(tx, "schedule.saved", event_id, document, created_us=change.at_us)
    action = "create" if before is None else "update"
    await record(tx, change.actor, action, "schedule", event_id, before=before, after=made.document)
    return made


def _document(event: Event) -> str:
    return _encode(event.document).decode()

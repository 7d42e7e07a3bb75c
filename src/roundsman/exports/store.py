"""Exports asked for, listed, cancelled and removed."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import bindparam, delete, func, insert, or_, select, update

from roundsman.exports.tables import exports
from roundsman.exports.types import Export, Selection
from roundsman.kit import outbox
from roundsman.kit.database import Reader, Statement, Transaction
from roundsman.kit.identifiers import new_uuid
from roundsman.kit.listing import Listed, Order
from roundsman.kit.problem import Conflict, NotFound, TooManyRequests
from roundsman.kit.times import iso, iso_or_none

WAITING_MAX = 100
COLUMNS = tuple(column.name for column in exports.columns)
EXPORTS = Listed(exports, COLUMNS, (("state",),))
NEWEST = Order(("created_us",), descending=True)
DOWNLOADS = "/api/roundsman/v1/exports"

UNFINISHED = or_(exports.c.state == "waiting", exports.c.state == "running")
_mine = exports.c.uuid == bindparam("of_uuid")
_insert = Statement(insert(exports))
_one = Statement(select(*exports.columns).where(_mine))
_unfinished = Statement(select(func.count()).select_from(exports).where(UNFINISHED))
_cancel = Statement(
    update(exports)
    .where(_mine, UNFINISHED)
    .values(state="cancelled", ended_us=bindparam("at_us"), expires_us=bindparam("until_us"))
)
_delete = Statement(delete(exports).where(_mine))

_decode = msgspec.json.Decoder(Selection).decode
_encode = msgspec.json.Encoder().encode


class Stored(msgspec.Struct, frozen=True):
    """A row."""

    uuid: str
    selection: str
    state: Any
    created_us: int
    created_by: str
    started_us: int | None
    ended_us: int | None
    expires_us: int | None
    beat_us: int
    attempts: int
    row_count: int
    progress: float
    size_bytes: int | None
    blob_sha256: str | None
    error: str | None

    @property
    def selected(self) -> Selection:
        """What it is an export of."""
        return _decode(self.selection)


def export_of(row: Sequence[Any]) -> Export:
    """A row as the API shows it."""
    stored = Stored(*row)
    chosen = stored.selected
    return Export(
        uuid=stored.uuid,
        kind=chosen.kind,
        format=chosen.format,
        start_time=iso_or_none(chosen.from_us),
        end_time=iso_or_none(chosen.until_us),
        robot_serial=chosen.robot_serial,
        robot_hostname=chosen.robot_hostname,
        robot_nickname=chosen.robot_nickname,
        mission_name=chosen.mission_name,
        channel_name=chosen.channel_name,
        state=stored.state,
        progress=stored.progress,
        rows=stored.row_count,
        created_at=iso(stored.created_us),
        created_by=stored.created_by,
        started_at=iso_or_none(stored.started_us),
        ended_at=iso_or_none(stored.ended_us),
        expires_at=iso_or_none(stored.expires_us),
        size_bytes=stored.size_bytes,
        download_url=f"{DOWNLOADS}/{stored.uuid}/download" if stored.state == "done" else None,
        error=stored.error,
    )


async def find(reader: Reader, uuid: str) -> Stored:
    """The row of an export. Raises: NotFound."""
    row = await reader.one(_one, of_uuid=uuid)
    if row is None:
        raise NotFound(f"there is no export {uuid}; they are removed some days after they are made", "EXPORT_NOT_FOUND")
    return Stored(*row)


async def shown(reader: Reader, uuid: str) -> Export:
    """An export as the API shows it. Raises: NotFound."""
    return export_of(msgspec.structs.astuple(await find(reader, uuid)))


async def create(tx: Transaction, selection: Selection, by: str, now_us: int) -> Export:
    """Asks for an export. Raises: TooManyRequests when too many are not finished yet."""
    unfinished = await tx.one(_unfinished)
    if unfinished is not None and unfinished[0] >= WAITING_MAX:
        raise TooManyRequests(60, f"{WAITING_MAX} exports are not finished yet; wait for some, or cancel them")
    row: dict[str, Any] = dict.fromkeys(COLUMNS) | {
        "uuid": new_uuid(),
        "selection": _encode(selection).decode(),
        "state": "waiting",
        "created_us": now_us,
        "created_by": by,
        "beat_us": 0,
        "attempts": 0,
        "row_count": 0,
        "progress": 0.0,
    }
    await tx.execute(_insert, **row)
    return await _told(tx, "export.created", row["uuid"])


async def cancel(tx: Transaction, uuid: str, now_us: int, keep_us: int) -> Export:
    """Ends an export that waits or is made; whoever makes it notices. Raises: NotFound, Conflict."""
    await find(tx, uuid)
    if not await tx.execute(_cancel, of_uuid=uuid, at_us=now_us, until_us=now_us + keep_us):
        raise Conflict("it has ended already")
    return await _told(tx, "export.ended", uuid)


async def remove(tx: Transaction, uuid: str) -> Stored:
    """Removes an export; its file is the caller's business. Raises: NotFound."""
    stored = await find(tx, uuid)
    await tx.execute(_delete, of_uuid=uuid)
    await outbox.append(tx, "export.removed", uuid)
    return stored


async def told_ended(tx: Transaction, uuid: str) -> None:
    """Tells that an export has ended."""
    await _told(tx, "export.ended", uuid)


async def _told(tx: Transaction, topic: str, uuid: str) -> Export:
    export = await shown(tx, uuid)
    await outbox.append(tx, topic, uuid, _encode(export).decode())
    return export

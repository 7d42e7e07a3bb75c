"""Site walks, elements and docks: saved, listed, deleted.

A document is kept as its writer sent it, with members that nobody here knows. Members that the API promises and the
writer left out are added when it is shown. Source: scout-api.md §2.4 – 2.6.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

import msgspec
from sqlalchemy import bindparam, delete, func, select

from roundsman.access.audit import Actor, acting, record
from roundsman.kit import outbox
from roundsman.kit.clock import Clock
from roundsman.kit.database import Database, Reader, Row, Statement, Transaction, upsert
from roundsman.kit.identifiers import new_uuid
from roundsman.kit.members import Members
from roundsman.kit.problem import BadRequest, NotFound
from roundsman.kit.times import iso, parse_time
from roundsman.site.tables import site_resources, site_walk_originals

Kind = Literal["site_walk", "site_element", "site_dock"]
Document = dict[str, Any]

NOUNS: dict[Kind, str] = {"site_walk": "site walk", "site_element": "site element", "site_dock": "site dock"}
CODES: dict[Kind, str] = {kind: f"{kind.upper()}_NOT_FOUND" for kind in NOUNS}
SAVED_MAX = 5000
NAME_LONGEST = 500

# What every document of a kind has, whether or not its writer sent it.
PROMISED: dict[Kind, Document] = {
    "site_walk": {
        "name": "", "siteElementIds": [], "globalParameters": {}, "siteDockIds": [], "siteElementMetadata": {},
        "targetFailureBehavior": {}, "actionFailureBehavior": {}, "preferRecordedRoutes": False, "batteryMonitor": {},
        "travelParams": {}, "entityParams": {}, "skipDockingAfterCompletion": False,
    },
    "site_element": {
        "name": "", "waypointId": "", "waypointMaxDistance": 0, "waypointMaxYaw": 0, "action": {},
        "targetFailureBehavior": {}, "actionFailureBehavior": {}, "actionDuration": {}, "relocalize": {},
        "actionWrapper": {},
    },
    "site_dock": {"name": "", "dockedWaypointId": "", "targetPrepPose": {}},
}  # fmt: skip

_table = site_resources.c
_all = Statement(
    select(_table.document).where(_table.kind == bindparam("kind")).order_by(_table.created_us, _table.uuid)
)
_page = Statement(
    select(_table.document)
    .where(_table.kind == bindparam("kind"))
    .order_by(_table.created_us, _table.uuid)
    .limit(bindparam("limit_"))
    .offset(bindparam("offset_"))
)
_count = Statement(select(func.count()).select_from(site_resources).where(_table.kind == bindparam("kind")))
_one = Statement(
    select(_table.document, _table.created_us).where(_table.kind == bindparam("kind"), _table.uuid == bindparam("uuid"))
)
_kind = Statement(select(_table.kind).where(_table.uuid == bindparam("uuid")))
_save = upsert(
    site_resources, ["uuid"], lambda new: {name: new.excluded[name] for name in ("name", "modified_us", "document")}
)
_delete = Statement(delete(site_resources).where(_table.uuid == bindparam("uuid")))
_forget = Statement(delete(site_walk_originals).where(site_walk_originals.c.walk_uuid == bindparam("uuid")))
_encode = msgspec.json.Encoder().encode


async def list_documents(reader: Reader, kind: Kind) -> list[msgspec.Raw]:
    """All of a kind, the oldest first."""
    return [msgspec.Raw(row[0].encode()) for row in await reader.all(_all, kind=kind)]


async def list_decoded(reader: Reader, kind: Kind) -> list[Document]:
    """The same, to look into."""
    return [msgspec.json.decode(row[0]) for row in await reader.all(_all, kind=kind)]


async def page(
    reader: Reader, kind: Kind, wanted: Mapping[str, str], limit: int, offset: int
) -> tuple[list[Document], int]:
    """Some of a kind, the oldest first, and how many match: those of which the members are equal to `wanted`.

    A site has some hundreds of each: they are counted, and looked through where a member is asked for.
    """
    if not wanted:
        rows = await reader.all(_page, kind=kind, limit_=limit, offset_=offset)
        counted = await reader.one(_count, kind=kind)
        return [msgspec.json.decode(row[0]) for row in rows], counted[0] if counted else 0
    everything = await list_decoded(reader, kind)
    matching = [one for one in everything if all(_says(one, *pair) for pair in wanted.items())]
    return matching[offset : offset + limit], len(matching)


def _says(document: Document, name: str, value: str) -> bool:
    return name in document and str(document[name]) == value


async def find(reader: Reader, kind: Kind, uuid: str) -> Document:
    """One document. Raises: NotFound."""
    row = await reader.one(_one, kind=kind, uuid=uuid)
    if row is None:
        raise NotFound(f"there is no {NOUNS[kind]} {uuid}", CODES[kind])
    return msgspec.json.decode(row[0])


async def found(reader: Reader, kind: Kind, uuids: Sequence[str]) -> dict[str, Document]:
    """Those of these that there are."""
    rows = {uuid: await reader.one(_one, kind=kind, uuid=uuid) for uuid in dict.fromkeys(uuids)}
    return {uuid: msgspec.json.decode(row[0]) for uuid, row in rows.items() if row is not None}


async def save(database: Database, clock: Clock, kind: Kind, documents: Sequence[Document]) -> list[Document]:
    """Stores documents, all or none: each in the place of the one with its uuid, or as a new one. As stored.

    Raises: BadRequest that says which member of which document cannot be used.
    """
    if len(documents) > SAVED_MAX:
        raise BadRequest(None, f"these are {len(documents)} at once; {SAVED_MAX} are the most")
    checked = [
        checked_document(kind, one, f"[{place}]" if len(documents) > 1 else "") for place, one in enumerate(documents)
    ]
    now_us, by = clock.now_us(), acting()

    async def work(tx: Transaction) -> list[Document]:
        return [await put(tx, by, kind, document, now_us) for document in checked]

    return await database.write(work)


async def put(tx: Transaction, by: Actor, kind: Kind, document: Document, now_us: int) -> Document:
    """Stores one checked document in the caller's transaction."""
    uuid = document.get("uuid") or new_uuid()
    await check_kind(tx, kind, uuid)
    before = await tx.one(_one, kind=kind, uuid=uuid)
    created_us = now_us if before is None else before[1]
    times = {"createdAt": iso(created_us), "modifiedAt": iso(now_us)}
    stored: Document = {"uuid": uuid} | PROMISED[kind] | document | times | {"uuid": uuid}
    text = _encode(stored).decode()
    values = {"uuid": uuid, "kind": kind, "name": stored["name"], "created_us": created_us, "modified_us": now_us}
    await tx.execute(_save, **values, document=text)
    await outbox.append(tx, f"{kind}.saved", uuid, text, created_us=now_us)
    earlier = None if before is None else msgspec.json.decode(before[0])
    await record(tx, by, "create" if before is None else "update", kind, uuid, before=earlier, after=stored)
    return stored


async def check_kind(reader: Reader, kind: Kind, uuid: str, other: Kind | None = None) -> None:
    """Raises: BadRequest for a uuid that something of another kind has; `other` is what it was in the same import."""
    row = await reader.one(_kind, uuid=uuid)
    for taken in (other, row[0] if row is not None else None):
        if taken not in (None, kind):
            raise BadRequest("uuid", f"uuid: {uuid} is a {NOUNS[taken]} already")


async def remove(database: Database, kind: Kind, uuid: str) -> Document:
    """Removes one; what it refers to stays. Raises: NotFound."""
    by = acting()

    async def work(tx: Transaction) -> Document:
        document = await find(tx, kind, uuid)
        await tx.execute(_delete, uuid=uuid)
        await tx.execute(_forget, uuid=uuid)
        await outbox.append(tx, f"{kind}.deleted", uuid, _encode(document).decode())
        await record(tx, by, "delete", kind, uuid, before=document)
        return document

    return await database.write(work)


def checked_document(kind: Kind, document: Mapping[str, Any], path: str = "") -> Document:
    """The document, if its members can be used. Raises: BadRequest."""
    members = Members(document, path)
    members.text("uuid", longest=200)
    kept = {name: value for name, value in document.items() if value is not None}
    kept["name"] = members.text("name", longest=NAME_LONGEST)
    for name, default in PROMISED[kind].items():
        _check(members, name, default)
    if kind == "site_dock":
        kept["dockId"] = _dock_id(members)
        kept["name"] = kept["name"] or str(kept["dockId"])
    return kept


def _check(members: Members, name: str, default: Any) -> None:
    """A promised member has the type that is promised."""
    value = members.values.get(name)
    if value is None or (name == "siteDockIds" and isinstance(value, dict)):  # the published description has an object
        return
    if isinstance(default, bool):
        members.flag(name)
    elif isinstance(default, str):
        members.text(name)
    elif isinstance(default, list):
        members.texts(name, most=SAVED_MAX)
    elif isinstance(default, dict):
        if name != "actionDuration" or not isinstance(value, str):  # which JSON of protobuf writes as "5s"
            members.object(name)
    elif isinstance(value, bool) or not isinstance(value, int | float):
        raise members.wrong(name, "must be a number")


def _dock_id(members: Members) -> int:
    """The dock's fiducial: programs read `dockId` of every dock; older ones send it as the name."""
    name = members.text("name", longest=NAME_LONGEST).strip()
    if members.values.get("dockId") is None and name.isascii() and name.isdigit() and len(name) < 10:
        return int(name)
    return members.whole("dockId", 0, 2**32 - 1)


def named(document: Document, member: str) -> list[str]:
    """The uuids in a member: of a list its members; of an object, as the published description has it, its values."""
    value: Any = document.get(member) or []
    found = cast("dict[str, Any]", value).values() if isinstance(value, dict) else value
    return [str(one) for one in found]


def time_of(document: Document) -> int:
    """When it was changed last."""
    return parse_time(document["modifiedAt"])


def originals(row: Row) -> dict[str, Any]:
    """A row of `site_walk_originals` by its names."""
    return dict(zip((column.name for column in site_walk_originals.columns), row, strict=True))

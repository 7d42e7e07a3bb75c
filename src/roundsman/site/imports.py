"""Bringing walks in, and giving them out: as a Walk, or as a whole folder with its map.

An import is checked before anything of it is stored. What is stored is the content as it came, and the records that
were made of it; so what is exported unchanged is the same to the byte.
"""

import asyncio
import re
import zlib
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import bindparam, func, select

from roundsman.access.audit import Actor, acting, record
from roundsman.kit import outbox
from roundsman.kit.blobs import BlobInfo, Blobs
from roundsman.kit.clock import Clock
from roundsman.kit.database import Database, Reader, Row, Statement, Transaction, upsert
from roundsman.kit.members import Members
from roundsman.kit.problem import BadRequest, NotFound
from roundsman.kit.stored_zip import Entry, StoredZip
from roundsman.site import store, walk
from roundsman.site.folder import Folder, Part
from roundsman.site.tables import site_map_files, site_maps, site_walk_originals

WALK_MAX_BYTES = 256 << 20
_UNSAFE = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]')

_original = Statement(
    select(*site_walk_originals.columns).where(site_walk_originals.c.walk_uuid == bindparam("walk_uuid"))
)
_map_files = Statement(
    select(*(site_map_files.c[name] for name in ("path", "size_bytes", "crc32", "blob_sha256")))
    .where(site_map_files.c.map_uuid == bindparam("map_uuid"))
    .order_by(site_map_files.c.path)
)
_maps = Statement(select(site_maps.c.uuid, site_maps.c.name).order_by(site_maps.c.created_us, site_maps.c.uuid))
_graph = Statement(
    select(site_map_files.c.blob_sha256).where(
        site_map_files.c.map_uuid == bindparam("map_uuid"), site_map_files.c.path == "graph"
    )
)
_save_map = upsert(site_maps, ["uuid"], lambda new: {"modified_us": new.excluded["modified_us"]})
_save_map_file = upsert(
    site_map_files,
    ["map_uuid", "path"],
    lambda new: {name: new.excluded[name] for name in ("blob_sha256", "size_bytes", "crc32")},
)
_save_original = upsert(
    site_walk_originals,
    ["walk_uuid"],
    lambda new: (
        {name: new.excluded[name] for name in _ORIGINAL if name not in ("walk_uuid", "map_uuid")}
        # A walk that comes in again without its map stands on the same ground as before.
        | {"map_uuid": func.coalesce(new.excluded["map_uuid"], site_walk_originals.c.map_uuid)}
    ),
)
_ORIGINAL = [column.name for column in site_walk_originals.columns]


class Stored(NamedTuple):
    """A file that has become a blob."""

    path: str
    blob: BlobInfo


class Recorded(NamedTuple):
    """A walk that came in: its file's name, its bytes and what they say."""

    file_name: str
    content: bytes
    records: walk.Records


class Archive(NamedTuple):
    """An archive laid out, and what HTTP says of it."""

    name: str
    layout: StoredZip
    etag: str
    modified_us: int


async def import_walk(database: Database, blobs: Blobs, clock: Clock, content: bytes) -> list[store.Document]:
    """Stores a Walk without a map; the site walk as stored. Raises: BadRequest."""
    records = await asyncio.to_thread(walk.records_of, content)
    recorded = _sound(Recorded(_file_name(records.walk["name"]) + ".walk", content, records))
    await _check_kinds(database, [recorded])
    return await _import(database, blobs, clock, [recorded], [], None)


async def import_file(database: Database, blobs: Blobs, clock: Clock, path: Path) -> list[store.Document]:
    """Stores what a file holds: a folder as zip, a Walk, or a Walk in JSON; the site walks as stored.

    Raises: BadRequest.
    """
    content = await asyncio.to_thread(_walk_in, path)
    if content is None:
        return await import_folder(database, blobs, clock, path)
    return await import_walk(database, blobs, clock, content)


def _walk_in(path: Path) -> bytes | None:
    """The Walk that a file holds, also in JSON; None where it is a zip."""
    with path.open("rb") as file:
        if file.read(2) == b"PK":
            return None
    if path.stat().st_size > WALK_MAX_BYTES:
        raise BadRequest(None, f"a walk by itself has at most {WALK_MAX_BYTES >> 20} MiB; send its folder as a zip")
    content = path.read_bytes()
    return _decode_json(content) if content.lstrip()[:1] == b"{" else content


async def import_folder(database: Database, blobs: Blobs, clock: Clock, path: Path) -> list[store.Document]:
    """Stores all walks of a folder in a zip, and their map; the site walks as stored. Raises: BadRequest."""
    folder = await asyncio.to_thread(Folder, path)
    try:
        walks = await asyncio.to_thread(_checked, folder)
        graph = next((part for part in folder.parts if part.kind == "graph"), None)
        map_uuid = None if graph is None else walk.map_uuid_of(await asyncio.to_thread(folder.read, graph))
        maps = [part for part in folder.parts if part.kind != "walk"] if map_uuid else []
        await _check_kinds(database, walks)
        stored = [Stored(part.path, await blobs.put(await asyncio.to_thread(folder.read, part))) for part in maps]
        return await _import(database, blobs, clock, walks, stored, map_uuid)
    finally:
        folder.close()


def _checked(folder: Folder) -> list[Recorded]:
    """Reads everything once, so that nothing is stored of what is damaged."""
    walks: list[Recorded] = []
    if sum(part.entry.file_size for part in folder.parts if part.kind == "walk") > WALK_MAX_BYTES:
        raise BadRequest(None, f"the walks of the folder are larger than {WALK_MAX_BYTES >> 20} MiB altogether")
    for part in folder.parts:
        content = folder.read(part)
        if part.kind == "walk":
            walks.append(_recorded(part, content))
        else:
            walk.check_map_file(part.kind, part.path, content)
    if not walks:
        raise BadRequest(None, "the folder holds a map and no walk: a file missions/<name>.walk is needed")
    return walks


def _recorded(part: Part, content: bytes) -> Recorded:
    return _sound(Recorded(part.path.rpartition("/")[2], content, walk.records_of(content, part.path)))


def _sound(recorded: Recorded) -> Recorded:
    """What can be stored as it is. Raises: BadRequest."""
    Members(recorded.records.walk).text("mapName", longest=store.NAME_LONGEST)
    for kind, document in _documents(recorded.records):
        store.checked_document(kind, document)
    return recorded


async def _import(
    database: Database, blobs: Blobs, clock: Clock, walks: list[Recorded], files: list[Stored], map_uuid: str | None
) -> list[store.Document]:
    originals = [await blobs.put(recorded.content) for recorded in walks]
    now_us, by = clock.now_us(), acting()

    async def work(tx: Transaction) -> list[store.Document]:
        if map_uuid is not None:
            await _put_map(tx, by, map_uuid, walks[0].records.walk, files, now_us)
        made: list[store.Document] = []
        for recorded, blob in zip(walks, originals, strict=True):
            documents = _documents(recorded.records)
            made.append([await store.put(tx, by, kind, document, now_us) for kind, document in documents][-1])
            await tx.execute(
                _save_original, walk_uuid=made[-1]["uuid"], map_uuid=map_uuid, file_name=recorded.file_name,
                blob_sha256=blob.sha256, size_bytes=blob.size_bytes, crc32=blob.crc32,
            )  # fmt: skip
        return made

    return await database.write(work)


async def _check_kinds(reader: Reader, walks: list[Recorded]) -> None:
    """Refuses, before a file is stored, what the transaction would: a uuid that belongs to another kind of thing.

    Raises: BadRequest.
    """
    seen: dict[str, store.Kind] = {}
    for recorded in walks:
        for kind, document in _documents(recorded.records):
            if uuid := document.get("uuid"):
                await store.check_kind(reader, kind, uuid, seen.setdefault(uuid, kind))


def _documents(records: walk.Records) -> list[tuple[store.Kind, store.Document]]:
    """What a walk is made of, then the walk itself."""
    kinds: list[tuple[store.Kind, list[store.Document]]] = [
        ("site_element", records.elements), ("site_dock", records.docks), ("site_walk", [records.walk])
    ]  # fmt: skip
    return [(kind, document) for kind, documents in kinds for document in documents]


async def _put_map(
    tx: Transaction, by: Actor, map_uuid: str, document: store.Document, files: Sequence[Stored], now_us: int
) -> None:
    is_known = await tx.one(_graph, map_uuid=map_uuid) is not None
    name = document.get("mapName") or document["name"]
    await tx.execute(_save_map, uuid=map_uuid, name=name, created_us=now_us, modified_us=now_us)
    for path, blob in files:
        await tx.execute(
            _save_map_file, map_uuid=map_uuid, path=path, blob_sha256=blob.sha256, size_bytes=blob.size_bytes,
            crc32=blob.crc32,
        )  # fmt: skip
    told = {"uuid": map_uuid, "name": name, "files": len(files)}
    await outbox.append(tx, "site_map.saved", map_uuid, msgspec.json.encode(told).decode(), created_us=now_us)
    await record(tx, by, "update" if is_known else "create", "site_map", map_uuid, after=told)


async def export_walk(reader: Reader, blobs: Blobs, uuid: str) -> bytes:
    """The walk as it is now. Raises: NotFound; BadRequest where it names an element or dock that is not there."""
    document = await store.find(reader, "site_walk", uuid)
    elements = await _named(reader, "site_element", document, "siteElementIds")
    docks = await _named(reader, "site_dock", document, "siteDockIds")
    original = await _read_original(reader, blobs, uuid)
    return await asyncio.to_thread(walk.bytes_of, original, walk.Records(document, elements, docks))


async def _named(reader: Reader, kind: store.Kind, document: store.Document, member: str) -> list[store.Document]:
    uuids = store.named(document, member)
    found = await store.found(reader, kind, uuids)
    missing = [uuid for uuid in uuids if uuid not in found]
    if missing:
        raise BadRequest(member, f"the walk names the {store.NOUNS[kind]} {missing[0]}, which is not there")
    return [found[uuid] for uuid in uuids]


async def maps(reader: Reader) -> list[tuple[str, str]]:
    """All site maps: uuid and name, the oldest first."""
    return [(row[0], row[1]) for row in await reader.all(_maps)]


async def graph_of(reader: Reader, blobs: Blobs, map_uuid: str) -> bytes:
    """A map's graph as it came. Raises: NotFound."""
    row = await reader.one(_graph, map_uuid=map_uuid)
    if row is None:
        raise NotFound(f"there is no site map {map_uuid}", "SITE_MAP_NOT_FOUND")
    return b"".join([chunk async for chunk in blobs.read(row[0])])


async def map_of(reader: Reader, walk_uuid: str) -> str | None:
    """The uuid of the map that a walk came with; None for one that came without."""
    row = await reader.one(_original, walk_uuid=walk_uuid)
    return None if row is None else store.originals(row)["map_uuid"]


async def _read_original(reader: Reader, blobs: Blobs, uuid: str) -> bytes | None:
    row = await reader.one(_original, walk_uuid=uuid)
    if row is None:
        return None
    return b"".join([chunk async for chunk in blobs.read(store.originals(row)["blob_sha256"])])


async def archive_of(reader: Reader, blobs: Blobs, uuids: Sequence[str]) -> Archive:
    """The folders of some walks, each with its map, as one zip. Raises: NotFound, BadRequest."""
    if not uuids:
        raise BadRequest("uuids", "uuids is needed: which site walks")
    entries: list[Entry] = []
    folders: set[str] = set()
    newest_us = 0
    for uuid in dict.fromkeys(uuids):
        document = await store.find(reader, "site_walk", uuid)
        modified_us = store.time_of(document)
        newest_us = max(newest_us, modified_us)
        name = _free(_file_name(document["name"]), folders)
        entries += await _entries(reader, blobs, uuid, f"{name}.walk", modified_us)
    layout = StoredZip(entries)
    name = entries[0].name.partition("/")[0] if len(folders) == 1 else "site-walks"
    return Archive(f"{name}.zip", layout, sha256(layout.directory).hexdigest()[:32], newest_us)


async def _entries(reader: Reader, blobs: Blobs, uuid: str, folder: str, modified_us: int) -> list[Entry]:
    row: Row | None = await reader.one(_original, walk_uuid=uuid)
    original = None if row is None else store.originals(row)
    content = await export_walk(reader, blobs, uuid)
    file_name = original["file_name"] if original else folder
    entries = [Entry(f"{folder}/missions/{file_name}", len(content), zlib.crc32(content), modified_us, content)]
    if original and original["map_uuid"]:
        for path, size_bytes, crc32, blob_sha256 in await reader.all(_map_files, map_uuid=original["map_uuid"]):
            entries.append(Entry(f"{folder}/{path}", size_bytes, crc32, modified_us, blob_sha256))
    return sorted(entries, key=lambda entry: entry.name)


def _file_name(name: str) -> str:
    """A name that every file system takes."""
    safe = _UNSAFE.sub("_", name).strip(". ") or "walk"
    return safe.encode()[:120].decode(errors="ignore")


def _free(name: str, taken: set[str]) -> str:
    """A name that no other folder of the archive has."""
    number, free = 1, name
    while free.casefold() in taken:
        number += 1
        free = f"{name} {number}"
    taken.add(free.casefold())
    return free


def _decode_json(body: bytes) -> bytes:
    """A Walk in JSON, also wrapped as {"walk": …}, as bytes. Raises: BadRequest."""
    try:
        document = msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(None, f"the body is no Walk in JSON: {error}") from None
    wrapped = Members(document).object("walk").values if "walk" in document else document
    return walk.bytes_of_json(wrapped)


__all__ = [
    "Archive",
    "archive_of",
    "export_walk",
    "graph_of",
    "import_file",
    "import_folder",
    "import_walk",
    "map_of",
    "maps",
]

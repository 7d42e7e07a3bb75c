"""Everything of one run, or of one event, as a zip archive: the folder that the tablet gives after a mission.

Source: scout-api.md §2.11.
"""

import csv
import hashlib
import io
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast

import msgspec
from sqlalchemy import Table, bindparam, select

from roundsman.captures.tables import run_captures, run_event_documents, run_events
from roundsman.kit.csv_text import harmless
from roundsman.kit.database import Database, Statement
from roundsman.kit.stored_zip import Entry, StoredZip
from roundsman.kit.times import iso
from roundsman.runs.aliases import present_uuid
from roundsman.runs.tables import runs

POSITIONS = ("basic-position-data", "detailed-position-data")
_UNSAFE = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]')  # refused by one of the common file systems
_NAME_BYTES_MAX = 160  # file systems take 255; what numbers a name and says its kind comes on top
_TAIL_BYTES = 20  # with the extension

Document = dict[str, Any]


class Archive(NamedTuple):
    """An archive laid out, and what HTTP says of it."""

    name: str
    layout: StoredZip
    etag: str
    modified_us: int


class _Run(NamedTuple):
    group_name: str
    run_type: str
    mission_name: str
    start_us: int
    modified_us: int


class _Event(NamedTuple):
    uuid: str
    action_name: str
    robot_time_us: int
    time_us: int
    modified_us: int


class _Capture(NamedTuple):
    uuid: str
    run_event_uuid: str
    channel_name: str
    data_name: str
    data_id: int
    time_us: int
    file_name: str
    blob_sha256: str
    size_bytes: int
    crc32: int


class _Document(NamedTuple):
    uuid: str
    run_event_uuid: str
    kind: str
    channel_name: str
    data_name: str
    data_id: int
    reference_data_id: int | None
    document: str


class _Contents(NamedTuple):
    """What stands in an archive, in the order of time."""

    run: _Run
    events: list[_Event]
    captures: list[_Capture]
    documents: list[_Document]


def _columns(table: Table, of: Any) -> Any:
    names: tuple[str, ...] = of._fields
    return select(*(table.c[name] for name in names))


_IN_TIME = (run_events.c.time_us, run_events.c.uuid)
_OF_EVENT = run_events.c.uuid == bindparam("uuid")
_OF_RUN = run_events.c.run_uuid == bindparam("uuid")
_run = Statement(_columns(runs, _Run).where(runs.c.uuid == bindparam("uuid")))
_run_of_event = Statement(_columns(runs, _Run).join(run_events, run_events.c.run_uuid == runs.c.uuid).where(_OF_EVENT))


class _Statements(NamedTuple):
    run: Statement
    events: Statement
    captures: Statement
    documents: Statement


def _statements(run: Statement, these: Any) -> _Statements:
    def belonging(table: Table, of: type[Any]) -> Statement:
        core = _columns(table, of).join(run_events, run_events.c.uuid == table.c.run_event_uuid).where(these)
        return Statement(core.order_by(*_IN_TIME, table.c.uuid))

    events = Statement(_columns(run_events, _Event).where(these).order_by(*_IN_TIME))
    return _Statements(run, events, belonging(run_captures, _Capture), belonging(run_event_documents, _Document))


_WHOLE_RUN, _ONE_EVENT = _statements(_run, _OF_RUN), _statements(_run_of_event, _OF_EVENT)


async def archive_of_run(database: Database, uuid: str) -> Archive | None:
    """The archive of a run; None when there is no such run."""
    contents = await _read(database, _WHOLE_RUN, uuid)
    if contents is None and (present := await present_uuid(database, uuid)) != uuid:
        contents = await _read(database, _WHOLE_RUN, present)
    return None if contents is None else _archive(contents, _folder(contents.run))


async def archive_of_event(database: Database, uuid: str) -> Archive | None:
    """The archive of one run event; None when there is no such event."""
    contents = await _read(database, _ONE_EVENT, uuid)
    if contents is None:
        return None
    event = contents.events[0]
    return _archive(contents, safe_name(f"{_compact(event.time_us)}_{event.action_name}"))


async def metadata_of_event(database: Database, uuid: str) -> tuple[bytes, int] | None:
    """The metadata.json of one run event and when it changed; None when there is no such event."""
    contents = await _read(database, _ONE_EVENT, uuid)
    if contents is None:
        return None
    return _metadata(contents, _file_names(contents.captures)), contents.events[0].modified_us


async def _read(database: Database, statements: _Statements, uuid: str) -> _Contents | None:
    """Read beside the quick reads: a long run has thousands of rows."""
    run = await database.one(statements.run, uuid=uuid)
    if run is None:
        return None
    found = [
        [row async for batch in database.scan(statement, uuid=uuid) for row in batch] for statement in statements[1:]
    ]
    events, captures, documents = found
    return _Contents(
        _Run(*run),
        [_Event(*row) for row in events],
        [_Capture(*row) for row in captures],
        [_Document(*row) for row in documents],
    )


def _archive(contents: _Contents, folder: str) -> Archive:
    names = _file_names(contents.captures)
    # The same rows make the same bytes, so that an interrupted download can be continued.
    at_us = max([contents.run.start_us, *(event.modified_us for event in contents.events)])
    layout = StoredZip(
        [
            *(
                Entry(f"{folder}/{name}", capture.size_bytes, capture.crc32, capture.time_us, capture.blob_sha256)
                for name, capture in zip(names, contents.captures, strict=True)
            ),
            *(_made(f"{folder}/{name}", content, at_us) for name, content in _made_files(contents, names)),
        ]
    )
    return Archive(f"{folder}.zip", layout, hashlib.sha256(layout.directory).hexdigest(), at_us)


def _made(name: str, content: bytes, at_us: int) -> Entry:
    return Entry(name, len(content), zlib.crc32(content), at_us, content)


def _made_files(contents: _Contents, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    yield "metadata.json", _metadata(contents, names)
    for channel in POSITIONS:
        rows = list(_positions(contents, names, channel))
        if rows:
            yield f"{channel}.csv", _csv(rows)


def _metadata(contents: _Contents, names: Sequence[str]) -> bytes:
    of_event: dict[str, list[_Document]] = {}
    for document in contents.documents:
        of_event.setdefault(document.run_event_uuid, []).append(document)
    files: dict[str, list[tuple[str, _Capture]]] = {}
    for name, capture in zip(names, contents.captures, strict=True):
        files.setdefault(capture.run_event_uuid, []).append((name, capture))
    actions = [
        _action(contents.run, event, files.get(event.uuid, []), of_event.get(event.uuid, []))
        for event in contents.events
    ]
    return msgspec.json.format(msgspec.json.encode({"actions": actions}), indent=1)


def _action(
    run: _Run, event: _Event, files: Sequence[tuple[str, _Capture]], documents: Sequence[_Document]
) -> Document:
    action_id = {
        "timestamp": iso(event.robot_time_us),
        "group_name": run.group_name,
        "action_name": event.action_name,
    }
    speaking_of = {one.reference_data_id: one for one in documents if one.kind == "metadata" and one.reference_data_id}
    data: dict[str, list[Document]] = {}
    for name, capture in files:
        described: Document = {"data_id": _data_id(action_id, capture), "filename": name}
        if capture.data_id in speaking_of:
            described["metadata"] = msgspec.Raw(speaking_of[capture.data_id].document.encode())
        data.setdefault(capture.channel_name, []).append(described)
    said: dict[str, dict[str, list[Document]]] = {"metadata": {}, "alert": {}}
    for one in documents:
        entry = {"data_id": _data_id(action_id, one), "data": msgspec.Raw(one.document.encode())}
        said[one.kind].setdefault(one.channel_name, []).append(entry)
    alerts = {"alerts": said["alert"]} if said["alert"] else {}
    return {"action_id": action_id, "data": data, "metadata": said["metadata"], **alerts}


def _data_id(action_id: Document, of: _Capture | _Document) -> Document:
    return {"action_id": action_id, "channel": of.channel_name, "data_name": of.data_name}


def _positions(contents: _Contents, names: Sequence[str], channel: str) -> Iterator[dict[str, str]]:
    """One row for each captured file whose event says where the robot was, with what it says laid flat."""
    said = {
        one.run_event_uuid: one.document
        for one in contents.documents
        if one.kind == "metadata" and one.channel_name == channel
    }
    for name, capture in zip(names, contents.captures, strict=True):
        if capture.run_event_uuid in said:
            document = msgspec.json.decode(said[capture.run_event_uuid])
            yield {"filename": harmless(name), **{key: harmless(str(value)) for key, value in flat(document)}}


def flat(document: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of a JSON document with the paths to them, e.g. ("data.pose.x", 1.5)."""
    if isinstance(document, dict):
        parts = cast("dict[str, Any]", document).items()
    elif isinstance(document, list):
        parts = enumerate(cast("list[Any]", document))
    else:
        yield name, "" if document is None else document
        return
    for key, value in parts:
        yield from flat(value, f"{name}.{key}" if name else str(key))


def _csv(rows: Sequence[Mapping[str, str]]) -> bytes:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, restval="")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def _file_names(captures: Sequence[_Capture]) -> list[str]:
    """A name for each, unique also where capitals do not count."""
    taken = {"metadata.json", *(f"{channel}.csv" for channel in POSITIONS)}
    names: list[str] = []
    counts: dict[str, int] = {}
    for capture in captures:
        stem, dot, extension = safe_name(capture.file_name).rpartition(".")
        stem, extension = (stem, dot + extension) if stem else (extension, "")
        name = f"{stem}{extension}"
        while name.casefold() in taken:
            number = counts[stem.casefold()] = counts.get(stem.casefold(), 1) + 1
            name = f"{stem} ({number}){extension}"
        taken.add(name.casefold())
        names.append(name)
    return names


def _folder(run: _Run) -> str:
    time = _compact(run.start_us)
    return f"teleop_{time}" if run.run_type == "teleop" else safe_name(f"{time}_{run.mission_name}")


def _compact(us: int) -> str:
    text = iso(us)
    return f"{text[:13]}{text[14:16]}{text[17:19]}Z"


def safe_name(name: str) -> str:
    """A name for one level of a path on every common file system; a long one loses its middle."""
    name = _UNSAFE.sub("_", name).strip(" .") or "_"
    encoded = name.encode()
    if len(encoded) <= _NAME_BYTES_MAX:
        return name
    ends = encoded[: _NAME_BYTES_MAX - _TAIL_BYTES], encoded[-_TAIL_BYTES:]
    return "".join(end.decode(errors="ignore") for end in ends)

"""Exports: a selection of runs, events or captures as one file, made in the background."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

import msgspec
from litestar import Request, delete, get, post
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from roundsman.api.answers import Json
from roundsman.api.authentication import identity_of, requires
from roundsman.api.download import REVALIDATE, Content, Download, downloads
from roundsman.api.own.collection import (
    Collection,
    Conditional,
    Guarded,
    check_unchanged,
    collection,
    listing,
    resource,
)
from roundsman.api.parts import Given
from roundsman.api.v0.query import Listing, Query, choice
from roundsman.exports import store
from roundsman.exports.types import FORMATS, KINDS, MEDIA_TYPES, Export, Format, Kind, Selection
from roundsman.kit.problem import BadRequest, Conflict
from roundsman.kit.times import given_time

READ, MAKE = requires("read", "exports"), requires("review", "exports")
STATES = ("waiting", "running", "done", "failed", "cancelled")
Asked = Request[Any, Any, Any]
Name = Annotated[str, Meta(max_length=400)] | None


class NewExport(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """What to export: everything of a kind that matches every filter that is given."""

    kind: Kind
    format: Annotated[
        Format,
        Meta(description="parquet: a zip of a folder for each day; zip: of captures, with their files. Times in UTC."),
    ]
    start_time: Annotated[str | None, Meta(description="`time` of events and captures, `startTime` of runs.")] = None
    end_time: Annotated[str | None, Meta(description="Before this; nothing: up to now.")] = None
    robot_serial: Name = None
    robot_hostname: Name = None
    robot_nickname: Name = None
    mission_name: Name = None
    channel_name: Name = None


@post("/exports", opt=MAKE, status_code=202, tags=["exports"], summary="Ask for an export")
async def create_export(parts: Given, request: Asked, data: JSONBody[NewExport]) -> Export:
    """It is made in the background: look at `state` and `progress`, then fetch `downloadUrl`."""
    identity = identity_of(request)
    return await parts.exports.create(selection_of(data), identity.name if identity else "")


@get(
    "/exports",
    opt=READ,
    tags=["exports"],
    summary="Exports",
    operation_class=listing(choice("state", "only those in this state", STATES)),
)
async def list_exports(parts: Given, request: Asked) -> Json[Collection[Export]]:
    """The newest first."""
    query = Query(request)
    asked = Listing(parts, query, store.EXPORTS, {"newest": store.NEWEST}, "newest")
    found = await asked.read({"state": query.choice("state", STATES, "")} if query.last("state") else {})
    return collection(asked, found, [store.export_of(row) for row in asked.rows(found)])


@get("/exports/{uuid:str}", opt=READ, tags=["exports"], summary="One export", operation_class=Conditional)
async def one_export(parts: Given, request: Asked, uuid: FromPath[str]) -> Json[Export]:
    """With its progress."""
    return resource(request, await store.shown(parts.database, uuid))


@get(
    "/exports/{uuid:str}/download",
    opt=READ,
    tags=["exports"],
    summary="The file of an export",
    operation_class=downloads("*/*"),
)
async def download_export(parts: Given, uuid: FromPath[str]) -> Download:
    """Ranges, ETag and If-Range work, so that a download that broke off goes on where it was. 409 until it is done."""
    export = await store.find(parts.database, uuid)
    sha256, size = export.blob_sha256, export.size_bytes
    if sha256 is None or size is None or export.ended_us is None:
        raise Conflict(f"the export is {export.state}: there is no file")
    chosen, files = export.selected, parts.exports.files
    ending = "zip" if chosen.format in ("parquet", "zip") else chosen.format
    name = f"{chosen.kind}_{uuid}{'.parquet' if chosen.format == 'parquet' else ''}.{ending}"

    def read(start: int, end: int) -> AsyncIterator[bytes]:
        return files.read(sha256, start, end)

    known = (size, sha256, export.ended_us, MEDIA_TYPES[chosen.format], name, REVALIDATE)
    return Download(Content(*known, read, files.path(sha256)))


@post("/exports/{uuid:str}/cancel", opt=MAKE, status_code=200, tags=["exports"], summary="Cancel an export")
async def cancel_export(parts: Given, uuid: FromPath[str]) -> Export:
    """One that waits or is made; 409 when it has ended."""
    return await parts.exports.cancel(uuid)


@delete("/exports/{uuid:str}", opt=MAKE, tags=["exports"], summary="Remove an export", operation_class=Guarded)
async def delete_export(parts: Given, request: Asked, uuid: FromPath[str]) -> None:
    """With its file; one that is made is cancelled."""
    check_unchanged(request, await store.shown(parts.database, uuid))
    await parts.exports.remove(uuid)


def selection_of(asked: NewExport) -> Selection:
    """What is asked for, checked. Raises: BadRequest."""
    if asked.kind != "run_captures":
        if asked.format == "zip":
            raise BadRequest("format", "zip is for run_captures: they have files", FORMATS[:3])
        if asked.channel_name is not None:
            raise BadRequest("channelName", "only run_captures have a channel", KINDS[2:])
    names = ("robot_serial", "robot_hostname", "robot_nickname", "mission_name", "channel_name")
    filters = {name: getattr(asked, name) for name in names}
    for field in msgspec.structs.fields(NewExport):
        value = filters.get(field.name)
        if value is not None and "\0" in value:
            raise BadRequest(field.encode_name, "a text has the character NUL in it, which nothing here has")
    from_us, until_us = given_time("startTime", asked.start_time), given_time("endTime", asked.end_time)
    if from_us is not None and until_us is not None and until_us <= from_us:
        raise BadRequest("endTime", "endTime must be after startTime")
    return Selection(kind=asked.kind, format=asked.format, from_us=from_us, until_us=until_us, **filters)


routes = [create_export, list_exports, one_export, download_export, cancel_export, delete_export]

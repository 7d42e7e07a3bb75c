"""Site walks, elements and docks; walks imported, exported, archived. Source: scout-api.md §2.4 – 2.6, §2.18."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import msgspec
from litestar import Request, Response, delete, get, post
from litestar.openapi.spec import OpenAPIMediaType, Operation, RequestBody, Schema
from litestar.params import FromPath

from roundsman.api.answers import Json
from roundsman.api.authentication import requires
from roundsman.api.bodies import a_list, bodied, json_object, json_objects
from roundsman.api.download import REVALIDATE, Content, Download, downloads
from roundsman.api.parts import Given, Parts
from roundsman.api.upload import uploaded
from roundsman.api.v0.query import Query, texts
from roundsman.api.v0.site_shapes import DOCK, ELEMENT, EXPORT_IN, IMPORTED, MISSION, WALK, WALK_JSON
from roundsman.kit.members import Members
from roundsman.kit.stored_zip import read_range
from roundsman.site import imports, store, walk

READ, WRITE = requires("read", "site"), requires("administer", "site")
UPLOAD_MAX_BYTES = 4 << 30
PROTOBUF = ("application/octet-stream", "application/x-protobuf", "application/protobuf")
Asked = Request[Any, Any, Any]
_encode = msgspec.json.Encoder().encode


def _reading(kind: store.Kind, path: str, shape: Schema) -> list[Any]:
    """List and one of a kind: they are the same for all three."""
    noun, tag = store.NOUNS[kind], path.replace("_", " ")

    @get(
        f"/{path}",
        opt=READ,
        tags=[tag],
        summary=f"All {noun}s",
        name=f"list_{path}",
        operation_class=bodied(None, a_list(shape)),
    )
    async def list_all(parts: Given) -> Json[list[dict[str, Any]]]:
        """The oldest first."""
        return Json(_encode(await store.list_documents(parts.database, kind)))

    @get(
        f"/{path}/{{uuid:str}}",
        opt=READ,
        tags=[tag],
        summary=f"One {noun}",
        name=f"one_{path}",
        operation_class=bodied(None, shape),
    )
    async def one(parts: Given, uuid: FromPath[str]) -> Json[dict[str, Any]]:
        """By its uuid; 404 when there is none."""
        return Json(_encode(await store.find(parts.database, kind, uuid)))

    return [list_all, one]


def _changing(kind: store.Kind, path: str, shape: Schema, answers_one: bool) -> list[Any]:
    """Save and delete of a kind."""
    noun, tag = store.NOUNS[kind], path.replace("_", " ")
    either = Schema(one_of=[shape, a_list(shape)])

    @post(
        f"/{path}", status_code=200, opt=WRITE, tags=[tag], summary=f"Make or change {noun}s", name=f"save_{path}",
        operation_class=bodied(either, either),
    )  # fmt: skip
    async def save(parts: Given, request: Asked) -> Json[Any]:
        """One or a list; what bears a uuid that is there takes its place. Members that we do not know are kept."""
        documents, several = await json_objects(request)
        stored = await store.save(parts.database, parts.clock, kind, documents)
        alone = len(stored) == 1 if answers_one else not several
        return Json(_encode(stored[0] if alone and stored else stored))

    @post(
        f"/{path}/{{uuid:str}}", status_code=200, opt=WRITE, tags=[tag], summary=f"Change a {noun}, as Scout 3.3 does",
        name=f"change_{path}", operation_class=bodied(shape, shape if answers_one else a_list(shape)),
    )  # fmt: skip
    async def change(parts: Given, request: Asked, uuid: FromPath[str]) -> Json[Any]:
        """The same as POST without the uuid in the path, for one."""
        documents, _ = await json_objects(request)
        stored = await store.save(parts.database, parts.clock, kind, [one | {"uuid": uuid} for one in documents[:1]])
        return Json(_encode(stored[0] if answers_one else stored))

    @delete(
        f"/{path}/{{uuid:str}}",
        status_code=200,
        opt=WRITE,
        tags=[tag],
        summary=f"Delete a {noun}",
        name=f"delete_{path}",
    )
    async def remove(parts: Given, uuid: FromPath[str]) -> Response[dict[str, str]]:
        """What it refers to stays."""
        document = await store.remove(parts.database, kind, uuid)
        return Response({"removed": document["uuid"]})

    return [save, change, remove]


@get(
    "/site_walks/archive",
    opt=WRITE,
    tags=["site walks"],
    summary="Site walks as .walk folders in a zip",
    operation_class=downloads("application/zip", texts("uuids", "which site walks; needed")),
)
async def archive(parts: Given, request: Asked) -> Download:
    """Each with its map: graph, snapshots and the walk, as a tablet or the SDK reads them."""
    found = await imports.archive_of(parts.database, parts.blobs, Query(request).parts_of("uuids") or [])
    return Download(_content(parts, found))


def _content(parts: Parts, found: imports.Archive) -> Content:
    def read(start: int, end: int) -> AsyncIterator[bytes]:
        return read_range(found.layout, parts.blobs, start, end)

    zip_type = "application/zip"
    return Content(found.layout.size_bytes, found.etag, found.modified_us, zip_type, found.name, REVALIDATE, read)


@post(
    "/site_walks/export_as_walk",
    status_code=200,
    opt=READ,
    tags=["site walks"],
    summary="A site walk as a Walk",
    operation_class=bodied(EXPORT_IN, WALK_JSON, media_type=PROTOBUF[0]),
)
async def export_as_walk(parts: Given, request: Asked) -> Response[Any]:
    """The robot's own message: its bytes where Accept names application/octet-stream, else in JSON."""
    uuid = Members(await json_object(request)).needed_text("siteWalkUuid", "which site walk")
    return await _exported(parts, request, uuid)


@post(
    "/site_walks/export_as_walk/{uuid:str}",
    status_code=200,
    opt=READ,
    tags=["site walks"],
    summary="A site walk as a Walk, as before 4.1",
    operation_class=bodied(None, WALK_JSON, media_type=PROTOBUF[0]),
)
async def export_as_walk_of(parts: Given, request: Asked, uuid: FromPath[str]) -> Response[Any]:
    """The same with the uuid in the path."""
    return await _exported(parts, request, uuid)


async def _exported(parts: Parts, request: Asked, uuid: str) -> Response[Any]:
    content = await imports.export_walk(parts.database, parts.blobs, uuid)
    if any(kind in request.headers.get("accept", "") for kind in PROTOBUF):
        headers = {"content-disposition": f'attachment; filename="{uuid}.walk"'}
        return Response(content, media_type="application/octet-stream", headers=headers)
    return Response(walk.json_of(content))


@dataclass
class Uploads(Operation):
    """An operation that takes a walk in any of its forms."""

    def __post_init__(self) -> None:
        """Documents the body."""
        forms = (*PROTOBUF[:1], "application/zip", "application/json", "multipart/form-data")
        self.request_body = RequestBody(content={form: OpenAPIMediaType() for form in forms}, required=True)
        told: Any = (self.responses or {})["200"]
        told.content = {"application/json": OpenAPIMediaType(schema=IMPORTED)}


@post(
    "/site_walks/import_from_walk",
    status_code=200,
    opt=WRITE,
    tags=["site walks"],
    summary="A recorded walk becomes a site walk",
    operation_class=Uploads,
)
async def import_from_walk(parts: Given, request: Asked) -> Json[Any]:
    """A Walk as bytes or in JSON (also as {"walk": …}), or a whole .walk folder as zip; as the body or a form's file.

    Answers the site walk, or a list where the folder holds several. Importing it again changes nothing.
    """
    async with uploaded(request, UPLOAD_MAX_BYTES) as upload:
        stored = await imports.import_file(parts.database, parts.blobs, parts.clock, upload.path)
    return Json(_encode(stored[0] if len(stored) == 1 else stored))


@get(
    "/missions",
    opt=READ,
    tags=["missions"],
    summary="Site walks, as Scout 3.2 lists them",
    operation_class=bodied(None, a_list(MISSION)),
)
async def list_missions(parts: Given) -> Json[list[dict[str, Any]]]:
    """Deprecated since 4.0: use site_walks."""
    return Json(_encode([_mission(one) for one in await store.list_decoded(parts.database, "site_walk")]))


@get(
    "/missions/{uuid:str}",
    opt=READ,
    tags=["missions"],
    summary="One site walk, as Scout 3.2 shows it",
    operation_class=bodied(None, MISSION),
)
async def one_mission(parts: Given, uuid: FromPath[str]) -> Json[dict[str, Any]]:
    """Deprecated since 4.0: use site_walks."""
    return Json(_encode(_mission(await store.find(parts.database, "site_walk", uuid))))


@delete(
    "/missions/{uuid:str}",
    status_code=200,
    opt=WRITE,
    tags=["missions"],
    summary="Delete a site walk, as Scout 3.2 does",
)
async def delete_mission(parts: Given, uuid: FromPath[str]) -> Response[dict[str, str]]:
    """Deprecated since 4.0: use site_walks."""
    return Response({"removed": (await store.remove(parts.database, "site_walk", uuid))["uuid"]})


def _mission(document: store.Document) -> dict[str, Any]:
    return {
        "uuid": document["uuid"], "mission_id": document["uuid"], "name": document["name"],
        "saved_at": document["modifiedAt"],
    }  # fmt: skip


routes = [
    archive, export_as_walk, export_as_walk_of, import_from_walk,
    *_reading("site_walk", "site_walks", WALK),
    *_changing("site_walk", "site_walks", WALK, answers_one=True),
    *_reading("site_element", "site_elements", ELEMENT),
    *_changing("site_element", "site_elements", ELEMENT, answers_one=False),
    *_reading("site_dock", "site_docks", DOCK),
    *_changing("site_dock", "site_docks", DOCK, answers_one=False),
    list_missions, one_mission, delete_mission,
]  # fmt: skip

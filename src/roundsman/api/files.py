"""The files behind `dataUrl`, `metadataFileUrl` and `actionRunArchiveFileUrl`. Source: scout-api.md §2.12."""

import hashlib
from collections.abc import AsyncIterator

from litestar import get
from litestar.params import FromPath

from roundsman.api.authentication import requires
from roundsman.api.download import FOREVER, REVALIDATE, Content, Download, downloads
from roundsman.api.parts import Given, Parts
from roundsman.captures import urls
from roundsman.captures.archives import Archive, archive_of_event, metadata_of_event
from roundsman.captures.reading import find_file
from roundsman.kit.problem import NotFound
from roundsman.kit.stored_zip import read_range


@get(
    f"{urls.ROOT}/{{path:path}}",
    opt=requires("read", "captures"),
    tags=["files"],
    summary="A captured file",
    operation_class=downloads("*/*"),
)
async def download(parts: Given, path: FromPath[str]) -> Download:
    """What a `dataUrl` leads to, or the metadata or archive of a run event. The path is opaque.

    Ranges, ETag, If-None-Match, If-Range and HEAD work.
    """
    target = urls.target_of(path)
    content = None if target is None else await _FINDERS[target.kind](parts, target.uuid)
    if content is None:
        raise NotFound("there is no such file")
    return Download(content)


def archive_content(parts: Parts, archive: Archive) -> Content:
    """An archive as something to send."""

    def read(start: int, end: int) -> AsyncIterator[bytes]:
        return read_range(archive.layout, parts.blobs, start, end)

    size = archive.layout.size_bytes
    return Content(size, archive.etag, archive.modified_us, "application/zip", archive.name, REVALIDATE, read)


async def _capture(parts: Parts, uuid: str) -> Content | None:
    file = await find_file(parts.database, uuid)
    if file is None:
        return None

    def read(start: int, end: int) -> AsyncIterator[bytes]:
        return parts.blobs.read(file.sha256, start, end)

    known = (file.size_bytes, file.sha256, file.created_us, file.media_type, file.file_name)
    return Content(*known, FOREVER, read, parts.blobs.path(file.sha256))


async def _archive(parts: Parts, uuid: str) -> Content | None:
    archive = await archive_of_event(parts.database, uuid)
    return None if archive is None else archive_content(parts, archive)


async def _metadata(parts: Parts, uuid: str) -> Content | None:
    found = await metadata_of_event(parts.database, uuid)
    if found is None:
        return None
    body, modified_us = found

    async def read(start: int, end: int) -> AsyncIterator[bytes]:
        yield body[start:end]

    etag = hashlib.sha256(body).hexdigest()
    return Content(len(body), etag, modified_us, "application/json", urls.METADATA, REVALIDATE, read)


_FINDERS = {"capture": _capture, urls.ARCHIVE: _archive, urls.METADATA: _metadata}

routes = [download]

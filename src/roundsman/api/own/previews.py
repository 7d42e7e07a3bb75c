"""Pictures of captures that no browser shows by itself."""

import asyncio
from collections.abc import AsyncIterator

from litestar import get
from litestar.params import FromPath

from roundsman.api.authentication import requires
from roundsman.api.download import FOREVER, Content, Download, downloads
from roundsman.api.parts import Given
from roundsman.captures import thermal
from roundsman.captures.key_results import is_thermal
from roundsman.captures.reading import find_file
from roundsman.kit.problem import NotFound


@get(
    "/run_captures/{uuid:str}/preview",
    opt=requires("read", "captures"),
    tags=["captures"],
    summary="A raw thermal capture as a picture",
    operation_class=downloads("image/png"),
)
async def preview(parts: Given, uuid: FromPath[str]) -> Download:
    """A PNG in false colours, of half its width and height; 404 for captures of other kinds, which need none."""
    file = await find_file(parts.database, uuid)
    if file is None or not is_thermal(file.file_name.rpartition(".")[2], file.size_bytes):
        raise NotFound(f"there is no raw thermal capture {uuid}")
    if not await parts.blobs.exists(file.sha256):
        raise NotFound("the content of this capture is not in the store any more")
    raw = b"".join([piece async for piece in parts.blobs.read(file.sha256)])
    png = await asyncio.to_thread(thermal.preview_png, raw)

    async def read(start: int, end: int) -> AsyncIterator[bytes]:
        yield png[start:end]

    name = f"{file.file_name.rpartition('.')[0]}.png"
    return Download(Content(len(png), f"{file.sha256}-preview", file.created_us, "image/png", name, FOREVER, read))


routes = [preview]

"""Uploads: a body, or the one file of a form, on disk; never held whole."""

import asyncio
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from email.message import Message
from pathlib import Path
from typing import Any, NamedTuple

from litestar import Request
from multipart import MultipartError, MultipartParser

from roundsman.kit.problem import BadRequest

_CHUNK_BYTES = 1 << 20


class Upload(NamedTuple):
    """A file on disk, and a form's other fields."""

    path: Path
    fields: dict[str, str]


@asynccontextmanager
async def uploaded(request: Request[Any, Any, Any], most_bytes: int) -> AsyncGenerator[Upload]:
    """The file that the request brings, until the block ends.

    Raises: BadRequest when there is none, when a form holds several, or when it is larger than `most_bytes`.
    """
    with tempfile.TemporaryDirectory(prefix="roundsman-upload-") as folder:
        body = Path(folder) / "body"
        size_bytes = 0
        with body.open("wb") as file:
            async for chunk in request.stream():
                size_bytes += len(chunk)
                if size_bytes > most_bytes:
                    raise BadRequest(None, f"the upload is larger than {most_bytes >> 20} MiB")
                await asyncio.to_thread(file.write, chunk)
        if not size_bytes:
            raise BadRequest(None, "the body is empty: send a walk, as bytes, JSON, a form with a file, or a zip")
        boundary = _boundary(request.headers.get("content-type", ""))
        yield (
            Upload(body, {}) if boundary is None else await asyncio.to_thread(_file_of_form, body, boundary, most_bytes)
        )


def _boundary(content_type: str) -> str | None:
    """What divides a form's parts; None when it is no form."""
    if not content_type.lower().startswith("multipart/form-data"):
        return None
    header = Message()
    header["content-type"] = content_type
    boundary = header.get_param("boundary")
    if not isinstance(boundary, str) or not boundary:
        raise BadRequest(None, "the form's Content-Type names no boundary")
    return boundary


def _file_of_form(body: Path, boundary: str, most_bytes: int) -> Upload:
    """The content of the form's one file, and its fields."""
    target = body.with_name("file")
    try:
        with body.open("rb") as stream:
            limits: Any = {"disk_limit": most_bytes, "memory_limit": _CHUNK_BYTES, "spool_limit": _CHUNK_BYTES // 4}
            reader: Any = MultipartParser(stream, boundary, **limits)
            parts: list[Any] = reader.parts()
            files = [part for part in parts if part.filename is not None]
            if len(files) != 1:
                raise BadRequest(None, f"the form holds {len(files)} files; send exactly one")
            files[0].save_as(str(target))
            fields = {part.name: part.raw.decode("utf-8", "replace") for part in parts if part.filename is None}
    except MultipartError as error:
        raise BadRequest(None, f"the form cannot be read: {error}") from None
    return Upload(target, fields)

"""Sending files: ranges, revalidation, and names that browsers keep.

Source: RFC 9110 §8.8 (ETag, Last-Modified), §13 (conditional requests), §14 (ranges); RFC 6266 (Content-Disposition).
"""

import os
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from email.utils import formatdate, parsedate_to_datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from litestar import Response
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIResponse, Operation, Parameter
from litestar.types import Receive, Scope, Send

from roundsman.kit.problem import NotFound, Problem

FOREVER = b"private, max-age=31536000, immutable"  # content that never changes under its address
REVALIDATE = b"private, no-cache"

# What a browser may show by itself; anything else that a robot sends is saved, never run, on our origin.
_SHOWN = re.compile(r"image/(jpeg|png|gif|webp|bmp)|(audio|video)/.*|application/json|text/(plain|csv)")
_RANGE = re.compile(r"bytes=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*")
_PATHSEND = "http.response.pathsend"

# A short file that the system has in memory goes out in one piece. Sent by its path it goes to a thread for each chunk:
# measured with 200 kB over TLS, that halves the rate. Who reads it is the one thread of the event loop.
_NO_WAIT = getattr(os, "RWF_NOWAIT", 0)
_SHORT_BYTES = 512 << 10


class Content(NamedTuple):
    """What is sent. `etag` is strong: the same text, the same bytes."""

    size_bytes: int
    etag: str
    modified_us: int
    media_type: str
    file_name: str
    cache_control: bytes
    read: Callable[[int, int], AsyncIterator[bytes]]  # the bytes [start, end)
    path: Path | None = None  # where it lies as a file of exactly these bytes


class Download(Response[bytes]):
    """Answers a request for `content`: whole, a range of it, or that it has not changed."""

    def __init__(self, content: Content) -> None:
        self._content = content

    def to_asgi_response(self, *_: Any, **__: Any) -> Any:
        """Itself: it needs the request's headers."""
        return self

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends it."""
        asked = {name: value.decode("latin-1") for name, value in scope["headers"]}
        if _unchanged(self._content, asked):
            await send({"type": "http.response.start", "status": 304, "headers": _validators(self._content)})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        wanted = _wanted(self._content, asked)
        if wanted is None:
            size = {"content-range": f"bytes */{self._content.size_bytes}"}
            raise Problem(416, "Range", "the range asked for lies behind the end of the file", headers=size)
        start, end, partial = wanted
        path = self._content.path
        body = None if path is None else _at_hand(path, start, end)
        headers = _headers(self._content, start, end, partial)
        await send({"type": "http.response.start", "status": 206 if partial else 200, "headers": headers})
        if body is not None:
            await send({"type": "http.response.body", "body": body, "more_body": False})
            return
        extensions: Any = scope.get("extensions")  # pyright: ignore[reportUnknownMemberType]
        if not partial and path is not None and extensions and _PATHSEND in extensions:
            event: Any = {"type": _PATHSEND, "path": str(path)}
            await send(event)
            return
        async for chunk in self._content.read(start, end):
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _at_hand(path: Path, start: int, end: int) -> bytes | None:
    """The bytes [start, end) of a file, if they are few and in memory already; nothing is waited for.

    Raises: NotFound when there is no such file.
    """
    size_bytes = end - start
    try:
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        raise NotFound("the content of this file is not in the store any more") from None
    try:
        if size_bytes > _SHORT_BYTES or not _NO_WAIT:
            return None
        part: Any = bytearray(size_bytes)  # granian takes it as it is; to make bytes of it would be one more copy
        return part if os.preadv(handle, [part], start, _NO_WAIT) == size_bytes else None
    except OSError:
        return None
    finally:
        os.close(handle)


def downloads(media_type: str, *parameters: Parameter) -> type[Operation]:
    """An operation that answers with a file of `media_type`, documented in all its ways to answer.

    `parameters` are those that its handler reads from the query by itself.
    """

    @dataclass
    class Downloads(Operation):
        def __post_init__(self) -> None:
            content = {media_type: OpenAPIMediaType()}
            self.parameters = [*(self.parameters or []), *parameters]
            self.responses = {
                **(self.responses or {}),
                "200": OpenAPIResponse("The whole file.", content=content),
                "206": OpenAPIResponse("The part that `Range` asked for.", content=content),
                "304": OpenAPIResponse("It has not changed since `If-None-Match` or `If-Modified-Since`."),
            }

    return Downloads


def _unchanged(content: Content, asked: dict[bytes, str]) -> bool:
    if (known := asked.get(b"if-none-match")) is not None:
        return known.strip() == "*" or f'"{content.etag}"' in known
    since = asked.get(b"if-modified-since")
    return since is not None and _seconds(since) >= content.modified_us // 1_000_000


def _wanted(content: Content, asked: dict[bytes, str]) -> tuple[int, int, bool] | None:
    """The bytes [start, end) to send and whether a range was asked for; None if there are none of those asked for.

    Several ranges at once, and ranges that are not understood, are answered with the whole, as the RFC allows.
    """
    size = content.size_bytes
    match = _RANGE.fullmatch(asked.get(b"range", ""))
    first, last = match.groups() if match else ("", "")
    backwards = first and last and int(last) < int(first)
    if not (first or last) or backwards or not _still_the_same(content, asked.get(b"if-range")):
        return 0, size, False
    start = int(first) if first else max(0, size - int(last))
    end = min(size, int(last) + 1) if first and last else size
    return (start, end, True) if start < end else None


def _still_the_same(content: Content, condition: str | None) -> bool:
    if condition is None or condition.strip() == f'"{content.etag}"':
        return True
    return _seconds(condition) == content.modified_us // 1_000_000


def _seconds(date: str) -> int:
    """An HTTP date in seconds since 1970; -1 for anything else."""
    try:
        return int(parsedate_to_datetime(date).timestamp())
    except (ValueError, TypeError, OverflowError):
        return -1


@lru_cache
def _date(seconds: int) -> bytes:
    return formatdate(seconds, usegmt=True).encode()


def _validators(content: Content) -> list[tuple[bytes, bytes]]:
    return [
        (b"etag", f'"{content.etag}"'.encode()),
        (b"last-modified", _date(content.modified_us // 1_000_000)),
        (b"cache-control", content.cache_control),
    ]


def _headers(content: Content, start: int, end: int, partial: bool) -> list[tuple[bytes, bytes]]:
    headers = [
        (b"content-type", content.media_type.encode("latin-1")),
        (b"content-length", b"%d" % (end - start)),
        (b"accept-ranges", b"bytes"),
        (b"content-disposition", _disposition(content.media_type, content.file_name)),
        *_validators(content),
    ]
    if partial:
        headers.append((b"content-range", b"bytes %d-%d/%d" % (start, end - 1, content.size_bytes)))
    return headers


@lru_cache(maxsize=4096)
def _disposition(media_type: str, file_name: str) -> bytes:
    """The name to save under, in a form that every client reads and in the one that keeps all letters."""
    kind = "inline" if _SHOWN.fullmatch(media_type) else "attachment"
    plain = re.sub(r"[^ !#-\[\]-~]", "_", file_name)
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(file_name, safe='')}".encode()

"""Pages of a list: `limit`, `offset` and `cursor` as they are asked for, the envelope and the link to the next page."""

import base64
import re
from collections.abc import Mapping
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

import msgspec

from roundsman.kit.problem import BadRequest

T = TypeVar("T")
_WHOLE = re.compile(r"-?[0-9]{1,16}")
NUMBER_MAX = 2**53  # what every JSON reader holds exactly


class Page(msgspec.Struct, frozen=True):
    """Which part of a list is asked for. With a `cursor` the page begins behind that key, and `offset` is 0."""

    limit: int
    offset: int = 0
    cursor: tuple[Any, ...] | None = None


class Envelope(msgspec.Struct, Generic[T]):
    """A page as v0 answers it; `total` is of the whole list. Source: scout-api.md §4, envelope E."""

    resources: list[T]
    total: int
    limit: int
    offset: int


def parse_page(query: Mapping[str, str], *, default: int = 20, maximum: int = 1000) -> Page:
    """The page that a query asks for. A `limit` above `maximum` is answered with `maximum`, as the envelope says.

    Raises: BadRequest naming the parameter that cannot be used.
    """
    limit = min(_number(query, "limit", default, least=1), maximum)
    offset = _number(query, "offset", 0, least=0)
    text = query.get("cursor")
    if not text:
        return Page(limit, offset)
    if offset:
        raise BadRequest("offset", "a cursor says where the page begins; leave offset out")
    return Page(limit, 0, decode_cursor(text))


def encode_cursor(*key: Any) -> str:
    """An opaque text for the key of a page's last row: numbers, texts and None."""
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(key)).decode().rstrip("=")


def decode_cursor(text: str) -> tuple[Any, ...]:
    """The key that `encode_cursor` was given.

    Raises: BadRequest when it is not such a text. What the key means the list must check: see `cursor_of`.
    """
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        key: tuple[Any, ...] = msgspec.msgpack.decode(raw, type=tuple[int | float | str | None, ...])
    except (ValueError, msgspec.DecodeError):
        raise BadRequest("cursor", "this is not a cursor that a list gave out") from None
    return key


def cursor_of(page: Page, *kinds: type) -> tuple[Any, ...] | None:
    """The page's cursor, checked to be a key of these types, e.g. `cursor_of(page, int, str)`.

    Raises: BadRequest when it came from another list or order.
    """
    key = page.cursor
    if key is None:
        return None
    if len(key) != len(kinds) or not all(isinstance(part, kind) for part, kind in zip(key, kinds, strict=True)):
        raise BadRequest("cursor", "this cursor belongs to another list or another order")
    return key


def next_link(path: str, query: Mapping[str, str], cursor: str) -> str:
    """The value of a `Link` header to the page behind `cursor`, all other parameters kept."""
    kept = {name: value for name, value in query.items() if name not in {"offset", "cursor"}}
    return f'<{path}?{urlencode({**kept, "cursor": cursor})}>; rel="next"'


def _number(query: Mapping[str, str], name: str, default: int, *, least: int) -> int:
    text = query.get(name, "").strip()
    if not text:
        return default
    if not _WHOLE.fullmatch(text):
        raise BadRequest(name, f"{name} must be a whole number, not {text[:40]!r}")
    if not least <= int(text) <= NUMBER_MAX:
        raise BadRequest(name, f"{name} must be {least} or more, not {text}")
    return int(text)

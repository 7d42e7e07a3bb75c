"""The parameters of a list: what a query says, checked, and what the documentation says of them.

Lists come as `a,b` (the published form) or as `t=a&t=b` (what the official client sends); both are taken. A parameter
without a value counts as not given. Parameters that no list knows are ignored, as programs for other versions send
them. Source: scout-api.md §1.5, §2.9, §2.10.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from litestar import Request
from litestar.openapi.spec import OpenAPIMediaType, Operation, Parameter, Schema
from litestar.openapi.spec.enums import OpenAPIFormat, OpenAPIType

from roundsman.api.answers import Json
from roundsman.api.parts import Parts
from roundsman.kit.listing import Listed, Order, Window, key_of, read_page
from roundsman.kit.page import NUMBER_MAX, Page, cursor_of, encode_cursor, parse_page
from roundsman.kit.problem import BadRequest
from roundsman.kit.times import given_time
from roundsman.runs.matching import Found, Ranges

_encode = msgspec.json.Encoder().encode


class Query:
    """The query of one request."""

    def __init__(self, request: Request[Any, Any, Any]) -> None:
        self._path: str = request.scope["path"]
        self._text: str = request.scope["query_string"].decode("latin-1")
        self._pairs = parse_qsl(self._text)
        self._last = dict(self._pairs)

    def last(self, name: str) -> str | None:
        """The value of `name`, the last one if there are several."""
        return self._last.get(name)

    def lasts(self, columns: Mapping[str, str]) -> dict[str, Any]:
        """The last value of each parameter given, by the column that `columns` says it filters."""
        return {columns[name]: value for name, value in self._last.items() if name in columns}

    def texts(self, columns: Mapping[str, str]) -> dict[str, list[str]]:
        """The values of each parameter given, by the column that `columns` says it filters."""
        found: dict[str, list[str]] = {}
        for name, value in self._pairs:
            if name in columns:
                found.setdefault(columns[name], []).append(value)
        return found

    def parts_of(self, name: str) -> list[str] | None:
        """The values of a list parameter; None when it is not given."""
        if name not in self._last:
            return None
        return [part for key, value in self._pairs if key == name for part in value.split(",") if part]

    def time(self, name: str) -> int | None:
        """A time in microseconds since 1970. Raises: BadRequest."""
        return given_time(name, self._last.get(name))

    def times(self, start: str, end: str) -> Ranges:
        """The range [start, end) of two parameters."""
        return Ranges(self.time(start), self.time(end))

    def flag(self, name: str) -> bool:
        """Whether a flag is set. Raises: BadRequest."""
        text = self._last.get(name, "false").lower()
        if text not in _FLAGS:
            raise BadRequest(name, f"{name} must be true or false, not {text!r}", ("true", "false"))
        return _FLAGS[text]

    def choice(self, name: str, choices: Sequence[str], default: str) -> str:
        """One of `choices`. Raises: BadRequest that names them."""
        text = self._last.get(name, default)
        if text not in choices:
            raise BadRequest(name, f"{name} must be one of {', '.join(choices)}, not {text!r}", tuple(choices))
        return text

    def page(self, parts: Parts, limit: int | None = None) -> Page:
        """The page asked for; it has `limit` items unless it is asked for others. Raises: BadRequest."""
        settings = parts.settings
        return parse_page(self._last, default=limit or settings.page_limit_default, maximum=settings.page_limit_max)

    def next(self, cursor: str) -> str:
        """The `Link` header's value for the page behind `cursor`."""
        others = [part for part in self._text.split("&") if part and not part.startswith(("offset=", "cursor="))]
        return f'<{self._path}?{"&".join([*others, f"cursor={cursor}"])}>; rel="next"'


_FLAGS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False, "none": False}


def window_of(listed: Listed, order: Order, page: Page) -> Window:
    """The window to read: one row more than the page shows, which tells whether there is a next one.

    Raises: BadRequest when the cursor is of another list or order.
    """
    after = None if page.cursor is None else cursor_of(page, *_kinds(listed, order))
    return Window(page.limit + 1, page.offset, after)


def _kinds(listed: Listed, order: Order) -> list[type]:
    return [listed.table.c[name].type.python_type for name in (*order.columns, order.tie)]


def shown(
    query: Query, listed: Listed, order: Order, page: Page, found: Found
) -> tuple[list[Any], list[tuple[bytes, bytes]]]:
    """The rows of a page, and the headers that lead to the next one."""
    rows = found.rows[: page.limit]
    if len(found.rows) <= page.limit:
        return rows, []
    cursor = encode_cursor(*key_of(listed, order)(rows[-1]))
    return rows, [(b"link", query.next(cursor).encode("latin-1"))]


class Listing:
    """A request for a page of a list: the window to read, and the answer made of what was found there.

    A page has `limit` items unless it is asked for others. Raises: BadRequest for a page or an order that is none.
    """

    def __init__(
        self,
        parts: Parts,
        query: Query,
        listed: Listed,
        orders: Mapping[str, Order],
        default: str,
        limit: int | None = None,
    ) -> None:
        self._reader = parts.database
        self._query = query
        self._listed = listed
        self.page = query.page(parts, limit)
        self.order = orders[query.choice("orderBy", list(orders), default)]
        self.window = window_of(listed, self.order, self.page)

    async def read(self, wanted: Mapping[str, Any]) -> Found:
        """What is wanted of the list; how many there are in all is not counted."""
        return Found(await read_page(self._reader, self._listed, [wanted], self.order, self.window), 0)

    def rows(self, found: Found) -> list[Any]:
        """The rows that the page shows."""
        return found.rows[: self.page.limit]

    def next(self, found: Found) -> tuple[str | None, str | None]:
        """The cursor behind the page, and the value of a `Link` header that leads there; None at the end."""
        if len(found.rows) <= self.page.limit:
            return None, None
        cursor = encode_cursor(*key_of(self._listed, self.order)(found.rows[self.page.limit - 1]))
        return cursor, self._query.next(cursor)

    def answer(self, found: Found, resources: Sequence[Any]) -> Json[Any]:
        """The page: `resources` are what its rows say, in their order."""
        _, headers = shown(self._query, self._listed, self.order, self.page, found)
        return Json(envelope(resources, found.total, self.page), headers)


def envelope(resources: Sequence[Any], total: int, page: Page) -> bytes:
    """The envelope's bytes: kit.page's Envelope, encoded at once."""
    return _encode({"resources": resources, "total": total, "limit": page.limit, "offset": page.offset})


def encoded(resource: Any) -> bytes:
    """One resource's bytes."""
    return _encode(resource)


def documented(*parameters: Parameter, also: Sequence[str] = (), paged: bool = True) -> type[Operation]:
    """An operation with these parameters (and a page's), which the handler reads from the query by itself.

    `also` are media types in which it can answer besides JSON.
    """

    @dataclass
    class Documented(Operation):
        def __post_init__(self) -> None:
            self.parameters = [*(self.parameters or []), *parameters, *(PAGE if paged else ())]
            answer: Any = (self.responses or {})["200"]
            answer.content |= {media_type: OpenAPIMediaType() for media_type in also}

    return Documented


def text(name: str, description: str, *, required: bool = False) -> Parameter:
    """A parameter that is equal to something."""
    schema = Schema(type=OpenAPIType.STRING, min_length=1 if required else None)
    return _parameter(name, description, schema, required=required)


def texts(name: str, description: str, item: Schema | None = None) -> Parameter:
    """A list parameter, in either form."""
    item = item or Schema(type=OpenAPIType.STRING)
    return _parameter(name, description, Schema(type=OpenAPIType.ARRAY, items=item))


def time(name: str, description: str) -> Parameter:
    """A time."""
    return _parameter(name, description, Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.DATE_TIME))


def flag(name: str, description: str) -> Parameter:
    """True or false."""
    return _parameter(name, description, Schema(type=OpenAPIType.BOOLEAN, default=False))


def choice(name: str, description: str, choices: Sequence[str], default: str | None = None) -> Parameter:
    """One of a few words."""
    return _parameter(name, description, Schema(type=OpenAPIType.STRING, enum=list(choices), default=default))


def _parameter(name: str, description: str, schema: Schema, *, required: bool = False) -> Parameter:
    return Parameter(name=name, param_in="query", required=required, description=description, schema=schema)


PAGE = (
    _parameter("limit", "items on a page", Schema(type=OpenAPIType.INTEGER, minimum=1, maximum=NUMBER_MAX, default=20)),
    _parameter(
        "offset", "items to leave out", Schema(type=OpenAPIType.INTEGER, minimum=0, maximum=NUMBER_MAX, default=0)
    ),
    text("cursor", "continues behind a page: from its `Link: rel=next` header; does not shift while data arrives"),
)
ROBOT = (
    text("robotHostname", "the robot's hostname"),
    text("robotNickname", "the robot's nickname"),
    text("robotSerial", "the robot's serial number"),
)
ROBOT_COLUMNS = {
    "robotHostname": "robot_hostname",
    "robotNickname": "robot_nickname",
    "robotSerial": "robot_serial",
}

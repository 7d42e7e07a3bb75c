"""Lists of version 1: `{items, page: {count, limit, offset}}`, 25 items unless asked otherwise.

Source: scout-api.md §0.1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar
from urllib.parse import parse_qsl

import msgspec
from litestar import Request
from litestar.openapi.spec import Operation, Parameter, Schema
from litestar.openapi.spec.enums import OpenAPIType
from msgspec import Meta

from roundsman.api.parts import Parts
from roundsman.kit.page import NUMBER_MAX, parse_page
from roundsman.kit.page import Page as Asked

T = TypeVar("T")
LIMIT = 25


class Page(msgspec.Struct):
    """Which part of a list this is."""

    count: Annotated[int, Meta(description="How many match altogether, on all pages.", ge=0)]
    limit: int
    offset: int


class Items(msgspec.Struct, Generic[T]):
    """A page of a list."""

    items: list[T]
    page: Page


def query_of(request: Request[Any, Any, Any]) -> dict[str, str]:
    """The query's parameters, the last of each name; one without a value counts as not given."""
    return dict(parse_qsl(request.scope["query_string"].decode("latin-1")))


def page_of(query: dict[str, str], parts: Parts) -> Asked:
    """The page asked for; version 1 has no cursors. Raises: BadRequest."""
    asked = {name: value for name, value in query.items() if name != "cursor"}
    return parse_page(asked, default=LIMIT, maximum=parts.settings.page_limit_max)


def page_out_of(everything: Sequence[T], page: Asked) -> Items[T]:
    """A page of a list that is all at hand."""
    shown = list(everything[page.offset : page.offset + page.limit])
    return Items(shown, Page(len(everything), page.limit, page.offset))


def listing(**filters: str) -> type[Operation]:
    """An operation that lists, with `limit`, `offset` and these filters: names and what they are equal to."""
    described = [_text(name, description) for name, description in filters.items()]

    @dataclass
    class Listing(Operation):
        def __post_init__(self) -> None:
            self.parameters = [*(self.parameters or []), *described, *_PAGE]

    return Listing


def _text(name: str, description: str) -> Parameter:
    return Parameter(name=name, param_in="query", description=description, schema=Schema(type=OpenAPIType.STRING))


def _whole(name: str, description: str, default: int, least: int) -> Parameter:
    schema = Schema(type=OpenAPIType.INTEGER, minimum=least, maximum=NUMBER_MAX, default=default)
    return Parameter(name=name, param_in="query", description=description, schema=schema)


_PAGE = (_whole("limit", "items on a page", LIMIT, 1), _whole("offset", "items to leave out", 0, 0))

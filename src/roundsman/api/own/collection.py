"""What the lists and resources of our own tier share: `{items, next}`, and entity tags.

Source: RFC 9110 §8.8.3, §13.1 (ETag, If-Match, If-None-Match); RFC 8288 (Link).
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from litestar import Request
from litestar.openapi.spec import OpenAPIResponse, Operation, Parameter, Schema
from litestar.openapi.spec.enums import OpenAPIType
from msgspec import Meta

from roundsman.api.answers import Json
from roundsman.api.v0.query import PAGE, Listing
from roundsman.kit.problem import Problem
from roundsman.runs.matching import Found

T = TypeVar("T")
Asked = Request[Any, Any, Any]
_encode = msgspec.json.Encoder().encode
_TAG = re.compile(r'(?:W/)?"([^"]*)"')


class Collection(msgspec.Struct, Generic[T]):
    """A part of a list. To read on, ask again with `cursor` = `next`, or follow `Link: rel="next"`."""

    items: list[T]
    next: Annotated[str | None, Meta(description="The cursor behind the last item; null at the end.")]


def collection(asked: Listing, found: Found, items: Sequence[Any]) -> Json[Any]:
    """A page of a list as an answer; `items` are what its rows say, in their order."""
    cursor, link = asked.next(found)
    headers = [] if link is None else [(b"link", link.encode("latin-1"))]
    return Json(_encode({"items": items, "next": cursor}), headers)


def listing(*parameters: Parameter) -> type[Operation]:
    """An operation that lists, with these parameters, `limit` and `cursor`."""
    paging = [parameter for parameter in PAGE if parameter.name != "offset"]

    @dataclass
    class Lists(Operation):
        def __post_init__(self) -> None:
            self.parameters = [*(self.parameters or []), *parameters, *paging]

    return Lists


class NotModified(Json[Any]):
    """304: the sender has it as it is."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Sends it."""
        headers = [header for header in self._headers if header[0] in {b"etag", b"cache-control"}]
        await send({"type": "http.response.start", "status": 304, "headers": headers})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def tag_of(resource: Any) -> str:
    """The entity tag of a resource as it is served, without its quotes."""
    return hashlib.sha256(_encode(resource)).hexdigest()[:32]


def resource(request: Asked, shown: Any) -> Json[Any]:
    """One resource with its ETag, or 304 when the sender's `If-None-Match` names it."""
    tag = tag_of(shown)
    headers = [(b"etag", f'"{tag}"'.encode()), (b"cache-control", b"private, no-cache")]
    known = request.headers.get("if-none-match")
    fresh = known is not None and (known.strip() == "*" or tag in _TAG.findall(known))
    return (NotModified if fresh else Json)(_encode(shown), headers)


def check_unchanged(request: Asked, shown: Any) -> None:
    """Holds a write's `If-Match`, if there is one, against the resource as it is; call it within the transaction.

    Raises: Problem 412.
    """
    known = request.headers.get("if-match")
    if known is None or known.strip() == "*" or tag_of(shown) in _TAG.findall(known):
        return
    raise Problem(412, "Changed", "it was changed meanwhile: read it again, then decide", code="PRECONDITION_FAILED")


def _header(name: str, description: str) -> Parameter:
    schema = Schema(type=OpenAPIType.STRING)
    return Parameter(name=name, param_in="header", required=False, description=description, schema=schema)


IF_NONE_MATCH = _header("If-None-Match", "An ETag that you have: 304 where it is still right.")
IF_MATCH = _header("If-Match", "The ETag that you decided by: 412 where it was changed since.")


@dataclass
class Conditional(Operation):
    """An operation that reads one resource with an ETag."""

    def __post_init__(self) -> None:
        """Says so."""
        self.parameters = [*(self.parameters or []), IF_NONE_MATCH]
        self.responses = {**(self.responses or {}), "304": OpenAPIResponse("It has not changed.")}


@dataclass
class Guarded(Operation):
    """An operation that changes one resource, and heeds `If-Match`."""

    def __post_init__(self) -> None:
        """Says so."""
        self.parameters = [*(self.parameters or []), IF_MATCH]

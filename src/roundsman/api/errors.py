"""Every failure as JSON that says what was wrong in words a person can act on, in the form of the API it was asked of.

Source: scout-api.md §1.4 (clients print the text; one of them parses the body of a 404 without looking at the status)
and §0.1 for version 1; RFC 9457 for our own tier.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Any, NamedTuple

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from msgspec import Meta

from roundsman.kit.log import get_logger
from roundsman.kit.problem import Problem

log = get_logger("api")
_encode = msgspec.json.Encoder().encode


class Failure(msgspec.Struct, omit_defaults=True, rename="camel"):
    """What every failed request answers with."""

    error: str
    parameter: str | None = None
    choices: tuple[str, ...] | None = None
    request_id: str | None = None


class Details(msgspec.Struct, omit_defaults=True, rename="camel"):
    """What else is known of a failure."""

    parameter: str | None = None
    choices: tuple[str, ...] | None = None
    request_id: str | None = None


class CodedFailure(msgspec.Struct, omit_defaults=True):
    """What every failed request answers with. Programs go by `code`, people by `message`."""

    code: str
    message: str
    details: Details | None = None


class ProblemDetails(msgspec.Struct, omit_defaults=True, rename="camel"):
    """What every failed request answers with (RFC 9457). Programs go by `type`, people by `detail`."""

    type: Annotated[str, Meta(description="about:blank where the status says it all, else urn:roundsman:problem:…")]
    title: str
    status: int
    detail: Annotated[str, Meta(description="What was wrong, and what to do about it.")]
    instance: Annotated[str, Meta(description="The path that was asked.")]
    parameter: Annotated[str | None, Meta(description="The parameter or member that was wrong.")] = None
    choices: Annotated[tuple[str, ...] | None, Meta(description="What it may be.")] = None
    request_id: Annotated[str | None, Meta(description="Of a defect: what the log calls it.")] = None


class Fault(NamedTuple):
    """A failure before it has the form of one API. `code` is empty where the status says it all."""

    status: int
    text: str
    parameter: str | None = None
    choices: Sequence[str] = ()
    code: str = ""
    request_id: str | None = None
    headers: Mapping[str, str] | None = None
    path: str = ""


class Form(NamedTuple):
    """How one API tells its failures."""

    schema: type[msgspec.Struct]
    make: Callable[[Fault], msgspec.Struct]
    media_type: str = "application/json"


def _plain(fault: Fault) -> Failure:
    return Failure(fault.text, fault.parameter, tuple(fault.choices) or None, fault.request_id)


def _coded(fault: Fault) -> CodedFailure:
    details = Details(fault.parameter, tuple(fault.choices) or None, fault.request_id)
    return CodedFailure(
        fault.code or HTTPStatus(fault.status).name, fault.text, None if details == Details() else details
    )


def _standard(fault: Fault) -> ProblemDetails:
    kind = f"urn:roundsman:problem:{fault.code.lower().replace('_', '-')}" if fault.code else "about:blank"
    title = fault.code.replace("_", " ").capitalize() or HTTPStatus(fault.status).phrase
    choices = tuple(fault.choices) or None
    return ProblemDetails(kind, title, fault.status, fault.text, fault.path, fault.parameter, choices, fault.request_id)


PLAIN = Form(Failure, _plain)
CODED = Form(CodedFailure, _coded)
STANDARD = Form(ProblemDetails, _standard, "application/problem+json")
FORMS: dict[str, Form] = {"/api/fleet": CODED, "/api/facilities": CODED, "/api/roundsman": STANDARD}
"""The form of each part of the API that has its own, by how its paths begin."""


def form_of(path: str) -> Form:
    """The form in which failures at `path` are told."""
    path = re.sub("/+", "/", path)
    return next((form for start, form in FORMS.items() if f"{path}/".startswith(f"{start}/")), PLAIN)


Handler = Callable[[Request[Any, Any, Any], Any], Response[bytes]]


def handlers() -> dict[int | type[Exception], Handler]:
    """What is answered for each kind of exception."""
    return {
        Problem: problem,
        ValidationException: invalid,
        HTTPException: refused,
        RecursionError: deep,
        Exception: broken,
    }


def problem(request: Request[Any, Any, Any], exc: Problem) -> Response[bytes]:
    """A failure that Roundsman itself found, with its own words. The log has those that a caller cannot mend."""
    if exc.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("request failed", path=request.url.path, reason=str(exc))
    return respond(request, Fault(exc.status, str(exc), exc.parameter, exc.choices, exc.code, headers=exc.headers))


def invalid(request: Request[Any, Any, Any], exc: ValidationException) -> Response[bytes]:
    """A parameter or body that does not have its declared type."""
    first: Any = exc.extra[0] if isinstance(exc.extra, list) and exc.extra else {}
    name, message = first.get("key"), first.get("message", exc.detail)
    return respond(request, Fault(exc.status_code, f"{name}: {message}" if name else message, name))


def refused(request: Request[Any, Any, Any], exc: HTTPException) -> Response[bytes]:
    """What the framework refuses: an unknown path, a wrong method, a body that is no JSON."""
    if exc.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return broken(request, exc)
    text = f"there is nothing at {request.url.path}" if exc.status_code == HTTPStatus.NOT_FOUND else exc.detail
    return respond(request, Fault(exc.status_code, text, headers=exc.headers))


def deep(request: Request[Any, Any, Any], exc: RecursionError) -> Response[bytes]:
    """A body that nests deeper than can be read; nothing else here goes as deep as what it is given."""
    log.warning("too deep", path=request.url.path, exc_info=exc)
    return respond(request, Fault(400, "the body is nested too deeply"))


def broken(request: Request[Any, Any, Any], exc: Exception) -> Response[bytes]:
    """A defect: logged with its traceback, answered without; both carry the request's id."""
    request_id = request.scope["state"].get("request_id")
    log.error("request failed", path=request.url.path, request_id=request_id, exc_info=exc)
    return respond(request, Fault(500, "something went wrong here; the log says more", request_id=request_id))


def respond(request: Request[Any, Any, Any], fault: Fault) -> Response[bytes]:
    """The failure as a response in the form of the API that was asked."""
    form = form_of(request.url.path)
    body = _encode(form.make(fault._replace(path=request.url.path)))
    return Response(body, status_code=fault.status, headers=dict(fault.headers or {}), media_type=form.media_type)

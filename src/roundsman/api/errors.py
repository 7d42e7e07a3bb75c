"""Every failure as a JSON object that says what was wrong in words a person can act on.

Source: scout-api.md §1.4: clients print the text; one of them parses the body of a 404 without looking at the status.
"""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException

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


Handler = Callable[[Request[Any, Any, Any], Any], Response[bytes]]


def handlers() -> dict[int | type[Exception], Handler]:
    """What is answered for each kind of exception."""
    return {Problem: problem, ValidationException: invalid, HTTPException: refused, Exception: broken}


def problem(request: Request[Any, Any, Any], exc: Problem) -> Response[bytes]:
    """A failure that Roundsman itself found, with its own words."""
    return respond(exc.status, Failure(str(exc), exc.parameter, exc.choices or None), exc.headers)


def invalid(request: Request[Any, Any, Any], exc: ValidationException) -> Response[bytes]:
    """A parameter or body that does not have its declared type."""
    first: Any = exc.extra[0] if isinstance(exc.extra, list) and exc.extra else {}
    name, message = first.get("key"), first.get("message", exc.detail)
    return respond(exc.status_code, Failure(f"{name}: {message}" if name else message, name))


def refused(request: Request[Any, Any, Any], exc: HTTPException) -> Response[bytes]:
    """What the framework refuses: an unknown path, a wrong method, a body that is no JSON."""
    if exc.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return broken(request, exc)
    text = f"there is nothing at {request.url.path}" if exc.status_code == HTTPStatus.NOT_FOUND else exc.detail
    return respond(exc.status_code, Failure(text), exc.headers)


def broken(request: Request[Any, Any, Any], exc: Exception) -> Response[bytes]:
    """A defect: logged with its traceback, answered without; both carry the request's id."""
    request_id = request.scope["state"].get("request_id")
    log.error("request failed", path=request.url.path, request_id=request_id, exc_info=exc)
    return respond(500, Failure("something went wrong here; the log says more", request_id=request_id))


def respond(status: int, failure: Failure, headers: Any = None) -> Response[bytes]:
    """The failure as a response."""
    return Response(_encode(failure), status_code=status, headers=headers, media_type="application/json")

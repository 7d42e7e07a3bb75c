"""Forms of our own pages: their fields, and the check that they come from our pages."""

from typing import Any
from urllib.parse import parse_qsl

from litestar import Request

from roundsman.api.authentication import session_of
from roundsman.api.parts import Parts
from roundsman.kit.problem import Forbidden


async def fields_of(parts: Parts, request: Request[Any, Any, Any]) -> dict[str, str]:
    """The form's fields, once its csrf token is found to belong to the visitor's session.

    Raises: Forbidden for a form that another site sent, and for a browser that takes no cookies.
    """
    body = await request.body()
    fields = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    await check_csrf(parts, request, fields.get("csrf", ""))
    return fields


async def check_csrf(parts: Parts, request: Request[Any, Any, Any], token: str) -> None:
    """Whether a form comes from one of our pages. Raises: Forbidden."""
    ids, session_id = await parts.access.sessions.ids(), session_of(request)
    if session_id is None or not ids.genuine(session_id):
        raise Forbidden("Forbidden: this page needs cookies. Allow them, go back and reload it")
    if not ids.csrf_matches(session_id, token):
        raise Forbidden("Forbidden: this page is out of date. Go back and reload it")


def local(path: str) -> str:
    """`path` if it leads to a page of ours, else the overview: nobody is sent elsewhere by a link."""
    inside = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if inside else "/"

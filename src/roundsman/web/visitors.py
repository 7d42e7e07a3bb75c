"""The cookies of whoever looks at a page."""

from typing import Any, NamedTuple

from litestar import Request
from litestar.datastructures import Cookie

from roundsman.access.types import Identity
from roundsman.api.authentication import identity_of, session_of
from roundsman.api.cookies import session_cookies
from roundsman.api.parts import Parts


class Visit(NamedTuple):
    """Who looks, and what the page needs to know of the session."""

    identity: Identity | None
    csrf: str
    cookies: list[Cookie]


async def visit(parts: Parts, request: Request[Any, Any, Any], *, fresh: bool = False) -> Visit:
    """The visitor's session, or a new one for who has none; with `fresh` always a new one."""
    ids, session_id = await parts.access.sessions.ids(), session_of(request)
    if fresh or session_id is None or not ids.genuine(session_id):
        session_id = ids.mint()
    cookies = session_cookies(ids, session_id, parts.settings)
    return Visit(identity_of(request), ids.csrf(session_id), cookies)

"""Who asks, and whether this one may: found out once per request, decided by what the handler says it needs.

A handler that says nothing needs a login with the permission "read"; so that forgetting is safe.
"""

import asyncio
from contextlib import suppress
from typing import Any, cast

from litestar import Request
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from roundsman.access.audit import Actor, acting_as
from roundsman.access.roles import PERMISSIONS, Permission, least_role
from roundsman.access.scopes import Resource, in_scope
from roundsman.access.types import Identity
from roundsman.api.cookies import CSRF_COOKIE, SESSION_COOKIE, cookie_of
from roundsman.api.errors import PLAIN, form_of
from roundsman.api.parts import Parts
from roundsman.kit.problem import Forbidden, Problem, Unauthorized

NEEDS = "roundsman_needs"
RESOURCE = "roundsman_resource"
CSRF = "roundsman_csrf"
PUBLIC: dict[str, Any] = {NEEDS: None}
# A form's handler: its csrf token comes as a field, and the handler checks it by web.forms.
FORM: dict[str, Any] = {NEEDS: None, CSRF: "form"}

REST_TAKEN_BYTES, REST_TAKEN_S = 1 << 20, 2.0
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_BEARER = {"www-authenticate": "Bearer"}


def requires(permission: Permission, resource: Resource) -> dict[str, Any]:
    """What a handler passes as `opt`: only those with `permission` may use it, and tokens for this `resource`."""
    return {NEEDS: permission, RESOURCE: resource}


def identity_of(request: Request[Any, Any, Any]) -> Identity | None:
    """Who makes this request; None for a visitor."""
    return request.scope["user"]


def session_of(request: Request[Any, Any, Any]) -> str | None:
    """The session id that the request came with, whether or not anybody is logged in with it."""
    return request.cookies.get(SESSION_COOKIE)


def actor_of(request: Request[Any, Any, Any]) -> Actor:
    """Who makes this request, for the audit trail."""
    return _actor(identity_of(request), request.scope)


class Gatekeeper:
    """Middleware behind the routing: finds out who asks and refuses those who may not."""

    def __init__(self, app: ASGIApp, parts: Parts) -> None:
        self.app = app
        self._access = parts.access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lets the request through, or raises Forbidden or Unauthorized."""
        try:
            await self._decide(scope)
        except Problem:
            await _take_rest(cast("HTTPScope", scope)["method"], receive)
            raise
        with acting_as(_actor(scope["user"], scope)):
            await self.app(scope, receive, send)

    async def _decide(self, scope: Scope) -> None:
        authorization, session_id = _credentials(scope)
        identity = await self._identify(authorization, session_id)
        scope["user"] = identity
        opt, method = scope["route_handler"].opt, cast("HTTPScope", scope)["method"]
        if method != "OPTIONS":
            told = "" if authorization is None and form_of(scope["path"]) is not PLAIN else authorization
            _check(identity, opt.get(NEEDS, "read"), told)
            _check_scope(identity, opt, method)
        if method not in _SAFE_METHODS and session_id and not _bearer(authorization):
            await self._check_csrf(scope, session_id, opt)

    async def _identify(self, authorization: str | None, session_id: str | None) -> Identity | None:
        if (token := _bearer(authorization)) is not None:
            return await self._access.by_token(token)
        return await self._access.by_session(session_id) if session_id else None

    async def _check_csrf(self, scope: Scope, session_id: str, opt: dict[str, Any]) -> None:
        ids = await self._access.sessions.ids()
        if opt.get(CSRF) == "form" or not ids.genuine(session_id):
            return
        token = next((value for name, value in scope["headers"] if name == CSRF_HEADER), b"")
        if not ids.csrf_matches(session_id, token.decode("latin-1")):
            raise Forbidden(f"the header {CSRF_COOKIE} must repeat the cookie of that name, which GET / sets")


async def _take_rest(method: str, receive: Receive) -> None:
    """Reads what a refused request still brings, within bounds.

    The server closes a connection of which it has not read all, which resets it: the client, still sending, would see
    that instead of the refusal.
    """
    if method in _SAFE_METHODS:
        return
    taken_bytes = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(REST_TAKEN_S):
            while taken_bytes < REST_TAKEN_BYTES:
                message = await receive()
                if message["type"] != "http.request" or not message["more_body"]:
                    return
                taken_bytes += len(message["body"])


CSRF_HEADER = CSRF_COOKIE.encode()


def unauthenticated(authorization: str | None) -> Problem:
    """The refusal of somebody unknown: 401 when a header was sent, else the 403 of the cookie generation.

    Version 1 and our own tier are younger than tokens: there it is always 401, and a header not sent is an empty one.
    Source: scout-api.md §1.4.
    """
    if authorization == "":
        return Unauthorized("log in, or send an API token as `Authorization: Bearer …`", headers=_BEARER)
    if authorization is not None:
        return Unauthorized("the API token is not valid (any more)", headers=_BEARER)
    return Forbidden("Forbidden: log in, or send an API token as `Authorization: Bearer …`")


def check_permissions_named(handlers: list[Any]) -> None:
    """Refuses to start with a handler whose needed permission does not exist."""
    for handler in handlers:
        needed = handler.opt.get(NEEDS, "read")
        if needed is not None and needed not in PERMISSIONS:
            raise ValueError(f"{handler} needs {needed}, which is none of {PERMISSIONS}")


def _check(identity: Identity | None, needed: Permission | None, authorization: str | None) -> None:
    if needed is None:
        return
    if identity is None:
        raise unauthenticated(authorization)
    if not identity.may(needed):
        raise Forbidden(f"Forbidden: this needs the role {least_role(needed)}; {identity.name} is {identity.role}")


def _check_scope(identity: Identity | None, opt: dict[str, Any], method: str) -> None:
    """Raises: Forbidden for a token that is limited to other things. What names no resource is of "system"."""
    if identity is None or opt.get(NEEDS, "read") is None:
        return
    resource, verb = opt.get(RESOURCE, "system"), "read" if method in _SAFE_METHODS else "write"
    if not in_scope(identity.scopes, resource, verb):
        raise Forbidden(f"Forbidden: the API token {identity.name} has not the scope {resource}:{verb}")


def _actor(identity: Identity | None, scope: Any) -> Actor:
    client = scope.get("client")
    address = client[0] if client else ""
    return Actor("", "visitor", address) if identity is None else Actor(identity.name, identity.kind, address)


def _credentials(scope: Scope) -> tuple[str | None, str | None]:
    authorization = session_id = None
    for name, value in scope["headers"]:
        if name == b"authorization":
            authorization = value.decode("latin-1")
        elif name == b"cookie":
            session_id = cookie_of(value.decode("latin-1"), SESSION_COOKIE) or session_id
    return authorization, session_id


def _bearer(authorization: str | None) -> str | None:
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None

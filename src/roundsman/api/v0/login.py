"""Login with a password, and the check of an API token.

Source: scout-api.md §1.2, §1.3.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

import msgspec
from litestar import Request, Response, get, post
from litestar.datastructures import Cookie
from litestar.openapi.spec import OpenAPIMediaType, Operation, RequestBody, Schema

from roundsman.access.roles import Role
from roundsman.access.types import User
from roundsman.api.addresses import address_of, agent_of
from roundsman.api.authentication import PUBLIC, identity_of, session_of, unauthenticated
from roundsman.api.cookies import session_cookies
from roundsman.api.parts import Given, Parts
from roundsman.kit.problem import BadRequest


class Credentials(msgspec.Struct):
    """A user's name and password."""

    username: str
    password: str


class Login(msgspec.Struct):
    """Who has logged in."""

    username: str
    role: Role


class TokenCheck(msgspec.Struct):
    """Whose token was sent."""

    name: str
    role: Role


_FIELDS = Schema(
    type="object",  # type: ignore[arg-type]
    required=["username", "password"],
    properties={"username": Schema(type="string"), "password": Schema(type="string", format="password")},  # type: ignore[arg-type,dict-item]
)


@dataclass
class LoginOperation(Operation):
    """Documents the two forms of the body, which the handler reads by itself."""

    def __post_init__(self) -> None:
        form = OpenAPIMediaType(schema=_FIELDS)
        content = {"application/json": form, "application/x-www-form-urlencoded": form}
        self.request_body = RequestBody(required=True, content=content)


@post("/login", status_code=200, opt=PUBLIC, tags=["access"], summary="Log in", operation_class=LoginOperation)
async def login(parts: Given, request: Request[Any, Any, Any]) -> Response[Login]:
    """Makes the session that `GET /` handed out a login; its cookies stay valid for two weeks.

    Takes a form or JSON. A wrong password answers 401, later and later, then 429 with Retry-After.
    """
    given = _credentials(await request.body(), request.headers.get("content-type", ""))
    user = await parts.access.login(given.username, given.password, address_of(request))
    cookies = await _upgrade(parts, request, user)
    return Response(Login(user.username, user.role), cookies=cookies)


@get("/api_token/authenticate", opt=PUBLIC, tags=["access"], summary="Check an API token")
async def authenticate(request: Request[Any, Any, Any]) -> TokenCheck:
    """Answers 200 for a valid token, 401 for one that is not, 400 when none was sent."""
    authorization = request.headers.get("authorization", "")
    if not authorization.lower().startswith("bearer "):
        raise BadRequest("Authorization", "send the API token in the header `Authorization: Bearer …`")
    identity = identity_of(request)
    if identity is None:
        raise unauthenticated(authorization)
    return TokenCheck(identity.name, identity.role)


async def _upgrade(parts: Parts, request: Request[Any, Any, Any], user: User) -> list[Cookie]:
    """Logs in the visitor's own session, or a new one for a client that has none.

    In place, without rotating: the documented program re-uses the cookies of `GET /` and never reads the login's.
    Only ids that Roundsman itself minted qualify; the browser's login page rotates. Source: scout-api.md §1.2.
    """
    ids, session_id = await parts.access.sessions.ids(), session_of(request)
    if session_id is not None and ids.genuine(session_id):
        await parts.access.sessions.open(user, session_id, agent_of(request))
        return []
    session_id = ids.mint()
    await parts.access.sessions.open(user, session_id, agent_of(request))
    return session_cookies(ids, session_id, parts.settings)


def _credentials(body: bytes, content_type: str) -> Credentials:
    if content_type.startswith("application/json"):
        try:
            return msgspec.json.decode(body, type=Credentials)
        except msgspec.DecodeError as error:
            raise BadRequest("username, password", f"the body cannot be read: {error}") from None
    fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
    for name in ("username", "password"):
        if name not in fields:
            raise BadRequest(name, f"the form has no field {name}")
    return Credentials(fields["username"][0], fields["password"][0])


routes = [login, authenticate]

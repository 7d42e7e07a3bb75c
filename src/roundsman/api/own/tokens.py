"""API tokens: everyone keeps their own, administrators everyone's."""

from typing import Annotated, Any

import msgspec
from litestar import Request, delete, get, post
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from roundsman.access import tokens
from roundsman.access.roles import Role
from roundsman.access.scopes import SCOPES
from roundsman.access.tokens import COMMAND_LINE, check_given
from roundsman.access.types import Identity, Token
from roundsman.api.answers import Json
from roundsman.api.authentication import requires
from roundsman.api.own.collection import (
    Collection,
    Conditional,
    Guarded,
    check_unchanged,
    collection,
    listing,
    resource,
)
from roundsman.api.own.users import asking, may_see
from roundsman.api.parts import Given
from roundsman.api.v0.query import Listing, Query, text
from roundsman.kit.problem import NotFound
from roundsman.kit.times import given_time, iso, iso_or_none

OWN = requires("read", "users")
Asked = Request[Any, Any, Any]


class TokenShown(msgspec.Struct, rename="camel"):
    """An API token; the token itself is shown once, when it is made."""

    uuid: str
    name: str
    role: Role
    scopes: Annotated[list[str], Meta(description="What it is limited to; none: all that its role may.")]
    hint: Annotated[str, Meta(description="Its first characters, to recognise it by.")]
    created_by: str
    created_at: str
    expires_at: str | None
    last_used_at: Annotated[str | None, Meta(description="Within a minute or so.")]
    revoked_at: str | None


class TokenMade(TokenShown, rename="camel"):
    """A new API token."""

    token: Annotated[str, Meta(description="The token itself: keep it now, it cannot be had again.")]


class NewToken(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """A token to be. It can be given no more than you have."""

    name: Annotated[str, Meta(description="To recognise it by.")]
    role: Role
    scopes: Annotated[
        list[str], Meta(description=f"Limits it: any of {', '.join(SCOPES)}. Writing includes reading.")
    ] = []
    expires_at: Annotated[str | None, Meta(description="Ends then, e.g. 2027-01-31T00:00:00Z; null: never.")] = None


@get(
    "/tokens",
    opt=OWN,
    tags=["access"],
    summary="API tokens",
    operation_class=listing(text("createdBy", "who made them")),
)
async def list_tokens(parts: Given, request: Asked) -> Json[Collection[TokenShown]]:
    """The newest first, also those that ended: one's own; administrators see everyone's."""
    query, me = Query(request), asking(request)
    wanted = query.lasts({"createdBy": "created_by"}) if me.may("administer") else {"created_by": me.owner}
    asked = Listing(parts, query, tokens.TOKENS, {"newest": tokens.NEWEST}, "newest")
    found = await asked.read(wanted)
    return collection(asked, found, [shown(Token(*row)) for row in asked.rows(found)])


@post("/tokens", status_code=201, opt=OWN, tags=["access"], summary="Make an API token")
async def create_token(parts: Given, request: Asked, data: JSONBody[NewToken]) -> TokenMade:
    """For yourself: it is refused when you are removed or disabled, and never does more than you may."""
    me, expires_us = asking(request), given_time("expiresAt", data.expires_at)
    check_given(me, data.role, data.scopes, expires_us)
    secret, token = await parts.access.tokens.create(
        data.name, data.role, created_by=me.owner or COMMAND_LINE, expires_us=expires_us, scopes=data.scopes
    )
    return TokenMade(**msgspec.structs.asdict(shown(token)), token=secret)


@get("/tokens/{uuid:str}", opt=OWN, tags=["access"], summary="One API token", operation_class=Conditional)
async def one_token(parts: Given, request: Asked, uuid: FromPath[str]) -> Json[TokenShown]:
    """One's own; administrators see everyone's."""
    token = await parts.access.tokens.find(uuid)
    check_seen(asking(request), token)
    return resource(request, shown(token))


@delete("/tokens/{uuid:str}", opt=OWN, tags=["access"], summary="Revoke an API token", operation_class=Guarded)
async def revoke_token(parts: Given, request: Asked, uuid: FromPath[str]) -> None:
    """It is refused from now on, and stays in the list."""

    def check(token: Token) -> None:
        check_seen(asking(request), token)
        check_unchanged(request, shown(token))

    await parts.access.tokens.revoke(uuid, check=check)


def shown(token: Token) -> TokenShown:
    """A token as it is served."""
    return TokenShown(
        token.uuid, token.name, token.role, token.scopes.split(), token.hint, token.created_by, iso(token.created_us),
        iso_or_none(token.expires_us), iso_or_none(token.last_used_us), iso_or_none(token.revoked_us),
    )  # fmt: skip


def check_seen(me: Identity, token: Token) -> None:
    """Raises: NotFound for a token that this one may not see."""
    if not may_see(me, token.created_by):
        raise NotFound(f"there is no valid token {token.uuid}", "TOKEN_NOT_FOUND")


routes = [list_tokens, create_token, one_token, revoke_token]

"""Users and oneself: who may log in, in which role, and who is asking."""

from typing import Annotated, Any

import msgspec
from litestar import Request, delete, get, patch, post
from litestar.params import FromPath, JSONBody
from msgspec import UNSET, Meta, UnsetType

from roundsman.access import users
from roundsman.access.passwords import check_password
from roundsman.access.roles import Role
from roundsman.access.types import Identity, User
from roundsman.api.addresses import address_of
from roundsman.api.answers import Json
from roundsman.api.authentication import identity_of, requires
from roundsman.api.own.collection import (
    Collection,
    Conditional,
    Guarded,
    check_unchanged,
    collection,
    listing,
    resource,
)
from roundsman.api.parts import Given
from roundsman.api.v0.query import Listing, Query
from roundsman.kit.problem import BadRequest, Conflict, NotFound, Unauthorized
from roundsman.kit.times import iso, iso_or_none

ADMINISTER, READ = requires("administer", "users"), requires("read", "users")
Asked = Request[Any, Any, Any]


class UserShown(msgspec.Struct, rename="camel"):
    """A user."""

    uuid: str
    username: str
    role: Role
    disabled: Annotated[bool, Meta(description="May not log in, and the tokens made by this user are refused.")]
    created_at: str
    disabled_at: str | None


class NewUser(msgspec.Struct, forbid_unknown_fields=True):
    """A user to be."""

    username: Annotated[str, Meta(description="1 to 64 letters, digits or any of . _ @ + -")]
    password: Annotated[str, Meta(description="At least 8 characters.")]
    role: Role


class UserChanges(msgspec.Struct, forbid_unknown_fields=True):
    """What is to be different; what is left out stays."""

    role: Role | UnsetType = UNSET
    password: str | UnsetType = UNSET
    disabled: bool | UnsetType = UNSET


class NewPassword(msgspec.Struct, forbid_unknown_fields=True):
    """A change of one's own password."""

    current: str
    new: Annotated[str, Meta(description="At least 8 characters.")]


class Me(msgspec.Struct, rename="camel"):
    """Who is asking."""

    name: Annotated[str, Meta(description="The username, or the name of the API token.")]
    kind: Annotated[str, Meta(description="session or token")]
    username: Annotated[str, Meta(description="The user behind it; empty for a token of the command line.")]
    role: Annotated[Role, Meta(description="A token's is never more than that of the user who made it.")]
    scopes: Annotated[list[str], Meta(description="What a token is limited to; none: all that the role may.")]
    expires_at: str | None


@get("/me", opt=requires("read", "system"), tags=["access"], summary="Who is asking")
async def show_me(request: Asked) -> Me:
    """The user or API token that this request comes with, and what it may do."""
    me = asking(request)
    return Me(me.name, me.kind, me.owner, me.role, me.scopes.split(), iso_or_none(me.expires_us))


@post("/me/password", status_code=204, opt=READ, tags=["access"], summary="Change one's own password")
async def change_my_password(parts: Given, request: Asked, data: JSONBody[NewPassword]) -> None:
    """Ends all other sessions of that user. For sessions: an API token answers 409, as it has no password."""
    me = asking(request)
    if me.kind != "session":
        raise Conflict("an API token has no password: log in with the username, then change it")
    check_password(data.new)
    try:
        await parts.access.login(me.owner, data.current, address_of(request))
    except Unauthorized:
        raise BadRequest("current", "current is not your password") from None
    await parts.access.users.change(me.owner, password=data.new, but_session=me.key)


@get("/users", opt=ADMINISTER, tags=["access"], summary="Users", operation_class=listing())
async def list_users(parts: Given, request: Asked) -> Json[Collection[UserShown]]:
    """By name, also those that are disabled."""
    asked = Listing(parts, Query(request), users.USERS, {"name": users.BY_NAME}, "name")
    found = await asked.read({})
    return collection(asked, found, [shown(User(*row)) for row in asked.rows(found)])


@post("/users", status_code=201, opt=ADMINISTER, tags=["access"], summary="Add a user")
async def create_user(parts: Given, data: JSONBody[NewUser]) -> UserShown:
    """409 when the name is taken."""
    return shown(await parts.access.users.create(data.username, data.password, data.role))


@get("/users/{username:str}", opt=READ, tags=["access"], summary="One user", operation_class=Conditional)
async def one_user(parts: Given, request: Asked, username: FromPath[str]) -> Json[UserShown]:
    """Oneself; administrators see everyone."""
    me = asking(request)
    if not may_see(me, username):
        raise NotFound(f"there is no user {username} whom you may see", "USER_NOT_FOUND")
    return resource(request, shown(await parts.access.users.find(username)))


@patch(
    "/users/{username:str}", opt=ADMINISTER, tags=["access"], summary="Change a user", operation_class=Guarded
)  # fmt: skip
async def change_user(
    parts: Given, request: Asked, username: FromPath[str], data: JSONBody[UserChanges]
) -> UserShown:  # fmt: skip
    """Gives another role or password, disables or enables. Whatever changes ends that user's sessions."""
    given = {name: value for name, value in msgspec.structs.asdict(data).items() if value is not UNSET}
    if not given:
        raise BadRequest(None, "nothing is to be changed: give role, password or disabled")
    return shown(
        await parts.access.users.change(username, **given, check=lambda user: check_unchanged(request, shown(user)))
    )


@delete("/users/{username:str}", opt=ADMINISTER, tags=["access"], summary="Remove a user", operation_class=Guarded)
async def remove_user(parts: Given, request: Asked, username: FromPath[str]) -> None:
    """With sessions and tokens. What that user did stays in the audit trail."""
    await parts.access.users.remove(username, check=lambda user: check_unchanged(request, shown(user)))


def asking(request: Asked) -> Identity:
    """Who asks, of whom the gatekeeper let nobody unknown pass."""
    identity = identity_of(request)
    assert identity is not None
    return identity


def may_see(identity: Identity, username: str) -> bool:
    """Whether this one may see and end what is that user's: its own, or an administrator everyone's."""
    return (bool(username) and identity.owner == username) or identity.may("administer")


def shown(user: User) -> UserShown:
    """A user as it is served."""
    return UserShown(
        user.uuid, user.username, user.role, user.disabled_us is not None, iso(user.created_us),
        iso_or_none(user.disabled_us),
    )  # fmt: skip


routes = [show_me, change_my_password, list_users, create_user, one_user, change_user, remove_user]

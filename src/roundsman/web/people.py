"""The pages of people: users for administrators, and everyone's own account."""

from typing import Any

import msgspec
from litestar import Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect

from roundsman.access import tokens
from roundsman.access.passwords import LENGTH_MIN, check_password
from roundsman.access.roles import ROLES, Role
from roundsman.access.types import Identity, Session, Token, User
from roundsman.api.addresses import address_of
from roundsman.api.authentication import CSRF, requires
from roundsman.api.own.sessions import check_seen
from roundsman.api.own.users import asking
from roundsman.api.parts import Given, Parts
from roundsman.kit.listing import Window, read_page
from roundsman.kit.problem import BadRequest, NotFound, Problem, Unauthorized
from roundsman.web.forms import fields_of
from roundsman.web.rendering import Moment, moment, page
from roundsman.web.visitors import visit

Asked = Request[Any, Any, Any]
PATH, ACCOUNT = "/users", "/account"
ADMINISTER, READ = requires("administer", "users"), requires("read", "users")
CHANGE, CHANGE_OWN = {**ADMINISTER, CSRF: "form"}, {**READ, CSRF: "form"}
TOKENS_SHOWN = 50
# What browsers call themselves, the more particular first: most claim to be others, too.
_BROWSERS = (("Firefox/", "Firefox"), ("Edg", "Edge"), ("OPR/", "Opera"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
_SYSTEMS = (
    ("Windows", "Windows"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Mac OS", "macOS"), ("Android", "Android"),
    ("Linux", "Linux"),
)  # fmt: skip
WHAT_ROLES_MAY = {
    "viewer": "reads everything but what administrators keep",
    "reviewer": "also closes anomalies, makes work orders and exports",
    "operator": "also changes the calendar and dispatches",
    "admin": "also keeps robots, the site, webhooks, backups and users",
}


class UserShown(msgspec.Struct, frozen=True):
    """A user in a list, or at the head of its page."""

    username: str
    role: Role
    is_disabled: bool
    added: Moment


class SessionShown(msgspec.Struct, frozen=True):
    """A login."""

    uuid: str
    program: str
    agent: str
    address: str
    opened: Moment
    used: Moment
    is_this: bool


class TokenShown(msgspec.Struct, frozen=True):
    """An API token in a list."""

    uuid: str
    name: str
    hint: str
    role: Role
    scopes: list[str]
    created_by: str
    used: Moment | None
    state: str
    is_valid: bool


@get(PATH, opt=ADMINISTER)
async def list_page(parts: Given, request: Asked) -> Response[str]:
    """All users."""
    return await _list(parts, request)


@post(PATH, opt=CHANGE)
async def add(parts: Given, request: Asked) -> Response[Any]:
    """Adds one."""
    fields = await fields_of(parts, request)
    username, password = fields.get("username", "").strip(), fields.get("password", "")
    try:
        await parts.access.users.create(username, password, role_of(fields))
    except Problem as failure:
        return await _list(parts, request, failure, fields)
    return Redirect(f"{PATH}/{username}", status_code=303)


@get(f"{PATH}/{{username:str}}", opt=ADMINISTER)
async def one_page(parts: Given, request: Asked, username: FromPath[str]) -> Response[str]:
    """One: role, password, tokens and sessions."""
    return await _one(parts, request, username)


@post(f"{PATH}/{{username:str}}/{{act:str}}", opt=CHANGE)
async def act_on(parts: Given, request: Asked, username: FromPath[str], act: FromPath[str]) -> Response[Any]:
    """Changes the role or the password, disables, enables or removes."""
    fields, users = await fields_of(parts, request), parts.access.users
    try:
        if act == "role":
            await users.change(username, role=role_of(fields))
        elif act == "password":
            await users.change(username, password=fields.get("password", ""))
        elif act in ("disable", "enable"):
            await users.change(username, disabled=act == "disable")
        elif act == "remove":
            await users.remove(username)
        else:
            raise BadRequest("act", f"a user cannot be told to {act[:40]}")
    except Problem as failure:
        if isinstance(failure, NotFound):
            raise
        return await _one(parts, request, username, failure)
    return Redirect(PATH if act == "remove" else f"{PATH}/{username}", status_code=303)


@get(ACCOUNT, opt=READ)
async def account_page(parts: Given, request: Asked) -> Response[str]:
    """One's own password, tokens and sessions."""
    return await _account(parts, request)


@post(f"{ACCOUNT}/password", opt=CHANGE_OWN)
async def change_password(parts: Given, request: Asked) -> Response[Any]:
    """Changes one's own password; one's other sessions end."""
    fields, me = await fields_of(parts, request), asking(request)
    password = fields.get("password", "")
    try:
        if password != fields.get("repeated"):
            raise BadRequest("repeated", "the two new passwords differ")
        check_password(password)
        await parts.access.login(me.owner, fields.get("current", ""), address_of(request))
        await parts.access.users.change(me.owner, password=password, but_session=me.key)
    except Unauthorized:
        return await _account(parts, request, BadRequest("current", "that is not your present password"))
    except Problem as failure:
        return await _account(parts, request, failure)
    return Redirect(ACCOUNT, status_code=303)


@post("/sessions/{uuid:str}/end", opt=CHANGE_OWN)
async def end_session(parts: Given, request: Asked, uuid: FromPath[str]) -> Response[Any]:
    """Ends one's own session, or as an administrator another's."""
    await fields_of(parts, request)
    me = asking(request)
    ended = await parts.access.sessions.end(uuid, lambda session: check_seen(me, session))
    return Redirect(ACCOUNT if ended.username == me.owner else f"{PATH}/{ended.username}", status_code=303)


async def _list(
    parts: Parts, request: Asked, failure: Problem | None = None, fields: dict[str, str] | None = None
) -> Response[str]:
    seen, now_us, given = await visit(parts, request), parts.clock.now_us(), fields or {}
    return page(
        "users.html",
        failure=failure,
        identity=seen.identity,
        csrf=seen.csrf,
        users=[_user(one, now_us) for one in await parts.access.users.list()],
        roles=WHAT_ROLES_MAY,
        form={"username": given.get("username", ""), "role": given.get("role", "viewer")},
        length_min=LENGTH_MIN,
    )


async def _one(parts: Parts, request: Asked, username: str, failure: Problem | None = None) -> Response[str]:
    seen, now_us = await visit(parts, request), parts.clock.now_us()
    user = await parts.access.users.find(username)
    return page(
        "user.html",
        failure=failure,
        identity=seen.identity,
        csrf=seen.csrf,
        user=_user(user, now_us),
        roles=WHAT_ROLES_MAY,
        length_min=LENGTH_MIN,
        **await _belongings(parts, asking(request), username, now_us),
    )


async def _account(parts: Parts, request: Asked, failure: Problem | None = None) -> Response[str]:
    seen, now_us, me = await visit(parts, request), parts.clock.now_us(), asking(request)
    return page(
        "account.html",
        failure=failure,
        identity=seen.identity,
        csrf=seen.csrf,
        owner=me.owner,
        length_min=LENGTH_MIN,
        **await _belongings(parts, me, me.owner, now_us),
    )


async def _belongings(parts: Parts, me: Identity, username: str, now_us: int) -> dict[str, Any]:
    """A user's tokens and sessions."""
    wanted, window = [{"created_by": username}], Window(TOKENS_SHOWN)
    rows = await read_page(parts.database, tokens.TOKENS, wanted, tokens.NEWEST, window)
    return {
        "tokens": [token_shown(Token(*row), now_us) for row in rows],
        "sessions": [_session(one, me, now_us) for one in await parts.access.sessions.list(username)],
    }


def _user(user: User, now_us: int) -> UserShown:
    return UserShown(user.username, user.role, user.disabled_us is not None, moment(user.created_us, now_us))


def _session(session: Session, me: Identity, now_us: int) -> SessionShown:
    return SessionShown(
        session.uuid, program_of(session.agent), session.agent, session.address, moment(session.created_us, now_us),
        moment(session.last_used_us, now_us), me.key == session.digest,
    )  # fmt: skip


def program_of(agent: str) -> str:
    """A browser and its system in three words, or a program as it calls itself."""
    browser = next((name for sign, name in _BROWSERS if sign in agent), "")
    if not browser:
        return agent.split(" ")[0][:60] or "not said"
    system = next((name for sign, name in _SYSTEMS if sign in agent), "")
    return f"{browser} on {system}" if system else browser


def token_shown(token: Token, now_us: int) -> TokenShown:
    """A token as lists show it."""
    used = None if token.last_used_us is None else moment(token.last_used_us, now_us)
    has_ended = token.expires_us is not None and token.expires_us <= now_us
    if token.revoked_us is not None:
        state = "revoked"
    elif token.expires_us is None:
        state = "valid"
    else:
        day = moment(token.expires_us, now_us).full[:10]
        state = f"ended {day}" if has_ended else f"until {day}"
    is_valid = token.revoked_us is None and not has_ended
    return TokenShown(
        token.uuid, token.name, token.hint, token.role, token.scopes.split(), token.created_by, used, state, is_valid
    )


def role_of(fields: dict[str, str]) -> Role:
    """The role that was chosen. Raises: BadRequest."""
    for role in ROLES:
        if role == fields.get("role"):
            return role
    raise BadRequest("role", f"choose a role: {', '.join(ROLES)}", ROLES)


routes = [list_page, add, one_page, act_on, account_page, change_password, end_session]

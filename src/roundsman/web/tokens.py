"""The pages of API tokens: the list, and one to make one, which shows it once."""

from typing import Any

from litestar import Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect

from roundsman.access import tokens
from roundsman.access.roles import ROLES, Role, lesser
from roundsman.access.scopes import RESOURCES
from roundsman.access.tokens import COMMAND_LINE, check_given
from roundsman.access.types import Identity, Token
from roundsman.api.authentication import CSRF, requires
from roundsman.api.own.tokens import check_seen
from roundsman.api.own.users import asking
from roundsman.api.parts import Given, Parts
from roundsman.api.v0.query import Listing, Query
from roundsman.kit.problem import BadRequest, Problem
from roundsman.web.forms import fields_of
from roundsman.web.people import ACCOUNT, WHAT_ROLES_MAY, role_of, token_shown
from roundsman.web.rendering import page
from roundsman.web.visitors import visit

Asked = Request[Any, Any, Any]
PATH = "/tokens"
READ = requires("read", "users")
CHANGE = {**READ, CSRF: "form"}
ALL = requires("administer", "users")
DAYS = {"30": "in 30 days", "90": "in 90 days", "365": "in a year", "": "never"}
DAY_US = 86_400_000_000


@get(PATH, opt=ALL)
async def list_page(parts: Given, request: Asked) -> Response[str]:
    """Everyone's, the newest first."""
    seen, now_us, query = await visit(parts, request), parts.clock.now_us(), Query(request)
    asked = Listing(parts, query, tokens.TOKENS, {"newest": tokens.NEWEST}, "newest")
    found = await asked.read({})
    return page(
        "tokens.html",
        identity=seen.identity,
        csrf=seen.csrf,
        tokens=[token_shown(Token(*row), now_us) for row in asked.rows(found)],
        older=asked.next(found)[0],
        newest=query.last("cursor") is None,
    )


@get(f"{PATH}/new", opt=READ)
async def new_page(parts: Given, request: Asked) -> Response[str]:
    """The form."""
    return await _form(parts, request, {"role": "viewer", "days": "90"})


@post(f"{PATH}/new", opt=CHANGE)
async def make(parts: Given, request: Asked) -> Response[Any]:
    """Makes one, and shows it: here alone, so there is no address to come back to."""
    fields, me = await fields_of(parts, request), asking(request)
    try:
        role, scopes, expires_us = role_of(fields), _scopes(fields), _end(fields, parts.clock.now_us())
        check_given(me, role, scopes, expires_us)
        secret, token = await parts.access.tokens.create(
            fields.get("name", "").strip(),
            role,
            created_by=me.owner or COMMAND_LINE,
            expires_us=expires_us,
            scopes=scopes,
        )
    except Problem as failure:
        return await _form(parts, request, fields, failure)
    seen = await visit(parts, request)
    shown = token_shown(token, parts.clock.now_us())
    url = str(request.base_url).rstrip("/")
    headers = {"cache-control": "no-store"}
    return page("token_made.html", headers=headers, identity=me, csrf=seen.csrf, secret=secret, token=shown, url=url)


@post(f"{PATH}/{{uuid:str}}/revoke", opt=CHANGE)
async def revoke(parts: Given, request: Asked, uuid: FromPath[str]) -> Response[Any]:
    """Makes one useless: one's own, or as an administrator anybody's."""
    fields, me = await fields_of(parts, request), asking(request)
    await parts.access.tokens.revoke(uuid, lambda token: check_seen(me, token))
    return Redirect(PATH if me.may("administer") and "all" in fields else ACCOUNT, status_code=303)


async def _form(parts: Parts, request: Asked, fields: dict[str, str], failure: Problem | None = None) -> Response[str]:
    seen, me = await visit(parts, request), asking(request)
    return page(
        "token_new.html",
        failure=failure,
        identity=seen.identity,
        csrf=seen.csrf,
        form={name: fields.get(name, "") for name in ("name", "role", "days", "limited")},
        chosen={resource: fields.get(f"scope.{resource}", "") for resource in RESOURCES},
        roles={role: WHAT_ROLES_MAY[role] for role in _grantable(me)},
        days=DAYS,
    )


def _grantable(me: Identity) -> list[Role]:
    return [role for role in ROLES if lesser(role, me.role) == role]


def _scopes(fields: dict[str, str]) -> list[str]:
    """The scopes that are chosen; none when it is not to be limited."""
    if "limited" not in fields:
        return []
    chosen = [(resource, fields.get(f"scope.{resource}", "")) for resource in RESOURCES]
    scopes = [f"{resource}:{verb}" for resource, verb in chosen if verb]
    if not scopes:
        raise BadRequest("scopes", "choose what it may read or write, or let it do all that its role may")
    return scopes


def _end(fields: dict[str, str], now_us: int) -> int | None:
    days = fields.get("days", "")
    if days not in DAYS:
        raise BadRequest("days", "choose when it ends", tuple(DAYS))
    return now_us + int(days) * DAY_US if days else None


routes = [list_page, new_page, make, revoke]

"""Set-up, login and logout for people, without JavaScript."""

from typing import Any

from litestar import Request, Response, get, post
from litestar.response import Redirect

from roundsman.access.types import User
from roundsman.api.addresses import address_of, agent_of
from roundsman.api.authentication import FORM, PUBLIC, session_of
from roundsman.api.cookies import SESSION_COOKIE, session_cookies
from roundsman.api.parts import Given, Parts
from roundsman.kit.problem import BadRequest, Problem, Unauthorized
from roundsman.web.forms import fields_of, local
from roundsman.web.rendering import page
from roundsman.web.visitors import visit


async def login_page(
    parts: Parts,
    request: Request[Any, Any, Any],
    *,
    failure: Problem | None = None,
    username: str = "",
    onward: str = "/",
) -> Response[str]:
    """The login form, with why the last attempt failed."""
    seen = await visit(parts, request)
    return page(
        "login.html",
        failure=failure,
        headers=failure.headers if failure else None,
        cookies=seen.cookies,
        csrf=seen.csrf,
        username=username,
        next=local(onward),
        unset=not await parts.access.has_users(),
    )


@get("/login", opt=PUBLIC)
async def show_login(parts: Given, request: Request[Any, Any, Any]) -> Response[str]:
    """The login form."""
    return await login_page(parts, request, onward=request.query_params.get("next", "/"))


@post("/login", opt=FORM)
async def do_login(parts: Given, request: Request[Any, Any, Any]) -> Response[Any]:
    """Logs in, with a new session so that nobody can have planted the old one."""
    fields = await fields_of(parts, request)
    username, onward = fields.get("username", ""), fields.get("next", "/")
    try:
        user = await parts.access.login(username, fields.get("password", ""), address_of(request))
    except Problem as failure:
        return await login_page(parts, request, failure=failure, username=username, onward=onward)
    return await _enter(parts, request, user, onward)


@post("/logout", opt=FORM)
async def do_logout(parts: Given, request: Request[Any, Any, Any]) -> Response[Any]:
    """Ends the session."""
    await fields_of(parts, request)
    await parts.access.sessions.close(session_of(request) or "")
    leaving = Redirect("/", status_code=303)
    leaving.delete_cookie(SESSION_COOKIE)
    return leaving


@get("/setup", opt=PUBLIC)
async def show_setup(parts: Given, request: Request[Any, Any, Any]) -> Response[str]:
    """The page where the first user is made; only the printed link opens it."""
    return await _setup_page(parts, request, request.query_params.get("token", ""))


@post("/setup", opt=FORM)
async def do_setup(parts: Given, request: Request[Any, Any, Any]) -> Response[Any]:
    """Makes the first user and logs in."""
    fields = await fields_of(parts, request)
    token, username, password = (fields.get(name, "") for name in ("token", "username", "password"))
    try:
        if password != fields.get("repeated"):
            raise BadRequest("repeated", "the two passwords differ")
        user = await parts.access.set_up(token, username, password)
    except Problem as failure:
        return await _setup_page(parts, request, token, failure=failure, username=username)
    return await _enter(parts, request, user, "/")


async def _setup_page(
    parts: Parts, request: Request[Any, Any, Any], token: str, *, failure: Problem | None = None, username: str = ""
) -> Response[str]:
    if not await parts.access.setup_open(token):
        token, failure = "", Unauthorized("this set-up link is not valid (any more)")
    seen = await visit(parts, request)
    return page(
        "setup.html",
        failure=failure,
        cookies=seen.cookies,
        headers={"referrer-policy": "no-referrer"},
        csrf=seen.csrf,
        token=token,
        username=username,
    )


async def _enter(parts: Parts, request: Request[Any, Any, Any], user: User, onward: str) -> Response[Any]:
    ids = await parts.access.sessions.ids()
    session_id = ids.mint()
    await parts.access.sessions.open(user, session_id, agent_of(request))
    if old := session_of(request):
        await parts.access.sessions.close(old)
    return Redirect(local(onward), status_code=303, cookies=session_cookies(ids, session_id, parts.settings))


routes = [show_login, do_login, do_logout, show_setup, do_setup]

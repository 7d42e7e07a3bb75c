"""The page after login: robots, latest runs, latest captures; and one run."""

from typing import Any

from litestar import Request, Response, get

from roundsman.api.authentication import PUBLIC
from roundsman.api.parts import Given
from roundsman.web.entrance import login_page
from roundsman.web.rendering import page
from roundsman.web.visitors import visit


@get("/", opt=PUBLIC)
async def start(parts: Given, request: Request[Any, Any, Any]) -> Response[str]:
    """Answers 200 to everybody, with the two cookies: the login form, or the overview.

    Source: scout-api.md §1.1, §1.2.
    """
    seen = await visit(parts, request)
    if seen.identity is None:
        return await login_page(parts, request)
    shown: dict[str, Any] = {"robots": [], "runs": [], "captures": [], "runs_total": 0, "captures_total": 0}
    return page("overview.html", cookies=seen.cookies, identity=seen.identity, csrf=seen.csrf, **shown)


routes = [start]

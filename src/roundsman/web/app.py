"""The whole HTTP surface: the API and, beside it, the pages for people."""

from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Any
from urllib.parse import quote

from litestar import Litestar, Request, Response, Router, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.response import Redirect

from roundsman.api.app import Lifespan, create_api
from roundsman.api.authentication import PUBLIC, identity_of
from roundsman.api.errors import PLAIN, form_of, refused
from roundsman.api.parts import Parts
from roundsman.kit.problem import Forbidden, NotFound, Problem
from roundsman.web import (
    anomalies,
    backups,
    entrance,
    overview,
    people,
    robots,
    runs,
    site,
    tokens,
    trail,
    webhooks,
    work_orders,
)
from roundsman.web.rendering import page

_STATIC = {
    "style.css": "text/css",
    "refresh.js": "text/javascript",
    "copy.js": "text/javascript",
    "mark.svg": "image/svg+xml",
}


def create_app(parts: Parts, *, lifespan: Sequence[Lifespan] = ()) -> Litestar:
    """The application that is served; `lifespan` is what runs while it is."""
    pages = Router(
        "/",
        route_handlers=[
            *entrance.routes,
            *overview.routes,
            *runs.routes,
            *robots.routes,
            *anomalies.routes,
            *site.routes,
            *work_orders.routes,
            *webhooks.routes,
            *backups.routes,
            *people.routes,
            *tokens.routes,
            *trail.routes,
            static,
        ],
        exception_handlers={Problem: problem_page},
        include_in_schema=False,
    )
    app = create_api(parts, also=[pages], lifespan=lifespan)
    app.exception_handlers[NotFoundException] = nothing_there  # pyright: ignore[reportUnknownMemberType]
    return app


@get("/static/{name:str}", opt=PUBLIC)
async def static(name: FromPath[str]) -> Response[bytes]:
    """A file that pages use."""
    if name not in _STATIC:
        raise NotFound(f"there is no file {name}")
    return Response(_read(name), media_type=_STATIC[name], headers={"cache-control": "public, max-age=300"})


def problem_page(request: Request[Any, Any, Any], exc: Problem) -> Response[Any]:
    """What went wrong, as a page; who is not logged in is sent to the login."""
    identity = identity_of(request)
    if identity is None and isinstance(exc, Forbidden) and request.method == "GET":
        return Redirect(f"/login?next={quote(request.url.path)}", status_code=303)
    return page("error.html", status=exc.status, headers=exc.headers, title=exc.title, text=str(exc), identity=identity)


def nothing_there(request: Request[Any, Any, Any], exc: NotFoundException) -> Response[Any]:
    """A path that nothing answers: a page for a browser that is not at the API, else as the API says it."""
    wants_page = "text/html" in request.headers.get("accept", "") and form_of(request.url.path) is PLAIN
    if not wants_page or request.url.path.startswith("/api/"):
        return refused(request, exc)
    text = f"There is nothing at {request.url.path}."
    return page("error.html", status=404, title="Not found", text=text)


@cache
def _read(name: str) -> bytes:
    return (resources.files("roundsman.web") / "static" / name).read_bytes()

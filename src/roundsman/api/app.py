"""The API as one ASGI application: routes, who may use them, what failures look like, documentation."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from litestar import Litestar, Router
from litestar.di import Provide
from litestar.middleware import DefineMiddleware
from litestar.routes import HTTPRoute

from roundsman.api import docs, errors
from roundsman.api.authentication import NEEDS, Gatekeeper, check_permissions_named
from roundsman.api.edge import Edge
from roundsman.api.own import OWN_ROUTES
from roundsman.api.own.changes import end_streams
from roundsman.api.own.idempotency import Idempotency
from roundsman.api.parts import Parts
from roundsman.api.v0 import ROOT_ROUTES, V0_ROUTES
from roundsman.api.v1 import V1_ROUTES

Lifespan = Callable[[Litestar], AbstractAsyncContextManager[None]]


def create_api(parts: Parts, *, also: Sequence[Any] = (), lifespan: Sequence[Lifespan] = ()) -> Litestar:
    """The application over `parts`; `also` are routers of layers above, `lifespan` what runs while it serves."""
    for handler in (*V0_ROUTES, *V1_ROUTES, *OWN_ROUTES, *ROOT_ROUTES):
        if handler.opt.get(NEEDS, "read") is None:
            handler.security = [{}]  # documented as open to everybody
    v0 = Router("/api/v0", route_handlers=V0_ROUTES)
    own = Router("/api/roundsman/v1", route_handlers=OWN_ROUTES, middleware=[Idempotency])
    app = Litestar(
        [v0, *V1_ROUTES, own, *ROOT_ROUTES, *docs.routes(), *also],
        dependencies={"parts": Provide(lambda: parts, sync_to_thread=False, use_cache=True)},
        middleware=[DefineMiddleware(Gatekeeper, parts=parts)],
        exception_handlers=errors.handlers(),
        lifespan=[*lifespan, _usage(parts)],
        openapi_config=docs.openapi_config(),
        logging_config=None,
        debug=False,
    )
    app.state.parts = parts
    app.state.endings = [end_streams]
    check_permissions_named([handler for route in app.routes for handler in _handlers(route)])
    app.asgi_handler = Edge(app.asgi_handler, _methods(app))
    return app


def _methods(app: Litestar) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            found.setdefault(route.path_format, set()).update(route.methods)
    return found


def _handlers(route: Any) -> list[Any]:
    return getattr(route, "route_handlers", None) or [route.route_handler]


def _usage(parts: Parts) -> Lifespan:
    """Writes when sessions and tokens were used, while the application serves and once when it stops."""

    @asynccontextmanager
    async def running(_: Litestar) -> AsyncGenerator[None]:
        service = asyncio.create_task(parts.access.usage.run())
        try:
            yield
        finally:
            service.cancel()
            await parts.access.usage.flush()

    return running

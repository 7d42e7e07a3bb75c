"""The API's own documentation: OpenAPI 3.1 at /api/v0/docs/spec, Swagger's page at /api/v0/docs.

Everything comes from this server: a plant's network often has no way out.
"""

import re
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import swagger_ui  # pyright: ignore[reportMissingTypeStubs]
from litestar import MediaType, Request, Response, Router, get
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import OpenAPIRenderPlugin
from litestar.openapi.spec import Components, License, Reference, SecurityScheme, Server
from litestar.params import FromPath

from roundsman.api.authentication import PUBLIC
from roundsman.api.cookies import SESSION_COOKIE
from roundsman.api.errors import Failure
from roundsman.kit.problem import NotFound

DOCS = "/api/v0/docs"
_FOLDER = Path(str(swagger_ui.__file__)).parent / "static"
_FILES = {
    "swagger-ui.css": "text/css",
    "swagger-ui-bundle.js": "text/javascript",
    "favicon-32x32.png": "image/png",
}
# Swagger's page sets styles from its script; nothing may come from elsewhere.
_POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"

_PAGE = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Roundsman API</title>
<link rel="icon" href="{DOCS}/assets/favicon-32x32.png">
<link rel="stylesheet" href="{DOCS}/assets/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="{DOCS}/assets/swagger-ui-bundle.js"></script>
<script src="{DOCS}/assets/start.js"></script>
</body>
</html>
"""
_START = f"""const csrf = () => document.cookie.split("; ").find((c) => c.startsWith("x-csrf-token="))?.split("=")[1];
SwaggerUIBundle({{
  url: "{DOCS}/spec",
  dom_id: "#swagger-ui",
  deepLinking: true,
  persistAuthorization: false,
  validatorUrl: null,
  requestInterceptor: (request) => {{
    if (csrf()) request.headers["x-csrf-token"] = csrf();
    return request;
  }},
}});
"""

_DESCRIPTION = """The Scout API (later named Orbit API), spoken by Roundsman for programs written for it.

Either send an API token as `Authorization: Bearer …`, or log in with `POST /api/v0/login` and send the cookies that
`GET /` handed out; unsafe methods then repeat the cookie `x-csrf-token` in a header of that name. Every path works with
and without its trailing slash. Failures are JSON objects with the key `error`.
"""


class Spec(OpenAPIRenderPlugin):
    """The document itself, as plain JSON; made once."""

    _encoded: bytes = b""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """The document's bytes."""
        self._encoded = self._encoded or encoded(openapi_schema)
        return self._encoded


def encoded(document: dict[str, Any]) -> bytes:
    """The framework's document, with our failures and with names that the standard allows.

    Names of generic structs have brackets in them: `Envelope[Run]` becomes `EnvelopeOfRun`.
    """
    _, schemas = msgspec.json.schema_components([Failure], ref_template="#/components/schemas/{name}")
    document["components"]["schemas"].update(schemas)
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Failure"}}}
    document["components"]["responses"] = {"Failure": {"description": "What was wrong.", "content": content}}
    for item in document["paths"].values():
        for operation in item.values():
            operation["responses"].pop("400", None)  # the framework's own, of another shape
            operation["responses"]["default"] = {"$ref": "#/components/responses/Failure"}
    return re.sub(rb"\b([A-Z]\w*)\[([A-Z]\w*)\]", rb"\1Of\2", msgspec.json.encode(document))


@get("/", include_in_schema=False, opt=PUBLIC)
async def page() -> Response[str]:
    """Swagger's page."""
    return Response(_PAGE, media_type="text/html", headers={"content-security-policy": _POLICY})


@get("/assets/{name:str}", include_in_schema=False, opt=PUBLIC)
async def asset(name: FromPath[str]) -> Response[bytes]:
    """One of the page's files."""
    if name == "start.js":
        return Response(_START.encode(), media_type="text/javascript")
    if name not in _FILES:
        raise NotFound(f"there is no file {name}")
    return Response(_read(name), media_type=_FILES[name], headers={"cache-control": "public, max-age=86400"})


@cache
def _read(name: str) -> bytes:
    return (_FOLDER / name).read_bytes()


def openapi_config() -> OpenAPIConfig:
    """How the document is made from the handlers."""
    return OpenAPIConfig(
        title="Roundsman: Scout API v0",
        version="5.2.0",
        description=_DESCRIPTION,
        license=License(name="Apache-2.0", identifier="Apache-2.0"),
        servers=[Server(url="/")],
        security=[{"token": []}, {"session": []}],
        components=Components(security_schemes=_schemes()),
        use_handler_docstrings=True,
        render_plugins=[Spec(path="/spec", media_type=MediaType.JSON)],
        openapi_router=Router(DOCS, route_handlers=[page, asset], include_in_schema=False, opt=PUBLIC),
    )


def _schemes() -> dict[str, SecurityScheme | Reference]:
    bearer = "An API token, made with `roundsman token add`. It is shown once."
    session = "The cookie that `GET /` sets, after `POST /api/v0/login` has made it a login."
    return {
        "token": SecurityScheme(type="http", scheme="bearer", description=bearer),
        "session": SecurityScheme(type="apiKey", name=SESSION_COOKIE, security_scheme_in="cookie", description=session),
    }

"""The API's own documentation: OpenAPI 3.1 documents, one for each part of the API, and Swagger's page over them.

Everything comes from this server: a plant's network often has no way out. Source for the addresses: scout-api.md §0.1.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import swagger_ui  # pyright: ignore[reportMissingTypeStubs]
from litestar import Litestar, MediaType, Request, Response, Router, get
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import OpenAPIRenderPlugin
from litestar.openapi.spec import Components, License, Reference, SecurityScheme, Server
from litestar.params import FromPath
from litestar.routes import HTTPRoute

from roundsman.api.authentication import PUBLIC
from roundsman.api.cookies import SESSION_COOKIE
from roundsman.api.errors import form_of
from roundsman.api.own.idempotency import PARAMETER as IDEMPOTENCY_KEY
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
_AUTHENTICATION = """Either send an API token as `Authorization: Bearer …`, or log in with `POST /api/v0/login` and
send the cookies that `GET /` handed out; unsafe methods then repeat the cookie `x-csrf-token` in a header of that name.
Every path works with and without its trailing slash."""
_V1 = f"""{_AUTHENTICATION}

Lists are `{{items, page: {{count, limit, offset}}}}`, where `count` is the number of all that match. Ids are opaque
texts. Failures are JSON objects `{{code, message, details}}`: programs go by `code`.
"""


# `Envelope[Run]`, as msgspec titles it, and `Envelope_roundsman.runs.types.Run_`, as the framework names it.
_GENERIC = re.compile(rb"\b([A-Z][A-Za-z0-9]*)(?:\[|_(?:[a-z]\w*\.)+)([A-Z][A-Za-z0-9]*)[\]_]")


@dataclass(frozen=True)
class Document:
    """One part of the API as a document of its own."""

    title: str
    version: str
    docs: str  # where its page is; the document is at `docs`/spec
    paths: tuple[str, ...]  # how its paths begin
    description: str

    @property
    def spec(self) -> str:
        """Where the document is."""
        return f"{self.docs}/spec"


V0 = Document(
    "Roundsman: Scout API v0",
    "5.2.0",
    DOCS,
    ("/api/v0/", "/daq/"),
    f"""The Scout API (later named Orbit API), spoken by Roundsman for programs written for it.

{_AUTHENTICATION} Failures are JSON objects with the key `error`.
""",
)
FLEET = Document(
    "Roundsman: Fleet API v1",
    "1.0.0",
    "/api/v1/docs/fleet",
    ("/api/fleet/",),
    f"""Robots, as version 1 of the Orbit API has them since 5.2.

{_V1}""",
)
FACILITIES = Document(
    "Roundsman: Facilities API v1",
    "1.0.0",
    "/api/v1/docs/facilities",
    ("/api/facilities/",),
    f"""Site walks and site elements, as version 1 of the Orbit API has them since 5.2.

{_V1}""",
)
OWN = Document(
    "Roundsman API v1",
    "1.0.0",
    "/api/roundsman/v1/docs",
    ("/api/roundsman/",),
    f"""What Roundsman offers beyond the API that it is compatible with.

{_AUTHENTICATION} Lists are `{{items, next}}`: ask again with `cursor` = `next`, or follow the header
`Link: rel="next"`. Failures are problems of RFC 9457 (`application/problem+json`).
""",
)
DOCUMENTS = (V0, FLEET, FACILITIES, OWN)
V1_DOCS = "/api/v1/docs"  # FLEET and FACILITIES, to choose from


class Spec(OpenAPIRenderPlugin):
    """The framework's own document, as plain JSON: that of version 0."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """The document's bytes."""
        return _encoded(request, V0)


def encoded(whole: dict[str, Any], document: Document) -> bytes:
    """One document out of the framework's whole, with our failures and with names that the standard allows.

    Names of generic structs have brackets or whole modules in them: `Envelope[Run]` becomes `EnvelopeOfRun`.
    """
    paths = {path: item for path, item in whole["paths"].items() if path.startswith(document.paths)}
    form = form_of(document.paths[0])
    name = form.schema.__name__
    _, failures = msgspec.json.schema_components([form.schema], ref_template="#/components/schemas/{name}")
    content = {form.media_type: {"schema": {"$ref": f"#/components/schemas/{name}"}}}
    for item in paths.values():
        if document is OWN and "post" in item:
            item["post"]["parameters"] = [*item["post"].get("parameters", []), IDEMPOTENCY_KEY.to_schema()]
        for operation in item.values():
            operation["responses"].pop("400", None)  # the framework's own, of another shape
            operation["responses"]["default"] = {"$ref": f"#/components/responses/{name}"}
    info = {**whole["info"], "title": document.title, "version": document.version, "description": document.description}
    schemas = _used(paths, {**whole["components"]["schemas"], **failures}, failures)
    responses = {name: {"description": "What was wrong.", "content": content}}
    components = {**whole["components"], "schemas": schemas, "responses": responses}
    made = {**whole, "info": info, "paths": paths, "components": components}
    return _GENERIC.sub(rb"\1Of\2", msgspec.json.encode(made))


def _used(paths: Any, schemas: dict[str, Any], always: dict[str, Any]) -> dict[str, Any]:
    """The schemas that `paths` refer to, directly or through others."""
    used, found = dict[str, Any](), [*always, *_referred(paths)]
    while found:
        name = found.pop()
        if name not in used:
            used[name] = schemas[name]
            found += _referred(schemas[name])
    return {name: schema for name, schema in schemas.items() if name in used}


def _referred(part: Any) -> list[str]:
    return re.findall(r'"#/components/schemas/([^"]+)"', msgspec.json.encode(part).decode())


def _encoded(request: Request[Any, Any, Any], document: Document) -> bytes:
    state = request.app.state
    kept: dict[str, bytes] = state.setdefault("documents", {})
    if document.spec not in kept:
        if "whole_document" not in state:
            whole = request.app.openapi_schema.to_schema()
            for name in _strict(request.app):
                whole["components"]["schemas"][name]["additionalProperties"] = False
            state.whole_document = msgspec.json.encode(whole)
        kept[document.spec] = encoded(msgspec.json.decode(state.whole_document), document)
    return kept[document.spec]


def _strict(app: Litestar) -> set[str]:
    """The schemas of bodies that take no member that they do not name; the framework does not say so."""
    handlers = [handler for route in app.routes if isinstance(route, HTTPRoute) for handler in route.route_handlers]
    bodies = [handler.parsed_data_field.annotation for handler in handlers if handler.parsed_data_field]
    structs = [body for body in bodies if isinstance(body, type) and issubclass(body, msgspec.Struct)]
    return {struct.__name__ for struct in structs if struct.__struct_config__.forbid_unknown_fields}


def _page(title: str, docs: str) -> str:
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="{DOCS}/assets/favicon-32x32.png">
<link rel="stylesheet" href="{DOCS}/assets/swagger-ui.css">
</head>
<body>
<script src="{DOCS}/assets/swagger-ui-bundle.js"></script>
<script src="{docs}/assets/start.js"></script>
</body>
</html>
"""


def _start(documents: Sequence[Document]) -> str:
    """The script that shows the first of `documents`, with a choice where there are several."""
    choices = json.dumps([{"url": document.spec, "name": document.title} for document in documents])
    return f"""const csrf = () => document.cookie.split("; ").find((c) => c.startsWith("x-csrf-token="))?.split("=")[1];
const show = (url) => {{
  const place = document.createElement("div");
  document.querySelector("main")?.remove();
  document.body.append(document.createElement("main"));
  document.querySelector("main").append(place);
  SwaggerUIBundle({{
    url: url,
    domNode: place,
    deepLinking: true,
    persistAuthorization: false,
    validatorUrl: null,
    requestInterceptor: (request) => {{
      if (csrf()) request.headers["x-csrf-token"] = csrf();
      return request;
    }},
  }});
}};
const choices = {choices};
if (choices.length > 1) {{
  const select = document.createElement("select");
  select.setAttribute("aria-label", "Which part of the API");
  for (const {{ url, name }} of choices) select.add(new Option(name, url));
  select.addEventListener("change", () => show(select.value));
  document.body.prepend(select);
}}
show(choices[0].url);
"""


def _handlers(title: str, docs: str, documents: Sequence[Document], base: str | None = None) -> list[Any]:
    """The page at `docs` and its script; `base` is `docs` without what a router puts before it."""
    base = docs if base is None else base

    @get(base, include_in_schema=False, opt=PUBLIC)
    async def page() -> Response[str]:
        return Response(_page(title, docs), media_type="text/html", headers={"content-security-policy": _POLICY})

    @get(f"{base}/assets/start.js", include_in_schema=False, opt=PUBLIC)
    async def start() -> Response[bytes]:
        return Response(_start(documents).encode(), media_type="text/javascript")

    return [page, start]


def _document_handlers(document: Document) -> list[Any]:
    @get(document.spec, include_in_schema=False, opt=PUBLIC)
    async def spec(request: Request[Any, Any, Any]) -> Response[bytes]:
        return Response(_encoded(request, document), media_type=MediaType.JSON)

    return [*_handlers(document.title, document.docs, [document]), spec]


@get("/assets/{name:str}", include_in_schema=False, opt=PUBLIC)
async def asset(name: FromPath[str]) -> Response[bytes]:
    """One of the pages' files."""
    if name not in _FILES:
        raise NotFound(f"there is no file {name}")
    return Response(_read(name), media_type=_FILES[name], headers={"cache-control": "public, max-age=86400"})


@cache
def _read(name: str) -> bytes:
    return (_FOLDER / name).read_bytes()


def routes() -> list[Any]:
    """The pages and documents, but for those of version 0, which belong to the framework's own router."""
    pages = [handler for document in DOCUMENTS[1:] for handler in _document_handlers(document)]
    return [*pages, *_handlers("Roundsman: Orbit API v1", V1_DOCS, [FLEET, FACILITIES])]


def openapi_config() -> OpenAPIConfig:
    """How the document is made from the handlers."""
    return OpenAPIConfig(
        title=V0.title,
        version=V0.version,
        license=License(name="Apache-2.0", identifier="Apache-2.0"),
        servers=[Server(url="/")],
        security=[{"token": []}, {"session": []}],
        components=Components(security_schemes=_schemes()),
        use_handler_docstrings=True,
        render_plugins=[Spec(path="/spec", media_type=MediaType.JSON)],
        openapi_router=Router(
            DOCS,
            route_handlers=[*_handlers(V0.title, DOCS, [V0], ""), asset],
            include_in_schema=False,
            opt=PUBLIC,
        ),
    )


def _schemes() -> dict[str, SecurityScheme | Reference]:
    bearer = "An API token, made with `roundsman token add`. It is shown once."
    session = "The cookie that `GET /` sets, after `POST /api/v0/login` has made it a login."
    return {
        "token": SecurityScheme(type="http", scheme="bearer", description=bearer),
        "session": SecurityScheme(type="apiKey", name=SESSION_COOKIE, security_scheme_in="cookie", description=session),
    }

"""Holds every answer that a test sees against the documents that Roundsman serves of itself (DOCUMENTS).

Stricter than the document says: an object may have no member that its schema does not name, so that whatever is served
is documented too.
"""

import json
import re
from collections.abc import Awaitable, Callable
from functools import cache, cached_property
from typing import Any, NamedTuple

import httpx
import jsonschema_rs

from roundsman.api.errors import form_of

UNDOCUMENTED = ("/api/v0/docs", "/api/v1/docs", "/api/roundsman/v1/docs")  # the documentation itself
DOCUMENTS = tuple(
    f"{docs}/spec" for docs in (*UNDOCUMENTED[:1], "/api/v1/docs/fleet", "/api/v1/docs/facilities", UNDOCUMENTED[2])
)
VALIDATED = ("application/json", "application/problem+json")
COVERED = ("/api/", "/daq/")


class Exchange(NamedTuple):
    """One request and its answer; `body` is None where it was not read."""

    method: str
    path: str
    status: int
    content_type: str
    body: bytes | None


class Broken(AssertionError):
    """An answer that the document does not allow."""


class Contract:
    """The document, ready to be held against answers."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self._validators: dict[str, Any] = {}

    def check(self, exchange: Exchange) -> None:
        """Raises: Broken."""
        path = plain(exchange.path)
        if not path.startswith(COVERED) or path.startswith(UNDOCUMENTED):
            return
        method = "get" if exchange.method == "HEAD" else exchange.method.lower()
        name, item = self._found(path)
        if method not in item:
            self._refused(exchange, 405 if item else 404)
            return
        self._documented(exchange, f"{method} {name}", item[method])

    def operation_of(self, method: str, path: str) -> str | None:
        """`get /api/v0/runs/{uuid}`, or None if the document knows nothing of it."""
        name, item = self._found(plain(path))
        return f"{method.lower()} {name}" if method.lower() in item else None

    @cached_property
    def operations(self) -> set[str]:
        """All of them, as `operation_of` names them."""
        return {f"{method} {path}" for path, item in self.document["paths"].items() for method in item}

    @cached_property
    def _templates(self) -> list[tuple[re.Pattern[str], str]]:
        """Those without parameters first, as routers do."""
        return [(pattern_of(path), path) for path in sorted(self.document["paths"], key=lambda path: path.count("{"))]

    def _found(self, path: str) -> tuple[str, dict[str, Any]]:
        for pattern, name in self._templates:
            if pattern.fullmatch(path):
                return name, self.document["paths"][name]
        return "", {}

    def _documented(self, exchange: Exchange, name: str, operation: dict[str, Any]) -> None:
        responses = operation["responses"]
        key = str(exchange.status)
        if key not in responses and exchange.status < 400:
            raise Broken(f"{name} answered {key}; documented are {sorted(responses)}")
        response = self._resolved(responses.get(key, responses["default"]))
        content = response.get("content", {})
        if not content and not exchange.body:
            return
        kind = exchange.content_type.partition(";")[0].strip()
        if kind not in content and "*/*" not in content:
            raise Broken(f"{name} answered {key} as {kind!r}; documented are {sorted(content)}")
        if kind in VALIDATED and kind in content and exchange.body:
            self._validate(f"{name} {key}", content[kind]["schema"], exchange)

    def _refused(self, exchange: Exchange, expected: int) -> None:
        """What no operation is documented for answers with a failure of the documented shape, and no other."""
        if exchange.status not in (expected, 401, 403) and exchange.method != "OPTIONS":
            raise Broken(f"{exchange.method} {exchange.path} answered {exchange.status}, but is not documented")
        if exchange.body and "json" in exchange.content_type:
            name = failure_of(plain(exchange.path))
            self._validate(name, {"$ref": f"#/components/schemas/{name}"}, exchange)

    def _validate(self, name: str, schema: dict[str, Any], exchange: Exchange) -> None:
        if name not in self._validators:
            whole = {**schema, "components": self.document["components"]}
            self._validators[name] = jsonschema_rs.Draft202012Validator(closed(whole))
        errors = [str(error) for error in self._validators[name].iter_errors(json.loads(exchange.body or b""))]
        if errors:
            raise Broken(f"{name}: {exchange.path}: " + "\n".join(errors[:3]))

    def _resolved(self, response: dict[str, Any]) -> dict[str, Any]:
        reference = response.get("$ref")
        return self.document["components"]["responses"][reference.rpartition("/")[2]] if reference else response


def plain(path: str) -> str:
    """Without query, doubled slashes and the trailing one: all forms that clients send."""
    return re.sub("/+", "/", path.partition("?")[0]).rstrip("/")


def pattern_of(template: str) -> re.Pattern[str]:
    """`{path}` stands for the rest; any other parameter for one segment."""
    parts = re.split(r"(\{\w+\})", template)
    return re.compile("".join(".+" if p == "{path}" else "[^/]+" if p[:1] == "{" else re.escape(p) for p in parts))


def closed(schema: Any) -> Any:
    """The schema with every object closed to members that it does not name."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: closed(value) for key, value in schema.items()}
    if schema.get("type") == "object" and "properties" in schema:
        inner.setdefault("additionalProperties", False)
    return inner


def failure_of(path: str) -> str:
    """The schema of failures of that part of the API."""
    return form_of(path).schema.__name__


@cache
def contract_of(*documents: bytes) -> Contract:
    """The contract that documents' bytes make together; the same bytes, the same contract."""
    whole, *others = [json.loads(document) for document in documents]
    for other in others:
        whole["paths"].update(other["paths"])
        for kind, components in other["components"].items():
            whole["components"][kind].update(components)
    return Contract(whole)


def checking(contract: Contract) -> Callable[[httpx.Response], Awaitable[None]]:
    """A hook for an httpx client that holds each answer against the contract; it reads only answers in JSON."""

    async def check(response: httpx.Response) -> None:
        kind = response.headers.get("content-type", "")
        body = await response.aread() if kind.startswith(VALIDATED) else None
        path = response.request.url.raw_path.decode("ascii")
        contract.check(Exchange(response.request.method, path, response.status_code, kind, body))

    return check

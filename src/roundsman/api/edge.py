"""The outermost layer of every request: its id, HEAD, headers against misuse, metrics, the log."""

import itertools
import secrets
import time
from collections.abc import Iterable, Mapping

from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from roundsman.api.measures import requests
from roundsman.kit.log import get_logger

log = get_logger("api")

_DEFAULTS: list[tuple[bytes, bytes]] = [
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"same-origin"),
]
_ALWAYS: list[tuple[bytes, bytes]] = [(b"x-content-type-options", b"nosniff")]
# Not sent: Strict-Transport-Security. With the local CA it would lock out a browser that does not know that CA.

_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_boot = secrets.token_hex(4)
_numbers = itertools.count(1)


class _Complete(BaseException):
    """Stops a handler whose body nobody wants; not an Exception, so that nothing takes it for a failure."""


class Edge:
    """Wraps the application. HEAD reaches it as GET and is stopped after the headers."""

    def __init__(self, app: ASGIApp, methods: Mapping[str, Iterable[str]]) -> None:
        """`methods` are those of every path template: the framework's own OPTIONS knows of one handler only."""
        self._app = app
        self._allow = {path: ", ".join(sorted({*names, "HEAD"})).encode() for path, names in methods.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, send, self._allow)
        try:
            await self._app(scope, receive, exchange.send)
        except _Complete:
            pass
        except BaseExceptionGroup:  # a stream's tasks wrap what stops them
            if not exchange.complete:
                raise
        except Exception as error:
            exchange.broken_off(error)
            raise
        finally:
            exchange.done()


class _Exchange:
    """One request and its response."""

    def __init__(self, scope: HTTPScope, send: Send, allow: Mapping[str, bytes]) -> None:
        self._allow = allow
        self._scope = scope
        self._send = send
        self._began = time.perf_counter()
        self._method = str(scope["method"])
        self._id = f"{_boot}-{next(_numbers)}"
        self._status = 0
        self.complete = False
        scope["state"]["request_id"] = self._id
        if self._method == "HEAD":
            scope["method"] = "GET"

    async def send(self, message: Message) -> None:
        """Passes a message on, the first with our headers."""
        if message["type"] == "http.response.start":
            self._status = message["status"]
            message["headers"] = self._headers(list(message["headers"]))
            await self._send(message)
            if self._method == "HEAD":
                await self._send({"type": "http.response.body", "body": b"", "more_body": False})
                self.complete = True
                raise _Complete
        else:
            await self._send(message)

    def done(self) -> None:
        """Counts the request; what changes something or fails is logged too."""
        requests.observe(self._method, self._template, self._status, time.perf_counter() - self._began)
        if self._status >= 400 or self._method not in _READING:
            path = self._scope["path"]
            log.info("request", method=self._method, path=path, status=self._status, request_id=self._id)

    def broken_off(self, error: Exception) -> None:
        """Logs a failure that came when the answer had begun, so that nobody could be told of it any more."""
        log.error("answer broken off", path=self._scope["path"], request_id=self._id, exc_info=error)

    @property
    def _template(self) -> str:
        return self._scope.get("path_template", "")  # pyright: ignore[reportUnknownMemberType]

    def _headers(self, headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        names = {name for name, _ in headers}
        headers.extend(default for default in _DEFAULTS if default[0] not in names)
        headers.extend(_ALWAYS)
        headers.append((b"x-request-id", self._id.encode()))
        if b"allow" in names:
            allow = self._allow.get(self._template)
            return [(name, allow if allow and name == b"allow" else value) for name, value in headers]
        return headers

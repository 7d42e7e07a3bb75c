"""`Idempotency-Key`: a POST that is sent twice is done once, and answered twice alike.

On every POST of our own tier, without its handler doing anything for it. Only what succeeded is kept, for 24 hours, its
body sealed with the vault.
Source: draft-ietf-httpapi-idempotency-key-header-07 (the statuses 400, 409 and 422 are its own).
"""

import hashlib
import re
from collections.abc import Sequence
from typing import Any, cast

from litestar.openapi.spec import Parameter, Schema
from litestar.openapi.spec.enums import OpenAPIType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from roundsman.access.types import Identity
from roundsman.api.parts import Parts
from roundsman.kit.database import Duplicate
from roundsman.kit.idempotency import Answer, Claim, Key, claim, release, settle
from roundsman.kit.problem import BadRequest, Problem

HEADER = "Idempotency-Key"
BODY_MAX = 1 << 20
_KEY = re.compile(r"[\x21-\x7e]([\x20-\x7e]{0,253}[\x21-\x7e])?")
PARAMETER = Parameter(
    name=HEADER,
    param_in="header",
    required=False,
    description="Any text of up to 255 printable characters, e.g. a new UUID. Sent again with the same request within "
    "24 hours, it is answered as the first time and nothing is done twice.",
    schema=Schema(type=OpenAPIType.STRING, pattern=f"^{_KEY.pattern}$"),
)
_PURPOSE = b"idempotency"


class Idempotency:
    """Middleware of our own tier, behind the gatekeeper; the parts are in the application's state."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, unless it was answered before."""
        name = HEADER.lower().encode()
        sent = next((value for header, value in scope["headers"] if header == name), None)
        if sent is None or cast("HTTPScope", scope)["method"] != "POST":
            await self.app(scope, receive, send)
            return
        parts: Parts = scope["litestar_app"].state.parts
        key = Key(_owner(scope["user"]), _checked(sent.decode("latin-1")))
        body = await _whole(receive)
        claimed = await _claim(parts, key, _fingerprint(scope, body))
        if isinstance(claimed, Answer):
            await _send_again(claimed._replace(body=parts.vault.open(claimed.body, _PURPOSE)), send)
        elif claimed == "claimed":
            await self._do(parts, key, scope, _given(body, receive), send)
        else:
            raise _REFUSED[claimed]()

    async def _do(self, parts: Parts, key: Key, scope: Scope, receive: Receive, send: Send) -> None:
        """Has it done, and keeps the answer before anybody sees it."""
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)

        try:
            await self.app(scope, receive, keep)
        except BaseException:
            await release(parts.database, key)
            raise
        answer = _answer(messages)
        if 200 <= answer.status < 300:
            sealed = parts.vault.seal(answer.body, _PURPOSE)
            await settle(parts.database, key, answer._replace(body=sealed))
        else:
            await release(parts.database, key)
        for message in messages:
            await send(message)


async def _claim(parts: Parts, key: Key, fingerprint: str) -> Claim:
    try:
        return await claim(parts.database, key, fingerprint, parts.clock.now_us())
    except Duplicate:  # two processes at the same moment
        return "under way"


async def _send_again(answer: Answer, send: Send) -> None:
    headers = [
        (b"content-type", answer.media_type.encode("latin-1")),
        (b"content-length", b"%d" % len(answer.body)),
        (b"idempotent-replayed", b"true"),
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body, "more_body": False})


def _owner(identity: Identity | None) -> str:
    """A person keeps their keys over sessions; a program has them by its token."""
    if identity is None:
        return ""
    return f"user {identity.name}" if identity.kind == "session" else f"token {identity.key}"


def _checked(key: str) -> str:
    if not _KEY.fullmatch(key):
        raise BadRequest(HEADER, f"{HEADER} must be 1 to 255 printable characters of ASCII, e.g. a UUID")
    return key


async def _whole(receive: Receive) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message: Any = await receive()
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > BODY_MAX:
            raise Problem(413, "Too large", f"with {HEADER} a body may have {BODY_MAX} bytes at most")
        if not message.get("more_body", False):
            return b"".join(parts)


def _given(body: bytes, receive: Receive) -> Receive:
    """What hands out the body once more, then whatever comes after it."""
    waiting: list[Any] = [{"type": "http.request", "body": body, "more_body": False}]

    async def given() -> Any:
        return waiting.pop() if waiting else await receive()

    return given


def _fingerprint(scope: Scope, body: bytes) -> str:
    digest = hashlib.sha256()
    for part in (scope["path"].rstrip("/").encode("utf-8", "surrogateescape"), scope["query_string"], body):
        digest.update(b"%d:" % len(part) + part)
    return digest.hexdigest()


def _answer(messages: Sequence[Message]) -> Answer:
    start: Any = messages[0]
    rest: Sequence[Any] = messages[1:]
    media_type = next((value for name, value in start["headers"] if name.lower() == b"content-type"), b"")
    return Answer(start["status"], media_type.decode("latin-1"), b"".join(part.get("body", b"") for part in rest))


def _under_way() -> Problem:
    text = "the first request with this key is still under way; ask again in a moment"
    return Problem(409, "Conflict", text, headers={"Retry-After": "1"}, code="IDEMPOTENCY_KEY_IN_USE")


def _another() -> Problem:
    text = "this key was used for another request within the last 24 hours; use a new one"
    return Problem(422, "Unprocessable", text, code="IDEMPOTENCY_KEY_REUSED")


_REFUSED = {"under way": _under_way, "another request": _another}

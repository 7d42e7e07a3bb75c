"""The change feed: every change of state once, in the order of commits, as pages and as a stream of events.

Source: WHATWG HTML §9.2 (server-sent events: id, retry, comments, Last-Event-ID).
"""

import asyncio
import re
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, NamedTuple, cast

import msgspec
from litestar import Request, get
from litestar.openapi.spec import OpenAPIMediaType, Operation, Parameter, Schema
from litestar.openapi.spec.enums import OpenAPIType
from litestar.types import Receive, Scope, Send
from msgspec import Meta

from roundsman.api.answers import Json
from roundsman.api.authentication import requires
from roundsman.api.parts import Given, Parts
from roundsman.api.v0.query import Query, text, texts
from roundsman.kit import outbox
from roundsman.kit.database import Reader, Row
from roundsman.kit.page import parse_page
from roundsman.kit.problem import BadRequest, Problem
from roundsman.kit.times import iso

DEFAULT, MOST = 100, 1000
TOPICS_MAX = 50
STREAM_BATCH = 100
"""Events read at a time for a stream: all that a slow reader makes the server hold."""
HEARTBEAT_S = 15.0
LOOK_S = 2.0
"""How often a stream looks by itself: other processes' commits are not told to this one."""
STREAM_S = 900.0
"""After so long a stream ends and its reader comes back, so that who may no longer read is told."""
STREAMS_MAX = 256

_WHOLE = re.compile("[0-9]{1,18}")
_EVENT_STREAM = "text/event-stream"
_encode = msgspec.json.Encoder().encode


class Change(msgspec.Struct, rename="camel"):
    """One change of state."""

    sequence: Annotated[int, Meta(description="Its place: grows by one with each change, without gaps.")]
    uuid: Annotated[str, Meta(description="Stays the same however often it is delivered.")]
    topic: Annotated[str, Meta(description="What happened, e.g. run_capture.created.")]
    subject_uuid: Annotated[str, Meta(description="What it happened to.")]
    time: Annotated[str, Meta(description="ISO 8601 in UTC.")]
    data: Annotated[dict[str, Any], Meta(description="The resource as it was then; empty where it is large.")]


class Changes(msgspec.Struct):
    """Changes in the order of their commits."""

    items: list[Change]
    next: Annotated[str, Meta(description="`since` of the next call, also when there was nothing (yet).")]


class _Asked(NamedTuple):
    since: int
    limit: int
    topics: tuple[str, ...]


class _Page(NamedTuple):
    changes: list[Change]
    next: int
    whole: bool  # whether more is there already


_PARAMETERS = (
    text("since", "`next` of the last answer; `now`: only what is yet to come; nothing: from the oldest that is kept"),
    Parameter(
        name="limit",
        param_in="query",
        required=False,
        description="changes on a page",
        schema=Schema(type=OpenAPIType.INTEGER, minimum=1, default=DEFAULT),
    ),
    texts("topics", "only these, e.g. run.ended,anomaly.* ; a star stands for the rest"),
    Parameter(
        name="Last-Event-ID",
        param_in="header",
        required=False,
        description="of a stream that is taken up again; goes before `since`",
        schema=Schema(type=OpenAPIType.STRING),
    ),
)


@dataclass
class _Feed(Operation):
    def __post_init__(self) -> None:
        self.parameters = [*(self.parameters or []), *_PARAMETERS]
        answer: Any = (self.responses or {})["200"]
        answer.content[_EVENT_STREAM] = OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING))


@get(
    "/changes",
    opt=requires("read", "changes"),
    tags=["changes"],
    summary="Every change of state, once and in order",
    operation_class=_Feed,
)
async def list_changes(parts: Given, request: Request[Any, Any, Any]) -> Json[Changes]:
    """As a page, or with `Accept: text/event-stream` as a stream that goes on.

    Changes are kept for 30 days (setting `changes_keep_s`). 410 says that some behind `since` are not any more: read
    what you need from the lists, then go on with `since=now`.
    """
    asked = await _asked(parts, request)
    if _wants_stream(request):
        await read_changes(parts.database, asked)  # what is refused is refused before the stream begins
        return cast("Json[Changes]", Stream(parts, asked))
    page = await read_changes(parts.database, asked)
    headers: list[tuple[bytes, bytes]] = []
    if page.whole:
        others = [
            part for part in request.scope["query_string"].decode("latin-1").split("&") if not part.startswith("since=")
        ]
        query = "&".join([part for part in others if part] + [f"since={page.next}"])
        headers = [(b"link", f'<{request.scope["path"]}?{query}>; rel="next"'.encode("latin-1"))]
    return Json(_encode(Changes(page.changes, str(page.next))), headers)


async def read_changes(reader: Reader, asked: _Asked) -> _Page:
    """The changes behind `asked.since`. Raises: Problem 410 when some are forgotten, or were never made here."""
    last = await outbox.last(reader)  # first: what is numbered up to it is there to be read
    if asked.since > last:
        raise _gone(f"{asked.since} is not reached yet: the last change is {last}, so this is another database, or an "
                    "earlier state of it restored")  # fmt: skip
    since = await outbox.forgotten(reader, last) if asked.since < 0 else asked.since
    rows = await _rows(reader, asked._replace(since=since), last)
    known = await outbox.forgotten(reader, last)  # last: what was forgotten meanwhile is noticed
    if since < known:
        raise _gone(f"changes up to {known} are not kept any more")
    full = len(rows) == asked.limit
    return _Page(_shown(rows), rows[-1][0] if full else last, full)


async def _rows(reader: Reader, asked: _Asked, last: int) -> list[Row]:
    if not asked.topics:
        return [row for row in await outbox.after(reader, asked.since, asked.limit) if row[0] <= last]
    starts = tuple(topic[:-1] for topic in asked.topics if topic.endswith("*"))
    topics = {topic for topic in asked.topics if not topic.endswith("*")}
    if starts:
        topics.update(topic for topic in await outbox.known_topics(reader) if topic.startswith(starts))
    return await outbox.of_topics(reader, sorted(topics), asked.since, last, asked.limit)


def _shown(rows: list[Row]) -> list[Change]:
    """In one expression: pages of a thousand are what programs that catch up wait for."""
    raw: Any = msgspec.Raw
    return [
        Change(sequence, uuid, topic, subject_uuid, iso(created_us), raw(document))
        for sequence, uuid, topic, subject_uuid, created_us, document in rows
    ]


def _gone(why: str) -> Problem:
    text = f"{why}; read what you need from the lists, then go on with since=now"
    return Problem(410, "Gone", text, parameter="since", code="CHANGES_GONE")


async def _asked(parts: Parts, request: Request[Any, Any, Any]) -> _Asked:
    query = Query(request)
    limit = parse_page({"limit": query.last("limit") or ""}, default=DEFAULT, maximum=MOST).limit
    topics = tuple(dict.fromkeys(query.parts_of("topics") or ()))
    if len(topics) > TOPICS_MAX:
        raise BadRequest("topics", f"{TOPICS_MAX} topics are the most; leave them out for all")
    resumed = request.headers.get("last-event-id") if _wants_stream(request) else None
    name, since = ("Last-Event-ID", resumed) if resumed else ("since", query.last("since"))
    if since == "now":
        return _Asked(await outbox.last(parts.database), limit, topics)
    if not since:
        return _Asked(-1, limit, topics)
    if not _WHOLE.fullmatch(since):
        raise BadRequest(name, f"{name} must be `next` of an earlier answer, or now; not {since[:40]!r}")
    return _Asked(int(since), limit, topics)


def _wants_stream(request: Request[Any, Any, Any]) -> bool:
    return _EVENT_STREAM in request.headers.get("accept", "")


class Stream(Json[bytes]):
    """Changes as server-sent events, until the reader leaves, the server stops or `STREAM_S` are over."""

    running: ClassVar[set["asyncio.Future[None]"]] = set()  # those of this process, until their readers leave

    def __init__(self, parts: Parts, asked: _Asked) -> None:
        if len(Stream.running) >= STREAMS_MAX:
            text = f"{STREAMS_MAX} streams are open already; ask for pages, or come back later"
            raise Problem(503, "Busy", text, headers={"Retry-After": "30"}, code="TOO_MANY_STREAMS")
        self._parts = parts
        self._asked = asked._replace(limit=STREAM_BATCH)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends them; `send` waits for a slow reader, and nothing is read ahead for it."""
        headers = [
            (b"content-type", b"text/event-stream"),
            (b"cache-control", b"no-store"),
            (b"x-accel-buffering", b"no"),
        ]
        leaving = asyncio.ensure_future(_left(receive))
        Stream.running.add(leaving)
        try:
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await _send(send, b"retry: 2000\n\n")
            await self._go_on(send, leaving)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            Stream.running.discard(leaving)
            leaving.cancel()

    async def _go_on(self, send: Send, leaving: "asyncio.Future[None]") -> None:
        clock, commits = self._parts.clock, self._parts.database.commits
        ends_us = clock.now_us() + int(STREAM_S * 1_000_000)
        beat_us = clock.now_us()
        asked = self._asked
        while not leaving.done() and clock.now_us() < ends_us:
            committed = commits.next()  # before looking, so that nothing slips in between
            try:
                page = await read_changes(self._parts.database, asked)
                asked = asked._replace(since=page.next)
                if page.changes or clock.now_us() - beat_us >= HEARTBEAT_S * 1_000_000:
                    await _send(send, _events(page))
                    beat_us = clock.now_us()
                if not page.whole:
                    await self._rest(committed, leaving)
            finally:
                commits.leave(committed)

    async def _rest(self, *awaited: "asyncio.Future[None]") -> None:
        """Until there is a commit, the reader leaves, the server stops, or for a while."""
        resting = asyncio.ensure_future(self._parts.clock.sleep(LOOK_S))
        try:
            await asyncio.wait([resting, *awaited], return_when=asyncio.FIRST_COMPLETED)
        finally:
            resting.cancel()


async def _send(send: Send, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def _left(receive: Receive) -> None:
    """Returns when the reader has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _events(page: _Page) -> bytes:
    """The events of a page; without any a heartbeat, which moves the reader's Last-Event-ID over what is left out."""
    if not page.changes:
        return b": all is well\nid: %d\n\n" % page.next
    places = [*(change.sequence for change in page.changes[:-1]), page.next]
    return b"".join(map(_event, places, page.changes))


def _event(place: int, change: Change) -> bytes:
    """One event; `place` is where to go on from."""
    body = _encode(change).replace(b"\r", b"").replace(b"\n", b"\ndata: ")
    return b"id: %d\ndata: %b\n\n" % (place, body)


def end_streams() -> None:
    """Ends every stream of this process, because the server stops: their readers come back by themselves."""
    for leaving in Stream.running:
        leaving.cancel()


routes = [list_changes]

"""Sessions: where somebody is logged in, and how that is ended."""

from typing import Annotated, Any

import msgspec
from litestar import Request, delete, get
from litestar.params import FromPath
from msgspec import Meta

from roundsman.access import sessions
from roundsman.access.types import Identity, Session
from roundsman.api.answers import Json
from roundsman.api.authentication import requires
from roundsman.api.own.collection import Collection, collection, listing
from roundsman.api.own.users import asking, may_see
from roundsman.api.parts import Given, Parts
from roundsman.api.v0.query import Listing, Query, text
from roundsman.kit.problem import NotFound
from roundsman.kit.times import iso

OWN = requires("read", "users")
Asked = Request[Any, Any, Any]


class SessionShown(msgspec.Struct, rename="camel"):
    """A login."""

    uuid: str
    username: str
    created_at: str
    last_used_at: Annotated[str, Meta(description="Within a minute or so.")]
    expires_at: Annotated[str, Meta(description="Unless it is used until then, and at the latest after its lifetime.")]
    address: Annotated[str, Meta(description="From where it was opened.")]
    agent: Annotated[str, Meta(description="What the browser or program called itself.")]
    current: Annotated[bool, Meta(description="Whether this request comes with it.")]


@get(
    "/sessions",
    opt=OWN,
    tags=["access"],
    summary="Sessions",
    operation_class=listing(text("username", "whose")),
)
async def list_sessions(parts: Given, request: Asked) -> Json[Collection[SessionShown]]:
    """The last used first: one's own; administrators see everyone's."""
    query, me = Query(request), asking(request)
    wanted = query.lasts({"username": "username"}) if me.may("administer") else {"username": me.owner}
    asked = Listing(parts, query, sessions.SESSIONS, {"lastUsed": sessions.LAST_USED}, "lastUsed")
    found = await asked.read(wanted)
    return collection(asked, found, [shown(parts, me, Session(*row)) for row in asked.rows(found)])


@delete("/sessions/{uuid:str}", opt=OWN, tags=["access"], summary="End a session")
async def end_session(parts: Given, request: Asked, uuid: FromPath[str]) -> None:
    """One's own, also this one; administrators end everyone's."""
    me = asking(request)
    await parts.access.sessions.end(uuid, lambda session: check_seen(me, session))


def check_seen(me: Identity, session: Session) -> None:
    """Raises: NotFound for a session that this one may not see."""
    if not may_see(me, session.username):
        raise NotFound(f"there is no session {session.uuid}", "SESSION_NOT_FOUND")


def shown(parts: Parts, me: Identity, session: Session) -> SessionShown:
    """A session as it is served."""
    expires_us = min(session.expires_us, session.last_used_us + parts.access.sessions.idle_us)
    return SessionShown(
        session.uuid, session.username, iso(session.created_us), iso(session.last_used_us), iso(expires_us),
        session.address, session.agent, me.key == session.digest,
    )  # fmt: skip


routes = [list_sessions, end_session]

"""The audit trail: who changed what, and where it ends."""

from typing import Annotated, Any

import msgspec
from litestar import Request, get
from msgspec import Meta

from roundsman.access import audit
from roundsman.access.audit import Entry
from roundsman.api.answers import Json
from roundsman.api.authentication import requires
from roundsman.api.own.collection import Collection, collection, listing
from roundsman.api.parts import Given
from roundsman.api.v0.query import Listing, Query, text, time
from roundsman.kit.times import iso

READ = requires("administer", "audit")
COLUMNS = {"who": "who", "noun": "noun", "subject": "subject"}
PARAMETERS = (
    text("who", "a username, or the name of an API token"),
    text("noun", "what kind of thing, e.g. user, robot, site_walk"),
    text("subject", "the name or uuid of what was changed"),
    time("startTime", "not before this"),
    time("endTime", "before this"),
)
Asked = Request[Any, Any, Any]


class EntryShown(msgspec.Struct, rename="camel"):
    """One change."""

    sequence: Annotated[int, Meta(description="Its place in the trail, without gaps.")]
    time: str
    who: str
    kind: Annotated[str, Meta(description="session, token, command line, system or visitor")]
    address: str
    action: str
    noun: str
    subject: str
    before: Annotated[Any, Meta(description="What was before; null where there was nothing.")]
    after: Annotated[Any, Meta(description="What is there now; null where there is nothing.")]
    previous_hash: str
    hash: Annotated[str, Meta(description="SHA-256 over the entry and the hash before it: docs/access.md.")]


class HeadShown(msgspec.Struct):
    """Where the trail ends."""

    sequence: int
    hash: str


@get("/audit", opt=READ, tags=["access"], summary="The audit trail", operation_class=listing(*PARAMETERS))
async def list_entries(parts: Given, request: Asked) -> Json[Collection[EntryShown]]:
    """The newest first."""
    query = Query(request)
    asked = Listing(parts, query, audit.ENTRIES, {"newest": audit.NEWEST}, "newest")
    found = await asked.read(wanted_of(query))
    return collection(asked, found, [shown(Entry(*row)) for row in asked.rows(found)])


@get("/audit/head", opt=READ, tags=["access"], summary="Where the audit trail ends")
async def show_head(parts: Given) -> HeadShown:
    """Note the hash elsewhere: `roundsman audit verify --expect` then finds a trail that was cut off since."""
    return HeadShown(*await audit.head(parts.database))


def wanted_of(query: Query) -> dict[str, Any]:
    """What a query narrows the trail to. Raises: BadRequest."""
    wanted = query.lasts(COLUMNS)
    if (start_us := query.time("startTime")) is not None:
        wanted["time_us_from"] = start_us
    if (end_us := query.time("endTime")) is not None:
        wanted["time_us_until"] = end_us
    return wanted


def shown(entry: Entry) -> EntryShown:
    """An entry as it is served."""
    before, after = (None if said is None else msgspec.json.decode(said) for said in (entry.before, entry.after))
    values: dict[str, Any] = msgspec.structs.asdict(entry) | {"before": before, "after": after}
    return EntryShown(time=iso(values.pop("time_us")), **values)


routes = [list_entries, show_head]

"""The page of the audit trail: who changed what, in words, with what was before and after."""

from typing import Any

import msgspec
from litestar import Request, Response, get

from roundsman.access import audit
from roundsman.access.audit import Entry
from roundsman.api.authentication import requires
from roundsman.api.own.audit import wanted_of
from roundsman.api.parts import Given
from roundsman.api.v0.query import Listing, Query
from roundsman.web.rendering import Moment, moment, page
from roundsman.web.visitors import visit

Asked = Request[Any, Any, Any]
PATH = "/audit"
FILTERS = ("who", "noun", "subject", "startTime", "endTime")
NOUNS = (
    "anomaly", "backup", "export", "robot", "schedule", "session", "site_dock", "site_element", "site_map", "site_walk",
    "token", "user", "webhook", "webhook_delivery", "work_order", "work_order_settings",
)  # fmt: skip
DONE = {
    "create": "added", "update": "changed", "delete": "removed", "revoke": "revoked", "download": "downloaded",
    "cancel": "cancelled", "test": "tried out", "replay": "sent again", "retry": "sent again", "restore": "restored",
    "synchronise": "read the status of", "set password": "set the password of", "end": "ended a session of",
    "log in": "logged in", "log out": "logged out", "fail to log in": "failed to log in as",
}  # fmt: skip
OF_ONESELF = ("log in", "log out")
_WITHOUT_NOUN = (*OF_ONESELF, "fail to log in", "end")
LONG = 400  # characters of one value


class Member(msgspec.Struct, frozen=True):
    """What a change made of one member; the same on both sides where it did not change."""

    name: str
    before: str
    after: str
    is_changed: bool


class EntryShown(msgspec.Struct, frozen=True):
    """One change."""

    sequence: int
    time: Moment
    who: str
    kind: str
    address: str
    done: str
    noun: str
    subject: str
    uuid: str
    members: list[Member]
    hash: str


@get(PATH, opt=requires("administer", "audit"))
async def list_page(parts: Given, request: Asked) -> Response[str]:
    """The newest first, narrowed as its address says."""
    seen, now_us, query = await visit(parts, request), parts.clock.now_us(), Query(request)
    filters = {name: value for name in FILTERS if (value := query.last(name))}
    asked = Listing(parts, query, audit.ENTRIES, {"newest": audit.NEWEST}, "newest")
    found = await asked.read(wanted_of(query))
    return page(
        "audit.html",
        identity=seen.identity,
        csrf=seen.csrf,
        entries=[_shown(Entry(*row), now_us) for row in asked.rows(found)],
        filters=filters,
        nouns=NOUNS,
        older=asked.next(found)[0],
        newest=query.last("cursor") is None,
        head=await audit.head(parts.database),
    )


def _shown(entry: Entry, now_us: int) -> EntryShown:
    oneself = entry.action in OF_ONESELF and entry.subject == entry.who
    return EntryShown(
        sequence=entry.sequence,
        time=moment(entry.time_us, now_us),
        who=entry.who or "somebody",
        kind=entry.kind,
        address=entry.address,
        done=DONE.get(entry.action, entry.action),
        noun="" if entry.action in _WITHOUT_NOUN else entry.noun.replace("_", " "),
        subject="" if oneself else _name(entry),
        uuid=entry.subject,
        members=_members(entry),
        hash=entry.hash,
    )


def _name(entry: Entry) -> str:
    """What a thing is called, rather than its uuid."""
    said = [members.get("name") for members in (_object(entry.after), _object(entry.before))]
    return next((name for name in said if isinstance(name, str) and name), entry.subject)


def _members(entry: Entry) -> list[Member]:
    """What was before and after, member by member; a whole that has none is one."""
    before, after = (_object(said) for said in (entry.before, entry.after))
    names = [*before, *(name for name in after if name not in before)]
    pairs = [(name, _text(before, name), _text(after, name)) for name in names]
    return [Member(name, old, new, old != new) for name, old, new in pairs]


def _object(said: str | None) -> dict[str, Any]:
    if said is None or said == "null":
        return {}
    try:
        return msgspec.json.decode(said, type=dict[str, Any])
    except msgspec.ValidationError:
        return {"value": msgspec.json.decode(said)}


def _text(members: dict[str, Any], name: str) -> str:
    """A member as text; empty where there is none."""
    if name not in members:
        return ""
    value = members[name]
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= LONG else f"{text[:LONG]}…"


routes = [list_page]

"""How Roundsman speaks with the system that keeps the work orders, and when it makes one by itself.

Source: scout-api.md §4.2.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlsplit

import msgspec
from msgspec import Meta

from roundsman.kit.outbound import check_url
from roundsman.kit.problem import BadRequest
from roundsman.workorders.spec import MOST_BYTES, Field, fields_of
from roundsman.workorders.templates import Step, follow, path_of

LONGEST_SECRET = 4000
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
# Those that say how the request is framed, and those that are ours.
_OURS = frozenset({"host", "content-length", "content-type", "transfer-encoding", "connection", "idempotency-key"})


class Settings(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=False):
    """The settings of work orders, without the secret that the header's value is."""

    create_url: Annotated[str, Meta(description="Where a work order is made, by POST. Empty: there is no system.")] = ""
    auth_header_name: Annotated[str, Meta(description="The header that says who we are, e.g. Authorization.")] = ""
    spec_template: Annotated[
        dict[str, Any], Meta(description="The fields of an order: JSON of DictParam.Spec, with templateValue.")
    ] = msgspec.field(default_factory=dict[str, Any])
    title_field: Annotated[
        str, Meta(description="The member of the answer, or else of what was sent, that is the order's title.")
    ] = "title"
    id_field: Annotated[
        str, Meta(description="The member of the answer that is the order's id, e.g. id or data.id.")
    ] = "id"
    detail_url: Annotated[str, Meta(description="An order's page for people, with {id}. Empty: there is none.")] = ""
    status_url: Annotated[str, Meta(description="Where an order's status is read, by GET, with {id}.")] = ""
    status_field: Annotated[str, Meta(description="The member of that answer that is the status.")] = "status"
    status_type: Annotated[
        Literal["string", "boolean", "integer"], Meta(description="What kind of value that status is.")
    ] = "string"
    closed_values: Annotated[str, Meta(description="The values that mean closed, with commas between them.")] = "closed"
    auto_create: Annotated[bool, Meta(description="Make an order when an anomaly is opened.")] = False
    suppress_while_open: Annotated[
        bool, Meta(description="Make none by itself while one for the same site element is open.")
    ] = True
    sync_every_s: Annotated[int, Meta(ge=10, le=86_400, description="How often the status is read.")] = 300
    validate_tls_cert: Annotated[bool, Meta(description="Whether the other system's certificate is checked.")] = True

    @property
    def fields(self) -> list[Field]:
        """What an order is made of."""
        return fields_of(self.spec_template) if self.spec_template else []


def checked(settings: Settings) -> Settings:
    """The settings, once found usable. Raises: BadRequest that names the member."""
    _check_url("createUrl", settings.create_url)
    _check_url("detailUrl", settings.detail_url, with_id=True)
    _check_url("statusUrl", settings.status_url, with_id=True)
    _check_header(settings.auth_header_name)
    for name, path in (("idField", settings.id_field), ("statusField", settings.status_field)):
        if path_of(path) is None:
            raise BadRequest(
                name, f"{name} must name a member of the answer, such as id or data.id, not {path[:100]!r}"
            )
    if len(msgspec.json.encode(settings)) > MOST_BYTES:
        raise BadRequest(None, f"the settings may have at most {MOST_BYTES} bytes")
    fields = settings.fields
    if settings.create_url and not fields:
        raise BadRequest("specTemplate", "specTemplate is needed: without fields there is nothing to send")
    closed_among(settings, "")
    if settings.auto_create and not settings.create_url:
        raise BadRequest("createUrl", "createUrl is needed for orders that are made by themselves")
    return settings


def check_secret(secret: str) -> None:
    """Raises: BadRequest for a text that no header can have as its value."""
    if len(secret) > LONGEST_SECRET or not all(sign == "\t" or " " <= sign < "\x7f" for sign in secret):
        raise BadRequest("authHeaderValue", "authHeaderValue must be plain ASCII, without line breaks")


def origin(url: str) -> tuple[str, str, int | None]:
    """Who would learn a secret that is sent to `url`."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port


def about(url: str, external_id: str) -> str:
    """A URL with an order's id in its place; an id cannot lead elsewhere."""
    return url.replace("{id}", quote("_" if external_id in (".", "..") else external_id, safe=""))


def member_of(answer: Any, path: str) -> Any:
    """A member of an answer by its name, or by the way to it; None where there is none."""
    if isinstance(answer, dict) and path in answer:
        return follow(answer, (path,))
    steps: tuple[Step, ...] = path_of(path) or ()
    return follow(answer, steps) if steps else None


def id_of(settings: Settings, answer: Any) -> str | None:
    """The id in an answer; None where it has none that can be used."""
    found = member_of(answer, settings.id_field)
    if isinstance(found, bool) or not isinstance(found, str | int) or (isinstance(found, int) and abs(found) >= 2**63):
        return None
    text = str(found)
    return text if 0 < len(text) <= 500 and text.isprintable() else None


def title_of(settings: Settings, answer: Any, body: Mapping[str, Any]) -> str:
    """The title in an answer, or else in what was sent."""
    name = settings.title_field
    found = member_of(answer, name) or body.get(name) or ""
    return found[:500] if isinstance(found, str) else ""


def closed_among(settings: Settings, status: Any) -> bool:
    """Whether a status means closed. Texts are compared without case. Raises: ValueError for another kind of value;
    BadRequest for closed values that are not of the kind.
    """
    values = [value.strip() for value in settings.closed_values.split(",") if value.strip()]
    if settings.status_type == "string":
        if status is not None and not isinstance(status, str):
            raise ValueError(f"the status is no text but {_brief(status)}")
        return (status or "").strip().lower() in {value.lower() for value in values}
    if settings.status_type == "boolean":
        return _truth(status) in {_truth_named(value) for value in values}
    return _whole(status) in {_whole_named(value) for value in values}


def _truth(status: Any) -> bool | None:
    if status == "":
        return None
    if isinstance(status, bool):
        return status
    if isinstance(status, str) and status.lower() in ("true", "false"):
        return status.lower() == "true"
    raise ValueError(f"the status is neither true nor false but {_brief(status)}")


def _whole(status: Any) -> int | None:
    if status == "":
        return None
    if isinstance(status, int) and not isinstance(status, bool):
        return status
    if isinstance(status, str) and re.fullmatch(r"-?[0-9]{1,18}", status):
        return int(status)
    raise ValueError(f"the status is no whole number but {_brief(status)}")


def _truth_named(value: str) -> bool:
    if value.lower() not in ("true", "false"):
        raise BadRequest("closedValues", f"closedValues: {value[:100]!r} is neither true nor false")
    return value.lower() == "true"


def _whole_named(value: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,18}", value):
        raise BadRequest("closedValues", f"closedValues: {value[:100]!r} is no whole number")
    return int(value)


def _brief(value: Any) -> str:
    return msgspec.json.encode(value)[:100].decode("utf-8", "replace")


def _check_url(name: str, url: str, *, with_id: bool = False) -> None:
    if not url:
        return
    check_url(name, url)
    if with_id and "{id}" not in urlsplit(url)._replace(scheme="", netloc="").geturl():
        raise BadRequest(name, f"{name} must have {{id}} in its path, where the order's id is put")


def _check_header(name: str) -> None:
    if name and (not _HEADER.fullmatch(name) or name.lower() in _OURS):
        raise BadRequest(
            "authHeaderName", f"authHeaderName cannot be {name[:100]!r}: give a header such as Authorization"
        )

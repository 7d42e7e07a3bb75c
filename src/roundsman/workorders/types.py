"""Work orders as the API shows them, and as they are kept between attempts."""

from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta

from roundsman.workorders.spec import Field

State = Literal["waiting", "open", "closed", "failed"]
Origin = Literal["user", "alert"]
Level = Literal["info", "error"]
STATES: tuple[State, ...] = get_args(State)
Time = Annotated[str, Meta(description="ISO 8601 in UTC")]


class WorkOrder(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An order in the other system, or on its way there."""

    uuid: str
    state: Annotated[
        State,
        Meta(
            description="waiting: to be sent, again and again; open, closed: there, by its last status; "
            "failed: refused for what is in it, and tried again only when somebody asks for it."
        ),
    ]
    origin: Annotated[Origin, Meta(description="user: made by hand; alert: made when the anomaly was opened.")]
    created_by: str
    created_at: Time
    modified_at: Time
    anomaly_uuid: str
    action_name: str
    mission_name: str
    title: str
    external_id: Annotated[str | None, Meta(description="The other system's id. null: it gave none (yet).")]
    external_status: Annotated[str | float | bool | None, Meta(description="The status it last told.")]
    detail_url: Annotated[str | None, Meta(description="The order's page in the other system.")]
    problem: Annotated[str, Meta(description="Why the last attempt to send or synchronise failed; empty: it did not.")]
    attempts: Annotated[int, Meta(description="Failed attempts since the last success.")]
    next_attempt_at: Annotated[Time | None, Meta(description="When it is sent or synchronised next, by itself.")]
    synchronised_at: Time | None
    closed_at: Time | None


class LogLine(msgspec.Struct, frozen=True, rename="camel"):
    """A line of the health log."""

    uuid: str
    time: Time
    level: Level
    work_order_uuid: str | None
    text: str


class Picture(msgspec.Struct, frozen=True, rename="camel"):
    """A picture of an anomaly, before its bytes are read."""

    uuid: str
    channel_name: str
    time: str
    media_type: str
    sha256: str
    size_bytes: int


class Frozen(msgspec.Struct, frozen=True):
    """What the first attempt sent: from it, and from blobs that never change, every further one makes the same body."""

    idempotency_key: str
    fields: list[Field]
    pictures: list[Picture]


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A row, with what only we need to know of it."""

    order: WorkOrder
    anomaly: dict[str, Any]
    given: dict[str, Any]
    frozen: Frozen | None
    claimed_until_us: int

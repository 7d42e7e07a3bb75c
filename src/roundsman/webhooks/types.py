"""What a webhook can be told of, and how webhooks and deliveries are shown. Source: scout-api.md §2.15."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

TEST = "TEST"
COMPLETED, ALERTED = "ACTION_COMPLETED", "ACTION_COMPLETED_WITH_ALERT"

# By the topics of the outbox. The first two are the published ones; the others are ours, for who names them.
EVENTS: Mapping[str, str] = {
    "run_event.created": COMPLETED,
    "run_event.alerted": ALERTED,
    "run.started": "RUN_STARTED",
    "run.ended": "RUN_ENDED",
    "anomaly.opened": "ANOMALY_OPENED",
    "anomaly.closed": "ANOMALY_CLOSED",
    "robot.online": "ROBOT_ONLINE",
    "robot.offline": "ROBOT_OFFLINE",
    "schedule.missed": "SCHEDULE_MISSED",
}
TYPES = (*EVENTS.values(), TEST)

State = Literal["waiting", "delivered", "failed"]
STATES: tuple[State, ...] = ("waiting", "delivered", "failed")


class Webhook(msgspec.Struct, rename="camel"):
    """Who is told of what."""

    uuid: str
    url: str
    enabled: bool
    archived: bool
    events: list[str]
    validate_tls_cert: bool
    secret: Annotated[str, Meta(description="64 hexadecimal digits: the key that deliveries are signed with.")]
    problem: Annotated[str, Meta(description="Why Roundsman disabled it; empty: it did not.")] = ""


class Delivery(msgspec.Struct, rename="camel"):
    """One message to one webhook, and what came of its last attempt."""

    uuid: str
    webhook_uuid: str
    event_uuid: Annotated[str, Meta(description="The message's own uuid, the same in every attempt and replay.")]
    type: str
    state: str
    attempts: int
    created_at: str
    next_attempt_at: str | None
    attempted_at: str | None
    request_headers: dict[str, str]
    body: Annotated[str, Meta(description="What was sent; empty: it was not sent yet.")]
    status: Annotated[int | None, Meta(description="What the receiver answered; null: nothing.")]
    answer: Annotated[str, Meta(description="The beginning of the receiver's answer.")]
    problem: Annotated[str, Meta(description="Why the last attempt failed; empty: it did not.")]


class Message(msgspec.Struct):
    """What a receiver is sent."""

    uuid: str
    type: str
    time: str
    data: Any

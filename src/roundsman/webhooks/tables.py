"""Webhooks and the deliveries to them."""

from sqlalchemy import Column, Index, Table, UniqueConstraint

from roundsman.kit.schema import BigInt, Blob, Text, metadata

webhooks = Table(
    "webhooks",
    metadata,
    Column("uuid", Text, primary_key=True),
    Column("url", Text, nullable=False),
    Column("enabled", BigInt, nullable=False),
    Column("archived", BigInt, nullable=False),
    Column("events", Text, nullable=False),  # JSON list of names of types.EVENTS
    Column("validate_tls_cert", BigInt, nullable=False),
    Column("secret", Blob, nullable=False),  # sealed by the vault
    Column("created_us", BigInt, nullable=False),
    Column("modified_us", BigInt, nullable=False),
    Column("failing_since_us", BigInt),  # the first failure since the last success; null: all is well
    Column("problem", Text, nullable=False),  # why it was disabled by itself; empty: it was not
)

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("uuid", Text, primary_key=True),
    Column("webhook_uuid", Text, nullable=False),
    Column("event_uuid", Text, nullable=False),  # the message's uuid: the outbox event's, the same in every attempt
    Column("type", Text, nullable=False),
    Column("event_us", BigInt, nullable=False),
    Column("subject_uuid", Text, nullable=False),
    Column("document", Text, nullable=False),  # of the outbox
    Column("body", Text),  # what the first attempt sent, and every further one sends; null: it was not sent yet
    Column("state", Text, nullable=False),  # "waiting", "delivered" or "failed"
    Column("attempts", BigInt, nullable=False),
    Column("created_us", BigInt, nullable=False),
    Column("due_us", BigInt),  # when it is to be sent next; null: it is settled
    Column("claimed_until_us", BigInt, nullable=False),  # until then a process is at it
    Column("attempted_us", BigInt),  # the last attempt, and what came of it:
    Column("request_headers", Text, nullable=False),  # JSON
    Column("status", BigInt),
    Column("answer", Text, nullable=False),  # the beginning of what the receiver answered
    Column("problem", Text, nullable=False),
    UniqueConstraint("webhook_uuid", "event_uuid"),
    Index("ix_webhook_deliveries_webhook_uuid_due_us", "webhook_uuid", "due_us", "uuid"),
    Index("ix_webhook_deliveries_created_us", "created_us", "uuid"),
    Index("ix_webhook_deliveries_state_created_us", "state", "created_us", "uuid"),
    Index("ix_webhook_deliveries_webhook_uuid_created_us", "webhook_uuid", "created_us", "uuid"),
    Index("ix_webhook_deliveries_webhook_uuid_state_created_us", "webhook_uuid", "state", "created_us", "uuid"),
)

"""The schedule: one row per event of the calendar."""

from sqlalchemy import Column, Index, Table

from roundsman.kit.schema import BigInt, Text, metadata

calendar_events = Table(
    "calendar_events",
    metadata,
    Column("event_id", Text, primary_key=True),  # ours are UUIDv7; a client may bring another
    Column("nickname", Text, nullable=False),  # the robot's, repeated from the document to find what refers to it
    Column("mission_id", Text, nullable=False),  # the site walk's uuid, likewise
    Column("created_us", BigInt, nullable=False),
    Column("modified_us", BigInt, nullable=False),
    Column("document", Text, nullable=False),  # the event as v0 shows it, with members that only its writer knows
    Index("ix_calendar_events_created", "created_us", "event_id"),
    Index("ix_calendar_events_nickname", "nickname"),
    Index("ix_calendar_events_mission", "mission_id"),
)

"""The robots that Roundsman knows."""

from sqlalchemy import Column, Table

from roundsman.kit.schema import BigInt, Blob, Text, metadata

robots = Table(
    "robots",
    metadata,
    Column("hostname", Text, primary_key=True),
    Column("robot_index", BigInt, nullable=False, unique=True),
    Column("nickname", Text, nullable=False, unique=True),
    Column("username", Text, nullable=False),
    Column("password_sealed", Blob, nullable=False),
    Column("serial", Text),
    Column("software_version", Text),
    Column("software_changeset", Text),
    Column("created_us", BigInt, nullable=False),
    Column("modified_us", BigInt, nullable=False),
    Column("last_seen_us", BigInt),
)

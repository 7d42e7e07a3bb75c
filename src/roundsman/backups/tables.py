"""Backup tasks: one row for each backup that was asked for, also while it waits or is made."""

from sqlalchemy import Column, Index, Table

from roundsman.kit.schema import BigInt, Text, metadata

backup_tasks = Table(
    "backup_tasks",
    metadata,
    Column("uuid", Text, primary_key=True),
    Column("status", Text, nullable=False),  # one of types.STATUSES
    Column("created_us", BigInt, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("beat_us", BigInt, nullable=False),  # when whoever makes it last said so; 0: nobody yet
    Column("include_missions", BigInt, nullable=False),
    Column("include_captures", BigInt, nullable=False),
    Column("file_name", Text, nullable=False),
    Column("size_bytes", BigInt, nullable=False),  # so far
    Column("sha256", Text),  # of the whole file, once it is complete
    Column("ended_us", BigInt),
    Column("error", Text),
)
Index("ix_backup_tasks_created_us", backup_tasks.c.created_us, backup_tasks.c.uuid)
Index("ix_backup_tasks_status", backup_tasks.c.status, backup_tasks.c.created_us)

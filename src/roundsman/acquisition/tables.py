"""How far each robot's store has been acquired, and what it overwrote before we could."""

from sqlalchemy import Column, Index, Table, UniqueConstraint

from roundsman.kit.schema import BigInt, Text, metadata

# One row per *store epoch*: capture ids grow within one and may start again with the next, after a factory reset or
# an upgrade of the robot. Source: robot-link.md 3.3.
store_cursors = Table(
    "store_cursors",
    metadata,
    Column("robot_serial", Text, primary_key=True),
    Column("store_epoch", BigInt, primary_key=True),
    Column("software_identity", Text, nullable=False),  # changeset and install date, as the robot says them
    Column("last_id", BigInt, nullable=False),  # everything up to here is acquired, or recorded as lost
    Column("large_last_id", BigInt, nullable=False),  # the same of captures above 100 MB, which have their own lane
    Column("reconciled_id", BigInt, nullable=False),  # up to here compared with the robot's own list, twice
    Column("known_max_id", BigInt, nullable=False),  # the greatest id the robot ever told us in this epoch
    Column("created_us", BigInt, nullable=False),
    Column("modified_us", BigInt, nullable=False),
)

# Captures that the robot had and that can no longer be fetched. A range where the robot told us no more than ids.
lost_captures = Table(
    "lost_captures",
    metadata,
    Column("uuid", Text, primary_key=True),
    Column("robot_serial", Text, nullable=False),
    Column("store_epoch", BigInt, nullable=False),
    Column("first_data_id", BigInt, nullable=False),
    Column("last_data_id", BigInt, nullable=False),
    Column("run_uuid", Text),  # null: the robot never told us to which run they belonged
    Column("group_name", Text, nullable=False),
    Column("action_name", Text, nullable=False),
    Column("channel_name", Text, nullable=False),
    Column("reason", Text, nullable=False),  # "overwritten"
    Column("noticed_us", BigInt, nullable=False),
    UniqueConstraint("robot_serial", "store_epoch", "first_data_id"),
    Index("ix_lost_captures_noticed_us", "noticed_us", "uuid"),
    Index("ix_lost_captures_run_uuid", "run_uuid", "noticed_us", "uuid"),
    Index("ix_lost_captures_robot_serial", "robot_serial", "noticed_us", "uuid"),
)

"""Run events and what was captured at each of them.

Mission, action and robot are repeated on events and captures so that no filter of the API needs a join.
"""

from sqlalchemy import Column, Index, PrimaryKeyConstraint, Table, UniqueConstraint

from roundsman.kit.schema import BigInt, Blob, Text, metadata

run_events = Table(
    "run_events",
    metadata,
    Column("uuid", Text, primary_key=True),
    Column("run_uuid", Text, nullable=False),
    Column("event_type", Text, nullable=False),  # "daq" or "screenshot"
    Column("action_name", Text, nullable=False),
    Column("action_uuid", Text, nullable=False),  # the site element's uuid; "" when the robot did not say
    Column("mission_name", Text, nullable=False),
    Column("robot_serial", Text, nullable=False),
    Column("robot_hostname", Text, nullable=False),
    Column("robot_nickname", Text, nullable=False),
    Column("time_us", BigInt, nullable=False),  # of the action, converted from the robot's clock
    Column("created_us", BigInt, nullable=False),  # when Roundsman first stored something of it
    Column("modified_us", BigInt, nullable=False),
    Column("robot_time_us", BigInt, nullable=False),  # of the action, by the robot's clock: part of its natural key
    Column("error", BigInt, nullable=False),
    Column("worst_severity", BigInt, nullable=False),  # 0: no alert
    UniqueConstraint("run_uuid", "action_name", "robot_time_us"),
)

run_captures = Table(
    "run_captures",
    metadata,
    Column("uuid", Text, primary_key=True),
    Column("run_event_uuid", Text, nullable=False),
    Column("run_uuid", Text, nullable=False),
    Column("channel_name", Text, nullable=False),
    Column("data_name", Text, nullable=False),
    Column("kind", Text, nullable=False),  # "image", "data" or "large"
    Column("action_name", Text, nullable=False),
    Column("action_uuid", Text, nullable=False),
    Column("mission_name", Text, nullable=False),
    Column("robot_serial", Text, nullable=False),
    Column("robot_hostname", Text, nullable=False),
    Column("robot_nickname", Text, nullable=False),
    Column("time_us", BigInt, nullable=False),
    Column("created_us", BigInt, nullable=False),
    Column("file_name", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("blob_sha256", Text, nullable=False),
    Column("size_bytes", BigInt, nullable=False),
    Column("crc32", BigInt, nullable=False),
    Column("key_results", Text),  # JSON array as served, or null
    Column("action_channel_run_flag_uuid", Text, nullable=False),
    Column("store_epoch", BigInt, nullable=False),
    Column("data_id", BigInt, nullable=False),  # DataIdentifier.id, unique within (robot, epoch)
    UniqueConstraint("robot_serial", "store_epoch", "data_id"),
)

# Everything else the robot said of an action: metadata and alerts, kept as they came.
run_event_documents = Table(
    "run_event_documents",
    metadata,
    Column("uuid", Text, primary_key=True),
    Column("run_event_uuid", Text, nullable=False),
    Column("run_uuid", Text, nullable=False),
    Column("kind", Text, nullable=False),  # "metadata" or "alert"
    Column("channel_name", Text, nullable=False),
    Column("data_name", Text, nullable=False),
    Column("reference_data_id", BigInt),  # the capture it speaks of; null: the whole action
    Column("reference_channel_name", Text),  # the channel it speaks of; null: the whole action
    Column("severity", BigInt, nullable=False),  # alerts only, else 0
    Column("document", Text, nullable=False),  # JSON
    Column("created_us", BigInt, nullable=False),
    Column("robot_serial", Text, nullable=False),
    Column("store_epoch", BigInt, nullable=False),
    Column("data_id", BigInt, nullable=False),
    UniqueConstraint("robot_serial", "store_epoch", "data_id"),
)

# What else the robot said of a picture (frames, exposure, pixel format), in its own encoding: nothing acquired is lost.
run_capture_messages = Table(
    "run_capture_messages",
    metadata,
    Column("run_capture_uuid", Text, primary_key=True),
    Column("message", Blob, nullable=False),
)

# The filters that begin an index; each stands in front of both orders, (time_us, uuid) and (created_us, uuid).
# Hostname and nickname go by the serials that bore them (runs/tallies.py). A set of filters that is none of these goes
# by the longest that it contains and checks the rest row by row.
FILTERS = (
    (),
    ("robot_serial",),
    ("mission_name",),
    ("action_name",),
    ("action_uuid",),
    ("robot_serial", "mission_name"),
)
ORDERS = ("time_us", "created_us")

for table in (run_events, run_captures):
    for chosen in FILTERS:
        for order in ORDERS:
            Index("_".join(["ix", table.name, *chosen, order]), *(table.c[name] for name in (*chosen, order, "uuid")))

# excludeNonAlerts: alerts are rare, so these are small.
for chosen in FILTERS:
    for order in ORDERS:
        Index(
            "_".join(["ix_run_alerts", *chosen, order]),
            *(run_events.c[name] for name in (*chosen, order, "uuid")),
            sqlite_where=run_events.c.worst_severity > 0,
            postgresql_where=run_events.c.worst_severity > 0,
        )

# What belongs to one run or to one event: few rows, sorted as they are wanted. A run's captures go by its events.
Index("ix_run_events_run_uuid", run_events.c.run_uuid, run_events.c.time_us)
Index("ix_run_captures_run_event_uuid", run_captures.c.run_event_uuid, run_captures.c.time_us)
Index("ix_run_event_documents_run_event_uuid", run_event_documents.c.run_event_uuid)
Index("ix_run_event_documents_run_uuid", run_event_documents.c.run_uuid)

# Which actions were made, by which robot and in which mission; runs/facets and the totals of action filters read it.
run_actions = Table(
    "run_actions",
    metadata,
    Column("robot_serial", Text, nullable=False),
    Column("robot_hostname", Text, nullable=False),
    Column("robot_nickname", Text, nullable=False),
    Column("mission_name", Text, nullable=False),
    Column("action_name", Text, nullable=False),
    Column("action_uuid", Text, nullable=False),
    PrimaryKeyConstraint(
        "action_name", "action_uuid", "mission_name", "robot_serial", "robot_hostname", "robot_nickname"
    ),
)
Index("ix_run_actions_action_uuid", run_actions.c.action_uuid)

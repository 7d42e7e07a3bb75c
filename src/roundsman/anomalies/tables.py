"""Anomalies: one row per alert that an inspection raised."""

from sqlalchemy import Column, Index, Table, UniqueConstraint

from roundsman.kit.schema import BigInt, Text, metadata

anomalies = Table(
    "anomalies",
    metadata,
    Column("uuid", Text, primary_key=True),
    Column("alert_uuid", Text, nullable=False),  # the row of run_event_documents that it was opened by
    Column("run_uuid", Text, nullable=False),
    Column("run_event_uuid", Text, nullable=False),
    Column("element_id", Text, nullable=False),  # the event's action_uuid
    Column("robot_serial", Text, nullable=False),
    Column("robot_nickname", Text, nullable=False),
    Column("mission_name", Text, nullable=False),
    Column("action_name", Text, nullable=False),
    Column("channel_name", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("tags", Text, nullable=False),  # JSON list: what the walk's author wrote to the action
    Column("severity", BigInt, nullable=False),  # AlertData.SeverityLevel
    Column("time_us", BigInt, nullable=False),
    Column("created_us", BigInt, nullable=False),
    Column("status", Text, nullable=False),  # "open" or "closed"
    Column("status_modified_us", BigInt, nullable=False),  # 0 while nobody changed it
    Column("status_modified_by", Text, nullable=False),
    UniqueConstraint("alert_uuid"),
)
ANOMALY_FILTERS = ((), ("status",))
ANOMALY_ORDERS = ("time_us", "created_us", "status_modified_us")
# What the page filters by besides; only by time.
ANOMALY_FILTERS_BY_TIME = (
    ("status", "severity"),
    ("status", "source"),
    ("severity",),
    ("source",),
    ("element_id",),
)

for chosen in ANOMALY_FILTERS:
    for order in ANOMALY_ORDERS:
        Index("_".join(["ix_anomalies", *chosen, order]), *(anomalies.c[name] for name in (*chosen, order, "uuid")))
for chosen in ANOMALY_FILTERS_BY_TIME:
    Index("_".join(["ix_anomalies", *chosen, "time_us"]), *(anomalies.c[name] for name in (*chosen, "time_us", "uuid")))
Index("ix_anomalies_run_event_uuid", anomalies.c.run_event_uuid)
Index("ix_anomalies_element_id", anomalies.c.element_id, anomalies.c.status)

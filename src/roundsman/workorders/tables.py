"""Work orders, their settings, and what became of sending and synchronising them."""

from sqlalchemy import Column, Index, Table

from roundsman.kit.schema import BigInt, Blob, Text, metadata

# One row, `settings_id` 0.
work_order_settings = Table(
    "work_order_settings",
    metadata,
    Column("settings_id", BigInt, primary_key=True, autoincrement=False),
    Column("document", Text, nullable=False),  # JSON of settings.Settings
    Column("auth_value", Blob),  # sealed by the vault
    Column("automatic_since_us", BigInt, nullable=False),  # anomalies opened before make no order by themselves
    Column("modified_us", BigInt, nullable=False),
    Column("modified_by", Text, nullable=False),
)

work_orders = Table(
    "work_orders",
    metadata,
    Column("uuid", Text, primary_key=True),
    Column("state", Text, nullable=False),  # a name of types.STATES
    Column("origin", Text, nullable=False),  # "user" or "alert"
    Column("created_by", Text, nullable=False),
    Column("created_us", BigInt, nullable=False),
    Column("modified_us", BigInt, nullable=False),
    Column("anomaly_uuid", Text, nullable=False),
    Column("alert_anomaly_uuid", Text),  # the same, of automatic ones only: each anomaly makes one at most
    Column("subject", Text, nullable=False),  # what it is about: the site element, or its action and mission
    Column("action_name", Text, nullable=False),
    Column("mission_name", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("anomaly", Text, nullable=False),  # JSON of the anomaly as it was when the order was made
    Column("given", Text, nullable=False),  # JSON of the values that a person gave instead of templates
    Column("frozen", Text),  # JSON of what the first attempt sent, so that every further one sends the same
    Column("external_id", Text),  # the other system's id; null: it does not have it yet, or did not say
    Column("external_status", Text),  # JSON of the status that it last told
    Column("detail_url", Text),  # its page there
    Column("problem", Text, nullable=False),  # why the last attempt failed; empty: it did not
    Column("attempts", BigInt, nullable=False),  # that failed since the last success
    Column("due_us", BigInt),  # when it is to be sent or synchronised next; null: not by itself
    Column("claimed_until_us", BigInt, nullable=False),  # until then a process is at it
    Column("synchronised_us", BigInt),
    Column("closed_us", BigInt),
    Index("ix_work_orders_alert_anomaly_uuid", "alert_anomaly_uuid", unique=True),
    Index("ix_work_orders_due_us", "due_us"),
    Index("ix_work_orders_created_us", "created_us", "uuid"),
    Index("ix_work_orders_state_created_us", "state", "created_us", "uuid"),
    Index("ix_work_orders_anomaly_uuid_created_us", "anomaly_uuid", "created_us", "uuid"),
    Index("ix_work_orders_subject_created_us", "subject", "created_us", "uuid"),
)

# The health log. It keeps the newest lines only.
work_order_log = Table(
    "work_order_log",
    metadata,
    Column("uuid", Text, primary_key=True),
    Column("created_us", BigInt, nullable=False),
    Column("level", Text, nullable=False),  # "info" or "error"
    Column("work_order_uuid", Text),  # null: it concerns none, or all
    Column("text", Text, nullable=False),
    Index("ix_work_order_log_created_us", "created_us", "uuid"),
    Index("ix_work_order_log_work_order_uuid", "work_order_uuid", "created_us", "uuid"),
)

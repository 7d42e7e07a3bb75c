"""Runs: one row per mission or teleoperation session of one robot."""

from sqlalchemy import Column, Index, PrimaryKeyConstraint, Table, UniqueConstraint

from roundsman.kit.schema import BigInt, Double, Text, metadata

runs = Table(
    "runs",
    metadata,
    Column("uuid", Text, primary_key=True),
    Column("run_type", Text, nullable=False),  # "mission" or "teleop"
    Column("group_name", Text, nullable=False),  # the robot's name for it, e.g. 2026-11-23T185610Z_Boiler round
    Column("mission_name", Text, nullable=False),
    Column("mission_status", Text, nullable=False),  # one of the eight names of robot-link.md 3.1
    Column("start_us", BigInt, nullable=False),
    Column("end_us", BigInt),  # null while it is under way
    Column("created_us", BigInt, nullable=False),
    Column("modified_us", BigInt, nullable=False),
    Column("robot_serial", Text, nullable=False),
    Column("robot_hostname", Text, nullable=False),
    Column("robot_nickname", Text, nullable=False),
    Column("operator_id", Text, nullable=False),
    Column("action_count", BigInt, nullable=False),
    Column("pending_action_count", BigInt, nullable=False),
    Column("software_major", BigInt, nullable=False),
    Column("software_minor", BigInt, nullable=False),
    Column("software_patch", BigInt, nullable=False),
    Column("software_git_hash", Text, nullable=False),
    Column("distance_m", Double, nullable=False),
    Column("motors_on_s", Double, nullable=False),
    Column("moving_s", Double, nullable=False),
    Column("worst_severity", BigInt, nullable=False),  # AlertData.SeverityLevel; 0 while there is no alert
    Column("robot_mission_id", BigInt),  # MissionService's number, to recognise a mission after a lost link
    Column("watched", Text),  # how far it was watched, as JSON (runs/record.py); null when nobody watches it now
    UniqueConstraint("robot_serial", "group_name"),
)

# Every order of the list under every filter by which runs are told apart. Rows are few (one per mission), so each pair
# has an index of its own; hostname and nickname go by the serials that bore them (runs/tallies.py).
RUN_FILTERS = ((), ("robot_serial",), ("mission_name",), ("run_type",), ("robot_serial", "mission_name"))
RUN_ORDERS = ((), ("robot_nickname",), ("mission_name",), ("mission_status",))

for names in sorted({tuple(dict.fromkeys((*chosen, *order))) for chosen in RUN_FILTERS for order in RUN_ORDERS}):
    Index(
        "_".join(["ix_runs", *names, "start_us"]),
        *(runs.c[name] for name in (*names, "start_us", "uuid")),
    )
Index("ix_runs_modified_us", runs.c.modified_us)  # modifiedAt
Index("ix_runs_end_us", runs.c.end_us)  # the runs that are under way

# Under which names robots have made runs: a filter on one of the names looks up the others.
run_robots = Table(
    "run_robots",
    metadata,
    Column("robot_serial", Text, nullable=False),
    Column("robot_hostname", Text, nullable=False),
    Column("robot_nickname", Text, nullable=False),
    PrimaryKeyConstraint("robot_serial", "robot_hostname", "robot_nickname"),
)

# Uuids of watched runs that were joined to the runs of their captures (runs/aliases.py).
run_aliases = Table(
    "run_aliases",
    metadata,
    Column("uuid", Text, primary_key=True),
    Column("run_uuid", Text, nullable=False),  # the run that it is
    Column("created_us", BigInt, nullable=False),
)

"""Statistics of runs: each session's figures, and their sum. Source: scout-api.md §2.14.

These read every run of the range beside the quick reads: a report, not a list to page through.
"""

from typing import Annotated, Any

import msgspec
from sqlalchemy import bindparam, func, select

from roundsman.captures.run_log import SEVERITIES
from roundsman.captures.tables import run_events
from roundsman.kit.database import Database, Statement
from roundsman.kit.times import iso
from roundsman.runs.matching import Ranges
from roundsman.runs.tables import runs
from roundsman.runs.types import Time

FIRST_US, LAST_US = 0, 2**62  # before and after every run


class Session(msgspec.Struct, frozen=True, rename="camel"):
    """One run's figures."""

    start: Time
    mission_name: str
    duration_s: Annotated[int, msgspec.Meta(description="until now while it is under way")]
    robot_name: str
    run_id: str
    time_motors_on_s: int
    time_moving_s: int
    distance_traveled_m: float
    status: str
    worst_severity: Annotated[str, msgspec.Meta(description="INFO, WARN, ERROR, CRITICAL; empty without alerts")]


class Summary(msgspec.Struct, frozen=True, rename="camel"):
    """The figures of many missions together. Teleoperation counts for the distance only."""

    actions_completed_percentage: Annotated[float, msgspec.Meta(description="0 to 100; 0 without any")]
    actions_attempted: int
    missions_attempted: int
    missions_completed_percentage: Annotated[float, msgspec.Meta(description="0 to 100; 0 without any")]
    distance_traveled_m: float


class Selection(msgspec.Struct, frozen=True):
    """Which runs: those that began in a range, of some missions (None: all), with at least such an alert."""

    start: Ranges
    mission_names: frozenset[str] | None = None
    minimum_severity: int = 0

    def takes(self, mission_name: str, severity: int) -> bool:
        """Whether a run of the range is meant."""
        named = self.mission_names is None or mission_name in self.mission_names
        return named and severity >= self.minimum_severity


_SESSION: tuple[str, ...] = (
    "uuid", "start_us", "end_us", "mission_name", "robot_nickname", "motors_on_s", "moving_s", "distance_m",
    "mission_status", "worst_severity",
)  # fmt: skip
_in_range = (runs.c.start_us >= bindparam("from_us"), runs.c.start_us < bindparam("until_us"))
_sessions = Statement(
    select(*(runs.c[name] for name in _SESSION)).where(*_in_range).order_by(runs.c.start_us.desc(), runs.c.uuid.desc())
)
_done = (
    select(func.count())
    .select_from(run_events)
    .where(run_events.c.run_uuid == runs.c.uuid, run_events.c.error == 0)
    .scalar_subquery()
)
_figures = Statement(
    select(
        *(runs.c[name] for name in ("mission_name", "worst_severity", "run_type", "mission_status", "distance_m")),
        runs.c.action_count,
        _done,
    ).where(*_in_range)
)


async def sessions(database: Database, selection: Selection, now_us: int) -> list[Session]:
    """Every run of the selection, the newest first."""
    found: list[Session] = []
    async for rows in database.scan(_sessions, **_bounds(selection.start)):
        named = (dict(zip(_SESSION, row, strict=True)) for row in rows)
        found += [_session(row, now_us) for row in named if selection.takes(row["mission_name"], row["worst_severity"])]
    return found


async def summary(database: Database, selection: Selection) -> Summary:
    """The selection's figures together. An action is completed when its event bears no error."""
    attempted = completed = missions = succeeded = 0
    distance_m = 0.0
    async for rows in database.scan(_figures, **_bounds(selection.start)):
        for mission_name, severity, run_type, status, metres, actions, done in rows:
            if not selection.takes(mission_name, severity):
                continue
            distance_m += metres
            if run_type == "mission":
                missions += 1
                succeeded += status == "SUCCESS"
                attempted += max(actions, done)
                completed += done
    return Summary(
        _percentage(completed, attempted), attempted, missions, _percentage(succeeded, missions), round(distance_m, 3)
    )


def _session(row: dict[str, Any], now_us: int) -> Session:
    end_us: int = now_us if row["end_us"] is None else row["end_us"]
    lasted_s = max(0, end_us - int(row["start_us"])) // 1_000_000
    return Session(
        start=iso(row["start_us"]), mission_name=row["mission_name"], duration_s=lasted_s,
        robot_name=row["robot_nickname"], run_id=row["uuid"], time_motors_on_s=int(row["motors_on_s"]),
        time_moving_s=int(row["moving_s"]), distance_traveled_m=round(row["distance_m"], 3),
        status=row["mission_status"], worst_severity=SEVERITIES[int(row["worst_severity"])],
    )  # fmt: skip


def _bounds(start: Ranges) -> dict[str, int]:
    return {
        "from_us": FIRST_US if start.from_us is None else start.from_us,
        "until_us": LAST_US if start.until_us is None else start.until_us,
    }


def _percentage(part: int, whole: int) -> float:
    return round(100 * part / whole, 2) if whole else 0.0

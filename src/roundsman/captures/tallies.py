"""What is counted of run events and run captures; runs/tallies.py says how and why.

Series: everything, per robot, per mission, per robot and mission, and per robot and action (an action is told by
mission, name and uuid together). So every set of the API's filters is a sum over a few of them.
They are counted once more by how long after its time a thing was stored (runs/lags.py).
Events are counted by `time` and by `created`, once more if they raised an alert; captures by `created` alone, the only
time that the API filters them by.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from roundsman.captures.tables import run_actions
from roundsman.kit.database import Transaction, upsert
from roundsman.runs.lags import lag_of
from roundsman.runs.tallies import mission_names, remember_robot, robot_names, series_of

EVENTS, ALERTS, CAPTURES = "run_events", "run_alerts", "run_captures"

_remember_action = upsert(run_actions, [column.name for column in run_actions.columns])


def action_names(row: Mapping[str, Any]) -> tuple[str, ...]:
    """The part of a series' name that tells the action."""
    return ("action", row["mission_name"], row["action_name"], row["action_uuid"])


async def count_event(tx: Transaction, event: Mapping[str, Any], delta: int = 1) -> None:
    """Counts a run event that was stored, and as alerting too if its `worst_severity` is above 0.

    Its captures bear the same robot, mission and action; therefore only events note which there are.
    """
    await remember_robot(tx, event)
    await tx.execute(_remember_action, **{column.name: event[column.name] for column in run_actions.columns})
    _count(tx, EVENTS, event, ("time_us", "created_us"), delta)
    if event["worst_severity"] > 0:
        count_alerting_event(tx, event, delta)


def count_alerting_event(tx: Transaction, event: Mapping[str, Any], delta: int = 1) -> None:
    """Counts an event that raises its first alert after it was stored."""
    _count(tx, ALERTS, event, ("time_us", "created_us"), delta)


def count_capture(tx: Transaction, capture: Mapping[str, Any], delta: int = 1) -> None:
    """Counts a run capture that was stored."""
    _count(tx, CAPTURES, capture, ("created_us",), delta)


def _count(tx: Transaction, base: str, row: Mapping[str, Any], axes: tuple[str, ...], delta: int) -> None:
    lag = lag_of(row["time_us"], row["created_us"])
    for axis in axes:
        tx.tally(f"{base}.{axis}/{lag}", row[axis], delta)
        for series in _series(f"{base}.{axis}", row):
            tx.tally(series, row[axis], delta)


def _series(base: str, row: Mapping[str, Any]) -> Iterator[str]:
    robot, mission = robot_names(row), mission_names(row)
    yield base
    yield series_of(base, *robot)
    yield series_of(base, *mission)
    yield series_of(base, *robot, *mission)
    yield series_of(base, *robot, *action_names(row))

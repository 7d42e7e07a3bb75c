"""What is counted of run events and run captures; runs/tallies.py says how and why.

Series: everything, per robot, per mission, per robot and mission, and per robot and action (an action is told by
mission, name and uuid together). So every set of the API's filters is a sum over a few of them.
They are counted once more by how long after its time a thing was stored (`lag_of`): a list in the order of one time,
filtered by the other, begins where it must and not at the end of all there is.
Events are counted by `time` and by `created`, once more if they raised an alert; captures by `created` alone, the only
time that the API filters them by.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from roundsman.captures.tables import run_actions
from roundsman.kit import tally
from roundsman.kit.database import Reader, Transaction, upsert
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


_LAGS = 8  # beyond 8^8 minutes a lag is taken to be without bound


def lag_of(time_us: int, created_us: int) -> str:
    """How long after its time a thing was stored, by powers of 8 minutes: "late-2" is less than 64 minutes.

    "early": its time lies after that, because a robot's clock was ahead.
    """
    minutes = abs(created_us - time_us) // 60_000_000
    return f"{'late' if created_us >= time_us else 'early'}-{min(_LAGS, (minutes.bit_length() + 2) // 3)}"


class Lags(NamedTuple):
    """The longest that things were stored after (`late_us`) and before their time; None is without bound."""

    late_us: int | None
    early_us: int | None


async def lags(reader: Reader, base: str, from_us: int | None, until_us: int | None) -> Lags:
    """The lags of what lies in a range of a time; `base` as in "run_captures.created_us"."""
    names = {f"{base}/{kind}-{power}": (kind, power) for kind in ("late", "early") for power in range(_LAGS + 1)}
    found = [names[name] for name in await tally.present(reader, list(names), from_us, until_us)]
    longest = (max((power for kind, power in found if kind == wanted), default=0) for wanted in ("late", "early"))
    return Lags(*(None if power == _LAGS else 8**power * 60_000_000 for power in longest))


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

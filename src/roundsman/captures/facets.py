"""Facets: which missions, actions, channels and robots there are to choose from. Source: scout-api.md §2.13.

Everything is read from what is counted or named once (tallies, run_actions, run_robots) or along an index, so that it
takes as long with ten million captures as with ten.
"""

from functools import cache
from typing import Annotated

import msgspec
from sqlalchemy import bindparam, func, select

from roundsman.captures.tables import run_actions, run_captures, run_events
from roundsman.kit import tally
from roundsman.kit.database import Reader, Statement, in_binds, in_values
from roundsman.kit.times import iso
from roundsman.runs.matching import known_robots
from roundsman.runs.reading import values_of
from roundsman.runs.tables import runs
from roundsman.runs.tallies import BY_START, mission_names, series_of
from roundsman.runs.types import Time

LATEST = 20
"""So many of an action's last visits tell its channels."""

MISSION_ORDERS = ("mission", "sessions", "lastRunStartTime")

_actions = Statement(
    select(run_actions.c.action_uuid, run_actions.c.action_name)
    .where(run_actions.c.mission_name == bindparam("mission_name"))
    .distinct()
    .order_by(run_actions.c.action_name, run_actions.c.action_uuid)
)
_latest = Statement(
    select(run_events.c.uuid)
    .where(
        run_events.c.action_uuid == bindparam("action_uuid"),
        run_events.c.mission_name.concat("") == bindparam("mission_name"),
    )
    .order_by(run_events.c.time_us.desc())
    .limit(LATEST)
)
_last_start = Statement(select(func.max(runs.c.start_us)).where(runs.c.mission_name == bindparam("mission_name")))


class ActionFacet(msgspec.Struct, frozen=True):
    """An action of a mission."""

    id: Annotated[str, msgspec.Meta(description="the action's uuid: that of its site element where it has one")]
    name: str
    channels: Annotated[list[str], msgspec.Meta(description=f"what its last {LATEST} visits captured")]


class RobotFacet(msgspec.Struct, frozen=True):
    """A robot that made runs, under the names that it had then."""

    robot_hostname: str
    robot_serial: str
    robot_nickname: str


class MissionFacet(msgspec.Struct, frozen=True, rename="camel"):
    """A mission that was run."""

    mission_name: str
    session_count: int
    last_run_start_time: Time


async def robots_run(reader: Reader) -> list[RobotFacet]:
    """Every robot that made a run, by each of its names."""
    facets = [RobotFacet(**robot) for robot in await known_robots(reader)]
    return sorted(facets, key=lambda one: (one.robot_nickname, one.robot_hostname, one.robot_serial))


async def actions_of(reader: Reader, mission_name: str) -> list[ActionFacet]:
    """The actions of a mission, by name, with the channels of each."""
    return [
        ActionFacet(uuid, name, await _channels(reader, mission_name, uuid))
        for uuid, name in await reader.all(_actions, mission_name=mission_name)
    ]


async def _channels(reader: Reader, mission_name: str, action_uuid: str) -> list[str]:
    events = [uuid for (uuid,) in await reader.all(_latest, action_uuid=action_uuid, mission_name=mission_name)]
    if not events:
        return []
    rows = await reader.all(_channels_of(len(events)), **in_values("event", events))
    return sorted(name for (name,) in rows)


@cache
def _channels_of(count: int) -> Statement:
    table = run_captures
    return Statement(
        select(table.c.channel_name).where(table.c.run_event_uuid.in_(in_binds("event", count))).distinct()
    )


async def missions_run(reader: Reader, order: str) -> list[MissionFacet]:
    """Every mission that was run; by name, or those with the most runs first, or the latest first."""
    names = await values_of(reader, "mission_name") or []
    found = [await _mission(reader, name) for name in names]
    if order == "sessions":
        found.sort(key=lambda one: -one.session_count)
    elif order == "lastRunStartTime":
        found.sort(key=lambda one: one.last_run_start_time, reverse=True)
    return found


async def _no_edge(from_us: int, until_us: int) -> int:
    return 0  # all time has none


async def _mission(reader: Reader, name: str) -> MissionFacet:
    series = series_of(BY_START, *mission_names({"mission_name": name}))
    count = await tally.total(reader, series, None, None, _no_edge)
    row = await reader.one(_last_start, mission_name=name)
    return MissionFacet(name, count, iso(row[0] if row and row[0] is not None else 0))

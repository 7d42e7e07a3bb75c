"""Opening, changing and closing runs.

A run is told of twice: by the robot's mission service, which we watch (status, operator, distance), and by its
captures, which bear the robot's own name for the run, its *group* (`2026-11-23T185610Z_Boiler round`). Either may come
first, and only the robot knows the group's exact name. So a run that is watched has a provisional group name until a
capture tells the right one, and a run known from captures is gone on with by the watched one that it turns out to be
(runs/groups.py says how they are matched). Then `(robot_serial, group_name)` is unique, and either order gives the
same run.

Source: robot-link.md §4; scout-api.md §2.9.
"""

import functools
from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import bindparam, delete, insert, select, update

from roundsman.kit.database import Statement, Transaction
from roundsman.kit.identifiers import new_uuid
from roundsman.runs.aliases import add_alias
from roundsman.runs.groups import PROVISIONAL, TELEOP_NAME, Group, captured_as, watched_as
from roundsman.runs.tables import runs
from roundsman.runs.tallies import count_modified, count_run

_RECENT_US = 6 * 3_600_000_000


class RobotIdentity(msgspec.Struct, frozen=True):
    """Which robot something happened on, by the names that rows bear."""

    serial: str
    hostname: str
    nickname: str
    software_version: tuple[int, int, int] = (0, 0, 0)
    software_git_hash: str = ""


class Run(msgspec.Struct, frozen=True):
    """What others need of a run in the transaction that ensures it."""

    uuid: str
    run_type: str
    mission_name: str


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """A run as it is first seen on the robot. `robot_mission_id` is -1 for teleoperation.

    `exact` says that `start_us` is what the robot told, not when it was seen first. `progress` is the watcher's own
    note, kept with the run until it is closed.
    """

    run_type: str
    mission_name: str
    robot_mission_id: int
    operator_id: str
    action_count: int
    start_us: int
    exact: bool = False
    status: str = "RUNNING"
    progress: str = "{}"


_COLUMNS = [column.name for column in runs.columns]
_of_robot = select(*runs.columns).where(runs.c.robot_serial == bindparam("robot_serial"))
_newest_first = runs.c.start_us.desc()
_by_group = Statement(_of_robot.where(runs.c.group_name == bindparam("group_name")))
_by_uuid = Statement(select(*runs.columns).where(runs.c.uuid == bindparam("uuid")))
_provisional = Statement(_of_robot.where(runs.c.group_name >= PROVISIONAL).order_by(_newest_first).limit(20))
_between = _of_robot.where(runs.c.start_us >= bindparam("from_us"), runs.c.start_us <= bindparam("until_us"))
_recent = Statement(_between.order_by(_newest_first).limit(20))
_open = Statement(_of_robot.where(runs.c.end_us.is_(None)).order_by(_newest_first).limit(20))
_watched = Statement(select(*runs.columns).where(runs.c.end_us.is_(None), runs.c.watched.is_not(None)))
_insert = Statement(insert(runs))
_delete = Statement(delete(runs).where(runs.c.uuid == bindparam("uuid")))

Row = dict[str, Any]
_COUNTED_BY = ("start_us", "mission_name", "run_type")
_TOLD_BY_WATCHING = (
    "mission_status", "operator_id", "distance_m", "motors_on_s", "moving_s", "robot_mission_id", "action_count",
    "pending_action_count", "watched",
)  # fmt: skip


def _row(values: tuple[Any, ...]) -> Row:
    return dict(zip(_COLUMNS, values, strict=True))


async def ensure_run(
    tx: Transaction, robot: RobotIdentity, group_name: str, at_us: int, now_us: int, clock_ahead_us: int = 0
) -> Run:
    """The run that bears the robot's group name; a capture of it was made at `at_us` (our clock).

    `clock_ahead_us` is the robot's clock minus ours. A group that nobody watched is a run of status UNKNOWN that ends
    with its last capture; one that was closed before its last capture lasts until then.
    """
    group = Group.of(group_name, at_us, clock_ahead_us)
    found = await tx.one(_by_group, robot_serial=robot.serial, group_name=group_name)
    row = _row(found) if found else None
    if row is None or row["robot_mission_id"] is None:
        rows = [_row(values) for values in await tx.all(_provisional, robot_serial=robot.serial)]
        watched = watched_as(group, rows)
        if watched is not None:
            row = await (_absorb(tx, row, watched, now_us) if row else _name(tx, watched, group, now_us))
    if row is None:
        row = await _insert_captured(tx, robot, group, now_us)
    if row["end_us"] is not None and row["end_us"] < at_us:
        await _change(tx, row, row | {"end_us": at_us, "modified_us": now_us})
    return Run(row["uuid"], row["run_type"], row["mission_name"])


async def _name(tx: Transaction, row: Row, group: Group, now_us: int) -> Row:
    """Gives a watched run its group's name, and the start that it tells."""
    named = {
        **row,
        "group_name": group.name,
        "mission_name": row["mission_name"] or group.mission_name,
        "start_us": min(row["start_us"], group.credible_start_us),
        "modified_us": now_us,
    }
    await _change(tx, row, named)
    return named


async def _absorb(tx: Transaction, captured: Row, watched: Row, now_us: int) -> Row:
    """Joins a watched run to the one that its captures made: what was watched is now told of that."""
    await tx.execute(_delete, uuid=watched["uuid"])
    await add_alias(tx, watched["uuid"], captured["uuid"], now_us)
    await count_run(tx, watched, -1)
    end_us = None if watched["end_us"] is None else max(watched["end_us"], captured["end_us"] or 0)
    told = {name: watched[name] for name in _TOLD_BY_WATCHING}
    joined = captured | told | {"end_us": end_us, "modified_us": now_us}
    joined["action_count"] = max(captured["action_count"], watched["action_count"])
    await _change(tx, captured, joined)
    return joined


async def _insert_captured(tx: Transaction, robot: RobotIdentity, group: Group, now_us: int) -> Row:
    row = _fresh(robot, now_us) | {
        "run_type": group.run_type, "mission_name": group.mission_name, "group_name": group.name,
        "start_us": group.credible_start_us, "end_us": group.at_us,
    }  # fmt: skip
    await _store(tx, row)
    return row


def _fresh(robot: RobotIdentity, now_us: int) -> Row:
    major, minor, patch = robot.software_version
    return {
        "uuid": new_uuid(), "mission_status": "UNKNOWN", "created_us": now_us, "modified_us": now_us,
        "robot_serial": robot.serial, "robot_hostname": robot.hostname, "robot_nickname": robot.nickname,
        "operator_id": "", "action_count": 0, "pending_action_count": 0, "software_major": major,
        "software_minor": minor, "software_patch": patch, "software_git_hash": robot.software_git_hash,
        "distance_m": 0.0, "motors_on_s": 0.0, "moving_s": 0.0, "worst_severity": 0, "robot_mission_id": None,
        "watched": None,
    }  # fmt: skip


async def _store(tx: Transaction, row: Row) -> None:
    await tx.execute(_insert, **row)
    await count_run(tx, row)


@functools.cache
def _update(names: frozenset[str]) -> Statement:
    values: dict[str, Any] = {name: bindparam(name) for name in sorted(names)}
    return Statement(update(runs).where(runs.c.uuid == bindparam("of_uuid")).values(values))


async def _change(tx: Transaction, before: Row, after: Row) -> None:
    """Changes what differs, and only that: others change the rest. What a run is counted by is counted anew."""
    changed = {name: value for name, value in after.items() if value != before[name]}
    if changed:
        await tx.execute(_update(frozenset(changed)), of_uuid=before["uuid"], **changed)
    if any(before[name] != after[name] for name in _COUNTED_BY):
        await count_run(tx, before, -1)
        await count_run(tx, after)
    else:
        count_modified(tx, before["start_us"], before["modified_us"], after["modified_us"])


async def open_watched(tx: Transaction, robot: RobotIdentity, watched: Watched, now_us: int) -> Row:
    """The open run that is being watched: continued, joined to its captures, or new."""
    for row in await open_runs(tx, robot.serial):
        if row["robot_mission_id"] == watched.robot_mission_id and row["run_type"] == watched.run_type:
            going = row | {"watched": watched.progress}
            await _change(tx, row, going)
            return going
    told: Row = {
        "mission_status": watched.status, "robot_mission_id": watched.robot_mission_id, "end_us": None,
        "operator_id": watched.operator_id, "action_count": watched.action_count,
        "pending_action_count": watched.action_count, "watched": watched.progress, "modified_us": now_us,
    }  # fmt: skip
    fresh: Row = _fresh(robot, now_us) | told | {
        "run_type": watched.run_type, "mission_name": watched.mission_name, "start_us": watched.start_us,
    }  # fmt: skip
    near = {"from_us": watched.start_us - _RECENT_US, "until_us": watched.start_us + _RECENT_US}
    recent = [_row(values) for values in await tx.all(_recent, robot_serial=robot.serial, **near)]
    captured = captured_as(fresh, recent, exact=watched.exact)
    if captured is None:
        fresh["group_name"] = f"{PROVISIONAL}{fresh['uuid']}"
        await _store(tx, fresh)
        return fresh
    gone_on = {**captured, **told, "action_count": max(captured["action_count"], watched.action_count)}
    await _change(tx, captured, gone_on)
    return gone_on


async def open_runs(tx: Transaction, serial: str) -> list[Row]:
    """The robot's runs that are under way as far as is stored, newest first."""
    return [_row(values) for values in await tx.all(_open, robot_serial=serial)]


async def watched_runs(tx: Transaction) -> list[Row]:
    """Every robot's runs that are under way and watched, as far as is stored."""
    return [_row(values) for values in await tx.all(_watched)]


async def change_run(tx: Transaction, uuid: str, changes: Mapping[str, Any], now_us: int) -> bool:
    """Changes columns of a run; False when it is gone, because it was joined to another."""
    found = await tx.one(_by_uuid, uuid=uuid)
    if found is None:
        return False
    row = _row(found)
    await _change(tx, row, {**row, **changes, "modified_us": now_us})
    return True


__all__ = [
    "TELEOP_NAME", "RobotIdentity", "Run", "Watched", "change_run", "ensure_run", "open_runs", "open_watched",
    "watched_runs",
]  # fmt: skip

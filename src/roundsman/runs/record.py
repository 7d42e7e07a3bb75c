"""Opening, changing and closing runs.

A run is told of twice: by the robot's mission service, which we watch (status, operator, distance), and by its
captures, which bear the robot's own name for the run, its *group* (`2026-11-23T185610Z_Boiler round`). Either may come
first, and only the robot knows the group's exact name. So a run that is watched has a provisional group name until a
capture tells the right one, and a run known from captures is joined by the watched one that it turns out to be. Then
`(robot_serial, group_name)` is unique, and either order gives the same run.

Source: robot-link.md §4; scout-api.md §2.9.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import bindparam, delete, insert, select, update

from roundsman.kit.database import Statement, Transaction
from roundsman.kit.identifiers import new_uuid
from roundsman.runs.tables import runs
from roundsman.runs.tallies import count_run

TELEOP_NAME = "Teleop"
"""Mission name of teleoperation sessions: official examples join it to file names, so it may not be empty."""

NEAR_US = 120_000_000
"""A watched run and a group that start within this are the same. From play to the first capture it takes seconds."""
_PROVISIONAL = "~"  # sorts behind every real group name, which begin with a digit or a letter
_LONGEST_US = 6 * 3_600_000_000  # beyond a battery's life nothing is the same run
_GROUP = re.compile(r"(?:teleop_)?(\d{4}-?\d{2}-?\d{2}T\d{6}Z)")


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
    """A run as it is first seen on the robot. `robot_mission_id` is -1 for teleoperation."""

    run_type: str
    mission_name: str
    robot_mission_id: int
    operator_id: str
    action_count: int
    start_us: int


_COLUMNS = [column.name for column in runs.columns]
_of_robot = select(*runs.columns).where(runs.c.robot_serial == bindparam("robot_serial"))
_by_group = Statement(_of_robot.where(runs.c.group_name == bindparam("group_name")))
_by_uuid = Statement(select(*runs.columns).where(runs.c.uuid == bindparam("uuid")))
_provisional = Statement(_of_robot.where(runs.c.group_name >= _PROVISIONAL).order_by(runs.c.start_us.desc()).limit(20))
_recent = Statement(
    _of_robot.where(runs.c.start_us >= bindparam("from_us"), runs.c.start_us <= bindparam("until_us"))
    .order_by(runs.c.start_us.desc())
    .limit(20)
)
_open = Statement(_of_robot.where(runs.c.end_us.is_(None)).order_by(runs.c.start_us.desc()).limit(20))
_insert = Statement(insert(runs))
_delete = Statement(delete(runs).where(runs.c.uuid == bindparam("uuid")))
_replace = Statement(
    update(runs)
    .where(runs.c.uuid == bindparam("of_uuid"))
    .values({name: bindparam(name) for name in _COLUMNS if name != "uuid"})
)
_extend = Statement(
    update(runs)
    .where(runs.c.uuid == bindparam("uuid"), runs.c.end_us < bindparam("until_us"))
    .values(end_us=bindparam("until_us"), modified_us=bindparam("now_us"))
)

Row = dict[str, Any]


def _row(values: tuple[Any, ...]) -> Row:
    return dict(zip(_COLUMNS, values, strict=True))


def group_start_us(group_name: str) -> int | None:
    """When a group began, by the robot's clock and to the second; None when its name does not say."""
    found = _GROUP.match(group_name)
    if found is None:
        return None
    moment = datetime.strptime(found[1].replace("-", ""), "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return int(moment.timestamp()) * 1_000_000


def group_kind(group_name: str) -> tuple[str, str]:
    """Run type and mission name that a group's name tells."""
    if group_name.startswith("teleop"):
        return "teleop", TELEOP_NAME
    return "mission", group_name.partition("_")[2] or group_name


async def ensure_run(tx: Transaction, robot: RobotIdentity, group_name: str, at_us: int, now_us: int) -> Run:
    """The run that bears the robot's group name; a capture of it was made at `at_us` (our clock).

    A group that nobody watched is a run of status UNKNOWN that ends with its last capture.
    """
    found = await tx.one(_by_group, robot_serial=robot.serial, group_name=group_name)
    row = _row(found) if found else None
    watched = await _watched_as(tx, robot.serial, group_name, at_us)
    if watched is not None:
        row = await (_absorb(tx, row, watched, now_us) if row else _name(tx, watched, group_name, at_us, now_us))
    elif row is None:
        row = await _insert_captured(tx, robot, group_name, at_us, now_us)
    elif row["robot_mission_id"] is None and row["end_us"] is not None:
        await tx.execute(_extend, uuid=row["uuid"], until_us=at_us, now_us=now_us)
    return Run(row["uuid"], row["run_type"], row["mission_name"])


async def _watched_as(tx: Transaction, serial: str, group_name: str, at_us: int) -> Row | None:
    """The watched run, still without its group's name, that this group is."""
    run_type, mission_name = group_kind(group_name)
    start_us = group_start_us(group_name)
    for values in await tx.all(_provisional, robot_serial=serial):
        row = _row(values)
        if row["run_type"] != run_type or row["mission_name"] not in {"", mission_name}:
            continue
        near = start_us is not None and abs(row["start_us"] - start_us) <= NEAR_US
        ended = row["end_us"] is not None and at_us > row["end_us"] + NEAR_US
        earlier = start_us is not None and start_us <= row["start_us"] + NEAR_US
        while_watched = earlier and at_us >= row["start_us"] - 2_000_000 and not ended
        if near or while_watched:
            return row
    return None


async def _name(tx: Transaction, row: Row, group_name: str, at_us: int, now_us: int) -> Row:
    """Gives a watched run its group's name, and the start that it tells."""
    _, mission_name = group_kind(group_name)
    start_us = min(row["start_us"], _start_us(group_name, at_us))
    named = row | {"group_name": group_name, "mission_name": mission_name, "start_us": start_us, "modified_us": now_us}
    await _change(tx, row, named)
    return named


async def _absorb(tx: Transaction, captured: Row, watched: Row, now_us: int) -> Row:
    """Joins a watched run to the one that its captures made: what was watched is now told of that."""
    await tx.execute(_delete, uuid=watched["uuid"])
    await count_run(tx, watched, -1)
    told = ("mission_status", "end_us", "operator_id", "distance_m", "motors_on_s", "moving_s", "robot_mission_id",
            "action_count", "pending_action_count")  # fmt: skip
    joined = captured | {name: watched[name] for name in told} | {"modified_us": now_us}
    await _change(tx, captured, joined)
    return joined


async def _insert_captured(tx: Transaction, robot: RobotIdentity, group_name: str, at_us: int, now_us: int) -> Row:
    run_type, mission_name = group_kind(group_name)
    row = _fresh(robot, now_us) | {
        "run_type": run_type, "mission_name": mission_name, "group_name": group_name,
        "start_us": _start_us(group_name, at_us), "end_us": at_us,
    }  # fmt: skip
    await _store(tx, row)
    return row


def _start_us(group_name: str, at_us: int) -> int:
    """When a group began; where its name does not say it credibly, with this capture."""
    start_us = group_start_us(group_name)
    credible = start_us is not None and at_us - _LONGEST_US <= start_us <= at_us + NEAR_US
    return min(start_us, at_us) if credible and start_us is not None else at_us


def _fresh(robot: RobotIdentity, now_us: int) -> Row:
    major, minor, patch = robot.software_version
    return {
        "uuid": new_uuid(), "mission_status": "UNKNOWN", "created_us": now_us, "modified_us": now_us,
        "robot_serial": robot.serial, "robot_hostname": robot.hostname, "robot_nickname": robot.nickname,
        "operator_id": "", "action_count": 0, "pending_action_count": 0, "software_major": major,
        "software_minor": minor, "software_patch": patch, "software_git_hash": robot.software_git_hash,
        "distance_m": 0.0, "motors_on_s": 0.0, "moving_s": 0.0, "worst_severity": 0, "robot_mission_id": None,
    }  # fmt: skip


async def _store(tx: Transaction, row: Row) -> None:
    await tx.execute(_insert, **row)
    await count_run(tx, row)


async def _change(tx: Transaction, before: Row, after: Row) -> None:
    """Replaces a row, counted anew where what it is counted by has changed."""
    values = {name: value for name, value in after.items() if name != "uuid"}
    await tx.execute(_replace, of_uuid=before["uuid"], **values)
    if any(before[name] != after[name] for name in ("start_us", "mission_name", "run_type")):
        await count_run(tx, before, -1)
        await count_run(tx, after)


async def open_watched(tx: Transaction, robot: RobotIdentity, watched: Watched, now_us: int) -> str:
    """The uuid of the open run that is being watched: continued, joined to its captures, or new."""
    for values in await tx.all(_open, robot_serial=robot.serial):
        row = _row(values)
        if row["robot_mission_id"] == watched.robot_mission_id and row["run_type"] == watched.run_type:
            return row["uuid"]
    row = await _captured_as(tx, robot.serial, watched)
    told: Row = {
        "mission_status": "RUNNING", "robot_mission_id": watched.robot_mission_id, "end_us": None,
        "operator_id": watched.operator_id, "action_count": watched.action_count,
        "pending_action_count": watched.action_count, "modified_us": now_us,
    }  # fmt: skip
    if row is not None:
        await _change(tx, row, row | told)
        return row["uuid"]
    fresh = _fresh(robot, now_us)
    fresh |= told | {"group_name": _PROVISIONAL + fresh["uuid"], "run_type": watched.run_type,
                     "mission_name": watched.mission_name, "start_us": watched.start_us}  # fmt: skip
    await _store(tx, fresh)
    return fresh["uuid"]


async def _captured_as(tx: Transaction, serial: str, watched: Watched) -> Row | None:
    """The run that captures have made already of what is being watched now: the one that began at the same time."""
    near = {"from_us": watched.start_us - NEAR_US, "until_us": watched.start_us + NEAR_US}
    for values in await tx.all(_recent, robot_serial=serial, **near):
        row = _row(values)
        same = row["run_type"] == watched.run_type and watched.mission_name in {"", row["mission_name"]}
        if same and row["robot_mission_id"] is None:
            return row
    return None


async def open_runs(tx: Transaction, serial: str) -> list[Row]:
    """The robot's runs that are under way as far as is stored, newest first."""
    return [_row(values) for values in await tx.all(_open, robot_serial=serial)]


async def change_run(tx: Transaction, uuid: str, changes: Mapping[str, Any], now_us: int) -> bool:
    """Changes columns of a run; False when it is gone, because it was joined to another."""
    found = await tx.one(_by_uuid, uuid=uuid)
    if found is None:
        return False
    row = _row(found)
    await _change(tx, row, {**row, **changes, "modified_us": now_us})
    return True

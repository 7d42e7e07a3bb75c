"""Opening, changing and closing runs."""

from sqlalchemy import bindparam, insert, select

import msgspec

from roundsman.kit.database import Statement, Transaction
from roundsman.kit.identifiers import new_uuid
from roundsman.runs.tables import runs
from roundsman.runs.tallies import count_run


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


_find = Statement(
    select(runs.c.uuid, runs.c.run_type, runs.c.mission_name).where(
        runs.c.robot_serial == bindparam("robot_serial"), runs.c.group_name == bindparam("group_name")
    )
)
_insert = Statement(insert(runs))


async def ensure_run(tx: Transaction, robot: RobotIdentity, group_name: str, at_us: int, now_us: int) -> Run:
    """The run that bears the robot's group name; opened when it is unknown."""
    found = await tx.one(_find, robot_serial=robot.serial, group_name=group_name)
    if found is not None:
        return Run(*found)
    teleop = group_name.startswith("teleop_")
    major, minor, patch = robot.software_version
    row = {
        "uuid": new_uuid(), "run_type": "teleop" if teleop else "mission", "group_name": group_name,
        "mission_name": "" if teleop else group_name.partition("_")[2] or group_name, "mission_status": "UNKNOWN",
        "start_us": at_us, "end_us": None, "created_us": now_us, "modified_us": now_us, "robot_serial": robot.serial,
        "robot_hostname": robot.hostname, "robot_nickname": robot.nickname, "operator_id": "", "action_count": 0,
        "pending_action_count": 0, "software_major": major, "software_minor": minor, "software_patch": patch,
        "software_git_hash": robot.software_git_hash, "distance_m": 0.0, "motors_on_s": 0.0, "moving_s": 0.0,
        "worst_severity": 0, "robot_mission_id": None,
    }  # fmt: skip
    await tx.execute(_insert, **row)
    await count_run(tx, row)
    return Run(row["uuid"], row["run_type"], row["mission_name"])

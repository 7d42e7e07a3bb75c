"""Runs as the API shows them. Source: scout-api.md §2.9."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

MISSION_STATUSES = ("UNKNOWN", "FAILURE", "RUNNING", "SUCCESS", "PAUSED", "ERROR", "NONE", "STOPPED")

MissionStatus = Literal["UNKNOWN", "FAILURE", "RUNNING", "SUCCESS", "PAUSED", "ERROR", "NONE", "STOPPED"]
RunType = Literal["teleop", "mission"]
Time = Annotated[str, Meta(description="ISO 8601 in UTC, always with a fraction of seconds and Z")]


class Run(Struct, frozen=True, gc=False, rename="camel"):
    """One mission or teleoperation session of one robot."""

    uuid: str
    run_type: RunType
    start_time: Time
    end_time: Annotated[Time | None, Meta(description="null while it is under way")]
    mission_name: str
    mission_status: MissionStatus
    action_count: int
    pending_action_count: int
    robot_hostname: str
    robot_serial: str
    robot_nickname: str
    operator_id: Annotated[str, Meta(description="user name of the driver")]
    robot_software_major_version: int
    robot_software_minor_version: int
    robot_software_patch_version: int
    robot_software_git_hash: str

"""The robots that Roundsman knows, and who drives each.

Source: scout-api.md §2.2, §2.3.
"""

from typing import Annotated

import msgspec
from litestar import Response, delete, get, post
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from roundsman.api.authentication import requires
from roundsman.api.parts import Given, Parts
from roundsman.kit.problem import NotFound
from roundsman.robots.registry import Robot as Registered


class Robot(msgspec.Struct, rename="camel"):
    """A robot as it is listed. Its password is never shown."""

    robot_index: Annotated[int, Meta(description="The slot it takes, from 0.")]
    hostname: Annotated[str, Meta(description="Name or address, with `:port` where it is not 443.")]
    nickname: str
    username: Annotated[str, Meta(description="The robot's user that Roundsman logs in as.")]
    paired: Annotated[bool, Meta(description="Whether Roundsman has ever reached it with this user.")]
    bootable: Annotated[bool, Meta(description="Whether its power can be switched from here.")]


class NewRobot(msgspec.Struct):
    """What it takes to add a robot."""

    hostname: str
    nickname: str
    username: str
    password: str


class Added(msgspec.Struct, rename="camel"):
    """The slot of the robot that was added."""

    robot_index: int


class RobotSession(msgspec.Struct, rename="camel"):
    """What a robot is doing, and for whom."""

    mission_running: bool
    current_driver_id: Annotated[str, Meta(description="Who drives it; empty when nobody does.")]
    body_lease_owner: Annotated[str, Meta(description="The client that holds the lease of its body; empty: none.")]


@get("/robots", opt=requires("read", "robots"), tags=["robots"], summary="All robots")
async def list_robots(parts: Given) -> list[Robot]:
    """A bare list, also of robots that cannot be reached."""
    return [_shown(robot) for robot in await parts.registry.list()]


@get("/robots/{hostname:str}", opt=requires("read", "robots"), tags=["robots"], summary="One robot")
async def one_robot(parts: Given, hostname: FromPath[str]) -> Robot:
    """By its hostname; 404 when there is none."""
    return _shown(await parts.registry.get(hostname))


@post("/robots", status_code=200, opt=requires("administer", "robots"), tags=["robots"], summary="Add a robot")
async def add_robot(parts: Given, data: JSONBody[NewRobot]) -> Added:
    """Adds it also when it cannot be reached now: it is then shown as offline, with the reason."""
    robot = await parts.registry.add(data.hostname, data.nickname, data.username, data.password)
    return Added(robot.robot_index)


@delete(
    "/robots/{hostname:str}",
    status_code=200,
    opt=requires("administer", "robots"),
    tags=["robots"],
    summary="Remove a robot",
)
async def remove_robot(parts: Given, hostname: FromPath[str]) -> Response[dict[str, str]]:
    """Forgets the robot; what it has captured stays."""
    await parts.registry.remove(hostname)
    return Response({"removed": hostname})


@get(
    "/robot-session/{nickname:str}/session",
    opt=requires("read", "robots"),
    tags=["robots"],
    summary="What a robot is doing",
)
async def robot_session(parts: Given, nickname: FromPath[str]) -> RobotSession:
    """By its nickname; from the last state that the robot told."""
    for robot in await parts.registry.list():
        if robot.nickname == nickname:
            return _session(parts, robot.hostname)
    raise NotFound(f"there is no robot with the nickname {nickname}")


def _shown(robot: Registered) -> Robot:
    return Robot(robot.robot_index, robot.hostname, robot.nickname, robot.username, robot.paired, robot.bootable)


def _session(parts: Parts, hostname: str) -> RobotSession:
    live = parts.fleet.live(hostname)
    return RobotSession(live.mission_running, live.lease_owner, live.lease_owner)


routes = [list_robots, one_robot, add_robot, remove_robot, robot_session]

"""Robots over version 1: who each is, whether it can be reached and why not, and what it last told of itself.

Source: scout-api.md §0.1; of the members only `id` and `nickname` are known of the closed server, the others are ours.
"""

from typing import Annotated, Any

import msgspec
from litestar import Request, get
from litestar.params import FromPath
from msgspec import Meta

from roundsman.api.authentication import requires
from roundsman.api.parts import Given, Parts
from roundsman.api.v1.paging import Items, listing, page_of, page_out_of, query_of
from roundsman.kit.problem import NotFound
from roundsman.kit.times import iso, iso_or_none
from roundsman.robots.link import Connection, LiveState, MissionStatus, Observation
from roundsman.robots.registry import Robot as Registered


class RobotMission(msgspec.Struct, rename="camel"):
    """The mission that a robot has loaded."""

    name: str
    status: MissionStatus


class RobotState(msgspec.Struct, rename="camel"):
    """What a robot told of itself at `observedAt`. It is current only while the connection is `connected`."""

    observed_at: str
    battery_percent: Annotated[float | None, Meta(description="Charge; null where the robot did not say.")]
    charging: bool
    docked: bool
    dock_id: Annotated[int | None, Meta(description="The number of the dock that it stands on.")]
    motors_on: bool
    estopped: bool
    mission: Annotated[RobotMission | None, Meta(description="Null when no mission is loaded.")]
    lease_owner: Annotated[str, Meta(description="The client that holds the lease of its body; empty: none.")]
    faults: tuple[str, ...]


class FleetRobot(msgspec.Struct, rename="camel"):
    """A robot that this server looks after."""

    id: Annotated[str, Meta(description="Opaque. It stays the same as long as the hostname does.")]
    nickname: str
    hostname: Annotated[str, Meta(description="Name or address, with `:port` where it is not 443.")]
    serial: Annotated[str | None, Meta(description="Its serial number; null until it was reached once.")]
    software_version: Annotated[str | None, Meta(description="As the robot told when it was last connected.")]
    connection: Annotated[
        Connection,
        Meta(
            description="`connected`: its state is fresh. `stale`: its last answer is old. `offline`: it cannot be "
            "reached. `unsupported`: it or this server lacks what is needed. `unknown`: not tried yet."
        ),
    ]
    connection_reason: Annotated[str, Meta(description="Why it is not `connected`, for people; empty when it is.")]
    last_seen_at: Annotated[str | None, Meta(description="When it last answered.")]
    state: Annotated[RobotState | None, Meta(description="Null until it was reached since this server started.")]


@get(
    "/api/fleet/v1/robots",
    opt=requires("read", "robots"),
    tags=["robots"],
    summary="Robots",
    operation_class=listing(
        nickname="the robot's nickname", hostname="the robot's hostname", serial="the robot's serial number"
    ),
)
async def list_robots(parts: Given, request: Request[Any, Any, Any]) -> Items[FleetRobot]:
    """In the order of their slots, also those that cannot be reached."""
    query = query_of(request)
    page = page_of(query, parts)
    wanted = {name: query[name] for name in ("nickname", "hostname", "serial") if name in query}
    found = [
        robot for robot in await parts.registry.list()
        if all(getattr(robot, name) == value for name, value in wanted.items())
    ]  # fmt: skip
    chosen = page_out_of(found, page)
    return Items([_shown(parts, robot) for robot in chosen.items], chosen.page)


@get("/api/fleet/v1/robots/{id:str}", opt=requires("read", "robots"), tags=["robots"], summary="One robot")
async def one_robot(parts: Given, id: FromPath[str]) -> FleetRobot:  # noqa: A002 - its name on the wire
    """By its id; ROBOT_NOT_FOUND when there is none."""
    for robot in await parts.registry.list():
        if robot.uuid == id:
            return _shown(parts, robot)
    raise NotFound(f"there is no robot with the id {id}", "ROBOT_NOT_FOUND")


def _shown(parts: Parts, robot: Registered) -> FleetRobot:
    live = parts.fleet.live(robot.hostname)
    return FleetRobot(
        id=robot.uuid,
        nickname=robot.nickname,
        hostname=robot.hostname,
        serial=robot.serial,
        software_version=robot.software_version,
        connection=live.connection,
        connection_reason="" if live.connection == "connected" else live.reason,
        last_seen_at=iso_or_none(_last_seen_us(robot, live)),
        state=None if live.observation is None else _state(live.observation),
    )


def _last_seen_us(robot: Registered, live: LiveState) -> int | None:
    """The later of what this process saw and what was last noted."""
    return max((at_us for at_us in (robot.last_seen_us, live.last_seen_us) if at_us is not None), default=None)


def _state(seen: Observation) -> RobotState:
    mission = seen.mission if seen.mission and seen.mission.status != "NONE" else None
    return RobotState(
        observed_at=iso(seen.at_us),
        battery_percent=seen.battery_pct,
        charging=seen.charging,
        docked=seen.docked,
        dock_id=seen.dock_id,
        motors_on=seen.motors_on,
        estopped=seen.estopped,
        mission=mission and RobotMission(mission.name, mission.status),
        lease_owner=seen.lease_owner,
        faults=seen.faults,
    )


routes = [list_robots, one_robot]

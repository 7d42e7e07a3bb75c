# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportAttributeAccessIssue=false, reportMissingTypeStubs=false, reportCallIssue=false, reportArgumentType=false
"""A Spot's messages read into our own words. Fields are read one by one: a whole state as JSON costs 1.3 ms.

Source: robot-link.md §3.1.
"""

import math
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from bosdyn.api import robot_state_pb2
from bosdyn.api.autowalk import walks_pb2
from bosdyn.api.docking import docking_pb2
from bosdyn.api.mission import mission_pb2
from google.protobuf.message import DecodeError

from roundsman.robots.link import MISSION_STATUSES, Mission

BODY = "body"
_PROCESS = re.compile(r":(?:[^:]*-)?\d+$")


class WalkNames(NamedTuple):
    """What a walk calls itself and its actions; all empty where that is not known."""

    mission_name: str = ""
    action_names: tuple[str, ...] = ()
    uuid: str = ""


def state(message: Any) -> dict[str, Any]:
    """Battery, motors, e-stop, pose and faults of a RobotState."""
    battery = message.battery_states[0] if message.battery_states else None
    power = message.power_state
    x_m, y_m, heading_rad = _odom_pose(message.kinematic_state.transforms_snapshot)
    velocity = message.kinematic_state.velocity_of_body_in_odom.linear
    faults = [*message.system_fault_state.faults, *message.service_fault_state.faults]
    behaviour = [fault.Cause.Name(fault.cause) for fault in message.behavior_fault_state.faults]
    return {
        "battery_pct": battery.charge_percentage.value if battery and battery.HasField("charge_percentage") else None,
        "charging": bool(battery) and battery.status == robot_state_pb2.BatteryState.STATUS_CHARGING,
        "motors_on": power.motor_power_state == robot_state_pb2.PowerState.MOTOR_POWER_STATE_ON,
        "estopped": any(stop.state == stop.STATE_ESTOPPED for stop in message.estop_states),
        "x_m": x_m, "y_m": y_m, "heading_rad": heading_rad,
        "speed_m_per_s": math.hypot(velocity.x, velocity.y),
        "faults": (*map(_fault_name, faults), *(cause.removeprefix("CAUSE_").lower() for cause in behaviour)),
    }  # fmt: skip


def _fault_name(fault: Any) -> str:
    name = getattr(fault, "name", "") or getattr(getattr(fault, "fault_id", None), "fault_name", "")
    return f"{name}: {fault.error_message}" if fault.error_message else name


def _odom_pose(snapshot: Any) -> tuple[float, float, float]:
    """The body in the odom frame: metres and radians. The tree's root is the body, so the edge is inverted."""
    edge = snapshot.child_to_parent_edge_map.get("odom")
    if edge is None or edge.parent_frame_name != BODY:
        return 0.0, 0.0, 0.0
    transform = edge.parent_tform_child
    turn, move = transform.rotation, transform.position
    yaw = math.atan2(2 * (turn.w * turn.z + turn.x * turn.y), 1 - 2 * (turn.y**2 + turn.z**2))
    cos, sin = math.cos(-yaw), math.sin(-yaw)
    return -(cos * move.x - sin * move.y), -(sin * move.x + cos * move.y), -yaw


def metrics(message: Any) -> dict[str, float]:
    """Odometer and hours of a RobotMetrics."""
    found: dict[str, float] = {}
    for metric in message.metrics:
        if metric.label == "distance":
            found["distance_m"] = metric.float_value
        elif metric.label == "time moving":
            found["moving_s"] = metric.duration.seconds + metric.duration.nanos / 1e9
        elif metric.label == "electric power":  # how long the motors have been on
            found["motors_on_s"] = metric.duration.seconds + metric.duration.nanos / 1e9
    return found


def body_lease(resources: Iterable[Any]) -> tuple[str, str]:
    """The client that holds the body's lease and who that is, both empty when nobody does or it went stale."""
    for entry in resources:
        if entry.resource == BODY and not entry.is_stale:
            owner = entry.lease_owner
            return owner.client_name, owner.user_name or operator_of(owner.client_name)
    return "", ""


def operator_of(client_name: str) -> str:
    """Who a client is, where it names no user: its name without the program and process that it was started as.

    The maker's client calls itself `<prefix><machine>:<program>-<process id>`, a tablet what its owner calls it.
    Source: the names that bosdyn-client 5.2.0 makes (sdk.generate_client_name).
    """
    return _PROCESS.sub("", client_name) or client_name


def dock(message: Any) -> dict[str, Any]:
    """Whether it stands on a dock, and on which."""
    if message is None:
        return {}
    docked = message.status == docking_pb2.DockState.DOCK_STATUS_DOCKED
    return {"docked": docked, "dock_id": message.dock_id or None}


def mission(message: Any) -> Mission:
    """Status, number and what the robot says it is doing, of a mission's State."""
    text = message.active_mission_text[0].text if message.active_mission_text else ""
    if message.questions:
        text = message.questions[0].text or text
    status = MISSION_STATUSES[message.status] if message.status < len(MISSION_STATUSES) else "UNKNOWN"
    return Mission(status=status, mission_id=message.mission_id, tick=max(0, message.tick_counter), text=text)


def walk_of(info: bytes) -> WalkNames:
    """The walk in a serialized GetInfoResponse; the mission's own name where it was not made of one.

    Compiled missions nest deeper than protobuf likes to parse; such a one is told by its captures later.
    """
    response = mission_pb2.GetInfoResponse()
    walk = walks_pb2.Walk()
    try:
        response.ParseFromString(info)
        source = response.mission_info.root.user_data.source_representation
        if not source.Is(walks_pb2.Walk.DESCRIPTOR) or not source.Unpack(walk):
            return WalkNames(response.mission_info.root.name)
    except DecodeError:
        return WalkNames()
    names = tuple(element.name for element in walk.elements if not element.is_skipped)
    return WalkNames(walk.mission_name or response.mission_info.root.name, names, walk.id)


__all__ = ["WalkNames", "body_lease", "dock", "metrics", "mission", "operator_of", "state", "walk_of"]

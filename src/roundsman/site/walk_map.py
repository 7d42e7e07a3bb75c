"""A recorded map seen from above: where its waypoints are, in metres, and which are joined.

Source: map.proto of bosdyn-api; robot-link.md §5.2. Poses come from the anchoring (the seed frame) where the map has
one; what is not anchored hangs on the edges, from the nearest anchored waypoint or from the first.
"""
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportAttributeAccessIssue=false

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

from roundsman.site.walk import graph_of

FURTHEST_M = 1e6  # beyond this a pose is no place of a site, but damage


class Pose(NamedTuple):
    """A place and a heading on the ground."""

    x_m: float
    y_m: float
    heading_rad: float


class Plan(NamedTuple):
    """Waypoints by id, and which two are joined."""

    poses: dict[str, Pose]
    names: dict[str, str]
    edges: list[tuple[str, str]]


def plan_of(graph: bytes) -> Plan:
    """The plan of a serialized Graph. Raises: BadRequest; NeedsSpot."""
    message = graph_of(graph)
    poses = dict(_placed(message))
    edges = [(edge.id.from_waypoint, edge.id.to_waypoint) for edge in message.edges]
    names = {waypoint.id: waypoint.annotations.name for waypoint in message.waypoints if waypoint.id in poses}
    return Plan(poses, names, [edge for edge in edges if edge[0] in poses and edge[1] in poses])


def _placed(graph: Any) -> Iterator[tuple[str, Pose]]:
    known = [waypoint.id for waypoint in graph.waypoints]
    steps: dict[str, list[tuple[str, Pose]]] = {id_: [] for id_ in known}
    for edge in graph.edges:
        a, b, step = edge.id.from_waypoint, edge.id.to_waypoint, _planar(edge.from_tform_to)
        if a in steps and b in steps:
            steps[a].append((b, step))
            steps[b].append((a, _inverse(step)))
    poses = {anchor.id: _planar(anchor.seed_tform_waypoint) for anchor in graph.anchoring.anchors if anchor.id in steps}
    waiting = list(poses)
    for start in known:
        if not waiting and start not in poses:
            poses[start] = Pose(0, 0, 0)
            waiting = [start]
        while waiting:
            here = waiting.pop()
            found = {there: _moved(poses[here], step) for there, step in steps[here] if there not in poses}
            poses |= found
            waiting += found
    for id_, pose in poses.items():
        if all(math.isfinite(part) and abs(part) < FURTHEST_M for part in pose):
            yield id_, pose


def _planar(message: Any) -> Pose:
    """A bosdyn.api.SE3Pose seen from above."""
    turn = message.rotation
    heading_rad = math.atan2(2 * (turn.w * turn.z + turn.x * turn.y), 1 - 2 * (turn.y * turn.y + turn.z * turn.z))
    return Pose(message.position.x, message.position.y, heading_rad)


def _moved(frame: Pose, step: Pose) -> Pose:
    """`step`, as seen from `frame`, in the frame of `frame`."""
    if not math.isfinite(frame.heading_rad):
        return Pose(math.nan, math.nan, math.nan)
    cos, sin = math.cos(frame.heading_rad), math.sin(frame.heading_rad)
    x_m, y_m = frame.x_m + cos * step.x_m - sin * step.y_m, frame.y_m + sin * step.x_m + cos * step.y_m
    return Pose(x_m, y_m, frame.heading_rad + step.heading_rad)


def _inverse(step: Pose) -> Pose:
    if not math.isfinite(step.heading_rad):
        return step
    cos, sin = math.cos(step.heading_rad), math.sin(step.heading_rad)
    return Pose(-cos * step.x_m - sin * step.y_m, sin * step.x_m - cos * step.y_m, -step.heading_rad)

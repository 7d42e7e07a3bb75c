"""GraphNav's messages for a site: the graph with its anchoring, the snapshots, and the way back from an uploaded graph.

Source: robot-link.md §5 (files, ids); poses of waypoints come from the anchoring, else from walking the edges.
"""
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportAttributeAccessIssue=false, reportCallIssue=false

import math
import random
import struct
from collections.abc import Iterator
from functools import cache
from typing import Any

from bosdyn.api import geometry_pb2, point_cloud_pb2, world_object_pb2
from bosdyn.api.graph_nav import map_pb2

from roundsman.simulator.model import Dock, Edge, Pose, Waypoint
from roundsman.simulator.world import plant
from roundsman.simulator.world.navgraph import NavGraph, distance_m, inverse, turned
from roundsman.simulator.world.site import Site

BODY_HEIGHT_M = 0.52
CREATED_S = 1_767_600_000
"""When the map was recorded, seconds since 1970: a Monday morning."""


def se3(pose: Pose, height_m: float = 0.0) -> Any:
    """A planar pose as bosdyn.api.SE3Pose."""
    half = pose.heading_rad / 2
    return geometry_pb2.SE3Pose(
        position=geometry_pb2.Vec3(x=pose.x_m, y=pose.y_m, z=height_m),
        rotation=geometry_pb2.Quaternion(z=math.sin(half), w=math.cos(half)),
    )


def planar(message: Any) -> Pose:
    """A bosdyn.api.SE3Pose seen from above."""
    rotation = message.rotation
    yaw = math.atan2(2 * (rotation.w * rotation.z + rotation.x * rotation.y), 1 - 2 * (rotation.y**2 + rotation.z**2))
    return Pose(message.position.x, message.position.y, yaw)


def graph_bytes(site: Site) -> bytes:
    """The site as a serialized bosdyn.api.graph_nav.Graph."""
    graph = map_pb2.Graph(
        waypoints=[_waypoint(waypoint) for waypoint in site.graph.waypoints.values()],
        edges=[_edge(site.graph, edge) for edge in site.graph.edges],
        anchoring=_anchoring(site),
    )
    return graph.SerializeToString(deterministic=True)


def waypoint_snapshots(site: Site) -> dict[str, bytes]:
    """Serialized WaypointSnapshots by id: the walls around each waypoint as a small point cloud."""
    return {waypoint.snapshot_id: _waypoint_snapshot(waypoint, site) for waypoint in site.graph.waypoints.values()}


def edge_snapshots(site: Site) -> dict[str, bytes]:
    """Serialized EdgeSnapshots by id."""
    return {edge.snapshot_id: _edge_snapshot(site.graph, edge) for edge in site.graph.edges}


def read_graph(content: bytes) -> NavGraph:
    """An uploaded graph. Raises: ValueError when the bytes are no graph."""
    graph = map_pb2.Graph()
    try:
        graph.ParseFromString(content)
    except Exception as error:  # protobuf raises a DecodeError of its own per implementation
        raise ValueError(f"not a graph: {error}") from error
    poses = _anchored(graph) or _chained(graph)
    waypoints = [
        Waypoint(w.id, w.annotations.name or w.id, poses.get(w.id, Pose(0, 0)), w.snapshot_id) for w in graph.waypoints
    ]
    known = NavGraph(waypoints, [])
    return NavGraph(waypoints, [edge for edge in map(_read_edge, graph.edges) if _joined(known, edge)])


def _joined(graph: NavGraph, edge: Edge) -> bool:
    return edge.from_id in graph.waypoints and edge.to_id in graph.waypoints


def _read_edge(edge: Any) -> Edge:
    step = edge.from_tform_to.position
    return Edge(edge.id.from_waypoint, edge.id.to_waypoint, math.hypot(step.x, step.y), edge.snapshot_id)


def _anchored(graph: Any) -> dict[str, Pose]:
    return {anchor.id: planar(anchor.seed_tform_waypoint) for anchor in graph.anchoring.anchors}


def _chained(graph: Any) -> dict[str, Pose]:
    steps: dict[str, list[tuple[str, Pose]]] = {waypoint.id: [] for waypoint in graph.waypoints}
    for edge in graph.edges:
        step = planar(edge.from_tform_to)
        steps.setdefault(edge.id.from_waypoint, []).append((edge.id.to_waypoint, step))
        steps.setdefault(edge.id.to_waypoint, []).append((edge.id.from_waypoint, inverse(step)))
    poses: dict[str, Pose] = {}
    for start in steps:
        waiting = [] if start in poses else [(start, Pose(0, 0))]
        while waiting:
            here, pose = waiting.pop()
            poses[here] = pose
            waiting += [(there, turned(pose, step)) for there, step in steps[here] if there not in poses]
    return poses


def _waypoint(waypoint: Waypoint) -> Any:
    message = map_pb2.Waypoint(id=waypoint.id, snapshot_id=waypoint.snapshot_id, waypoint_tform_ko=se3(Pose(0, 0)))
    message.waypoint_tform_ko.CopyFrom(se3(inverse(waypoint.pose)))
    message.annotations.name = waypoint.name
    message.annotations.creation_time.seconds = CREATED_S
    message.annotations.waypoint_source = map_pb2.Waypoint.WAYPOINT_SOURCE_ROBOT_PATH
    return message


def _edge(graph: NavGraph, edge: Edge) -> Any:
    a, b = graph.waypoints[edge.from_id].pose, graph.waypoints[edge.to_id].pose
    message = map_pb2.Edge(snapshot_id=edge.snapshot_id, from_tform_to=se3(turned(inverse(a), b)))
    message.id.from_waypoint, message.id.to_waypoint = edge.from_id, edge.to_id
    message.annotations.edge_source = map_pb2.Edge.EDGE_SOURCE_ODOMETRY
    return message


def _anchoring(site: Site) -> Any:
    return map_pb2.Anchoring(
        anchors=[map_pb2.Anchor(id=w.id, seed_tform_waypoint=se3(w.pose)) for w in site.graph.waypoints.values()],
        objects=[
            map_pb2.AnchoredWorldObject(id=str(dock.dock_id), seed_tform_object=se3(dock.pose, 0.3))
            for dock in site.docks
        ],
    )


def _waypoint_snapshot(waypoint: Waypoint, site: Site) -> bytes:
    snapshot = map_pb2.WaypointSnapshot(id=waypoint.snapshot_id, point_cloud=_point_cloud(waypoint))
    snapshot.objects.extend(_fiducial(waypoint, d) for d in site.docks if distance_m(d.pose, waypoint.pose) < 3.0)
    snapshot.recording_started_on.seconds = CREATED_S
    return snapshot.SerializeToString(deterministic=True)


def _edge_snapshot(graph: NavGraph, edge: Edge) -> bytes:
    snapshot = map_pb2.EdgeSnapshot(id=edge.snapshot_id)
    a, b = graph.waypoints[edge.from_id].pose, graph.waypoints[edge.to_id].pose
    for i in range(4):
        at = Pose(a.x_m + (b.x_m - a.x_m) * i / 3, a.y_m + (b.y_m - a.y_m) * i / 3)
        stance = snapshot.stances.add(ko_tform_body=se3(at, BODY_HEIGHT_M))
        stance.timestamp.seconds = CREATED_S + i
    return snapshot.SerializeToString(deterministic=True)


def _fiducial(waypoint: Waypoint, dock: Dock) -> Any:
    fiducial = world_object_pb2.WorldObject(id=dock.dock_id, name=f"world_obj_apriltag_{dock.dock_id}")
    fiducial.apriltag_properties.tag_id = dock.dock_id
    fiducial.apriltag_properties.dimensions.x = fiducial.apriltag_properties.dimensions.y = 0.146
    frame = f"fiducial_{dock.dock_id}"
    fiducial.apriltag_properties.frame_name_fiducial = frame
    edges = fiducial.transforms_snapshot.child_to_parent_edge_map
    edges["body"].SetInParent()
    edges[frame].parent_frame_name = "body"
    edges[frame].parent_tform_child.CopyFrom(se3(turned(inverse(waypoint.pose), dock.pose), 0.3))
    return fiducial


def _point_cloud(waypoint: Waypoint, reach_m: float = 7.0) -> Any:
    here = inverse(waypoint.pose)
    points = [turned(here, Pose(x, y)) for x, y in _wall_points() if _near(waypoint.pose, x, y, reach_m)]
    dice = random.Random(waypoint.id)
    data = b"".join(struct.pack("<3f", p.x_m, p.y_m, dice.uniform(-0.4, 1.6)) for p in points)
    cloud = point_cloud_pb2.PointCloud(
        num_points=len(points), encoding=point_cloud_pb2.PointCloud.ENCODING_XYZ_32F, data=data
    )
    cloud.source.name, cloud.source.frame_name_sensor = "walls", "odom"
    edges = cloud.source.transforms_snapshot.child_to_parent_edge_map
    edges["odom"].SetInParent()
    edges["body"].parent_frame_name = "odom"
    edges["body"].parent_tform_child.rotation.w = 1.0
    return cloud


def _near(pose: Pose, x_m: float, y_m: float, reach_m: float) -> bool:
    return abs(x_m - pose.x_m) < reach_m and abs(y_m - pose.y_m) < reach_m


@cache
def _wall_points() -> tuple[tuple[float, float], ...]:
    return tuple(_hall_walls())


def _hall_walls(spacing_m: float = 0.2, door_m: float = 1.2) -> Iterator[tuple[float, float]]:
    doors = {hall.waypoints[index][0] * hall.width_m + hall.x_m for hall in plant.HALLS for index, _ in hall.doors}
    for hall in plant.HALLS:
        for i in range(int(hall.width_m / spacing_m)):
            x_m = hall.x_m + i * spacing_m
            if all(abs(x_m - door) > door_m for door in doors):
                yield from ((x_m, hall.y_m), (x_m, hall.y_m + hall.depth_m))
        for i in range(int(hall.depth_m / spacing_m)):
            y_m = hall.y_m + i * spacing_m
            yield from ((hall.x_m, y_m), (hall.x_m + hall.width_m, y_m))

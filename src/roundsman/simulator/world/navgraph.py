"""The graph a robot walks on: waypoints, the edges between them, shortest ways, distances to edges."""

import heapq
import math
from collections.abc import Iterable

from roundsman.simulator.model import Edge, Pose, Waypoint


def distance_m(a: Pose, b: Pose) -> float:
    """How far two poses are apart on the ground."""
    return math.hypot(a.x_m - b.x_m, a.y_m - b.y_m)


def towards(a: Pose, b: Pose) -> float:
    """The heading, in radians, of the way from `a` to `b`."""
    return math.atan2(b.y_m - a.y_m, b.x_m - a.x_m)


def turned(frame: Pose, pose: Pose) -> Pose:
    """`pose`, given in `frame`, in the frame that `frame` is given in (planar composition)."""
    cos, sin = math.cos(frame.heading_rad), math.sin(frame.heading_rad)
    x = frame.x_m + cos * pose.x_m - sin * pose.y_m
    y = frame.y_m + sin * pose.x_m + cos * pose.y_m
    return Pose(x, y, wrapped(frame.heading_rad + pose.heading_rad))


def inverse(pose: Pose) -> Pose:
    """The planar inverse: `turned(pose, inverse(pose))` is the origin."""
    cos, sin = math.cos(pose.heading_rad), math.sin(pose.heading_rad)
    return Pose(-cos * pose.x_m - sin * pose.y_m, sin * pose.x_m - cos * pose.y_m, -pose.heading_rad)


def wrapped(angle_rad: float) -> float:
    """The same angle within ±π."""
    return math.remainder(angle_rad, math.tau)


class NavGraph:
    """Waypoints with poses in one frame, joined by edges that can be walked both ways."""

    def __init__(self, waypoints: Iterable[Waypoint], edges: Iterable[Edge]) -> None:
        self.waypoints = {waypoint.id: waypoint for waypoint in waypoints}
        self.edges = [edge for edge in edges if edge.from_id in self.waypoints and edge.to_id in self.waypoints]
        self._neighbours: dict[str, list[tuple[str, float]]] = {id_: [] for id_ in self.waypoints}
        for edge in self.edges:
            self._neighbours[edge.from_id].append((edge.to_id, edge.length_m))
            self._neighbours[edge.to_id].append((edge.from_id, edge.length_m))

    def neighbours(self, waypoint_id: str) -> list[str]:
        """The waypoints one edge away."""
        return [other for other, _ in self._neighbours[waypoint_id]]

    def nearest(self, pose: Pose) -> Waypoint | None:
        """The waypoint next to a pose, None on an empty map."""
        return min(self.waypoints.values(), key=lambda waypoint: distance_m(waypoint.pose, pose), default=None)

    def route(self, start_id: str, goal_id: str) -> list[str] | None:
        """The shortest way as waypoint ids, both ends included; None when there is none."""
        best: dict[str, float] = {start_id: 0.0}
        came_from: dict[str, str] = {}
        queue = [(0.0, start_id)]
        while queue:
            length, here = heapq.heappop(queue)
            if here == goal_id:
                return self._unwound(came_from, goal_id)
            if length > best[here]:
                continue
            for there, step in self._neighbours.get(here, ()):
                if length + step < best.get(there, math.inf):
                    best[there] = length + step
                    came_from[there] = here
                    heapq.heappush(queue, (length + step, there))
        return None

    def off_edges_m(self, pose: Pose) -> float:
        """The distance of a pose to the nearest edge (0 when it is on one)."""
        return min((self._beside_m(edge, pose) for edge in self.edges), default=math.inf)

    def _unwound(self, came_from: dict[str, str], goal_id: str) -> list[str]:
        way = [goal_id]
        while way[-1] in came_from:
            way.append(came_from[way[-1]])
        return way[::-1]

    def _beside_m(self, edge: Edge, pose: Pose) -> float:
        a, b = self.waypoints[edge.from_id].pose, self.waypoints[edge.to_id].pose
        dx, dy = b.x_m - a.x_m, b.y_m - a.y_m
        along = ((pose.x_m - a.x_m) * dx + (pose.y_m - a.y_m) * dy) / (dx * dx + dy * dy or 1.0)
        along = min(1.0, max(0.0, along))
        return math.hypot(pose.x_m - a.x_m - along * dx, pose.y_m - a.y_m - along * dy)

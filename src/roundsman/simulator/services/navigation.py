"""The part of `graph-nav-service` that walks: go to a waypoint, along a route, to an anchor; how it fares.

Source: robot-link.md §3.1 (`graph-nav-service`).
"""
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportAttributeAccessIssue=false, reportCallIssue=false

from typing import Any

from bosdyn.api.graph_nav import graph_nav_pb2

from roundsman.simulator.model import Pose
from roundsman.simulator.services.calls import Service, time_us_of
from roundsman.simulator.services.tokens import Tokens
from roundsman.simulator.world.leases import Lease
from roundsman.simulator.world.robot import RefusedError, SimulatedSpot

To, Route, Anchor = (
    graph_nav_pb2.NavigateToResponse,
    graph_nav_pb2.NavigateRouteResponse,
    graph_nav_pb2.NavigateToAnchorResponse,
)
Feedback = graph_nav_pb2.NavigationFeedbackResponse
REFUSED = {
    "unknown_waypoint": "STATUS_UNKNOWN_WAYPOINT",
    "not_localized": "STATUS_NOT_LOCALIZED_TO_MAP",
    "no_route": "STATUS_NO_PATH",
    "expired": "STATUS_EXPIRED",
    "no_timesync": "STATUS_NO_TIMESYNC",
    "unrecognized": "STATUS_UNRECOGNIZED_COMMAND",
}
FAILED = {
    "stuck": Feedback.STATUS_STUCK,
    "no_route": Feedback.STATUS_NO_ROUTE,
    "not_localized": Feedback.STATUS_NO_LOCALIZATION,
    "estopped": Feedback.STATUS_ROBOT_IMPAIRED,
    "battery": Feedback.STATUS_ROBOT_IMPAIRED,
}


class Navigation(Service):
    """Walks on the map. A command ends at its end time unless it is given again with its id."""

    def __init__(self, robot: SimulatedSpot, tokens: Tokens) -> None:
        super().__init__(robot, tokens)
        self._command_id = 0
        self._goal = ""
        self._until_us = 0
        self._timed_out: set[int] = set()

    def tick(self) -> None:
        """Stops a walk whose time is over."""
        running = self._command_id and self.robot.feedback(self._command_id) == "processing"
        if running and self.robot.now_us() > self._until_us:
            self._timed_out.add(self._command_id)
            self.robot.stop()

    def NavigateTo(self, request: Any, response: Any) -> None:
        """To a waypoint."""
        self._navigate(request, response, To, request.destination_waypoint_id)

    def NavigateRoute(self, request: Any, response: Any) -> None:
        """To the end of a route, along the shortest way."""
        waypoints = request.route.waypoint_id
        self._navigate(request, response, Route, waypoints[-1] if waypoints else "")

    def NavigateToAnchor(self, request: Any, response: Any) -> None:
        """To the waypoint next to a place in the seed frame."""
        position = request.seed_tform_goal.position
        nearest = self.robot.map.graph.nearest(Pose(position.x, position.y))
        self._navigate(request, response, Anchor, nearest.id if nearest else "")

    def NavigationFeedback(self, request: Any, response: Any) -> None:
        """How a walk fares, the last one when none is named."""
        command_id = request.command_id or self._command_id
        response.command_id = command_id
        response.status = self._status(command_id)
        reached = response.status == Feedback.STATUS_REACHED_GOAL
        response.body_movement_status = 2 if reached else 1  # settled; moving
        response.goal_status = Feedback.GOAL_STATUS_STANDING_AT_GOAL if reached else Feedback.GOAL_STATUS_NOT_REACHED
        if response.status == Feedback.STATUS_FOLLOWING_ROUTE:
            self._fill_remaining(response)

    def _navigate(self, request: Any, response: Any, kind: Any, waypoint_id: str) -> None:
        response.status = kind.STATUS_ROBOT_IMPAIRED
        lease = self.leases(request.leases, response.lease_use_results)
        if lease is None:
            return
        try:
            self._begin(request, waypoint_id, lease)
        except RefusedError as refused:
            response.status = getattr(kind, REFUSED.get(refused.reason, ""), kind.STATUS_ROBOT_IMPAIRED)
            if refused.reason == "unknown_waypoint":
                response.error_waypoint_ids.append(waypoint_id)
            return
        response.status, response.command_id = kind.STATUS_OK, self._command_id

    def _begin(self, request: Any, waypoint_id: str, lease: Lease) -> None:
        until_us = time_us_of(request.end_time)
        if not request.clock_identifier:
            raise RefusedError("no_timesync")
        if until_us < self.robot.now_us():
            raise RefusedError("expired")
        if request.command_id:
            if request.command_id != self._command_id:
                raise RefusedError("unrecognized")
            if waypoint_id == self._goal and self.robot.feedback(self._command_id) == "processing":
                self._until_us = until_us
                return
        self._command_id = self.robot.navigate_to(waypoint_id, lease)
        self._goal, self._until_us = waypoint_id, until_us

    def _status(self, command_id: int) -> int:
        feedback = self.robot.feedback(command_id)
        if command_id in self._timed_out:
            return Feedback.STATUS_COMMAND_TIMED_OUT
        if feedback == "done":
            return Feedback.STATUS_REACHED_GOAL
        if feedback == "processing":
            return Feedback.STATUS_STUCK if self.robot.faults.stuck else Feedback.STATUS_FOLLOWING_ROUTE
        return FAILED.get(self.robot.failure, Feedback.STATUS_COMMAND_OVERRIDDEN)

    def _fill_remaining(self, response: Any) -> None:
        graph, here = self.robot.map.graph, self.robot.nearest_waypoint
        way = graph.route(here, self._goal) if here else None
        response.route_following_status = Feedback.ROUTE_FOLLOWING_STATUS_FOLLOWING_ROUTE
        response.blockage_status = Feedback.BLOCKAGE_STATUS_ROUTE_CLEAR
        for waypoint_id in way or ():
            response.remaining_route.waypoint_id.append(waypoint_id)
        for from_id, to_id in zip(way or (), (way or ())[1:], strict=False):
            response.remaining_route.edge_id.add(from_waypoint=from_id, to_waypoint=to_id)

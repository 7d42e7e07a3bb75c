"""`graph-nav-service`: maps up and down, where a robot is on its map, go to a place.

Source: robot-link.md §3.1 (`graph-nav-service`): uploads answer which snapshots the robot does not have, streamed
graphs carry a serialized DownloadGraphResponse, streamed snapshots the snapshot itself.
"""
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportUnknownLambdaType=false

from collections.abc import AsyncIterator, Iterator
from typing import Any

from bosdyn.api import license_pb2
from bosdyn.api.graph_nav import graph_nav_pb2, graph_nav_service_pb2, map_pb2

from roundsman.simulator.services.calls import InvalidRequestError, fill_time, pieces
from roundsman.simulator.services.navigation import Navigation
from roundsman.simulator.services.robot_state import BODY_HEIGHT_M, fill_kinematics, fill_pose, inverted
from roundsman.simulator.world.navgraph import turned
from roundsman.simulator.world.robot import RefusedError

SetLocalization, Upload = graph_nav_pb2.SetLocalizationResponse, graph_nav_pb2.UploadGraphResponse
DownloadWaypoint = graph_nav_pb2.DownloadWaypointSnapshotResponse
DownloadEdge = graph_nav_pb2.DownloadEdgeSnapshotResponse
OK = 1
"""STATUS_OK of every upload's answer, and of a lease that was good."""


class GraphNavService(Navigation):
    """The map of one robot."""

    name = "graph-nav-service"
    authority = "graph-nav.spot.robot"
    descriptor = graph_nav_service_pb2.DESCRIPTOR.services_by_name["GraphNavService"]

    # -- where it is

    def GetLocalizationState(self, request: Any, response: Any) -> None:
        """Where on the map; with an empty waypoint when it does not know."""
        self._fill_localization(response.localization)
        fill_kinematics(response.robot_kinematics, self.robot)
        response.lost_detector_state.is_lost = not self.robot.localized

    def SetLocalization(self, request: Any, response: Any) -> None:
        """At a waypoint, or by what is near."""
        response.lease_use_result.status = OK
        try:
            self.robot.localize(request.initial_guess.waypoint_id or None)
        except RefusedError as refused:
            unknown = refused.reason == "unknown_waypoint"
            response.status = SetLocalization.STATUS_UNKNOWN_WAYPOINT if unknown else SetLocalization.STATUS_FAILED
            response.error_report = refused.reason
            return
        response.status = SetLocalization.STATUS_OK
        response.quality_check_result = SetLocalization.QUALITY_CHECK_SUCCESS
        self._fill_localization(response.localization)

    def _fill_localization(self, localization: Any) -> None:
        nearest = self.robot.nearest_waypoint
        fill_time(localization.timestamp, self.robot.now_us())
        if nearest is None:
            return
        localization.waypoint_id = nearest
        waypoint = self.robot.map.graph.waypoints[nearest]
        fill_pose(localization.waypoint_tform_body, turned(inverted(waypoint.pose), self.robot.pose))
        fill_pose(localization.seed_tform_body, self.robot.pose, BODY_HEIGHT_M)

    # -- maps up

    def UploadGraph(self, request: Any, response: Any) -> None:
        """Adds to the map that is there, or replaces it."""
        response.status = Upload.STATUS_INVALID_GRAPH
        if not self._may(request.lease, response.lease_use_result):
            return
        graph = request.graph if request.replace_graph else self._joined(request.graph)
        try:
            self.robot.map.set_graph(graph.SerializeToString())
        except ValueError:
            return
        self._fill_snapshots(graph, response)
        response.status = Upload.STATUS_OK
        response.license_status = license_pb2.LicenseInfo.STATUS_VALID
        response.replaced_graph = request.replace_graph

    async def UploadGraphStreaming(self, requests: AsyncIterator[Any], response: Any) -> None:
        """The same in chunks."""
        content, _ = await _joined_chunks(requests)
        request = graph_nav_pb2.UploadGraphRequest.FromString(content)
        response.header.request_header.CopyFrom(request.header)
        self.UploadGraph(request, response)

    async def UploadWaypointSnapshot(self, requests: AsyncIterator[Any], response: Any) -> None:
        """What the robot saw at a waypoint."""
        content = await self._upload(requests, response)
        if content is not None:
            self._store_snapshot(map_pb2.WaypointSnapshot, content, self.robot.map.waypoint_snapshots)
        response.status = OK

    async def UploadEdgeSnapshot(self, requests: AsyncIterator[Any], response: Any) -> None:
        """What the robot saw along an edge."""
        content = await self._upload(requests, response)
        if content is not None:
            self._store_snapshot(map_pb2.EdgeSnapshot, content, self.robot.map.edge_snapshots)

    async def UploadSnapshots(self, requests: AsyncIterator[Any], response: Any) -> None:
        """Many at once."""
        content = await self._upload(requests, response)
        response.status = OK
        if content is None:
            return
        snapshots = graph_nav_pb2.UploadSnapshotsRequest.Snapshots.FromString(content)
        for snapshot in snapshots.waypoint_snapshots:
            self.robot.map.waypoint_snapshots[snapshot.id] = snapshot.SerializeToString()
        for snapshot in snapshots.edge_snapshots:
            self.robot.map.edge_snapshots[snapshot.id] = snapshot.SerializeToString()

    def ClearGraph(self, request: Any, response: Any) -> None:
        """Forgets the map."""
        response.status = OK
        if self._may(request.lease, response.lease_use_result):
            self.robot.map.clear()

    def ValidateGraph(self, request: Any, response: Any) -> None:
        """Nothing is wrong with it."""
        response.status = OK

    async def _upload(self, requests: AsyncIterator[Any], response: Any) -> bytes | None:
        content, last = await _joined_chunks(requests)
        return content if last is not None and self._may(last.lease, response.lease_use_result) else None

    def _may(self, lease: Any, result: Any) -> bool:
        # The official client sends an empty lease when none is named, even if it holds one.
        if not lease.resource:
            result.status = OK
            return True
        return self.lease(lease, result) is not None

    def _store_snapshot(self, kind: Any, content: bytes, snapshots: dict[str, bytes]) -> None:
        snapshot_id = kind.FromString(content).id
        if not snapshot_id:
            raise InvalidRequestError("a snapshot without id")
        snapshots[snapshot_id] = content

    def _joined(self, new: Any) -> Any:
        graph = map_pb2.Graph.FromString(self.robot.map.graph_bytes)
        _replace(graph.waypoints, new.waypoints, lambda waypoint: waypoint.id)
        _replace(graph.edges, new.edges, lambda edge: (edge.id.from_waypoint, edge.id.to_waypoint))
        _replace(graph.anchoring.anchors, new.anchoring.anchors, lambda anchor: anchor.id)
        _replace(graph.anchoring.objects, new.anchoring.objects, lambda item: item.id)
        return graph

    def _fill_snapshots(self, graph: Any, response: Any) -> None:
        recorded = self.robot.map
        for elements, have, loaded, unknown in (
            (graph.waypoints, recorded.waypoint_snapshots, "loaded_waypoint", "unknown_waypoint"),
            (graph.edges, recorded.edge_snapshots, "loaded_edge", "unknown_edge"),
        ):
            for snapshot_id in dict.fromkeys(element.snapshot_id for element in elements if element.snapshot_id):
                known = loaded if snapshot_id in have else unknown
                getattr(response, f"{known}_snapshot_ids").append(snapshot_id)

    # -- maps down

    def DownloadGraph(self, request: Any, response: Any) -> None:
        """The graph at once."""
        response.graph.ParseFromString(self.robot.map.graph_bytes)

    async def DownloadGraphStreaming(self, request: Any) -> AsyncIterator[Any]:
        """The graph in chunks."""
        whole = graph_nav_pb2.DownloadGraphResponse()
        self.answer_header(request, whole.header)
        whole.graph.ParseFromString(self.robot.map.graph_bytes)
        for response in self._chunked(request, graph_nav_pb2.DownloadGraphStreamingResponse, whole.SerializeToString()):
            yield response

    async def DownloadWaypointSnapshot(self, request: Any) -> AsyncIterator[Any]:
        """What the robot saw at a waypoint."""
        content = self.robot.map.waypoint_snapshots.get(request.waypoint_snapshot_id)
        for response in self._chunked(request, DownloadWaypoint, content or b""):
            response.waypoint_snapshot_id = request.waypoint_snapshot_id
            missing = content is None
            response.status = DownloadWaypoint.STATUS_SNAPSHOT_DOES_NOT_EXIST if missing else DownloadWaypoint.STATUS_OK
            yield response

    async def DownloadEdgeSnapshot(self, request: Any) -> AsyncIterator[Any]:
        """What the robot saw along an edge."""
        content = self.robot.map.edge_snapshots.get(request.edge_snapshot_id)
        for response in self._chunked(request, DownloadEdge, content or b""):
            response.edge_snapshot_id = request.edge_snapshot_id
            missing = content is None
            response.status = DownloadEdge.STATUS_SNAPSHOT_DOES_NOT_EXIST if missing else DownloadEdge.STATUS_OK
            yield response

    def _chunked(self, request: Any, kind: Any, content: bytes) -> Iterator[Any]:
        for piece in pieces(content):
            response = kind()
            self.answer_header(request, response.header)
            response.chunk.total_size, response.chunk.data = len(content), piece
            yield response


async def _joined_chunks(requests: AsyncIterator[Any]) -> tuple[bytes, Any]:
    parts: list[bytes] = []
    last: Any = None
    async for last in requests:
        parts.append(last.chunk.data)
    return b"".join(parts), last


def _replace(there: Any, new: Any, key: Any) -> None:
    replaced = {key(element) for element in new}
    kept = [element for element in there if key(element) not in replaced]
    del there[:]
    there.extend([*kept, *new])

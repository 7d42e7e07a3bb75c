"""The GraphNav map on one robot, kept byte for byte as it was uploaded."""

from roundsman.simulator.world.graph_protos import edge_snapshots, graph_bytes, read_graph, waypoint_snapshots
from roundsman.simulator.world.navgraph import NavGraph
from roundsman.simulator.world.site import Site


class SiteBytes:
    """The site's map as bytes, built once for all robots."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.graph_bytes = graph_bytes(site)
        self.waypoint_snapshots = waypoint_snapshots(site)
        self.edge_snapshots = edge_snapshots(site)


class RobotMap:
    """Graph and snapshots. The snapshots' dicts may be filled by whoever receives an upload."""

    def __init__(self, recorded: SiteBytes) -> None:
        self.graph_bytes = recorded.graph_bytes
        self.graph = recorded.site.graph
        self.waypoint_snapshots = dict(recorded.waypoint_snapshots)
        self.edge_snapshots = dict(recorded.edge_snapshots)
        self.changes = 0
        """Counts uploads and clears: whoever was localized on the map before is not any more."""

    def set_graph(self, graph_bytes: bytes) -> None:
        """Replaces the graph (UploadGraph). Raises: ValueError when it is no Graph."""
        self.graph = read_graph(graph_bytes)
        self.graph_bytes = graph_bytes
        self.changes += 1

    def clear(self) -> None:
        """Forgets graph and snapshots."""
        self.graph, self.graph_bytes = NavGraph([], []), b""
        self.waypoint_snapshots.clear()
        self.edge_snapshots.clear()
        self.changes += 1

    def missing_waypoint_snapshots(self) -> list[str]:
        """Snapshot ids that the graph names and the robot does not have."""
        wanted = {waypoint.snapshot_id for waypoint in self.graph.waypoints.values() if waypoint.snapshot_id}
        return sorted(wanted - self.waypoint_snapshots.keys())

    def missing_edge_snapshots(self) -> list[str]:
        """Snapshot ids that the graph's edges name and the robot does not have."""
        wanted = {edge.snapshot_id for edge in self.graph.edges if edge.snapshot_id}
        return sorted(wanted - self.edge_snapshots.keys())

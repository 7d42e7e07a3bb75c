"""The site as a tablet would have recorded it: the files of a `.walk` folder. Source: robot-link.md §5.2."""

from roundsman.simulator.world.graph_protos import edge_snapshots, graph_bytes, waypoint_snapshots
from roundsman.simulator.world.site import Site
from roundsman.simulator.world.walk_protos import walk_bytes
from roundsman.simulator.world.walks import WALKS


def walk_folder(site: Site) -> dict[str, bytes]:
    """All walks from the first dock, with the map: contents by path within the folder."""
    files = {"graph": graph_bytes(site)}
    files |= {f"waypoint_snapshots/{name}": content for name, content in waypoint_snapshots(site).items()}
    files |= {f"edge_snapshots/{name}": content for name, content in edge_snapshots(site).items()}
    return files | {f"missions/{plan.name}.walk": walk_bytes(plan, site, site.docks[0]) for plan in WALKS}

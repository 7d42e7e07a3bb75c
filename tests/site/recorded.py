"""What a robot of the simulated plant records: walks, a map, their folder as a zip."""

import io
import zipfile
from collections.abc import Mapping
from functools import cache

from roundsman.simulator.world.graph_protos import edge_snapshots, graph_bytes, waypoint_snapshots
from roundsman.simulator.world.site import build_site
from roundsman.simulator.world.walk_protos import walk_bytes
from roundsman.simulator.world.walks import WALKS


@cache
def walks() -> dict[str, bytes]:
    """The plant's walks, by name."""
    site = build_site(2)
    return {plan.name: walk_bytes(plan, site, site.docks[0]) for plan in WALKS}


@cache
def folder(*names: str) -> Mapping[str, bytes]:
    """The files of a `.walk` folder with these walks (all), and the map's first snapshots."""
    site = build_site(2)
    files = {"graph": graph_bytes(site)}
    files |= {f"waypoint_snapshots/{name}": content for name, content in list(waypoint_snapshots(site).items())[:5]}
    files |= {f"edge_snapshots/{name}": content for name, content in list(edge_snapshots(site).items())[:5]}
    return files | {f"missions/{name}.walk": walks()[name] for name in names or walks()}


def zipped(files: Mapping[str, bytes], root: str = "Boiler round.walk/", method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """The files as a zip."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(root + name, content)
    return out.getvalue()

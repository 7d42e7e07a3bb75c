"""The site: the plant's waypoints, edges, docks and items, the same for every seed."""

import base64
import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from roundsman.simulator.model import Dock, Edge, Pose, Waypoint
from roundsman.simulator.world import plant
from roundsman.simulator.world.navgraph import NavGraph, distance_m
from roundsman.simulator.world.plant import Item

MAP_NAME = "Harbour plant"


def _graph_id(name: str) -> str:
    # GraphNav's own ids look like two words and 16 bytes in base 64; ours keep the bytes, with the plant's word.
    digest = base64.b64encode(hashlib.sha256(f"{MAP_NAME}/{name}".encode()).digest()[:16], altchars=b"+.").decode()
    return f"{name.lower().replace(' ', '-')}-{digest}"


@dataclass(frozen=True, slots=True)
class Site:
    """The plant as robots know it. `names` gives waypoint ids by name, `places` the waypoint of an item."""

    graph: NavGraph
    docks: tuple[Dock, ...]
    names: dict[str, str]
    items: dict[str, Item]

    def waypoint(self, name: str) -> Waypoint:
        """The waypoint of that name. Raises: KeyError."""
        return self.graph.waypoints[self.names[name]]

    def dock(self, dock_id: int) -> Dock | None:
        """The dock of that number."""
        return next((dock for dock in self.docks if dock.dock_id == dock_id), None)

    def near_items(self, pose: Pose, reach_m: float = 7.0) -> list[Item]:
        """The items that can be seen from a pose, the nearest first."""
        near = [(distance_m(self.waypoint(item.place).pose, pose), item.name) for item in self.items.values()]
        return [self.items[name] for away, name in sorted(near) if away <= reach_m]

    def find_item(self, action_name: str, pose: Pose, *kinds: str) -> Item | None:
        """What an action looks at: the item it is named after, else the nearest one; of these kinds alone."""
        named = self.items.get(action_name)
        if named is not None and named.kind in kinds:
            return named
        return next((item for item in self.near_items(pose) if item.kind in kinds), None)


def build_site(docks: int) -> Site:
    """The plant with at least six docks, more when more are wanted."""
    places = dict(_corridors())
    for hall in plant.HALLS:
        places |= dict(_ring(hall))
    stands = dict(_docks(max(6, docks)))
    waypoints = {name: _waypoint(name, pose) for name, pose in (places | stands).items()}
    edges = [_edge(waypoints[a], waypoints[b]) for a, b in _links(places, stands)]
    numbered = tuple(
        Dock(plant.FIRST_DOCK_ID + i, waypoints[name].id, pose) for i, (name, pose) in enumerate(stands.items())
    )
    return Site(
        NavGraph(waypoints.values(), edges),
        numbered,
        {name: waypoint.id for name, waypoint in waypoints.items()},
        {item.name: item for item in plant.ITEMS},
    )


def _waypoint(name: str, pose: Pose) -> Waypoint:
    return Waypoint(_graph_id(name), name, pose, f"snapshot_{_graph_id('snapshot of ' + name)}")


def _edge(a: Waypoint, b: Waypoint) -> Edge:
    snapshot = f"edge_snapshot_{_graph_id(f'{a.name} to {b.name}')}"
    return Edge(a.id, b.id, distance_m(a.pose, b.pose), snapshot)


def _corridors() -> Iterator[tuple[str, Pose]]:
    for i, x_m in enumerate(plant.CORRIDOR_XS_M, 1):
        yield f"Corridor {i}", Pose(x_m, plant.CORRIDOR_Y_M)
    for i, x_m in enumerate(plant.GALLERY_XS_M, 1):
        yield f"Gallery {i}", Pose(x_m, plant.GALLERY_Y_M)
    for name, x_m in zip(("West", "Middle", "East"), plant.CONNECTOR_XS_M, strict=True):
        yield f"{name} passage 1", Pose(x_m, 32.0, math.pi / 2)
        yield f"{name} passage 2", Pose(x_m, 40.0, math.pi / 2)


def _ring(hall: plant.Hall) -> Iterator[tuple[str, Pose]]:
    middle = (hall.x_m + hall.width_m / 2, hall.y_m + hall.depth_m / 2)
    for i, (right, up) in enumerate(hall.waypoints, 1):
        x_m, y_m = hall.x_m + right * hall.width_m, hall.y_m + up * hall.depth_m
        yield f"{hall.name} {i}", Pose(x_m, y_m, math.atan2(middle[1] - y_m, middle[0] - x_m))


def _docks(count: int) -> Iterator[tuple[str, Pose]]:
    for i in range(count):
        name, x_m, y_m = plant.DOCK_BAYS[i % 2]
        row, place = divmod(i // 2, plant.DOCKS_PER_BAY)
        pose = Pose(x_m + plant.DOCK_SPACING_M * place, y_m - 2.5 * row, math.pi / 2)
        yield f"{name} {i // 2 + 1}", pose


def _links(places: dict[str, Pose], stands: dict[str, Pose]) -> Iterator[tuple[str, str]]:
    yield from pairwise(f"Corridor {i}" for i in range(1, len(plant.CORRIDOR_XS_M) + 1))
    yield from pairwise(f"Gallery {i}" for i in range(1, len(plant.GALLERY_XS_M) + 1))
    for name, x_m in zip(("West", "Middle", "East"), plant.CONNECTOR_XS_M, strict=True):
        south = f"Corridor {plant.CORRIDOR_XS_M.index(x_m) + 1}"
        north = f"Gallery {plant.GALLERY_XS_M.index(x_m) + 1}"
        yield from pairwise([south, f"{name} passage 1", f"{name} passage 2", north])
    for hall in plant.HALLS:
        ring = [f"{hall.name} {i}" for i in range(1, len(hall.waypoints) + 1)]
        yield from pairwise([*ring, ring[0]])
        yield from ((ring[index], door) for index, door in hall.doors)
    corridor = [name for name in places if name.startswith("Corridor")]
    for name, pose in stands.items():
        yield name, min(corridor, key=lambda at: distance_m(places[at], pose))

"""A walk that a robot recorded comes in, is edited, goes out and runs: with the server's code and the real client."""

import io
import itertools
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from bosdyn.api.autowalk import walks_pb2
from bosdyn.api.graph_nav import map_pb2, nav_pb2
from bosdyn.api.mission import mission_pb2
from bosdyn.client.graph_nav import GraphNavClient
from tests.simulator.conftest import Served, serving
from tests.simulator.test_services_missions import play

from roundsman.kit.blobs_local import LocalBlobs
from roundsman.kit.clock import WallClock
from roundsman.kit.database import Database
from roundsman.kit.stored_zip import read_range
from roundsman.simulator.world.recording import walk_folder
from roundsman.simulator.world.world import World
from roundsman.site import imports, store

ROUND = "Pump room round"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A plant with one robot: the walk ends on the first dock, where no other may be."""
    world = World(seed=7, robots=1, pace=60.0, clock=WallClock(), history_days=0.0, fault_rate=0.0, operators=False)
    yield from serving(world, tmp_path / "fleet")


@pytest.fixture
def unused() -> Iterator[int]:
    return itertools.count()


@pytest.fixture
def through(database: Database, tmp_path: Path) -> Any:
    """What Roundsman gives out of a folder that came in, once one element is renamed and the others are removed."""

    async def work(files: dict[str, bytes]) -> tuple[dict[str, bytes], dict[str, bytes]]:
        blobs, clock = LocalBlobs(tmp_path / "blobs"), WallClock()
        with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
            for name, content in files.items():
                archive.writestr(f"Plant.walk/{name}", content)
        made = await imports.import_file(database, blobs, clock, tmp_path / "in.zip")
        walk = next(one for one in made if one["name"] == ROUND)
        before = await archived(walk["uuid"], blobs)
        first = await store.find(database, "site_element", walk["siteElementIds"][0])
        await store.save(database, clock, "site_element", [first | {"name": "Renamed"}])
        await store.save(database, clock, "site_walk", [walk | {"siteElementIds": walk["siteElementIds"][:2]}])
        after = await archived(walk["uuid"], blobs)
        await blobs.close()
        return before, after

    async def archived(uuid: str, blobs: LocalBlobs) -> dict[str, bytes]:
        found = await imports.archive_of(database, blobs, [uuid])
        content = b"".join([chunk async for chunk in read_range(found.layout, blobs, 0, found.layout.size_bytes)])
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}

    return work


pytestmark = pytest.mark.anyio


async def test_a_recorded_walk_runs_after_it_went_through_the_server(
    driven: Any, through: Any, eventually: Any
) -> None:
    recorded = walk_folder(driven.spot.site)
    before, after = await through(recorded)
    assert before.items() <= recorded.items(), "to the byte"
    await anyio.to_thread.run_sync(lambda: runs(driven, after, eventually))


def runs(driven: Any, files: dict[str, bytes], eventually: Any) -> None:
    """Uploads the map and loads the walk as the SDK's example replay_mission does, and plays it."""
    graphs: Any = driven.client.ensure_client(GraphNavClient.default_service_name)
    graphs.clear_graph()
    graph = map_pb2.Graph.FromString(files["graph"])
    asked = graphs.upload_graph(graph=graph)
    assert asked.unknown_waypoint_snapshot_ids
    for id_ in asked.unknown_waypoint_snapshot_ids:
        graphs.upload_waypoint_snapshot(map_pb2.WaypointSnapshot.FromString(files[f"waypoint_snapshots/{id_}"]))
    for id_ in asked.unknown_edge_snapshot_ids:
        graphs.upload_edge_snapshot(map_pb2.EdgeSnapshot.FromString(files[f"edge_snapshots/{id_}"]))
    home = driven.spot.site.docks[0].waypoint_id
    graphs.set_localization(nav_pb2.Localization(waypoint_id=home))
    (name,) = (name for name in files if name.startswith("missions/"))
    walk = walks_pb2.Walk.FromString(files[name])
    assert (walk.elements[0].name, len(walk.elements)) == ("Renamed", 2)
    mission = driven.service("robot-mission")
    loaded = play(driven, walk)
    assert mission.get_state().mission_id == loaded.mission_id
    eventually(lambda: mission.get_state().status != mission_pb2.State.STATUS_RUNNING, 40)
    assert mission.get_state().status == mission_pb2.State.STATUS_SUCCESS

"""A map seen from above, and its drawing."""

import math
import random

import pytest
from bosdyn.api.graph_nav import map_pb2
from tests.site.recorded import folder

from roundsman.kit.problem import BadRequest
from roundsman.simulator.world.site import build_site
from roundsman.site.walk_map import plan_of
from roundsman.web.plan import drawing_of, round_length


def the_plant(*, anchored: bool) -> bytes:
    graph = map_pb2.Graph.FromString(folder()["graph"])
    if not anchored:
        graph.ClearField("anchoring")
    return graph.SerializeToString()


@pytest.mark.parametrize("anchored", [True, False])
def test_it_has_the_plants_measures(anchored: bool) -> None:
    site, plan = build_site(2), plan_of(the_plant(anchored=anchored))
    assert plan.names == {waypoint.id: waypoint.name for waypoint in site.graph.waypoints.values()}
    assert len(plan.edges) == len(site.graph.edges)
    for a, b in zip(site.graph.edges, plan.edges, strict=True):
        one, other = plan.poses[b[0]], plan.poses[b[1]]
        assert math.dist(one[:2], other[:2]) == pytest.approx(a.length_m, abs=1e-6)


def test_what_is_not_anchored_hangs_on_the_edges() -> None:
    graph = map_pb2.Graph.FromString(the_plant(anchored=True))
    whole = plan_of(graph.SerializeToString())
    del graph.anchoring.anchors[1:]
    part = plan_of(graph.SerializeToString())
    assert part.poses.keys() == whole.poses.keys()
    for id_, pose in part.poses.items():
        assert pose[:2] == pytest.approx(whole.poses[id_][:2], abs=1e-6)


def test_damaged_poses_edges_to_nowhere_and_empty_maps_are_survived() -> None:
    graph = map_pb2.Graph()
    assert drawing_of(plan_of(graph.SerializeToString()), [], [], numbered=True) is None
    for name in ("a", "b", "c", "d"):
        graph.waypoints.add(id=name)
    for from_, to, x in (("a", "b", 3.0), ("b", "c", math.inf), ("c", "d", math.nan), ("a", "x", 1.0), ("a", "a", 1.0)):
        edge = graph.edges.add(id=map_pb2.Edge.Id(from_waypoint=from_, to_waypoint=to))
        edge.from_tform_to.position.x, edge.from_tform_to.rotation.w = x, 1.0
    plan = plan_of(graph.SerializeToString())
    assert set(plan.poses) == {"a", "b"}
    drawing = drawing_of(plan, [("b", "Gauge"), ("b", "Valve"), ("x", "Gone")], [("a", "520")], numbered=True)
    assert drawing is not None
    assert [(mark.x, mark.label, mark.title) for mark in drawing.actions] == [(3.0, "1, 2", "1 Gauge; 2 Valve")]
    assert [mark.title for mark in drawing.docks] == ["520"]
    assert "nan" not in str(drawing)
    with pytest.raises(BadRequest, match="no graph"):
        plan_of(b"\xff")


def test_any_numbers_give_a_drawing() -> None:
    chance = random.Random(4)
    for _ in range(200):
        graph = map_pb2.Graph()
        for name in "abcdef":
            graph.waypoints.add(id=name)
        for _ in range(8):
            edge = graph.edges.add()
            edge.id.from_waypoint, edge.id.to_waypoint = chance.choice("abcdef"), chance.choice("abcdef")
            values = (0.0, 1.5, -1e300, 1e308, math.inf, -math.inf, math.nan, 1e6)
            pose = edge.from_tform_to
            pose.position.x, pose.position.y, pose.rotation.w, pose.rotation.z = (chance.choice(values) for _ in "xywz")
        drawing = drawing_of(plan_of(graph.SerializeToString()), [], [], numbered=False)
        assert drawing is None or ("nan" not in str(drawing) and "inf" not in str(drawing))


@pytest.mark.parametrize(("longest", "found"), [(9.9, 5), (10, 10), (19, 10), (51, 50), (0.3, 0.2)])
def test_the_scale_is_a_round_length(longest: float, found: float) -> None:
    assert round_length(longest) == pytest.approx(found)

"""What a robot's store holds from before the simulation began: rounds of the past days, drawn when they are read."""

from roundsman.simulator.model import CaptureAction
from roundsman.simulator.world.daq import Snapshot, action_drafts, store_draft
from roundsman.simulator.world.plant import Item
from roundsman.simulator.world.robot import SimulatedSpot, compact_utc, group_name
from roundsman.simulator.world.walk_protos import AcquisitionRequest, element_request, read_walk, walk_bytes
from roundsman.simulator.world.walks import WALKS, WalkPlan

ROUNDS_A_DAY = 18
"""Of the whole fleet."""
ACTION_EVERY_S = 45
_DAY_US = 86_400_000_000


def fill(robot: SimulatedSpot, now_us: int, days: float, fleet: int) -> None:
    """Fills the store of a robot with its share of the rounds of the last `days` (world time)."""
    every_us = int(_DAY_US / ROUNDS_A_DAY * fleet)
    rounds = int(days * _DAY_US // every_us)
    for ago in range(rounds, 0, -1):
        start_us = now_us - ago * every_us + robot.index * every_us // fleet
        if ago % 7 == 3:
            _drive_by_hand(robot, start_us)
        else:
            _round(robot, WALKS[(robot.index + rounds - ago) % len(WALKS)], start_us)


def _round(robot: SimulatedSpot, plan: WalkPlan, start_us: int) -> None:
    walk = read_walk(walk_bytes(plan, robot.site, robot.home))
    group = group_name((start_us + robot.skew_us) // 1_000_000, plan.name)
    for i, (item, step) in enumerate(zip(plan.items, walk.steps, strict=True), 1):
        time_us = start_us + i * ACTION_EVERY_S * 1_000_000
        _action(robot, item, element_request(walk, step, group), time_us)


def _drive_by_hand(robot: SimulatedSpot, start_us: int) -> None:
    group = f"teleop_{compact_utc((start_us + robot.skew_us) // 1_000_000)}"
    items = WALKS[robot.index % len(WALKS)].items
    for i, item in enumerate(items[:3], 1):
        request = AcquisitionRequest(f"Picture {i}", group, 0, ("spot-cam-ptz",), {})
        _action(robot, item, request, start_us + i * ACTION_EVERY_S * 1_000_000)


def _action(robot: SimulatedSpot, item: Item, request: AcquisitionRequest, time_us: int) -> None:
    waypoint = robot.site.waypoint(item.place)
    robot_us = time_us + robot.skew_us
    here = Snapshot(time_us, robot_us, waypoint.pose, waypoint.id, robot.identity(), robot.seed)
    action = CaptureAction(request.group_name, request.action_name, robot_us)
    ids: list[int] = []
    for draft in action_drafts(robot.sensors, request, here):
        about_id = ids[draft.about] if draft.about is not None else None
        stored_us = robot_us + int((3.0 + draft.delay_s) * 1e6)
        ids.append(store_draft(robot.store, draft, action, about_id, stored_us))

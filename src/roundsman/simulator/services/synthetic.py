"""Robots for measuring: a store full of captures that cost nothing to make.

The content of a capture is one shared block of noise with its id written over the beginning, so every capture differs,
two reads give the same bytes, and no picture has to be drawn.
"""

import random
from functools import cache, partial

from roundsman.kit.clock import Clock, WallClock
from roundsman.simulator.model import CaptureAction, CaptureKind
from roundsman.simulator.world.robot import SimulatedSpot
from roundsman.simulator.world.world import World

STAMP_BYTES = 64
PER_ACTION = 4


def synthetic_world(
    robots: int, captures: int, size_bytes: int, *, kind: CaptureKind = "image", clock: Clock | None = None
) -> World:
    """A world where nothing happens, with `captures` captures of `size_bytes` in each robot's store."""
    world = World(
        seed=1,
        robots=robots,
        pace=1.0,
        clock=clock or WallClock(),
        history_days=0.0,
        fault_rate=0.0,
        operators=False,
        capacity_bytes=1 << 60,
    )
    for robot in world.robots:
        fill(robot, captures, size_bytes, kind=kind)
    return world


def synthetic_robot(captures: int, size_bytes: int, *, kind: CaptureKind = "image") -> SimulatedSpot:
    """One such robot; `fill` adds more to its store."""
    return synthetic_world(1, captures, size_bytes, kind=kind).robots[0]


def fill(robot: SimulatedSpot, captures: int, size_bytes: int, *, kind: CaptureKind = "image") -> None:
    """Adds captures to a robot's store, a few per action, actions a second apart up to now."""
    channel, extension = ("spot-cam-ptz", "") if kind == "image" else ("bulk", ".bin")
    start_us = robot.now_us() - (captures // PER_ACTION + 1) * 1_000_000
    for number in range(captures):
        taken_us = start_us + number // PER_ACTION * 1_000_000
        action = CaptureAction("2026-01-05T060000Z_Synthetic round", f"Point {number // PER_ACTION}", taken_us)
        stamp = f"{robot.serial}/{kind}/{number}"
        robot.store.add(
            kind,
            action,
            channel,
            f"view-{number % PER_ACTION}",
            partial(content, stamp, size_bytes, kind),
            file_extension=extension,
            size_bytes=size_bytes,
            stored_us=taken_us,
        )


def content(stamp: str, size_bytes: int, kind: CaptureKind = "data") -> bytes:
    """The bytes of one capture: the stamp, then noise. An image begins as a JPEG does."""
    head = (b"\xff\xd8\xff\xe0" if kind == "image" else b"") + stamp.encode().ljust(STAMP_BYTES, b".")
    return b"".join((head[:size_bytes], _noise(max(0, size_bytes - len(head)))))


@cache
def _noise(size_bytes: int) -> memoryview:
    return memoryview(random.Random(size_bytes).randbytes(size_bytes))

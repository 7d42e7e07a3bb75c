"""How a robot is shown: its connection and why, its battery, and what it is doing, in words."""

import msgspec

from roundsman.robots.link import LiveState, Observation
from roundsman.robots.registry import Robot
from roundsman.web.rendering import Moment, moment


class Card(msgspec.Struct, frozen=True):
    """A robot on the overview."""

    nickname: str
    hostname: str
    connection: str
    doing: str
    battery_pct: int | None
    charging: bool
    faults: tuple[str, ...]
    seen: Moment | None
    lost: int  # captures that it overwrote before they could be fetched


def card(robot: Robot, live: LiveState, now_us: int, lost: int = 0) -> Card:
    """What is shown of a robot; what was seen last is not shown as the present."""
    at, seen_us = live.observation, live.last_seen_us or robot.last_seen_us
    fresh = at if live.connection == "connected" else None
    return Card(
        nickname=robot.nickname,
        hostname=robot.hostname,
        connection=live.connection,
        doing=_doing(fresh) if fresh else _sentence(live.reason) or "not reached yet",
        battery_pct=None if fresh is None or fresh.battery_pct is None else round(fresh.battery_pct),
        charging=fresh is not None and fresh.charging,
        faults=fresh.faults if fresh else (),
        seen=None if fresh or seen_us is None else moment(seen_us, now_us),
        lost=lost,
    )


def _doing(at: Observation) -> str:
    mission = at.mission
    if at.estopped:
        return "Emergency stop"
    if mission is not None and mission.status in ("RUNNING", "PAUSED"):
        verb = "On its round" if mission.status == "RUNNING" else "Paused on its round"
        return f"{verb}: {mission.name}" if mission.name else verb
    if at.docked:
        dock = f" {at.dock_id}" if at.dock_id is not None else ""
        return f"On dock{dock}"
    if at.lease_owner:
        return f"Driven by {at.operator or at.lease_owner}"
    return "Standing by" if at.motors_on else "Motors off"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]

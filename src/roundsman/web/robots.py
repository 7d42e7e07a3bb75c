"""How a robot is shown: its connection and why, its battery, what it is doing; and the page to add and remove some."""

from typing import Any

import msgspec
from litestar import Request, Response, get, post
from litestar.response import Redirect

from roundsman.api.authentication import CSRF, requires
from roundsman.api.parts import Given, Parts
from roundsman.kit.problem import Problem
from roundsman.robots.link import LiveState, Observation
from roundsman.robots.registry import Robot
from roundsman.web.forms import fields_of
from roundsman.web.rendering import Moment, moment, page
from roundsman.web.visitors import visit

Asked = Request[Any, Any, Any]
PATH = "/robots"
READ = requires("administer", "robots")
CHANGE = {**READ, CSRF: "form"}


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


class RobotShown(msgspec.Struct, frozen=True):
    """A robot in the list of those who keep it."""

    card: Card
    username: str
    serial: str
    software: str


@get(PATH, opt=READ)
async def list_page(parts: Given, request: Asked) -> Response[str]:
    """All robots, and the form for one more."""
    return await _list(parts, request, {"username": "admin"})


@post(PATH, opt=CHANGE)
async def add(parts: Given, request: Asked) -> Response[Any]:
    """Adds one, also when it cannot be reached now: the list then says why."""
    fields = await fields_of(parts, request)
    given = [fields.get(name, "") for name in ("hostname", "nickname", "username", "password")]
    try:
        await parts.registry.add(*given)
    except Problem as failure:
        return await _list(parts, request, fields, failure)
    return Redirect(PATH, status_code=303)


@post(f"{PATH}/remove", opt=CHANGE)
async def remove(parts: Given, request: Asked) -> Response[Any]:
    """Forgets one; what it has captured stays."""
    fields = await fields_of(parts, request)
    await parts.registry.remove(fields.get("hostname", ""))
    return Redirect(PATH, status_code=303)


async def _list(parts: Parts, request: Asked, fields: dict[str, str], failure: Problem | None = None) -> Response[str]:
    seen, now_us = await visit(parts, request), parts.clock.now_us()
    return page(
        "robots.html",
        failure=failure,
        identity=seen.identity,
        csrf=seen.csrf,
        robots=[
            RobotShown(
                card(robot, parts.fleet.live(robot.hostname), now_us),
                robot.username,
                robot.serial or "",
                robot.software_version or "",
            )
            for robot in await parts.registry.list()
        ],
        form={name: fields.get(name, "") for name in ("hostname", "nickname", "username")},
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


routes = [list_page, add, remove]

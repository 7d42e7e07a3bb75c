"""How a robot is shown: its connection and why, its battery, what it is doing; its page, and the list to keep them."""

from typing import Any
from urllib.parse import quote

import msgspec
from litestar import Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect

from roundsman.access.scopes import in_scope
from roundsman.acquisition.losses import lost_of_robot
from roundsman.api.authentication import CSRF, requires
from roundsman.api.own.users import asking
from roundsman.api.parts import Given, Parts
from roundsman.kit.problem import BadRequest, Problem
from roundsman.robots.link import LiveState, Observation
from roundsman.robots.registry import Robot
from roundsman.web.forms import fields_of
from roundsman.web.rendering import Moment, moment, page
from roundsman.web.runs import latest_runs
from roundsman.web.visitors import visit

Asked = Request[Any, Any, Any]
PATH = "/robots"
READ, ADMINISTER = requires("read", "robots"), requires("administer", "robots")
CHANGE = {**ADMINISTER, CSRF: "form"}


class Card(msgspec.Struct, frozen=True):
    """A robot on the overview, in the list, or at the head of its page."""

    nickname: str
    hostname: str
    username: str
    serial: str
    software: str
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
        username=robot.username,
        serial=robot.serial or "",
        software=robot.software_version or "",
        connection=live.connection,
        doing=_doing(fresh) if fresh else _sentence(live.reason) or "not reached yet",
        battery_pct=None if fresh is None or fresh.battery_pct is None else round(fresh.battery_pct),
        charging=fresh is not None and fresh.charging,
        faults=fresh.faults if fresh else (),
        seen=None if fresh or seen_us is None else moment(seen_us, now_us),
        lost=lost,
    )


async def cards(parts: Parts) -> list[Card]:
    """All robots, by their index."""
    return [await _card(parts, robot) for robot in await parts.registry.list()]


async def _card(parts: Parts, robot: Robot) -> Card:
    lost = await lost_of_robot(parts.database, robot.serial) if robot.serial else 0
    return card(robot, parts.fleet.live(robot.hostname), parts.clock.now_us(), lost)


@get(PATH, opt=ADMINISTER)
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


@get(f"{PATH}/{{hostname:str}}", opt=READ)
async def one_page(parts: Given, request: Asked, hostname: FromPath[str]) -> Response[str]:
    """One: how it is, its latest runs; for administrators its login and its removal."""
    return await _one(parts, request, hostname)


@post(f"{PATH}/{{hostname:str}}/login", opt=CHANGE)
async def set_login(parts: Given, request: Asked, hostname: FromPath[str]) -> Response[Any]:
    """Changes the user and password that it is logged in to with; its link logs in anew."""
    fields = await fields_of(parts, request)
    try:
        await parts.registry.set_login(hostname, fields.get("password", ""), fields.get("username", ""))
    except BadRequest as failure:
        return await _one(parts, request, hostname, failure)
    return Redirect(f"{PATH}/{quote(hostname, safe='')}", status_code=303)


@post(f"{PATH}/{{hostname:str}}/remove", opt=CHANGE)
async def remove(parts: Given, request: Asked, hostname: FromPath[str]) -> Response[Any]:
    """Forgets it; what it has captured stays."""
    await fields_of(parts, request)
    await parts.registry.remove(hostname)
    return Redirect(PATH, status_code=303)


async def _list(parts: Parts, request: Asked, fields: dict[str, str], failure: Problem | None = None) -> Response[str]:
    seen = await visit(parts, request)
    return page(
        "robots.html",
        failure=failure,
        identity=seen.identity,
        csrf=seen.csrf,
        robots=await cards(parts),
        form={name: fields.get(name, "") for name in ("hostname", "nickname", "username")},
    )


async def _one(parts: Parts, request: Asked, hostname: str, failure: Problem | None = None) -> Response[str]:
    robot, seen = await parts.registry.get(hostname), await visit(parts, request)
    sees_runs = in_scope(asking(request).scopes, "runs", "read")
    return page(
        "robot.html",
        failure=failure,
        identity=seen.identity,
        csrf=seen.csrf,
        robot=await _card(parts, robot),
        **(await latest_runs(parts, robot.nickname) if sees_runs else {}),
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


routes = [list_page, add, one_page, set_login, remove]

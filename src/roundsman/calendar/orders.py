"""Orders to move a robot now: checked from end to end, and refused, because this version moves no robot yet.

Source: scout-api.md §2.8.
"""

from typing import Any, Never

import msgspec

from roundsman.calendar.events import LAST_MS, LONGEST_REPEAT_MS
from roundsman.calendar.service import check_nickname, nicknames
from roundsman.kit.database import Reader
from roundsman.kit.members import Members
from roundsman.kit.problem import NotFound, Problem

_NOBODY = frozenset({"", "None", "null", "undefined"})
"""What clients send for a driver that is not there: Python formats None into the query."""

_FLAGS = ("deleteMission", "forceAcquireEstop", "forceAcquireLease", "requireDocked", "skipInitialization")


class Dispatch(msgspec.Struct, frozen=True, kw_only=True):
    """A site walk for one robot, now. Either `mission_id` or `walk` says which."""

    nickname: str
    driver_id: str  # who drives the robot meanwhile; empty: nobody
    name: str
    mission_id: str
    walk: dict[str, Any] | None
    time_ms: int
    flags: frozenset[str]


class Send(msgspec.Struct, frozen=True, kw_only=True):
    """A robot is to go to a dock."""

    nickname: str
    site_dock_uuid: str


class MovesNoRobots(Problem):
    """409: the order is well-formed, and this version cannot carry it out."""

    def __init__(self, what: str) -> None:
        text = f"{what}: this version of Roundsman does not move robots yet. Nothing was started."
        super().__init__(409, "Moves no robots", text, code="MOVES_NO_ROBOTS")


def dispatch_of(nickname: str, driver_id: str | None, body: dict[str, Any]) -> Dispatch:
    """The order that a body means, in any of its forms. Raises: BadRequest."""
    members = Members(body)
    named = members.object("agent").text("nickname", longest=200)
    if named and named != nickname:
        raise members.object("agent").wrong("nickname", f"is {named}, but the path names {nickname}")
    task, schedule = members.object("task", needed=True), members.object("schedule")
    mission_id, walk = _target(task)
    schedule.whole("repeatMs", -LAST_MS, LONGEST_REPEAT_MS, default=0)
    return Dispatch(
        nickname=nickname,
        driver_id="" if driver_id is None or driver_id in _NOBODY else driver_id,
        name=members.object("eventMetadata").text("name"),
        mission_id=mission_id,
        walk=walk,
        time_ms=schedule.whole("timeMs", 0, LAST_MS, default=1),
        flags=frozenset(name for name in _FLAGS if task.flag(name)),
    )


def send_of(body: dict[str, Any]) -> Send:
    """The order that a body means. Raises: BadRequest."""
    members = Members(body)
    return Send(
        nickname=members.needed_text("nickname", "the robot's nickname"),
        site_dock_uuid=members.needed_text("siteDockUuid", "the uuid of the site dock to go to"),
    )


async def dispatch(reader: Reader, order: Dispatch) -> Never:
    """Checks what the order names. Raises: NotFound; else MovesNoRobots, always."""
    if order.nickname not in await nicknames(reader):
        raise NotFound(f"there is no robot with the nickname {order.nickname}")
    raise MovesNoRobots(f"{order.nickname} was not dispatched")


async def send(reader: Reader, order: Send) -> Never:
    """Checks what the order names. Raises: BadRequest; else MovesNoRobots, always."""
    await check_nickname(reader, order.nickname, "nickname")
    raise MovesNoRobots(f"{order.nickname} was not sent to its dock")


def _target(task: Members) -> tuple[str, dict[str, Any] | None]:
    """`dispatchTarget` of clients since 5.0.1, else the `missionId` of those before."""
    target = task.object("dispatchTarget")
    mission_id, walk = target.text("missionId", longest=200), target.values.get("walk")
    if walk is not None:
        if mission_id:
            raise target.wrong("walk", "cannot stand beside a missionId: it is one of the two")
        return "", dict(target.object("walk", needed=True).values)
    mission_id = mission_id or task.text("missionId", longest=200)
    if not mission_id.strip():
        raise task.wrong("dispatchTarget", 'is needed: {"missionId": the uuid of a site walk} or {"walk": …}')
    return mission_id, None

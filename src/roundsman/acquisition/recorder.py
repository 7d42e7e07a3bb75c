"""Writes runs from what links observe: one is opened when a mission starts or a driver drives, and closed when it ends.

Source: robot-link.md §4. Teleoperation has no start or end on the robot's wire: it is a client that holds the body's
lease and moves the robot while no mission is under way, until it gives the lease back.
"""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import bindparam, func, select

from roundsman.captures.tables import run_events
from roundsman.kit.bus import Bus
from roundsman.kit.clock import Clock
from roundsman.kit.database import Database, Statement, Transaction
from roundsman.kit.log import get_logger
from roundsman.robots.link import UNDER_WAY, Identity, Mission, Observation
from roundsman.robots.supervisor import OBSERVED, Fleet
from roundsman.runs.record import (
    TELEOP_NAME,
    RobotIdentity,
    Watched,
    change_run,
    open_runs,
    open_watched,
)

_log = get_logger("runs")

CHANGED = "runs.changed"
"""Bus topic: the uuid of a run that was opened, changed or closed."""

TELEOP_ID = -1
OWN_CLIENT = "roundsman"
_DRIVING_US = 4_000_000  # standing up and undocking before a mission is not yet driving by hand
_WRITE_US = 5_000_000  # distance and times of a run under way are written so often
_MOVING_M_PER_S = 0.02
_METERS = ("distance_m", "motors_on_s", "moving_s")

_events = Statement(select(func.count()).select_from(run_events).where(run_events.c.run_uuid == bindparam("run_uuid")))


@dataclass
class _Watch:
    """What is being watched on one robot."""

    run_uuid: str | None = None
    mission_id: int = TELEOP_ID
    status: str = ""
    last: Observation | None = None
    driving_since_us: int | None = None
    written_us: int = 0
    unwritten: dict[str, float] = field(default_factory=lambda: dict.fromkeys(_METERS, 0.0))


class Recorder:
    """A kit Service: follows what links observe, in order for each robot."""

    name = "recorder"

    def __init__(self, *, fleet: Fleet, database: Database, bus: Bus, clock: Clock) -> None:
        self._fleet = fleet
        self._database = database
        self._bus = bus
        self._clock = clock
        self._watches: dict[str, _Watch] = {}

    async def run(self) -> None:
        """Follows observations until cancelled; runs under way stay open, for the next start to go on with."""
        with self._bus.subscribe(OBSERVED) as news:
            async for item in news:
                if isinstance(item.message, Observation):
                    await self.observe(item.message)

    async def observe(self, seen: Observation) -> None:
        """Takes one observation into the robot's runs."""
        identity = self._fleet.live(seen.hostname).identity
        if identity is None:
            return
        robot = self._robot(seen.hostname, identity)
        watch = self._watches.get(robot.serial)
        if watch is None:
            watch = self._watches[robot.serial] = await self._resume(robot, seen)
        self._measure(watch, seen)
        await self._step(watch, robot, seen)
        watch.last = seen

    def _robot(self, hostname: str, identity: Identity) -> RobotIdentity:
        link = self._fleet.links().get(hostname)
        nickname = link.nickname if link else identity.nickname
        return RobotIdentity(
            identity.serial, hostname, nickname, identity.software_version, identity.software_changeset
        )

    async def _resume(self, robot: RobotIdentity, seen: Observation) -> _Watch:
        """What is stored as under way: gone on with when it still is, else closed with what is known."""
        mission = seen.mission
        goes_on = mission.mission_id if mission and mission.status in UNDER_WAY else None
        watch = _Watch()

        async def work(tx: Transaction) -> None:
            for row in await open_runs(tx, robot.serial):
                if goes_on is not None and row["robot_mission_id"] == goes_on and watch.run_uuid is None:
                    watch.run_uuid, watch.mission_id, watch.status = row["uuid"], goes_on, row["mission_status"]
                else:
                    await self._close(tx, row["uuid"], _known_status(mission, row), row["modified_us"])

        await self._database.write(work)
        return watch

    def _measure(self, watch: _Watch, seen: Observation) -> None:
        """Adds what the odometer and the hour meters went on since the last look."""
        if watch.last is None or watch.run_uuid is None:
            return
        for name in _METERS:
            before, now = getattr(watch.last, name), getattr(seen, name)
            if before is not None and now is not None and now > before:
                watch.unwritten[name] += now - before

    async def _step(self, watch: _Watch, robot: RobotIdentity, seen: Observation) -> None:
        mission = seen.mission
        if mission is not None and mission.status in UNDER_WAY:
            watch.driving_since_us = None
            await self._mission(watch, robot, seen, mission)
            return
        if watch.run_uuid is not None and watch.mission_id != TELEOP_ID:
            same = mission is not None and mission.mission_id == watch.mission_id
            await self._end(watch, mission.status if mission and same else "UNKNOWN", seen.at_us)
        await self._teleop(watch, robot, seen)

    async def _mission(self, watch: _Watch, robot: RobotIdentity, seen: Observation, mission: Mission) -> None:
        """A mission is under way: its run is open, with its present status."""
        if watch.run_uuid is not None and watch.mission_id != mission.mission_id:
            last_us = watch.last.at_us if watch.last else seen.at_us
            await self._end(watch, "UNKNOWN" if watch.mission_id != TELEOP_ID else "SUCCESS", last_us)
        if watch.run_uuid is None:
            await self._begin(watch, robot, Watched(
                run_type="mission", mission_name=mission.name, robot_mission_id=mission.mission_id,
                operator_id=seen.operator, action_count=len(mission.action_names), start_us=seen.at_us,
            ))  # fmt: skip
        elif watch.status != mission.status or seen.at_us - watch.written_us >= _WRITE_US:
            await self._write(watch, mission, seen)

    async def _teleop(self, watch: _Watch, robot: RobotIdentity, seen: Observation) -> None:
        """A driver drives, or has stopped."""
        held = bool(seen.lease_owner) and not seen.lease_owner.startswith(OWN_CLIENT)
        if watch.run_uuid is not None:
            if not held:
                await self._end(watch, "SUCCESS", seen.at_us)
            elif seen.at_us - watch.written_us >= _WRITE_US:
                await self._write(watch, None, seen)
            return
        if not (held and seen.motors_on):
            watch.driving_since_us = None
        elif watch.driving_since_us is None and seen.speed_m_per_s > _MOVING_M_PER_S:
            watch.driving_since_us = seen.at_us
        elif watch.driving_since_us is not None and seen.at_us - watch.driving_since_us >= _DRIVING_US:
            await self._begin(watch, robot, Watched(
                run_type="teleop", mission_name=TELEOP_NAME, robot_mission_id=TELEOP_ID, operator_id=seen.operator,
                action_count=0, start_us=watch.driving_since_us,
            ))  # fmt: skip

    async def _begin(self, watch: _Watch, robot: RobotIdentity, watched: Watched) -> None:
        now_us = self._clock.now_us()
        uuid = await self._database.write(lambda tx: open_watched(tx, robot, watched, now_us))
        watch.run_uuid, watch.mission_id, watch.status = uuid, watched.robot_mission_id, "RUNNING"
        watch.written_us, watch.unwritten = now_us, dict.fromkeys(_METERS, 0.0)
        _log.info("run begins", robot=robot.nickname, mission=watched.mission_name, run=uuid)
        self._bus.publish(CHANGED, uuid)

    async def _write(self, watch: _Watch, mission: Mission | None, seen: Observation) -> None:
        """Writes status, distance and times of the run under way."""
        status = mission.status if mission else "RUNNING"
        count = len(mission.action_names) if mission else 0

        async def work(tx: Transaction) -> bool:
            row = await self._open_row(tx, watch)
            if row is None:
                return False
            watch.run_uuid = row["uuid"]
            events = await tx.one(_events, run_uuid=row["uuid"])
            done = events[0] if events else 0
            actions = max(count, done)
            changes = {"mission_status": status, "action_count": actions, "pending_action_count": actions - done}
            return await change_run(tx, row["uuid"], changes | _added(row, watch), self._clock.now_us())

        if not await self._database.write(work):
            watch.run_uuid = None  # removed by hand: it is opened anew if it still goes on
            return
        watch.status, watch.written_us, watch.unwritten = status, seen.at_us, dict.fromkeys(_METERS, 0.0)
        self._bus.publish(CHANGED, watch.run_uuid)

    async def _end(self, watch: _Watch, status: str, end_us: int) -> None:
        """Closes the run that is being watched."""

        async def work(tx: Transaction) -> str | None:
            row = await self._open_row(tx, watch)
            if row is not None:
                await change_run(tx, row["uuid"], _added(row, watch), self._clock.now_us())
                await self._close(tx, row["uuid"], status, end_us)
            return None if row is None else row["uuid"]

        uuid = await self._database.write(work)
        watch.run_uuid, watch.mission_id = None, TELEOP_ID
        watch.unwritten = dict.fromkeys(_METERS, 0.0)
        _log.info("run ends", run=uuid, status=status)
        self._bus.publish(CHANGED, uuid)

    async def _open_row(self, tx: Transaction, watch: _Watch) -> dict[str, Any] | None:
        """The watched run's row, which may have been joined to that of its captures since."""
        serial = next(serial for serial, known in self._watches.items() if known is watch)
        rows = await open_runs(tx, serial)
        return next((row for row in rows if row["robot_mission_id"] == watch.mission_id), None)

    async def _close(self, tx: Transaction, uuid: str, status: str, end_us: int) -> None:
        changes = {"mission_status": status, "end_us": end_us, "pending_action_count": 0}
        await change_run(tx, uuid, changes, self._clock.now_us())


def _added(row: dict[str, Any], watch: _Watch) -> dict[str, float]:
    """A run's distance and times, with what is not written yet."""
    return {name: row[name] + watch.unwritten[name] for name in _METERS}


def _known_status(mission: Mission | None, row: dict[str, Any]) -> str:
    """How a run that ended unseen ended: the robot still tells of its last mission, of others nothing."""
    if row["robot_mission_id"] == TELEOP_ID:
        return "SUCCESS"
    return mission.status if mission and mission.mission_id == row["robot_mission_id"] else "UNKNOWN"


__all__ = ["CHANGED", "Recorder"]

"""Writes runs from what links observe: one is opened when a mission starts or a driver drives, and closed when it ends.

Whatever was seen of a run under way is kept in its row, so that a lost link or a restart goes on from there: the same
mission is continued, another one closes it with what is known.

Source: robot-link.md §4. Teleoperation has no start or end on the robot's wire: it is a client that holds the body's
lease and moves the robot while no mission is under way, until it gives the lease back or switches the motors off.
"""

import asyncio
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import bindparam, func, select

from roundsman.captures.tables import run_events
from roundsman.kit import outbox
from roundsman.kit.bus import Bus
from roundsman.kit.clock import Clock
from roundsman.kit.database import Database, Statement, Transaction
from roundsman.kit.log import get_logger
from roundsman.kit.problem import DatabaseDamaged, DiskFull
from roundsman.robots.link import UNDER_WAY, Mission, Observation
from roundsman.robots.supervisor import OBSERVED, Fleet
from roundsman.robots.tables import robots
from roundsman.runs.reading import RUNS, run_of
from roundsman.runs.record import (
    TELEOP_NAME,
    RobotIdentity,
    Watched,
    change_run,
    open_runs,
    open_watched,
    watched_runs,
)

_log = get_logger("runs")

STARTED, ENDED = "run.started", "run.ended"  # topics of the outbox; subject is the run's uuid
CHANGED = "runs.changed"
"""Bus topic: the uuid of a run that was opened, changed or closed."""

TELEOP_ID = -1
OWN_CLIENT = "roundsman"
_SECOND_US = 1_000_000
_DRIVING_US = 4 * _SECOND_US  # standing up and undocking before a mission is not yet driving by hand
_IDLE_US = 10 * _SECOND_US  # a driver whose tablet loses the link for a moment goes on driving
_WRITE_US = 5 * _SECOND_US  # distance and times of a run under way are written so often
_GAP_US = 15 * _SECOND_US  # without a look for so long, what happened meanwhile is not known
_DOUBT_US = 600 * _SECOND_US  # a mission service that does not know how its mission fares may recover
_LOST_US = 6 * 3600 * _SECOND_US  # beyond a battery's life nothing goes on
_LOOK_FOR_LOST_S = 60.0
_MOVING_M_PER_S = 0.02
_METERS = ("distance_m", "motors_on_s", "moving_s")

_events = Statement(
    select(func.count(), func.max(run_events.c.time_us)).where(run_events.c.run_uuid == bindparam("run_uuid"))
)
_known_serials = Statement(select(robots.c.serial))

Row = dict[str, Any]


class Progress(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far a run under way was watched: kept in its row. Meters are the robot's readings then."""

    seen_us: int
    tick: int = 0
    walk: str = ""
    client: str = ""
    distance_m: float | None = None
    motors_on_s: float | None = None
    moving_s: float | None = None

    @classmethod
    def of(cls, seen: Observation) -> "Progress":
        """How far it is at one look."""
        mission = seen.mission
        tick, walk = (mission.tick, mission.name) if mission else (0, "")
        return cls(seen.at_us, tick, walk, seen.lease_owner, seen.distance_m, seen.motors_on_s, seen.moving_s)


_read = msgspec.json.Decoder(Progress).decode


def _note(progress: Progress) -> str:
    return msgspec.json.encode(progress).decode()


@dataclass
class _Watch:
    """What is being watched on one robot: the run under way as it was written last, and what was seen since."""

    run: Row | None = None
    progress: Progress = Progress(0)  # noqa: RUF009 - it is frozen
    driving_since_us: int | None = None
    idle_since_us: int | None = None
    doubted_since_us: int | None = None

    @property
    def written_us(self) -> int:
        """When the run's row was written last."""
        return _read(self.run["watched"]).seen_us if self.run and self.run["watched"] else 0

    def watches(self, run_type: str) -> bool:
        """Whether a run of this type is under way."""
        return self.run is not None and self.run["run_type"] == run_type

    def plays(self, mission: Mission) -> bool:
        """Whether a mission is the one that is being watched, not another or the same played anew."""
        walk = self.progress.walk
        same = self.run is not None and self.run["robot_mission_id"] == mission.mission_id
        return same and mission.tick >= self.progress.tick and (not (walk and mission.name) or walk == mission.name)


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
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen())
            tasks.create_task(self._look_for_lost())

    async def _listen(self) -> None:
        with self._bus.subscribe(OBSERVED) as news:
            async for item in news:
                if isinstance(item.message, Observation):
                    await self._try_to_observe(item.message)

    async def _try_to_observe(self, seen: Observation) -> None:
        """One robot's trouble is not the others', and what could not be written is told again by the next look."""
        try:
            await self.observe(seen)
        except (DiskFull, DatabaseDamaged) as error:
            _log.warning("run is not recorded", robot=seen.hostname, reason=str(error))
        except Exception:
            _log.exception("run is not recorded", robot=seen.hostname)

    async def _look_for_lost(self) -> None:
        while True:
            await self._clock.sleep(_LOOK_FOR_LOST_S)
            await self.close_lost()

    async def observe(self, seen: Observation) -> None:
        """Takes one observation into the robot's runs."""
        robot = self._robot(seen.hostname)
        if robot is None:
            return
        watch = self._watches.get(robot.serial)
        if watch is None:
            watch = self._watches[robot.serial] = await self._resume(robot.serial)
        await self._follow(watch, robot, seen)

    def _robot(self, hostname: str) -> RobotIdentity | None:
        identity = self._fleet.live(hostname).identity
        if identity is None:
            return None
        link = self._fleet.links().get(hostname)
        nickname = link.nickname if link else identity.nickname
        version, changeset = identity.software_version, identity.software_changeset
        return RobotIdentity(identity.serial, hostname, nickname, version, changeset)

    async def _resume(self, serial: str) -> _Watch:
        """What is stored as under way; of several only the newest can be."""

        async def work(tx: Transaction) -> Row | None:
            rows = [row for row in await open_runs(tx, serial) if row["watched"]]
            for row in rows[1:]:
                await self._close(tx, row, "UNKNOWN", _read(row["watched"]).seen_us)
            return rows[0] if rows else None

        row = await self._database.write(work)
        return _Watch(row, _read(row["watched"])) if row else _Watch()

    # -- what one look means

    async def _follow(self, watch: _Watch, robot: RobotIdentity, seen: Observation) -> None:
        mission = seen.mission
        if watch.watches("mission") and (mission is None or await self._go_on_with(watch, seen, mission)):
            return
        if mission is not None and mission.status in UNDER_WAY:
            if watch.run is not None:
                await self._end(watch, "SUCCESS", watch.idle_since_us or seen.at_us, seen)
            await self._begin_mission(watch, robot, seen, mission)
        else:
            await self._teleop(watch, robot, seen)

    async def _go_on_with(self, watch: _Watch, seen: Observation, mission: Mission) -> bool:
        """Takes a look into the mission that is being watched; False when it is over."""
        unknown = mission.status == "UNKNOWN"
        if not unknown:
            watch.doubted_since_us = None
        if not unknown and not watch.plays(mission):
            # Another has taken its place: one that was paused was given up, of another nothing is known.
            paused = watch.run is not None and watch.run["mission_status"] == "PAUSED"
            await self._end(watch, "STOPPED" if paused else "UNKNOWN", watch.progress.seen_us)
        elif unknown and seen.at_us - (doubted_us := self._doubted_since_us(watch, seen)) > _DOUBT_US:
            await self._end(watch, "UNKNOWN", doubted_us)
        elif unknown or mission.status in UNDER_WAY:
            await self._go_on(watch, seen, mission.status)
            return True
        else:
            await self._end(watch, mission.status, self._ended_us(watch, seen, mission), seen)
        return False

    def _doubted_since_us(self, watch: _Watch, seen: Observation) -> int:
        if watch.doubted_since_us is None:
            watch.doubted_since_us = seen.at_us
        return watch.doubted_since_us

    def _ended_us(self, watch: _Watch, seen: Observation, mission: Mission) -> int:
        """When it ended: by its last tick where the robot tells, else when we saw it, else when we saw it last."""
        if mission.ticked_us is not None:
            return min(max(mission.ticked_us, watch.progress.seen_us), seen.at_us)
        return watch.progress.seen_us if seen.at_us - watch.progress.seen_us > _GAP_US else seen.at_us

    async def _begin_mission(self, watch: _Watch, robot: RobotIdentity, seen: Observation, mission: Mission) -> None:
        told_us = mission.started_us
        await self._begin(watch, robot, seen, Watched(
            run_type="mission", mission_name=mission.name, robot_mission_id=mission.mission_id,
            operator_id=seen.operator, action_count=len(mission.action_names), status=mission.status,
            start_us=seen.at_us if told_us is None else min(told_us, seen.at_us), exact=told_us is not None,
        ))  # fmt: skip

    async def _teleop(self, watch: _Watch, robot: RobotIdentity, seen: Observation) -> None:
        """A driver drives, or has stopped."""
        client = "" if seen.lease_owner.startswith(OWN_CLIENT) else seen.lease_owner
        drives = bool(client) and seen.motors_on
        if watch.run is not None:
            await self._drive_on(watch, seen, client, drives)
        elif not drives:
            watch.driving_since_us = None
        elif watch.driving_since_us is None:
            watch.driving_since_us = seen.at_us if seen.speed_m_per_s > _MOVING_M_PER_S else None
        elif seen.at_us - watch.driving_since_us >= _DRIVING_US:
            await self._begin(watch, robot, seen, Watched(
                run_type="teleop", mission_name=TELEOP_NAME, robot_mission_id=TELEOP_ID, operator_id=seen.operator,
                action_count=0, start_us=watch.driving_since_us,
            ))  # fmt: skip

    async def _drive_on(self, watch: _Watch, seen: Observation, client: str, drives: bool) -> None:
        progress = watch.progress
        if drives and client == progress.client:
            watch.idle_since_us = None
            return await self._go_on(watch, seen, "RUNNING")
        unseen = seen.at_us - progress.seen_us > _GAP_US
        if watch.idle_since_us is None:
            watch.idle_since_us = progress.seen_us if unseen else seen.at_us
        if unseen or client not in {"", progress.client} or seen.at_us - watch.idle_since_us >= _IDLE_US:
            await self._end(watch, "SUCCESS", watch.idle_since_us, seen)
        else:
            watch.progress = msgspec.structs.replace(progress, seen_us=seen.at_us)
        return None

    # -- what is written

    async def _begin(self, watch: _Watch, robot: RobotIdentity, seen: Observation, watched: Watched) -> None:
        now_us = self._clock.now_us()
        watch.progress = Progress.of(seen)
        watched = msgspec.structs.replace(watched, progress=_note(watch.progress))

        async def work(tx: Transaction) -> Row:
            row = await open_watched(tx, robot, watched, now_us)
            await _tell(tx, STARTED, row, now_us)
            return row

        watch.run = await self._database.write(work)
        watch.driving_since_us = watch.idle_since_us = watch.doubted_since_us = None
        _log.info("run begins", robot=robot.nickname, mission=watched.mission_name, run=watch.run["uuid"])
        self._bus.publish(CHANGED, watch.run["uuid"])

    async def _go_on(self, watch: _Watch, seen: Observation, status: str) -> None:
        """Notes a look at the run under way; writes it when its status has changed, and now and then."""
        watch.progress = Progress.of(seen)
        changed = watch.run is not None and watch.run["mission_status"] != status
        if not changed and seen.at_us - watch.written_us < _WRITE_US:
            return
        is_mission = watch.run is not None and watch.run["run_type"] == "mission"
        planned = len(seen.mission.action_names) if seen.mission and is_mission else 0  # the last one's stay loaded

        async def work(tx: Transaction) -> Row | None:
            row = await self._stored(tx, watch)
            if row is None:
                return None
            done, _ = await self._done(tx, row)
            actions = max(planned, done, row["action_count"])
            changes = {
                "mission_status": status, "action_count": actions, "pending_action_count": actions - done,
                "operator_id": row["operator_id"] or seen.operator, "watched": _note(watch.progress),
                "mission_name": row["mission_name"] or watch.progress.walk, **_metered(row, seen),
            }  # fmt: skip
            await change_run(tx, row["uuid"], changes, self._clock.now_us())
            return row | changes

        watch.run = await self._database.write(work)  # None: it was removed, and is opened anew if it still goes on
        if watch.run is not None:
            self._bus.publish(CHANGED, watch.run["uuid"])

    async def _end(self, watch: _Watch, status: str, end_us: int, seen: Observation | None = None) -> None:
        """Closes the run that is being watched; what `seen` tells of the meters is still its."""

        async def work(tx: Transaction) -> str | None:
            row = await self._stored(tx, watch)
            if row is not None:
                await self._close(tx, row, status, end_us, seen)
            return None if row is None else row["uuid"]

        uuid = await self._database.write(work)
        watch.run = watch.idle_since_us = watch.doubted_since_us = None
        _log.info("run ends", run=uuid, status=status)
        self._bus.publish(CHANGED, uuid)

    async def _stored(self, tx: Transaction, watch: _Watch) -> Row | None:
        """The watched run's row, which may have been joined to that of its captures since."""
        run = watch.run
        if run is None:
            return None
        rows = await open_runs(tx, run["robot_serial"])
        return next((row for row in rows if row["watched"] and row["run_type"] == run["run_type"]), None)

    async def _close(
        self, tx: Transaction, row: Row, status: str, end_us: int, seen: Observation | None = None
    ) -> None:
        done, last_us = await self._done(tx, row)
        changes = {
            "mission_status": status, "end_us": max(end_us, last_us, row["start_us"]), "pending_action_count": 0,
            "action_count": max(row["action_count"], done), "watched": None,
            **(_metered(row, seen) if seen else {}),
        }  # fmt: skip
        await change_run(tx, row["uuid"], changes, self._clock.now_us())
        await _tell(tx, ENDED, row | changes, self._clock.now_us())

    async def _done(self, tx: Transaction, row: Row) -> tuple[int, int]:
        """How many events a run has, and when the last one was."""
        count, last_us = await tx.one(_events, run_uuid=row["uuid"]) or (0, None)
        return count, last_us or 0

    async def close_lost(self) -> None:
        """Closes the runs of robots that were removed, or not seen for longer than they can go on."""

        async def work(tx: Transaction) -> list[Row]:
            known = {serial for (serial,) in await tx.all(_known_serials)}
            before_us = self._clock.now_us() - _LOST_US
            lost = [
                row for row in await watched_runs(tx)
                if row["robot_serial"] not in known or _read(row["watched"]).seen_us < before_us
            ]  # fmt: skip
            for row in lost:
                await self._close(tx, row, "UNKNOWN", _read(row["watched"]).seen_us)
            return lost

        for row in await self._database.write(work):
            self._watches.pop(row["robot_serial"], None)
            _log.info("run is given up", run=row["uuid"], robot=row["robot_nickname"])
            self._bus.publish(CHANGED, row["uuid"])


async def _tell(tx: Transaction, topic: str, row: Row, now_us: int) -> None:
    """The run as version 0 shows it, to whom it concerns."""
    shown = run_of(tuple(row[name] for name in RUNS.columns))
    await outbox.append(tx, topic, row["uuid"], msgspec.json.encode(shown).decode(), created_us=now_us)


def _metered(row: Row, seen: Observation) -> dict[str, float]:
    """A run's distance and times, with what the meters went on since its row was written."""
    before = _read(row["watched"])
    went_on = {name: (getattr(before, name), getattr(seen, name)) for name in _METERS}
    return {
        name: row[name] + max(0.0, now - then)
        for name, (then, now) in went_on.items()
        if now is not None and then is not None
    }


__all__ = ["CHANGED", "Recorder"]

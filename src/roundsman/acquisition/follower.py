"""Follows one connected robot: looks for new captures, compares at the end of each mission, waits out trouble."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Literal

from roundsman.acquisition.large import LargeLane
from roundsman.acquisition.reconcile import Reconciled, Reconciliation
from roundsman.acquisition.room import Room
from roundsman.acquisition.store import RobotStoreError
from roundsman.acquisition.sync import RobotSync
from roundsman.kit.blobs import Blobs
from roundsman.kit.log import get_logger
from roundsman.kit.metrics import Counter
from roundsman.kit.problem import DatabaseDamaged, DiskFull
from roundsman.robots.link import UNDER_WAY, Link, Observation
from roundsman.settings import Settings

_log = get_logger("acquisition")

FULL_POLL_S = 2.0
LARGE_POLL_S = 30.0
FAILED_PAUSE_S, FAILED_PAUSE_MAX_S = 1.0, 30.0

LOST = Counter("roundsman_captures_lost", "Captures that a robot overwrote before they could be fetched.", ["robot"])

State = Literal["running", "disk_full", "failing"]
Tell = Callable[[State, str], None]


class Follower:
    """Follows one link until it is stopped.

    Captures are looked for once a second while the robot works, and right when its mission ends, else now and then.
    `tell` is told whenever that goes well or badly, and why.
    """

    def __init__(self, link: Link, sync: RobotSync, blobs: Blobs, room: Room, settings: Settings, tell: Tell) -> None:
        self.link = link
        self.sync = sync
        self._room = room
        self._settings = settings
        self._tell = tell
        self._reconciliation = Reconciliation(sync)
        self._lane = LargeLane(sync, blobs, settings.data_dir, self._turn)
        self._works = False
        self._wake = asyncio.Event()
        self._caught_up = asyncio.Event()
        self._compare_at_s = 0.0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins."""
        self._tell("running", "")
        self._task = asyncio.create_task(self._run(), name=f"acquisition {self.link.hostname}")

    async def stop(self) -> None:
        """Ends, with what is on its way into the store stored."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def observed(self, observation: Observation) -> None:
        """Takes a look at the robot into account."""
        mission = observation.mission
        works = (mission is not None and mission.status in UNDER_WAY) or observation.motors_on
        if self._works and not works:
            self._compare_at_s = 0.0
        if works != self._works:
            self._wake.set()
        self._works = works

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._repeat(self._pass, self._pause_s))
            tasks.create_task(self._repeat(self._large, lambda: LARGE_POLL_S))

    async def _repeat(self, work: Callable[[], Coroutine[Any, Any, None]], pause_s: Callable[[], float]) -> None:
        """Does `work` again and again; trouble is told and waited out, longer each time."""
        failed_pause_s = FAILED_PAUSE_S
        while True:
            trouble = await self._attempt(work)
            if trouble is None:
                failed_pause_s = FAILED_PAUSE_S
                await self._sleep(pause_s())
            elif isinstance(trouble, DiskFull):
                await asyncio.sleep(FULL_POLL_S)
            else:
                await asyncio.sleep(failed_pause_s)
                failed_pause_s = min(2 * failed_pause_s, FAILED_PAUSE_MAX_S)

    async def _attempt(self, work: Callable[[], Coroutine[Any, Any, None]]) -> Exception | None:
        """Does `work` once; what went wrong."""
        try:
            await work()
        except DiskFull as full:
            self._tell("disk_full", str(full))
            return full
        except (RobotStoreError, DatabaseDamaged) as error:  # the robot's trouble, or the database's
            self._tell("failing", str(error))
            return error
        except Exception as error:  # whatever it is, the next attempt begins behind the last thing stored
            _log.exception("acquisition failed", robot=self.link.hostname)
            self._tell("failing", str(error))
            return error
        self._tell("running", "")
        return None

    async def _pass(self) -> None:
        """Fetches what is new, and compares when that is due."""
        self._caught_up.clear()
        self._room.check()
        await self.sync.catch_up()
        now_s = asyncio.get_running_loop().time()
        if now_s >= self._compare_at_s:
            self._report(await self._reconciliation.run())
            self._compare_at_s = now_s + self._settings.reconcile_s
        self._caught_up.set()

    def _report(self, found: Reconciled) -> None:
        """Says in the log what a comparison found, if it found anything."""
        if found.lost or found.fetched or found.unfetched:
            LOST.labels(self.link.hostname).inc(found.lost)
            _log.warning(
                "captures compared",
                robot=self.link.hostname,
                late=found.fetched,
                lost=found.lost,
                not_to_be_had=found.unfetched,
            )

    async def _large(self) -> None:
        await self._turn()
        self._room.check()
        await self._lane.run()

    async def _turn(self) -> None:
        """Waits until nothing smaller is to be fetched."""
        await self._caught_up.wait()

    def _pause_s(self) -> float:
        return self._settings.acquire_poll_s if self._works else self._settings.acquire_idle_poll_s

    async def _sleep(self, seconds: float) -> None:
        """Waits, at most until the robot begins or ends its work."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        self._wake.clear()

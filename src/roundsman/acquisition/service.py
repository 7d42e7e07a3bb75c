"""Keeps the captures of every connected robot acquired, for as long as it is connected.

Robots are served at once, each by its own task; what they hold in memory together is bounded. A lost link ends a
robot's task wherever it is, the next link begins another that goes on behind the last thing stored.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from roundsman.acquisition.batches import Captured
from roundsman.acquisition.follower import Follower, State
from roundsman.acquisition.intake import ByteBudget, Intake
from roundsman.acquisition.room import Room
from roundsman.acquisition.sync import RobotSync
from roundsman.captures.record import CapturedFile
from roundsman.kit.blobs import Blobs
from roundsman.kit.bus import Bus, News
from roundsman.kit.clock import Clock
from roundsman.kit.database import Database
from roundsman.kit.log import get_logger
from roundsman.kit.metrics import Counter, Gauge
from roundsman.robots.link import Link, Observation
from roundsman.runs.record import RobotIdentity
from roundsman.settings import Settings

_log = get_logger("acquisition")


STORED = Counter("roundsman_captures_acquired", "Captures, metadata and alerts stored.", ["robot"])
STORED_BYTES = Counter("roundsman_captures_acquired_bytes", "Bytes of captures stored.", ["robot"])
PAUSED = Gauge(
    "roundsman_acquisition_paused", "1 while a full disk keeps a robot's captures from being fetched.", ["robot"]
)


class RobotAcquisition(msgspec.Struct, frozen=True):
    """What acquisition does for one robot now. `detail` says why, where something is in its way."""

    hostname: str
    state: State
    detail: str = ""


class Links(Protocol):
    """Who knows the open links: the fleet."""

    def links(self) -> Mapping[str, Link]:
        """The open links by hostname."""
        ...


class Acquisition:
    """The service. `states` says what it does for each robot; changes go over the bus as "acquisition"."""

    name = "acquisition"

    def __init__(
        self, *, fleet: Links, database: Database, blobs: Blobs, bus: Bus, clock: Clock, settings: Settings
    ) -> None:
        self._fleet = fleet
        self._database = database
        self._blobs = blobs
        self._bus = bus
        self._clock = clock
        self._settings = settings
        self._budget = ByteBudget(settings.acquire_in_flight_bytes)
        self._room = Room(settings.data_dir, settings.disk_reserve_bytes)
        self._followers: dict[str, Follower] = {}
        self.states: dict[str, RobotAcquisition] = {}

    async def run(self) -> None:
        """Follows the links until cancelled."""
        with self._bus.subscribe("link.up", "link.down", "robot.observed") as news:
            try:
                await self._follow()
                async for item in news:
                    await self._hear(item)
            finally:
                await self._end(list(self._followers))

    async def _hear(self, item: News) -> None:
        """Takes news of robots."""
        await self._follow()
        if isinstance(item.message, Observation) and item.message.hostname in self._followers:
            self._followers[item.message.hostname].observed(item.message)

    async def _follow(self) -> None:
        """One follower for each open link, none for those that are gone."""
        links = self._fleet.links()
        await self._end([name for name, follower in self._followers.items() if links.get(name) is not follower.link])
        for hostname, link in links.items():
            if hostname not in self._followers:
                self._followers[hostname] = self._follower(link)
                self._followers[hostname].start()

    def _follower(self, link: Link) -> Follower:
        return Follower(
            link,
            self._sync(link),
            self._blobs,
            self._room,
            self._settings,
            lambda state, detail: self._tell(RobotAcquisition(link.hostname, state, detail)),
        )

    def _sync(self, link: Link) -> RobotSync:
        from roundsman.acquisition.spot_store import SpotStore  # with the optional part that speaks to Spots

        identity, settings = link.identity, self._settings
        robot = RobotIdentity(
            identity.serial, link.hostname, link.nickname, identity.software_version, identity.software_changeset
        )
        return RobotSync(
            robot,
            f"{identity.software_changeset} {identity.install_date_us}",
            SpotStore.of(link),
            Intake(self._blobs, self._budget, settings.acquire_parallel, self._room.check),
            self._database,
            self._clock,
            everything=settings.acquire_from == "everything",
            clock_ahead_us=lambda: link.skew_us,
            on_stored=lambda captured: self._stored(link.hostname, captured),
        )

    def _stored(self, hostname: str, captured: Sequence[Captured]) -> None:
        STORED.labels(hostname).inc(len(captured))
        STORED_BYTES.labels(hostname).inc(sum(one.blob.size_bytes for one in captured if isinstance(one, CapturedFile)))
        self._bus.publish("captures.stored", (hostname, len(captured)))

    def _tell(self, state: RobotAcquisition) -> None:
        """Shows what acquisition does for a robot, if that is new."""
        before = self.states.get(state.hostname)
        self.states[state.hostname] = state
        if before is not None and (before.state, before.detail) == (state.state, state.detail):
            return
        PAUSED.labels(state.hostname).set(state.state == "disk_full")
        _log.info("acquisition", robot=state.hostname, state=state.state, detail=state.detail)
        self._bus.publish("acquisition", state)

    async def _end(self, hostnames: Sequence[str]) -> None:
        """Ends followers and waits until they have."""
        ending = [self._followers.pop(hostname) for hostname in hostnames]
        await asyncio.gather(*(follower.stop() for follower in ending))
        for hostname in hostnames:
            self.states.pop(hostname, None)

"""The fleet: one link per registered robot, kept open for ever, and what is known of each at this moment."""

import asyncio
import random
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from roundsman.kit.bus import Bus
from roundsman.kit.clock import Clock
from roundsman.kit.log import get_logger
from roundsman.robots.link import LinkError, LiveState, Observation, Unsupported, WrongPassword
from roundsman.robots.registry import TOPIC, Registry, Robot
from roundsman.settings import Settings

if TYPE_CHECKING:
    from roundsman.robots.spot import SpotLink

LINK_UP, LINK_DOWN, OBSERVED = "link.up", "link.down", "robot.observed"
"""Bus topics. The message is the robot's hostname, for OBSERVED an Observation."""

_REGISTRY_POLL_S = 5.0  # another process may have added a robot; within this one the bus says so at once
_RECONNECT_MIN_S = 1.0
_WRONG_PASSWORDS_MAX = 2  # the robot locks a user out after six

_log = get_logger("robots")


class Fleet:
    """A kit Service that follows the registry: connects, reconnects, observes, and says how each robot is.

    It never commands a robot, so that starting and stopping it moves none.
    """

    name = "robots"

    def __init__(self, *, registry: Registry, bus: Bus, clock: Clock, settings: Settings) -> None:
        self._registry = registry
        self._bus = bus
        self._clock = clock
        self._settings = settings
        self._live: dict[str, LiveState] = {}
        self._links: dict[str, SpotLink] = {}
        self._tasks: dict[str, tuple[int, asyncio.Task[None]]] = {}

    def live(self, hostname: str) -> LiveState:
        """What is known of the robot at `hostname`; *unknown* for one that was never tried."""
        state = self._live.get(hostname, LiveState(hostname=hostname))
        if state.connection == "connected" and self._is_old(state.observation):
            return msgspec.structs.replace(state, connection="stale", reason="it has not told its state for a while")
        return state

    def links(self) -> Mapping[str, "SpotLink"]:
        """The open links, by hostname."""
        return self._links

    def _is_old(self, observation: Observation | None) -> bool:
        age_us = 0 if observation is None else self._clock.now_us() - observation.at_us
        return age_us > self._settings.robot_stale_s * 1e6

    async def run(self) -> None:
        """Follows the registry until cancelled; then closes every link."""
        try:
            with self._bus.subscribe(TOPIC) as news:
                while True:
                    await self._follow_registry()
                    with suppress(TimeoutError):
                        async with asyncio.timeout(_REGISTRY_POLL_S):
                            await anext(news)
        finally:
            await self._stop(list(self._tasks))

    async def _follow_registry(self) -> None:
        wanted = {robot.hostname: robot for robot in await self._registry.list()}
        changed = [
            name for name, (version, _) in self._tasks.items()
            if name not in wanted or wanted[name].modified_us != version
        ]  # fmt: skip
        await self._stop(changed)
        for hostname, robot in wanted.items():
            if hostname not in self._tasks:
                task = asyncio.create_task(self._keep(robot), name=f"link to {hostname}")
                self._tasks[hostname] = (robot.modified_us, task)

    async def _stop(self, hostnames: list[str]) -> None:
        tasks = [self._tasks.pop(name)[1] for name in hostnames]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for name in hostnames:
            self._live.pop(name, None)

    async def _keep(self, robot: Robot) -> None:
        """Keeps one robot's link, for ever: connects, observes until that fails, waits longer each time in vain."""
        in_vain = wrong_passwords = 0
        while True:
            try:
                await self._connected(robot)
            except WrongPassword as error:
                wrong_passwords += 1
                self._tell(robot, error)
                if wrong_passwords >= _WRONG_PASSWORDS_MAX:
                    return  # until its record is changed: more attempts would lock the user out on the robot
                await self._clock.sleep(self._settings.robot_wrong_password_wait_s)
                continue
            except LinkError as error:
                in_vain = 0 if self._was_connected(robot) else in_vain + 1
                self._tell(robot, error)
            except Exception as error:
                in_vain += 1
                _log.exception("link failed", robot=robot.nickname)
                self._tell(robot, LinkError(f"Roundsman failed on this robot's answers: {error!r}"))
            await self._clock.sleep(self._pause_s(in_vain))

    def _pause_s(self, in_vain: int) -> float:
        """Exponential with full jitter, so that fifty robots do not come back in one moment."""
        longest = min(self._settings.robot_reconnect_max_s, _RECONNECT_MIN_S * 2 ** min(in_vain, 16))
        return _RECONNECT_MIN_S / 2 + random.random() * longest  # noqa: S311 - jitter, not a secret

    def _was_connected(self, robot: Robot) -> bool:
        return self._live.get(robot.hostname, LiveState(hostname="")).connection == "connected"

    async def _connected(self, robot: Robot) -> None:
        """Connects and observes until something fails."""
        link = await self._connect(robot)
        try:
            self._links[robot.hostname] = link
            await self._registry.identify(
                robot.hostname, link.serial, ".".join(map(str, link.identity.software_version)),
                link.identity.software_changeset,
            )  # fmt: skip
            await self._look(link)
            _log.info("link is up", robot=robot.nickname, serial=link.serial)
            self._bus.publish(LINK_UP, robot.hostname)
            while True:
                await self._clock.sleep(self._settings.robot_poll_s)
                await self._look(link)
        finally:
            self._links.pop(robot.hostname, None)
            self._bus.publish(LINK_DOWN, robot.hostname)
            await link.close()

    async def _connect(self, robot: Robot) -> "SpotLink":
        try:
            from roundsman.robots import spot
        except ImportError as error:
            raise Unsupported(
                f"this installation lacks the robot's protocol ({error.name}): pip install 'roundsman[spot]'"
            ) from None
        try:
            password = await self._registry.password(robot.hostname)
            roots = spot.roots_pem(self._settings.robot_ca_files)
        except (ValueError, OSError) as error:
            raise Unsupported(f"cannot log in: {error}") from None
        return await spot.connect(
            robot.hostname, robot.nickname, robot.username, password,
            roots=roots, clock=self._clock, timeout_s=self._settings.robot_timeout_s,
        )  # fmt: skip

    async def _look(self, link: "SpotLink") -> None:
        observation = await link.observe()
        self._live[link.hostname] = LiveState(
            hostname=link.hostname, connection="connected", identity=link.identity, observation=observation,
            last_seen_us=observation.at_us,
        )  # fmt: skip
        self._bus.publish(OBSERVED, observation)

    def _tell(self, robot: Robot, error: LinkError) -> None:
        before = self._live.get(robot.hostname, LiveState(hostname=robot.hostname))
        connection = "unsupported" if isinstance(error, Unsupported) else "offline"
        if (before.connection, before.reason) != (connection, str(error)):
            _log.warning("no link", robot=robot.nickname, reason=str(error))
        self._live[robot.hostname] = msgspec.structs.replace(before, connection=connection, reason=str(error))

"""The fleet: one link per registered robot, kept open for ever, and what is known of each at this moment."""

import asyncio
import random
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Never

import msgspec

from roundsman.kit.bus import Bus
from roundsman.kit.clock import Clock
from roundsman.kit.log import get_logger
from roundsman.robots.link import LinkError, LiveState, LockedOut, Observation, Slow, Unsupported, WrongPassword
from roundsman.robots.registry import TOPIC, Registry, Robot
from roundsman.settings import Settings

if TYPE_CHECKING:
    from roundsman.robots.spot import SpotLink

LINK_UP, LINK_DOWN, OBSERVED = "link.up", "link.down", "robot.observed"
"""Bus topics. The message is the robot's hostname, for OBSERVED an Observation."""

_REGISTRY_POLL_S = 5.0  # another process may have added a robot; within this one the bus says so at once
_RECONNECT_MIN_S = 1.0
_WRONG_PASSWORDS_MAX = 2  # the robot locks a user out after six
_SLOW_MAX = 2  # a link whose answers come too late is given up when the last one is so many times older than stale
_CONNECTING_MAX = 8  # at a time: each takes handshakes on several channels

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
        self._connecting = asyncio.Semaphore(_CONNECTING_MAX)

    def live(self, hostname: str) -> LiveState:
        """What is known of the robot at `hostname`; *unknown* for one that was never tried."""
        state = self._live.get(hostname, LiveState(hostname=hostname))
        if state.connection == "connected" and self._age_us(state.observation) > self._settings.robot_stale_s * 1e6:
            reason = "its last answer is old: the link to it is slow or broken"
            return msgspec.structs.replace(state, connection="stale", reason=reason)
        return state

    def links(self) -> Mapping[str, "SpotLink"]:
        """The open links, by hostname."""
        return self._links

    def _age_us(self, observation: Observation | None) -> int:
        return 0 if observation is None else self._clock.now_us() - observation.at_us

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
            trouble = await self._connected(robot)
            if self.live(robot.hostname).connection in {"connected", "stale"}:  # until now
                in_vain = wrong_passwords = 0
                await self._announce("robot.offline", robot, str(trouble))
            self._tell(robot, trouble)
            in_vain += 1
            wrong_passwords += isinstance(trouble, WrongPassword)
            if wrong_passwords >= _WRONG_PASSWORDS_MAX:
                return  # until its record is changed: more attempts would lock the user out on the robot
            if isinstance(trouble, WrongPassword | LockedOut):
                await self._clock.sleep(self._settings.robot_wrong_password_wait_s)
            else:
                await self._clock.sleep(self._pause_s(in_vain - 1))

    async def _announce(self, topic: str, robot: Robot, reason: str) -> None:
        """Tells others; that they cannot be told, e.g. while the disk is full, is no trouble of the link's."""
        try:
            await self._registry.tell(topic, robot, reason)
        except Exception as error:
            _log.warning("news of a robot is lost", robot=robot.nickname, topic=topic, reason=str(error))

    def _pause_s(self, in_vain: int) -> float:
        """Exponential with full jitter, so that fifty robots do not come back in one moment."""
        longest = min(self._settings.robot_reconnect_max_s, _RECONNECT_MIN_S * 2 ** min(in_vain, 16))
        return _RECONNECT_MIN_S / 2 + random.random() * longest  # noqa: S311 - jitter, not a secret

    async def _connected(self, robot: Robot) -> LinkError:
        """Connects and observes until something fails; what that was."""
        try:
            async with self._connecting:
                link = await self._connect(robot)
        except LinkError as error:
            return error
        except Exception as error:
            return self._failed(robot, error)
        try:
            await self._observe(robot, link)
        except LinkError as error:
            return error
        except Exception as error:
            return self._failed(robot, error)
        finally:
            if self._links.get(robot.hostname) is link:
                del self._links[robot.hostname]
                self._bus.publish(LINK_DOWN, robot.hostname)
            await link.close()

    def _failed(self, robot: Robot, error: Exception) -> LinkError:
        _log.exception("link failed", robot=robot.nickname)
        return LinkError(f"Roundsman failed on this robot's answers: {error!r}")

    def _check_twin(self, link: "SpotLink") -> None:
        """One robot is looked after once, though it may be added by two of its addresses. Raises: Unsupported."""
        for other in self._links.values():
            if other.serial == link.serial:
                raise Unsupported(
                    f"this is the same robot as {other.nickname} at {other.hostname} ({link.serial}); remove one"
                )

    async def _observe(self, robot: Robot, link: "SpotLink") -> Never:
        """Looks at the robot again and again. One late answer is waited out: its state grows stale meanwhile."""
        version = ".".join(map(str, link.identity.software_version))
        self._check_twin(link)
        await self._registry.identify(robot.hostname, link.serial, version, link.identity.software_changeset)
        first = await link.observe()
        self._check_twin(link)  # it may have come up at its other address while this one was looked at
        self._links[robot.hostname] = link
        _log.info("link is up", robot=robot.nickname, serial=link.serial)
        self._bus.publish(LINK_UP, robot.hostname)
        self._saw(link, first)
        await self._announce("robot.online", robot, "")
        while True:
            await self._clock.sleep(self._settings.robot_poll_s)
            try:
                await self._look(link)
            except Slow:
                if self._age_us(self._live[link.hostname].observation) > _SLOW_MAX * self._settings.robot_stale_s * 1e6:
                    raise

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
        self._saw(link, await link.observe())

    def _saw(self, link: "SpotLink", observation: Observation) -> None:
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

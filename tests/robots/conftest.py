"""A simulated fleet on the network and a Roundsman fleet that looks after it, all in the test's event loop."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from roundsman.acquisition.recorder import Recorder
from roundsman.kit.bus import Bus
from roundsman.kit.clock import WallClock
from roundsman.kit.crypto import Vault
from roundsman.kit.database import Database
from roundsman.kit.service import Supervisor
from roundsman.robots.registry import Registry
from roundsman.robots.supervisor import Fleet
from roundsman.settings import Settings
from roundsman.simulator.services.server import SimulatedFleet
from roundsman.simulator.world.world import World


class Hurried(WallClock):
    """The wall clock, on which waiting takes a hundredth of the time: for pauses of minutes between attempts."""

    def __init__(self) -> None:
        self.slept_s: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        await super().sleep(seconds / 100)


async def until(condition: Callable[[], Any], deadline_s: float = 45.0) -> None:
    """Waits until `condition()` holds; it may be a coroutine function."""
    async with asyncio.timeout(deadline_s):
        while True:
            answer = condition()
            if isinstance(answer, Awaitable):
                answer = await answer
            if answer:
                return
            await asyncio.sleep(0.02)


class House:
    """Registry, fleet and recorder over one database, as the server composes them."""

    def __init__(self, database: Database, vault: Vault, settings: Settings, clock: WallClock | None = None) -> None:
        self.clock, self.bus = clock or WallClock(), Bus()
        self.registry = Registry(database=database, vault=vault, clock=self.clock, bus=self.bus)
        self.fleet = Fleet(registry=self.registry, bus=self.bus, clock=self.clock, settings=settings)
        self.recorder = Recorder(fleet=self.fleet, database=database, bus=self.bus, clock=self.clock)
        self.supervisor = Supervisor([self.recorder, self.fleet])

    async def __aenter__(self) -> "House":
        await self.supervisor.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.supervisor.stop()


class Site:
    """Simulated robots on the network."""

    def __init__(self, fleet: SimulatedFleet) -> None:
        self.fleet = fleet
        self.world = fleet.world

    def attempts(self, index: int = 0) -> int:
        """Wrong passwords in a row, as the robot counts them."""
        return self.fleet.servers[index].tokens._failures["admin"].count

    async def enter(self, registry: Registry, index: int = 0, password: str | None = None) -> str:
        """Adds a simulated robot to a registry; gives its hostname."""
        robot = self.fleet.robots[index]
        hostname = f"{robot.host}:{robot.port}"
        await registry.add(hostname, robot.nickname, robot.username, password or robot.password)
        return hostname


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault.open_file(tmp_path / "secret.key")


@pytest.fixture
async def site(database_url: str, tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[Site]]]:
    """Makes a site: `site(pace=…, operators=…)`; its world goes on until the test ends. `password` is every robot's."""
    made: list[tuple[SimulatedFleet, asyncio.Task[None]]] = []

    async def make(
        *, pace: float = 1.0, operators: bool = False, robots: int = 1, seed: int = 3, password: str = ""
    ) -> Site:
        world = World(
            seed=seed, robots=robots, pace=pace, clock=WallClock(), history_days=0, fault_rate=0, operators=operators
        )
        for robot in world.robots:
            robot.password = password or robot.password
        fleet = SimulatedFleet(world, data_dir=tmp_path / f"site-{len(made)}")
        await fleet.start()
        made.append((fleet, asyncio.create_task(world.run())))
        return Site(fleet)

    yield make
    for fleet, going in made:
        going.cancel()
        with suppress(asyncio.CancelledError):
            await going
        await fleet.stop()


@pytest.fixture
def settings_for() -> Callable[..., Settings]:
    def make(site: Site | None = None, **values: Any) -> Settings:
        files = (site.fleet.ca_file,) if site else ()
        quick = {"robot_poll_s": 0.1, "robot_reconnect_max_s": 1.0, "robot_timeout_s": 3.0}
        return Settings(robot_ca_files=files, **(quick | values))

    return make

"""A simulated fleet on the network, in a thread of its own, and the robot maker's own blocking client to reach it."""

import asyncio
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import bosdyn.client
import pytest
from bosdyn.client.autowalk import AutowalkClient
from bosdyn.client.data_acquisition import DataAcquisitionClient
from bosdyn.client.data_acquisition_store import DataAcquisitionStoreClient
from bosdyn.mission.client import MissionClient

from roundsman.kit.clock import WallClock
from roundsman.simulator.services.server import Address, SimulatedFleet
from roundsman.simulator.world.robot import SimulatedSpot
from roundsman.simulator.world.world import World

T = TypeVar("T")
CLIENTS = [AutowalkClient, DataAcquisitionClient, DataAcquisitionStoreClient, MissionClient]


@dataclass
class Served:
    """A fleet under way. `call` runs something in its event loop, where the world may be touched."""

    fleet: SimulatedFleet
    loop: asyncio.AbstractEventLoop

    def call(self, function: Callable[[], T]) -> T:
        async def called() -> T:
            return function()

        return asyncio.run_coroutine_threadsafe(called(), self.loop).result(10)

    def run(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(10)


@dataclass
class Seen:
    """One robot: as the official client sees it, and as it is."""

    client: Any
    spot: SimulatedSpot
    address: Address
    served: Served

    def service(self, name: str) -> Any:
        return self.client.ensure_client(name)


def serving(world: World, folder: Path) -> Iterator[Served]:
    """Serves a world from a thread for as long as the generator lives."""
    ready: Future[Served] = Future()
    done = threading.Event()

    async def main() -> None:
        fleet = SimulatedFleet(world, data_dir=folder)
        await fleet.start()
        going = asyncio.create_task(world.run())
        ready.set_result(Served(fleet, asyncio.get_running_loop()))
        await asyncio.to_thread(done.wait)
        going.cancel()
        await fleet.stop()

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    try:
        yield ready.result(30)
    finally:
        done.set()
        thread.join(30)


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    # One robot for each test, so that leases, tokens and places of one test are nothing to the next.
    world = World(seed=7, robots=56, pace=60.0, clock=WallClock(), history_days=0.0, fault_rate=0.0, operators=False)
    yield from serving(world, tmp_path_factory.mktemp("fleet"))


@pytest.fixture(scope="session")
def unused() -> Iterator[int]:
    return itertools.count()


def connect(served: Served, spot: SimulatedSpot) -> Seen:
    """A robot of the official client, not logged in. One Sdk each: two robots of one Sdk at one host are one."""
    address = served.fleet.server(spot).address
    sdk = bosdyn.client.create_standard_sdk("tests", cert_resource_glob=str(served.fleet.ca_file))
    for client in CLIENTS:
        sdk.register_service_client(client)
    robot = sdk.create_robot(address.host)
    robot.update_secure_channel_port(address.port)
    return Seen(robot, spot, address, served)


@pytest.fixture
def stranger(served: Served, unused: Iterator[int]) -> Seen:
    """A robot that no other test has touched, nobody logged in."""
    return connect(served, served.fleet.world.robots[next(unused)])


@pytest.fixture
def robot(stranger: Seen) -> Iterator[Seen]:
    """A robot, logged in and with synchronised clocks."""
    stranger.client.authenticate(stranger.address.username, stranger.address.password)
    stranger.client.start_time_sync()
    stranger.client.time_sync.wait_for_sync()
    yield stranger
    stranger.client.stop_time_sync()


@pytest.fixture
def driven(robot: Seen) -> Iterator[Seen]:
    """A robot whose lease we hold."""
    from bosdyn.client.lease import LeaseKeepAlive

    leases = robot.service("lease")
    leases.take()
    with LeaseKeepAlive(leases, return_at_exit=True):
        yield robot


def eventually(condition: Callable[[], T], within_s: float = 20.0) -> T:
    """What the condition gives once it is true."""
    deadline = time.monotonic() + within_s
    while not (found := condition()):
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)
    return found


@pytest.fixture(name="eventually")
def eventually_fixture() -> Callable[..., Any]:
    return eventually


@pytest.fixture(name="connect")
def connect_fixture() -> Callable[..., Seen]:
    return connect


@pytest.fixture(name="serving")
def serving_fixture() -> Callable[..., Any]:
    return contextmanager(serving)

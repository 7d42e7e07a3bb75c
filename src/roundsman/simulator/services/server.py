"""A simulated fleet on the network: one TLS port per robot, all robots in one process.

Everything a robot's port serves is behind it on sockets of the machine itself: gRPC on one, the HTTP download on
another; `front.py` tells them apart. Source: robot-link.md §2.4 (why a port per robot), §6 (what it costs).
"""
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import asyncio
import os
import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import grpc
import grpc.aio

from roundsman.simulator.services.directory import services_of
from roundsman.simulator.services.download import Download
from roundsman.simulator.services.front import Front
from roundsman.simulator.services.tls import Authority, Certificate
from roundsman.simulator.services.tokens import Tokens
from roundsman.simulator.world.robot import SimulatedSpot
from roundsman.simulator.world.world import World

TICK_S = 0.1
GRPC_OPTIONS = (
    ("grpc.max_receive_message_length", 256 * 1024 * 1024),
    ("grpc.max_send_message_length", 256 * 1024 * 1024),
    # Clients may ping a robot as often as they like. Source: robot-link.md §2.4.
    ("grpc.http2.min_ping_interval_without_data_ms", 1000),
    ("grpc.http2.max_ping_strikes", 0),
)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a robot is reached, and who may enter."""

    nickname: str
    host: str
    port: int
    serial: str
    username: str
    password: str


class RobotServer:
    """One robot's port and what is behind it."""

    def __init__(self, robot: SimulatedSpot, host: str, port: int, certificate: Certificate) -> None:
        self.robot = robot
        self.tokens = Tokens({robot.username: robot.password}, robot.serial, robot.now_us)
        self._certificate = certificate
        inner = f"roundsman-{os.getpid()}-{secrets.token_hex(6)}"
        self._grpc_name, self._http_name = f"{inner}-grpc", f"{inner}-http"
        # Abstract sockets: no file, gone with the process.
        self.front = Front(host, port, grpc_path=f"\0{self._grpc_name}", http_path=f"\0{self._http_name}")
        self._grpc: grpc.aio.Server | None = None
        self._download = Download(robot, self.tokens)
        self._services = services_of(robot, self.tokens)

    @property
    def address(self) -> Address:
        """Where it is."""
        robot = self.robot
        return Address(robot.nickname, self.front.host, self.front.port, robot.serial, robot.username, robot.password)

    async def start(self) -> None:
        """Brings the port up."""
        server = grpc.aio.server(options=GRPC_OPTIONS)
        server.add_generic_rpc_handlers([service.handlers() for service in self._services])
        pair = (self._certificate.key_pem, self._certificate.chain_pem)
        server.add_secure_port(f"unix-abstract:{self._grpc_name}", grpc.ssl_server_credentials([pair]))
        await server.start()
        self._grpc = server
        await self._download.start(f"\0{self._http_name}", self._certificate.server_context())
        self.follow_link()

    def tick(self) -> None:
        """What a robot's services do by themselves."""
        self.follow_link()
        for service in self._services:
            service.tick()

    def follow_link(self) -> None:
        """Makes the network what the robot's faults say."""
        faults = self.robot.faults
        (self.front.close if faults.link_down else self.front.open)()
        self.front.stall(faults.link_stalled)

    async def stop(self) -> None:
        """Takes the port down."""
        await self.front.stop()
        await self._download.stop()
        if self._grpc is not None:
            await self._grpc.stop(None)
            self._grpc = None


class SimulatedFleet:
    """All robots of a world, on the network. With `first_port` 0 each robot gets any free port."""

    def __init__(self, world: World, *, host: str = "127.0.0.1", first_port: int = 0, data_dir: Path) -> None:
        self.world = world
        authority = Authority(data_dir)
        self.ca_file = authority.file
        certificate = authority.leaf(host)
        self.servers: list[RobotServer] = []
        for index, robot in enumerate(world.robots):
            port = first_port + index if first_port else 0
            self.servers.append(RobotServer(robot, host, port, certificate))
        self._watch: asyncio.Task[None] | None = None

    @property
    def robots(self) -> list[Address]:
        """Where each robot is reached, with its user and password."""
        return [server.address for server in self.servers]

    @property
    def addresses(self) -> list[tuple[str, str, int]]:
        """Nickname, host and port of each robot."""
        return [(robot.nickname, robot.host, robot.port) for robot in self.robots]

    async def start(self) -> None:
        """Brings up one port per robot. Raises: OSError when a port is in use."""
        for server in self.servers:
            await server.start()
        self._watch = asyncio.create_task(self._tick())

    async def stop(self) -> None:
        """Takes all ports down."""
        if self._watch is not None:
            self._watch.cancel()
            with suppress(asyncio.CancelledError):
                await self._watch
        await asyncio.gather(*(server.stop() for server in self.servers))

    async def set_link(self, robot: SimulatedSpot | str, up: bool, *, stalled: bool = False) -> None:
        """Takes a robot's network away, or with `stalled` only lets it swallow everything, or gives it back."""
        server = self.server(robot)
        server.robot.faults.link_down = not up and not stalled
        server.robot.faults.link_stalled = not up and stalled
        server.follow_link()

    def server(self, robot: SimulatedSpot | str) -> RobotServer:
        """The server of a robot, or of a robot's nickname or serial number. Raises: KeyError."""
        for server in self.servers:
            if robot in (server.robot, server.robot.nickname, server.robot.serial):
                return server
        raise KeyError(robot)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            for server in self.servers:
                server.tick()


@asynccontextmanager
async def run_fleet(
    world: World, *, host: str = "127.0.0.1", first_port: int = 0, data_dir: Path
) -> AsyncGenerator[SimulatedFleet]:
    """The fleet on the network with its world going on, for as long as the context lasts."""
    fleet = SimulatedFleet(world, host=host, first_port=first_port, data_dir=data_dir)
    await fleet.start()
    going = asyncio.create_task(world.run())
    try:
        yield fleet
    finally:
        going.cancel()
        with suppress(asyncio.CancelledError):
            await going
        await fleet.stop()

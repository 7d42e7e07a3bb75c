# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportAttributeAccessIssue=false, reportMissingTypeStubs=false, reportCallIssue=false, reportArgumentType=false
"""The link to a Spot over its own gRPC services: who it is, what it does, and its channels for acquisition.

Source: robot-link.md §2, §3.1.
"""

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

import grpc
from bosdyn.api import (
    directory_pb2,
    directory_service_pb2_grpc,
    lease_pb2,
    lease_service_pb2_grpc,
    robot_id_pb2,
    robot_id_service_pb2_grpc,
    robot_state_pb2,
    robot_state_service_pb2_grpc,
    time_sync_pb2,
    time_sync_service_pb2_grpc,
)
from bosdyn.api.docking import docking_pb2, docking_service_pb2_grpc

from roundsman.kit.clock import Clock
from roundsman.robots import spot_observe as observed
from roundsman.robots.link import Identity, LinkError, Observation, Slow, Unreachable, Unsupported
from roundsman.robots.preflight import check
from roundsman.robots.spot_calls import DIRECTORY, ROBOT_ID, Calls, Metadata, Unauthenticated, roots_pem, to_us
from roundsman.robots.spot_mission import SERVICE as MISSION
from roundsman.robots.spot_mission import MissionTeller

NEEDED = ("robot-state", "data-acquisition-store")
_METERS_EVERY = 5  # looks; the odometer need not be read each second
_DIRECTORY_EVERY = 300
_TIME_SYNC_EXCHANGES = 5

States = robot_state_service_pb2_grpc.RobotStateServiceStub
Leases = lease_service_pb2_grpc.LeaseServiceStub
Docking = docking_service_pb2_grpc.DockingServiceStub

__all__ = ["SpotLink", "connect", "roots_pem"]

T = TypeVar("T")


class SpotLink:
    """An open link to a Spot (see robots/link.py). Made by `connect`."""

    def __init__(self, hostname: str, nickname: str, calls: Calls, clock: Clock) -> None:
        self.hostname = hostname
        self.nickname = nickname
        self.identity: Identity
        self._calls = calls
        self._clock = clock
        self._authorities: dict[str, str] = {}
        self._mission = MissionTeller(calls, lambda: self._authority(MISSION))
        self._meters: dict[str, float] = {}
        self._working: tuple[str, str | None] = ("", None)
        self._looks = 0

    @property
    def serial(self) -> str:
        """The robot's serial number."""
        return self.identity.serial

    @property
    def skew_us(self) -> int:
        """The robot's clock minus ours."""
        return self._calls.estimate.skew_us

    def robot_time_to_us(self, robot_us: int) -> int:
        """A time of the robot's clock in ours."""
        return self._calls.estimate.to_ours(robot_us)

    def channel(self, service: str) -> grpc.aio.Channel:
        """The channel to a service by the directory's name. Raises: Unsupported."""
        return self._calls.channel(self._authority(service))

    def header(self) -> Any:
        """A request's header, filled."""
        return self._calls.header()

    def metadata(self) -> Metadata:
        """The metadata that each call on a channel needs."""
        return self._calls.metadata()

    def _authority(self, service: str) -> str:
        if service not in self._authorities:
            raise Unsupported(f"the robot does not offer the service {service}")
        return self._authorities[service]

    async def open(self, username: str, password: str) -> None:
        """Identity, login, directory, clock. Raises: LinkError."""
        self.identity = await self._identify()
        await self._calls.login(username, password)
        await self._list_services()
        missing = [name for name in NEEDED if name not in self._authorities]
        if missing:
            raise Unsupported(
                f"the robot lacks {' and '.join(missing)}: its software is too old, or it has not started up"
            )
        await self._synchronise()

    async def _identify(self) -> Identity:
        """Who answers. Everything that is stored goes by the serial, so nobody is followed who tells none."""
        stub, request = robot_id_service_pb2_grpc.RobotIdServiceStub, robot_id_pb2.RobotIdRequest()
        try:
            identity = _identity((await self._calls.call(ROBOT_ID, stub, "GetRobotId", request)).robot_id)
        except Unsupported:
            identity = None
        if identity is None or not identity.serial:
            raise Unsupported(f"{self.hostname} answers, but does not say which robot it is: is it a robot?")
        return identity

    async def _log_in_again(self) -> None:
        """After a restart, which forgets tokens. What answers now may be another robot, or have other software.

        Raises: Unreachable when it does, so that the link is made anew.
        """
        if await self._identify() != self.identity:
            raise Unreachable("another robot, or the same with other software, answers there now")
        await self._calls.login(*self._calls.credentials)

    async def _list_services(self) -> None:
        """Which services the robot offers, and where; it grows while a robot or a payload starts."""
        stub = directory_service_pb2_grpc.DirectoryServiceStub
        request = directory_pb2.ListServiceEntriesRequest()
        listing = await self._calls.call(DIRECTORY, stub, "ListServiceEntries", request)
        self._authorities = {entry.name: entry.authority for entry in listing.service_entries}

    async def _synchronise(self) -> None:
        """A few exchanges of the time-sync service; later answers of any service refine the estimate."""
        request = time_sync_pb2.TimeSyncUpdateRequest()
        for _ in range(_TIME_SYNC_EXCHANGES if "time-sync" in self._authorities else 0):
            answer = await self._ask(
                "time-sync", time_sync_service_pb2_grpc.TimeSyncServiceStub, "TimeSyncUpdate", request
            )
            request.clock_identifier = answer.clock_identifier

    async def _ask(self, service: str, stub: Any, method: str, request: Any) -> Any:
        return await self._calls.call(self._authority(service), stub, method, request)

    async def observe(self) -> Observation:
        """Looks at it once: state, lease, mission, dock and now and then the odometer, asked for together."""
        try:
            await self._calls.keep_token()
            return await self._observe()
        except Unauthenticated:
            await self._log_in_again()
            return await self._observe()

    async def _observe(self) -> Observation:
        if self._looks % _DIRECTORY_EVERY == _DIRECTORY_EVERY - 1:
            await _if_offered(self._list_services())
        state, leases, mission, dock, _ = await asyncio.gather(
            self._ask("robot-state", States, "GetRobotState", robot_state_pb2.RobotStateRequest()),
            _if_offered(self._ask("lease", Leases, "ListLeases", lease_pb2.ListLeasesRequest())),
            _if_offered(self._mission.look()),
            _if_offered(self._ask("docking", Docking, "GetDockingState", docking_pb2.GetDockingStateRequest())),
            self._read_meters(due=self._looks % _METERS_EVERY == 0),
        )
        self._looks += 1
        owner, operator = observed.body_lease(leases.resources if leases else ())
        working = (owner, mission and mission.status)
        await self._read_meters(due=working != self._working)  # a run begins or ends
        self._working = working
        return Observation(
            hostname=self.hostname, at_us=self._clock.now_us(), lease_owner=owner, operator=operator,
            mission=mission, **observed.state(state.robot_state),
            **observed.dock(dock.dock_state if dock else None), **self._meters,
        )  # fmt: skip

    async def _read_meters(self, *, due: bool) -> None:
        """Reads the odometer and the hour meters; they stay as they were where the robot does not tell."""
        if due:
            request = robot_state_pb2.RobotMetricsRequest()
            answer = await _if_offered(self._ask("robot-state", States, "GetRobotMetrics", request))
            self._meters = observed.metrics(answer.robot_metrics) if answer else self._meters

    async def close(self) -> None:
        """Ends the connection."""
        await self._calls.close()


async def connect(
    hostname: str, nickname: str, username: str, password: str, *, roots: bytes, clock: Clock, timeout_s: float
) -> SpotLink:
    """Opens a link, after a look at whether and why not the robot can be reached.

    Raises: Unreachable, WrongPassword, Unsupported, LinkError; each text is a sentence for people.
    """
    await check(hostname, roots, timeout_s=timeout_s)
    link = SpotLink(hostname, nickname, Calls(hostname, roots, clock, timeout_s=timeout_s), clock)
    try:
        await link.open(username, password)
    except BaseException:
        await link.close()
        raise
    return link


def _identity(robot_id: Any) -> Identity:
    release = robot_id.software_release
    version = release.version
    return Identity(
        serial=robot_id.serial_number,
        nickname=robot_id.nickname,
        software_version=(version.major_version, version.minor_version, version.patch_level),
        software_changeset=release.changeset,
        install_date_us=to_us(release.install_date),
    )


async def _if_offered(asking: Awaitable[T]) -> T | None:
    """The answer, or None where the robot does not offer it or cannot tell just now; the link is none the worse."""
    try:
        return await asking
    except Unauthenticated:
        raise
    except LinkError as error:
        if isinstance(error, Unreachable) and not isinstance(error, Slow):
            raise
        return None

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportAttributeAccessIssue=false, reportMissingTypeStubs=false, reportCallIssue=false, reportArgumentType=false
"""The link to a Spot over its own gRPC services: who it is, what it does, and its channels for acquisition.

Source: robot-link.md §2, §3.1.
"""

import asyncio
from typing import Any

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
from bosdyn.api.mission import mission_pb2, mission_service_pb2_grpc

from roundsman.kit.clock import Clock
from roundsman.robots import spot_observe as observed
from roundsman.robots.link import Identity, Mission, Observation, Unreachable, Unsupported
from roundsman.robots.preflight import check
from roundsman.robots.spot_calls import DIRECTORY, ROBOT_ID, Calls, Metadata, Unauthenticated, meant, roots_pem, to_us

NEEDED = ("robot-state", "data-acquisition-store")
_METRICS_EVERY = 5  # looks; the odometer need not be read each second
_TIME_SYNC_EXCHANGES = 5

__all__ = ["SpotLink", "connect", "roots_pem"]


class SpotLink:
    """An open link to a Spot (see robots/link.py). Made by `connect`."""

    def __init__(self, hostname: str, nickname: str, calls: Calls, clock: Clock) -> None:
        self.hostname = hostname
        self.nickname = nickname
        self.identity: Identity
        self._calls = calls
        self._clock = clock
        self._authorities: dict[str, str] = {}
        self._mission = Mission(status="NONE", mission_id=-1)
        self._metrics: dict[str, float] = {}
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
        request = robot_id_pb2.RobotIdRequest()
        answer = await self._calls.call(ROBOT_ID, robot_id_service_pb2_grpc.RobotIdServiceStub, "GetRobotId", request)
        self.identity = _identity(answer.robot_id)
        await self._calls.login(username, password)
        stub = directory_service_pb2_grpc.DirectoryServiceStub
        listing = await self._calls.call(
            DIRECTORY, stub, "ListServiceEntries", directory_pb2.ListServiceEntriesRequest()
        )
        self._authorities = {entry.name: entry.authority for entry in listing.service_entries}
        missing = [name for name in NEEDED if name not in self._authorities]
        if missing:
            raise Unsupported(
                f"the robot lacks {' and '.join(missing)}: its software is too old, or it has not started up"
            )
        await self._synchronise()

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

    async def _ask_or_none(self, service: str, stub: Any, method: str, request: Any) -> Any:
        """The same, or None where the robot does not offer it."""
        try:
            return await self._ask(service, stub, method, request)
        except Unsupported:
            return None

    async def observe(self) -> Observation:
        """Looks at it once: state, lease, mission, dock and now and then the odometer, asked for together."""
        await self._calls.keep_token()
        try:
            return await self._observe()
        except Unauthenticated:  # it restarted and forgot our token
            await self._calls.login(*self._calls.credentials)
            return await self._observe()

    async def _observe(self) -> Observation:
        state_stub = robot_state_service_pb2_grpc.RobotStateServiceStub
        state, leases, mission, dock, metrics = await asyncio.gather(
            self._ask("robot-state", state_stub, "GetRobotState", robot_state_pb2.RobotStateRequest()),
            self._ask_or_none("lease", lease_service_pb2_grpc.LeaseServiceStub, "ListLeases",
                              lease_pb2.ListLeasesRequest()),
            self._ask_or_none("robot-mission", mission_service_pb2_grpc.MissionServiceStub, "GetState",
                              mission_pb2.GetStateRequest()),
            self._ask_or_none("docking", docking_service_pb2_grpc.DockingServiceStub, "GetDockingState",
                              docking_pb2.GetDockingStateRequest()),
            self._ask_metrics(),
        )  # fmt: skip
        if metrics is not None:
            self._metrics = observed.metrics(metrics.robot_metrics)
        self._looks += 1
        owner, operator = observed.body_lease(leases.resources if leases else ())
        return Observation(
            hostname=self.hostname, at_us=self._clock.now_us(), lease_owner=owner, operator=operator,
            mission=await self._describe(mission.state) if mission else None,
            **observed.state(state.robot_state), **observed.dock(dock.dock_state if dock else None), **self._metrics,
        )  # fmt: skip

    async def _ask_metrics(self) -> Any:
        if self._looks % _METRICS_EVERY:
            return None
        stub, request = robot_state_service_pb2_grpc.RobotStateServiceStub, robot_state_pb2.RobotMetricsRequest()
        return await self._ask_or_none("robot-state", stub, "GetRobotMetrics", request)

    async def _describe(self, state: Any) -> Mission:
        """The mission's state; its name and actions are asked for once, when it is new."""
        fresh = observed.mission(state)
        if fresh.mission_id != self._mission.mission_id or (fresh.mission_id >= 0 and not self._mission.name):
            name, actions, walk_uuid = await self._walk() if fresh.mission_id >= 0 else ("", (), "")
        else:
            name, actions, walk_uuid = self._mission.name, self._mission.action_names, self._mission.walk_uuid
        self._mission = Mission(
            status=fresh.status, mission_id=fresh.mission_id, text=fresh.text, name=name, action_names=actions,
            walk_uuid=walk_uuid,
        )  # fmt: skip
        return self._mission

    async def _walk(self) -> tuple[str, tuple[str, ...], str]:
        """Name, actions and id of the walk that the loaded mission was made of, as far as the robot tells."""
        stub = mission_service_pb2_grpc.MissionServiceStub(self.channel("robot-mission"))
        request = mission_pb2.GetInfoRequest(header=self.header())
        try:
            call = stub.GetInfoAsChunks(request, timeout=10, metadata=self.metadata())
            return observed.walk_of(b"".join([chunk.data async for chunk in call]))
        except grpc.aio.AioRpcError as error:
            if isinstance(meant(error, "GetInfoAsChunks"), Unreachable):
                raise meant(error, "GetInfoAsChunks") from None
            return "", (), ""

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

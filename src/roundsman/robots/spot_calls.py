# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportAttributeAccessIssue=false, reportMissingTypeStubs=false, reportCallIssue=false, reportArgumentType=false
"""Calls to a robot's services: channels, headers, tokens, and what errors mean.

The generated stubs run under grpc.aio, one event loop for all robots: 50 robots take 2 threads, the maker's client 105
(robot-link.md §1.4). Each service's authority comes from the robot's directory; it is the name that TLS checks.
"""

import asyncio
import importlib.resources
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import grpc
from bosdyn.api import auth_pb2, auth_service_pb2_grpc, header_pb2

from roundsman.kit.clock import Clock
from roundsman.robots.link import LinkError, LockedOut, Slow, Unreachable, Unsupported, WrongPassword
from roundsman.robots.preflight import split
from roundsman.robots.spot_clock import ClockEstimate

CLIENT_NAME = "roundsman"
AUTH, ROBOT_ID, DIRECTORY = "auth.spot.robot", "id.spot.robot", "api.spot.robot"
_REFRESH_AFTER_US = 3_600_000_000  # a token lasts 12 h; the maker's client renews it each hour
_MESSAGE_BYTES = 64 << 20

_CHANNEL_OPTIONS = (
    ("grpc.max_receive_message_length", _MESSAGE_BYTES),
    ("grpc.max_send_message_length", _MESSAGE_BYTES),
    ("grpc.keepalive_time_ms", 20_000),  # a dead peer is noticed without waiting for a deadline
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.use_local_subchannel_pool", 1),  # a new link does not wait out an old one's failures
    ("grpc.enable_http_proxy", 0),  # a proxy for the internet does not lead to the robots
)

Metadata = tuple[tuple[str, str], ...]


class Unauthenticated(LinkError):
    """The robot does not take our token any more."""


def roots_pem(more: Sequence[Path]) -> bytes:
    """The authorities that sign robots' certificates: the maker's, and `more` for simulated ones."""
    maker = importlib.resources.files("bosdyn.client.resources").joinpath("robot.pem").read_bytes()
    return b"\n".join([maker, *(file.read_bytes() for file in more)])


def to_us(stamp: Any) -> int:
    """A protobuf Timestamp in microseconds."""
    return stamp.seconds * 1_000_000 + stamp.nanos // 1000


class Calls:
    """Calls to one robot, with the token of one login."""

    def __init__(self, hostname: str, roots: bytes, clock: Clock, *, timeout_s: float) -> None:
        host, port = split(hostname)
        self._target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._credentials = grpc.ssl_channel_credentials(roots)
        self._channels: dict[str, grpc.aio.Channel] = {}
        self._clock = clock
        self._timeout_s = timeout_s
        self._token = ""
        self._token_us = 0
        self._password = ("", "")
        self.estimate = ClockEstimate()

    def channel(self, authority: str) -> grpc.aio.Channel:
        """The channel to `authority`, opened at first use."""
        found = self._channels.get(authority)
        if found is None:
            options = [("grpc.ssl_target_name_override", authority), *_CHANNEL_OPTIONS]
            found = self._channels[authority] = grpc.aio.secure_channel(self._target, self._credentials, options)
        return found

    def header(self) -> Any:
        """A request's header."""
        header = header_pb2.RequestHeader(client_name=CLIENT_NAME)
        header.request_timestamp.FromMicroseconds(self._clock.now_us())
        return header

    def metadata(self) -> Metadata:
        """What proves who we are on each call."""
        return (("authorization", f"Bearer {self._token}"),) if self._token else ()

    async def call(self, authority: str, stub: Callable[[Any], Any], method: str, request: Any) -> Any:
        """The answer of `stub(channel).method(request)`.

        Raises: Unreachable, Unsupported, Unauthenticated, LinkError.
        """
        request.header.CopyFrom(self.header())
        sent_us = self._clock.now_us()
        try:
            call = getattr(stub(self.channel(authority)), method)
            response = await call(request, timeout=self._timeout_s, metadata=self.metadata())
        except grpc.aio.AioRpcError as error:
            raise meant(error, method) from None
        self._learn(response.header, sent_us, self._clock.now_us())
        if response.header.error.code not in {header_pb2.CommonError.CODE_OK, header_pb2.CommonError.CODE_UNSPECIFIED}:
            raise LinkError(f"the robot answered {method} with an error: {response.header.error.message}")
        return response

    def _learn(self, header: Any, sent_us: int, arrived_us: int) -> None:
        received_us, answered_us = to_us(header.request_received_timestamp), to_us(header.response_timestamp)
        if received_us and answered_us:
            self.estimate.add(sent_us, received_us, answered_us, arrived_us)

    async def login(self, username: str, password: str) -> None:
        """Logs in. Raises: WrongPassword when the robot refuses, LinkError when it is locked."""
        self._password = (username, password)
        self._token = ""
        await self._authenticate(auth_pb2.GetAuthTokenRequest(username=username, password=password))

    @property
    def credentials(self) -> tuple[str, str]:
        """The user and password of the last login."""
        return self._password

    async def keep_token(self) -> None:
        """Renews the token when it is an hour old. Raises: Unauthenticated when the robot does not take it any more."""
        if self._clock.now_us() - self._token_us < _REFRESH_AFTER_US:
            return
        try:
            await self._authenticate(auth_pb2.GetAuthTokenRequest(token=self._token))
        except Unreachable:
            raise
        except LinkError:
            raise Unauthenticated("the robot does not renew our token") from None

    async def _authenticate(self, request: Any) -> None:
        response = await self.call(AUTH, auth_service_pb2_grpc.AuthServiceStub, "GetAuthToken", request)
        status = response.status
        if status == auth_pb2.GetAuthTokenResponse.STATUS_TEMPORARILY_LOCKED_OUT:
            raise LockedOut(
                "the robot has locked this user out for a minute, after wrong passwords from here or elsewhere"
            )
        if status != auth_pb2.GetAuthTokenResponse.STATUS_OK:
            raise WrongPassword(
                "the robot refuses this user or password: give the right one on this robot's page, or by "
                "roundsman robot set-password"
            )
        self._token, self._token_us = response.token, self._clock.now_us()

    async def close(self) -> None:
        """Closes all channels."""
        channels, self._channels = list(self._channels.values()), {}
        await asyncio.gather(*(channel.close() for channel in channels), return_exceptions=True)


def meant(error: grpc.aio.AioRpcError, method: str) -> LinkError:
    """A gRPC error in our words. A robot's proxy answers with HTTP's numbers. Source: robot-link.md §1.3, §2.2."""
    code, details = error.code(), error.details() or ""
    http = _http_status(code, details)
    if code == grpc.StatusCode.UNIMPLEMENTED or http == 404:
        return Unsupported(f"the robot does not offer {method}")
    if code == grpc.StatusCode.UNAUTHENTICATED or http == 401:
        return Unauthenticated("the robot does not take our token any more")
    if code == grpc.StatusCode.DEADLINE_EXCEEDED or http == 504:
        return Slow(f"the robot did not answer {method} in time: the link to it is slow or broken")
    if http in {502, 503}:
        return LinkError(f"the robot's part behind {method} is not running: it may be starting, or restart the robot")
    if "is not in peer certificate" in details:
        return Unsupported("its certificate is not a robot's, though a trusted authority signed it: is it a robot?")
    if code == grpc.StatusCode.UNAVAILABLE:
        return Unreachable("the connection to the robot broke off: the link to it is bad, or it was switched off")
    return LinkError(f"{method} failed: {code.name} {details}")


def _http_status(code: grpc.StatusCode, details: str) -> int | None:
    """What the robot's proxy answered instead of a service. Addresses in `details` have numbers of their own."""
    sought = {grpc.StatusCode.CANCELLED: r"\b([45]\d\d)\b", grpc.StatusCode.UNAVAILABLE: r"status:? ([45]\d\d)\b"}.get(
        code
    )
    found = re.search(sought, details) if sought else None
    return int(found[1]) if found else None

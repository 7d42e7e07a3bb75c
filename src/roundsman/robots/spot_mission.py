# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportAttributeAccessIssue=false, reportMissingTypeStubs=false, reportCallIssue=false, reportArgumentType=false
"""What a Spot's mission service tells, with what is asked only once for each mission that is played.

Source: robot-link.md §3.1 (`robot-mission`); bosdyn.api.mission GetState, GetInfo.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import grpc
import msgspec
from bosdyn.api.mission import mission_pb2, mission_service_pb2_grpc

from roundsman.robots import spot_observe as observed
from roundsman.robots.link import LinkError, Mission, Slow, Unreachable
from roundsman.robots.spot_calls import Calls, Unauthenticated, meant, to_us

SERVICE = "robot-mission"
_ATTEMPTS = 3  # a mission that was not made of a walk does not tell its name, however often it is asked
_WALK_TIMEOUT_S = 10.0
_FIRST_TICKS = (0, 1)

Stub = mission_service_pb2_grpc.MissionServiceStub


class _Playing(NamedTuple):
    """What is known of one mission, from its first tick to its last."""

    mission_id: int = -1
    tick: int = -1
    attempts: int = 0
    started_us: int | None = None
    walk: observed.WalkNames = observed.WalkNames()


class MissionTeller:
    """Tells of the missions of one robot. `authority` gives the service's, or raises Unsupported."""

    def __init__(self, calls: Calls, authority: Callable[[], str]) -> None:
        self._calls = calls
        self._authority = authority
        self._playing = _Playing()

    async def look(self) -> Mission:
        """How the mission fares. Raises: LinkError."""
        state = await self._state(mission_pb2.GetStateRequest())
        known = self._playing
        if state.mission_id != known.mission_id or state.tick_counter < known.tick:  # another, or played anew
            known = _Playing(state.mission_id)
        known = known._replace(tick=state.tick_counter)
        if state.mission_id >= 0 and known.attempts < _ATTEMPTS:
            known = await self._learn(known)
        self._playing = known
        return msgspec.structs.replace(
            observed.mission(state),
            started_us=known.started_us,
            ticked_us=self._ours(state.history, max),
            name=known.walk.mission_name,
            action_names=known.walk.action_names,
            walk_uuid=known.walk.uuid,
        )

    async def _state(self, request: Any) -> Any:
        return (await self._calls.call(self._authority(), Stub, "GetState", request)).state

    def _ours(self, history: Any, which: Callable[[list[int]], int]) -> int | None:
        """The first or the last tick of a history, in our clock."""
        times = [to_us(entry.tick_start_timestamp) for entry in history if entry.tick_start_timestamp.seconds]
        return self._calls.estimate.to_ours(which(times)) if times else None

    async def _learn(self, known: _Playing) -> _Playing:
        """Asks for what is not known yet: the walk, and when it began. Raises: Unreachable, Unauthenticated."""
        walk = known.walk if known.walk.mission_name else await self._walk()
        started_us = known.started_us or (await self._started_us() if known.tick >= 0 else None)
        complete = walk.mission_name and started_us
        attempts = _ATTEMPTS if complete else known.attempts + (known.tick > 0)
        return known._replace(attempts=attempts, started_us=started_us, walk=walk)

    async def _started_us(self) -> int | None:
        """When the first tick was; None when the robot has forgotten."""
        first, last = _FIRST_TICKS
        request = mission_pb2.GetStateRequest(history_lower_tick_bound=first)
        request.history_upper_tick_bound.value = last
        try:
            history = (await self._state(request)).history
        except (Unreachable, Unauthenticated):
            raise
        except LinkError:
            return None
        return self._ours([entry for entry in history if entry.tick_counter <= last], min)

    async def _walk(self) -> observed.WalkNames:
        """What the loaded mission was made of, as far as the robot tells."""
        try:
            return observed.walk_of(await self._info())
        except (Unreachable, Unauthenticated) as error:
            if isinstance(error, Slow):
                return observed.WalkNames()
            raise
        except LinkError:
            return observed.WalkNames()

    async def _info(self) -> bytes:
        """A serialized GetInfoResponse: in chunks, or where the robot is older in one message."""
        stub = Stub(self._calls.channel(self._authority()))
        request = mission_pb2.GetInfoRequest(header=self._calls.header())
        asked: dict[str, Any] = {"timeout": _WALK_TIMEOUT_S, "metadata": self._calls.metadata()}
        try:
            return b"".join([chunk.data async for chunk in stub.GetInfoAsChunks(request, **asked)])
        except grpc.aio.AioRpcError as error:
            if error.code() != grpc.StatusCode.UNIMPLEMENTED:
                raise meant(error, "GetInfoAsChunks") from None
        answer = await self._calls.call(self._authority(), Stub, "GetInfo", mission_pb2.GetInfoRequest())
        return answer.SerializeToString()

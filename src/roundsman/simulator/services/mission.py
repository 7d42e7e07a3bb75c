"""`autowalk-service` and `robot-mission`: compile, load and play a Walk, see how it fares, answer its questions.

A Walk is the only mission that can be played here; its compiled tree is a sequence of one named node per element, and
its root carries the Walk, as a robot's does. Source: robot-link.md §3.1 (`autowalk-service`, `robot-mission`), §5.2.
"""
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportAttributeAccessIssue=false, reportCallIssue=false

from collections.abc import Callable, Mapping
from itertools import groupby
from typing import Any, ClassVar

from bosdyn.api.autowalk import autowalk_pb2, autowalk_service_pb2, walks_pb2
from bosdyn.api.mission import mission_pb2, mission_service_pb2, nodes_pb2

from roundsman.simulator.services.calls import InvalidRequestError, Service, fill_time, time_us_of
from roundsman.simulator.world.mission import check_walk
from roundsman.simulator.world.robot import FailedElement, LoadedMission, MissionState, Question, RefusedError
from roundsman.simulator.world.walk_protos import read_walk

Compile, LoadWalk = autowalk_pb2.CompileAutowalkResponse, autowalk_pb2.LoadAutowalkResponse
Load, Play, Restart = (
    mission_pb2.LoadMissionResponse,
    mission_pb2.PlayMissionResponse,
    mission_pb2.RestartMissionResponse,
)
Pause, Stop, Answer = (
    mission_pb2.PauseMissionResponse,
    mission_pb2.StopMissionResponse,
    mission_pb2.AnswerQuestionResponse,
)
FIRST_NODE_ID = 1


class AutowalkService(Service):
    """Compiles and loads walks."""

    name = "autowalk-service"
    authority = "autowalk.spot.robot"
    descriptor = autowalk_service_pb2.DESCRIPTOR.services_by_name["AutowalkService"]
    assembled: ClassVar[Mapping[str, tuple[Any, Any]]] = {
        "CompileAutowalk": (autowalk_pb2.CompileAutowalkRequest, Compile),
        "LoadAutowalk": (autowalk_pb2.LoadAutowalkRequest, LoadWalk),
    }

    def CompileAutowalk(self, request: Any, response: Any) -> None:
        """The tree of a walk, without loading it."""
        walk_bytes = request.walk.SerializeToString()
        failed = check_walk(self.robot, read_walk(walk_bytes))
        _fill_failed(response.failed_elements, failed)
        bad = _bad(failed, request.treat_warnings_as_errors)
        response.status = Compile.STATUS_COMPILE_ERROR if bad else Compile.STATUS_OK
        if not bad:
            names = [element.name for element in request.walk.elements]
            response.root.CopyFrom(tree(request.walk.mission_name, names, request.walk))
        _fill_identifiers(response.element_identifiers, len(request.walk.elements))

    def LoadAutowalk(self, request: Any, response: Any) -> None:
        """Loads a walk as the robot's mission."""
        response.status = LoadWalk.STATUS_VALIDATE_ERROR
        lease = self.leases(request.leases, response.lease_use_results) if request.leases else None
        if request.leases and lease is None:
            return
        loaded = self.robot.load_walk(request.walk.SerializeToString(), lease)
        _fill_failed(response.failed_elements, loaded.failed_elements)
        response.mission_id = loaded.mission_id
        response.status = LoadWalk.STATUS_OK if loaded.ok else LoadWalk.STATUS_COMPILE_ERROR
        _fill_identifiers(response.element_identifiers, len(request.walk.elements))


def tree(name: str, element_names: list[str], walk: Any) -> Any:
    """A compiled mission: a sequence of one node per element, the root carrying the Walk."""
    root = nodes_pb2.Node(name=name)
    root.user_data.id = walk.id
    root.user_data.source_representation.Pack(walk)
    for element_name in element_names:
        child = root.sequence.children.add(name=element_name)
        child.constant_result.result = 3  # success
    return root


def _bad(failed: tuple[FailedElement, ...], warnings_too: bool) -> bool:
    return any(element.errors or (warnings_too and element.warnings) for element in failed)


def _fill_failed(message: Any, failed: tuple[FailedElement, ...]) -> None:
    for element in failed:
        message[element.index].errors.extend(element.errors)
        message[element.index].warnings.extend(element.warnings)


def _fill_identifiers(message: Any, count: int) -> None:
    for index in range(count):
        identifiers = message.add()
        for part in (identifiers.root_id, identifiers.action_id, identifiers.navigation_id):
            part.node_id = FIRST_NODE_ID + index


class MissionService(Service):
    """Plays the mission that is loaded."""

    name = "robot-mission"
    authority = "mission.spot.robot"
    descriptor = mission_service_pb2.DESCRIPTOR.services_by_name["MissionService"]
    assembled: ClassVar[Mapping[str, tuple[Any, Any]]] = {
        "LoadMissionAsChunks": (mission_pb2.LoadMissionRequest, None),
        "LoadMissionAsChunks2": (mission_pb2.LoadMissionRequest, Load),
        "GetInfoAsChunks": (None, mission_pb2.GetInfoResponse),
        "GetMissionAsChunks": (None, mission_pb2.GetMissionResponse),
    }

    def LoadMission(self, request: Any, response: Any) -> None:
        """Loads a tree that carries a Walk; others cannot be played here."""
        response.status = Load.STATUS_VALIDATE_ERROR
        lease = self.leases(request.leases, response.lease_use_results) if request.leases else None
        if request.leases and lease is None:
            return
        walk = walks_pb2.Walk()
        if not request.root.user_data.source_representation.Unpack(walk):
            error = "only missions that carry the Walk they were compiled from can be simulated"
            response.failed_nodes.add(name=request.root.name, error=error)
            return
        loaded = self.robot.load_walk(walk.SerializeToString(), lease)
        response.status = Load.STATUS_OK if loaded.ok else Load.STATUS_COMPILE_ERROR
        for element in loaded.failed_elements:
            name = loaded.node_names[FIRST_NODE_ID + element.index]
            response.failed_nodes.add(name=name, error="; ".join(element.errors))
        _fill_info(response.mission_info, loaded)

    LoadMissionAsChunks = LoadMission
    LoadMissionAsChunks2 = LoadMission

    def PlayMission(self, request: Any, response: Any) -> None:
        """Plays or goes on until the pause time."""
        self._set_going(request, response, self.robot.play, Play)

    def RestartMission(self, request: Any, response: Any) -> None:
        """Plays from the beginning."""
        self._set_going(request, response, self.robot.restart, Restart)

    def _set_going(self, request: Any, response: Any, go: Callable[[Any, int | None], None], says: Any) -> None:
        response.status = says.STATUS_NO_MISSION
        lease = self.leases(request.leases, response.lease_use_results)
        if lease is None:
            return
        try:
            go(lease, _pause_us(request))
            response.status = says.STATUS_OK
        except RefusedError as refused:
            _raise_unless(refused, "no_mission")

    def PauseMission(self, request: Any, response: Any) -> None:
        """Stands still until somebody plays again."""
        response.status = Pause.STATUS_NO_MISSION_PLAYING
        lease = self.lease(request.lease, response.lease_use_result)
        if lease is not None:
            response.status = Pause.STATUS_OK if self._ended(self.robot.pause, lease) else response.status

    def StopMission(self, request: Any, response: Any) -> None:
        """Stops for good."""
        response.status = Stop.STATUS_NO_MISSION_PLAYING
        lease = self.lease(request.lease, response.lease_use_result)
        if lease is not None:
            response.status = Stop.STATUS_OK if self._ended(self.robot.stop_mission, lease) else response.status

    def GetState(self, request: Any, response: Any) -> None:
        """How it fares."""
        mission = self.robot.mission_state()
        state = response.state
        state.status, state.mission_id, state.tick_counter = int(mission.status), mission.mission_id, mission.tick
        state.error = mission.error
        for text, severity in mission.active_text:
            state.active_mission_text.add(text=text, severity=int(severity))
        for question in mission.questions:
            _fill_question(state.questions.add(), question)
        for question in mission.answered:
            answered = state.answered_questions.add(accepted_answer_code=question.answer or 0)
            _fill_question(answered.question, question)
        _fill_history(state.history, mission, request)

    def GetInfo(self, request: Any, response: Any) -> None:
        """The nodes of the mission that is loaded."""
        if self.robot.loaded is not None:
            _fill_info(response.mission_info, self.robot.loaded)

    GetInfoAsChunks = GetInfo

    def GetMission(self, request: Any, response: Any) -> None:
        """The mission as it was loaded."""
        response.id = -1
        loaded = self.robot.loaded
        if loaded is not None:
            response.id = loaded.mission_id
            walk = walks_pb2.Walk.FromString(loaded.walk_bytes)
            response.root.CopyFrom(tree(loaded.name, list(loaded.node_names[FIRST_NODE_ID:]), walk))

    GetMissionAsChunks = GetMission

    def AnswerQuestion(self, request: Any, response: Any) -> None:
        """Answers by code."""
        try:
            self.robot.answer_question(request.question_id, request.code)
            response.status = Answer.STATUS_OK
        except KeyError:
            response.status = Answer.STATUS_INVALID_QUESTION_ID
        except ValueError:
            response.status = Answer.STATUS_INVALID_CODE
        except RefusedError:
            response.status = Answer.STATUS_ALREADY_ANSWERED

    def _ended(self, command: Any, lease: Any) -> bool:
        try:
            command(lease)
        except RefusedError as refused:
            _raise_unless(refused, "no_mission")
            return False
        return True


def _raise_unless(refused: RefusedError, reason: str) -> None:
    if refused.reason != reason:
        raise InvalidRequestError(refused.reason) from refused


def _pause_us(request: Any) -> int | None:
    return time_us_of(request.pause_time) if request.HasField("pause_time") else None


def _fill_question(message: Any, question: Question) -> None:
    message.id, message.source, message.text = question.id, question.source, question.text
    message.severity = int(question.severity)
    for code, text in question.options:
        message.options.add(text=text, answer_code=code)


def _fill_history(message: Any, mission: MissionState, request: Any) -> None:
    """Newest first; without a lower bound what is newest only. Source: bosdyn.api.mission GetStateRequest, State."""
    bounded = request.HasField("history_upper_tick_bound")
    highest = request.history_upper_tick_bound.value if bounded else mission.tick
    ticks = [
        (tick, list(states)) for tick, states in groupby(mission.history, lambda state: state.tick) if tick <= highest
    ]
    lower = request.WhichOneof("lower_bound")
    lowest = request.history_lower_tick_bound if lower == "history_lower_tick_bound" else ticks[-1][0] if ticks else 0
    if lower == "history_past_ticks":
        lowest = highest - request.history_past_ticks
    for tick, states in reversed(ticks):
        if tick >= lowest:
            at = message.add(tick_counter=tick)
            fill_time(at.tick_start_timestamp, states[0].time_us)
            for state in states:
                at.node_states.add(id=state.node_id, result=state.result, error=state.error)


def _fill_info(info: Any, loaded: LoadedMission) -> None:
    info.id = loaded.mission_id
    info.root.name = loaded.name
    walk = walks_pb2.Walk.FromString(loaded.walk_bytes)
    info.root.user_data.id = walk.id
    info.root.user_data.source_representation.Pack(walk)
    for index, element in enumerate(walk.elements):
        child = info.root.children.add(id=FIRST_NODE_ID + index, name=element.name)
        child.user_data.id = element.id

"""`power`, `robot-command` and `docking`: what a driver tells a robot. Source: robot-link.md §3.1."""
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportAttributeAccessIssue=false, reportCallIssue=false

from typing import Any

from bosdyn.api import (
    basic_command_pb2,
    license_pb2,
    power_pb2,
    power_service_pb2,
    robot_command_pb2,
    robot_command_service_pb2,
)
from bosdyn.api.docking import docking_pb2, docking_service_pb2

from roundsman.simulator.services.calls import Service, time_us_of
from roundsman.simulator.services.tokens import Tokens
from roundsman.simulator.world.leases import Lease
from roundsman.simulator.world.robot import RefusedError, SimulatedSpot

PowerRequest = power_pb2.PowerCommandRequest
Command, ClearFault = robot_command_pb2.RobotCommandResponse, robot_command_pb2.ClearBehaviorFaultResponse
Docking, Docked = docking_pb2.DockingCommandResponse, docking_pb2.DockingCommandFeedbackResponse
DockState = docking_pb2.DockState
DISTANT_US = 600_000_000
"""A command may end ten minutes from now, not later."""
BASE_DOCK_ID = 500
POWER_REFUSED = {"estopped": power_pb2.STATUS_ESTOPPED, "fault": power_pb2.STATUS_FAULTED}
COMMAND_REFUSED = {
    "expired": Command.STATUS_EXPIRED,
    "docked": Command.STATUS_DOCKED,
    "fault": Command.STATUS_BEHAVIOR_FAULT,
    "not_powered": Command.STATUS_NOT_POWERED_ON,
    "estopped": Command.STATUS_NOT_POWERED_ON,
}
DOCKING_REFUSED = {
    "not_docked": Docking.STATUS_ERROR_NOT_DOCKED,
    "no_dock": Docking.STATUS_ERROR_DOCK_NOT_FOUND,
    "lease": Docking.STATUS_ERROR_LEASE,
}
DOCK_STATES = {
    "docked": DockState.DOCK_STATUS_DOCKED,
    "docking": DockState.DOCK_STATUS_DOCKING,
    "undocked": DockState.DOCK_STATUS_UNDOCKED,
    "undocking": DockState.DOCK_STATUS_UNDOCKING,
}
FeedbackStatus = basic_command_pb2.RobotCommandFeedbackStatus


class PowerService(Service):
    """Motors on and off; a robot that is switched off or restarted is out of reach of this simulation."""

    name = "power"
    authority = "power.spot.robot"
    descriptor = power_service_pb2.DESCRIPTOR.services_by_name["PowerService"]

    def PowerCommand(self, request: Any, response: Any) -> None:
        """Starts; the feedback says when it is done."""
        response.status = power_pb2.STATUS_INTERNAL_ERROR
        lease = self.lease(request.lease, response.lease_use_result)
        if lease is None:
            return
        try:
            if request.request == PowerRequest.REQUEST_ON_MOTORS:
                response.power_command_id = self.robot.power_on(lease)
            elif request.request == PowerRequest.REQUEST_OFF_MOTORS:
                response.power_command_id = self.robot.power_off(lease)
            else:
                response.status = power_pb2.INCOMPATIBLE_HARDWARE_ERROR
                return
        except RefusedError as refused:
            response.status = POWER_REFUSED.get(refused.reason, power_pb2.STATUS_INTERNAL_ERROR)
            return
        response.status = power_pb2.STATUS_IN_PROGRESS
        response.license_status = license_pb2.LicenseInfo.STATUS_VALID

    def PowerCommandFeedback(self, request: Any, response: Any) -> None:
        """How it fares."""
        feedback = self.robot.feedback(request.power_command_id)
        known = {"processing": power_pb2.STATUS_IN_PROGRESS, "done": power_pb2.STATUS_SUCCESS}
        failed = power_pb2.STATUS_ESTOPPED if self.robot.estopped else power_pb2.STATUS_OVERRIDDEN
        response.status = known.get(feedback, failed)


class RobotCommandService(Service):
    """Stand, sit, walk, stop."""

    name = "robot-command"
    authority = "command.spot.robot"
    descriptor = robot_command_service_pb2.DESCRIPTOR.services_by_name["RobotCommandService"]

    def __init__(self, robot: SimulatedSpot, tokens: Tokens) -> None:
        super().__init__(robot, tokens)
        self._given: dict[int, str] = {}

    def RobotCommand(self, request: Any, response: Any) -> None:
        """Starts one command and ends the one before it."""
        response.status = Command.STATUS_INVALID_REQUEST
        lease = self.lease(request.lease, response.lease_use_result)
        if lease is None:
            return
        kind, wanted = _command(request.command)
        try:
            if kind == "se2_velocity_request":
                response.robot_command_id = self._walk(wanted, request.clock_identifier, lease)
            else:
                response.robot_command_id = self._pose(kind, lease)
        except RefusedError as refused:
            response.status = COMMAND_REFUSED.get(refused.reason, Command.STATUS_INVALID_REQUEST)
            response.message = refused.reason
        except _CannotError as cannot:
            response.status, response.message = cannot.status, str(cannot)
        else:
            response.status = Command.STATUS_OK
            self._given[response.robot_command_id] = kind
            self._given.pop(response.robot_command_id - 50, None)

    def RobotCommandFeedback(self, request: Any, response: Any) -> None:
        """How it fares, in the shape of its command."""
        self.lease_of_robot(response.lease_use_result)
        kind = self._given.get(request.robot_command_id, "")
        feedback = self.robot.feedback(request.robot_command_id)
        done = feedback == "done"
        status = FeedbackStatus.STATUS_COMMAND_OVERRIDDEN
        if feedback in ("processing", "done"):
            status = FeedbackStatus.STATUS_PROCESSING
        if kind in ("selfright_request", "safe_power_off_request"):
            _fill_full_body(response.feedback.full_body_feedback, kind, done, status)
        else:
            _fill_mobility(response.feedback.synchronized_feedback.mobility_command_feedback, kind, done, status)

    def ClearBehaviorFault(self, request: Any, response: Any) -> None:
        """Clears a fault by its place in the list of the robot's state."""
        response.status = ClearFault.STATUS_NOT_CLEARED
        if self.lease(request.lease, response.lease_use_result) is None:
            return
        faults = self.robot.behavior_faults
        if 1 <= request.behavior_fault_id <= len(faults):
            faults.pop(request.behavior_fault_id - 1)
            response.status = ClearFault.STATUS_CLEARED

    def lease_of_robot(self, result: Any) -> None:
        """Says that the lease under which the robot moves is good."""
        result.status = 1

    def _walk(self, wanted: Any, clock_identifier: str, lease: Lease) -> int:
        if not clock_identifier:
            raise _CannotError(Command.STATUS_NO_TIMESYNC, "a velocity needs a clock identifier")
        until_us = time_us_of(wanted.end_time)
        if until_us > self.robot.now_us() + DISTANT_US:
            raise _CannotError(Command.STATUS_TOO_DISTANT, "the end is too far away")
        velocity = wanted.velocity
        return self.robot.velocity(velocity.linear.x, velocity.linear.y, velocity.angular, until_us, lease)

    def _pose(self, kind: str, lease: Lease) -> int:
        robot = self.robot
        poses = {
            "stand_request": robot.stand,
            "sit_request": robot.sit,
            "stop_request": robot.stop,
            "freeze_request": robot.stop,
            "selfright_request": robot.self_right,
            "safe_power_off_request": robot.power_off,
        }
        if kind not in poses:
            raise _CannotError(Command.STATUS_UNSUPPORTED, f"{kind or 'nothing'} is not simulated")
        return poses[kind](lease)


class _CannotError(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def _command(command: Any) -> tuple[str, Any]:
    wanted = command.full_body_command
    if command.HasField("synchronized_command"):
        wanted = command.synchronized_command.mobility_command
    kind = wanted.WhichOneof("command") or ""
    return kind, getattr(wanted, kind) if kind else None


def _fill_full_body(feedback: Any, kind: str, done: bool, status: int) -> None:
    feedback.status = status
    shape = feedback.selfright_feedback if kind == "selfright_request" else feedback.safe_power_off_feedback
    shape.status = 1 if done else 2  # completed or powered off; in progress


def _fill_mobility(feedback: Any, kind: str, done: bool, status: int) -> None:
    feedback.status = status
    if kind == "stand_request":
        feedback.stand_feedback.status = 1 if done else 2  # standing; in progress
        feedback.stand_feedback.standing_state = 1
    elif kind == "sit_request":
        feedback.sit_feedback.status = 1 if done else 2  # sitting; in progress
    elif kind == "se2_velocity_request":
        feedback.se2_velocity_feedback.SetInParent()
    else:
        feedback.stop_feedback.SetInParent()


class DockingService(Service):
    """Onto docks and off them."""

    name = "docking"
    authority = "docking.spot.robot"
    descriptor = docking_service_pb2.DESCRIPTOR.services_by_name["DockingService"]

    def __init__(self, robot: SimulatedSpot, tokens: Tokens) -> None:
        super().__init__(robot, tokens)
        self._poses: set[int] = set()
        """Commands that end in front of a dock."""

    def DockingCommand(self, request: Any, response: Any) -> None:
        """Docks, or with a pose asked for goes to stand in front of the dock."""
        response.status = Docking.STATUS_ERROR_LEASE
        lease = self.lease(request.lease, response.lease_use_result)
        if lease is None:
            return
        leaves = request.prep_pose_behavior in (docking_pb2.PREP_POSE_ONLY_POSE, docking_pb2.PREP_POSE_UNDOCK)
        try:
            if leaves:
                response.docking_command_id = self._leave(request.prep_pose_behavior, lease)
                self._poses.add(response.docking_command_id)
            else:
                response.docking_command_id = self._dock(request.docking_station_id, lease)
            response.status = Docking.STATUS_OK
        except RefusedError as refused:
            response.status = DOCKING_REFUSED.get(refused.reason, Docking.STATUS_ERROR_SYSTEM)

    def DockingCommandFeedback(self, request: Any, response: Any) -> None:
        """How it fares."""
        response.lease_use_result.status = 1
        command_id = request.docking_command_id
        feedback = self.robot.feedback(command_id)
        arrived = Docked.STATUS_AT_PREP_POSE if command_id in self._poses else Docked.STATUS_DOCKED
        known = {"processing": Docked.STATUS_IN_PROGRESS, "done": arrived, "failed": Docked.STATUS_MISALIGNED}
        response.status = known.get(feedback, Docked.STATUS_OLD_DOCKING_COMMAND)

    def GetDockingConfig(self, request: Any, response: Any) -> None:
        """The numbers that docks have."""
        response.dock_configs.add(id_start=BASE_DOCK_ID, id_end=BASE_DOCK_ID + 99, type=docking_pb2.DOCK_TYPE_SPOT_DOCK)

    def GetDockingState(self, request: Any, response: Any) -> None:
        """Whether it is on a dock."""
        state, robot = response.dock_state, self.robot
        state.status = DOCK_STATES[robot.dock_state]
        if robot.dock_id is not None:
            state.dock_type, state.dock_id = docking_pb2.DOCK_TYPE_SPOT_DOCK, robot.dock_id
        docked = robot.dock_state == "docked"
        state.power_status = DockState.LINK_STATUS_CONNECTED if docked else DockState.LINK_STATUS_DETECTING

    def _dock(self, dock_id: int, lease: Lease) -> int:
        if self.robot.site.dock(dock_id) is None:
            raise RefusedError("no_dock")
        return self.robot.dock(dock_id, lease)

    def _leave(self, behavior: int, lease: Lease) -> int:
        docked = self.robot.dock_state in ("docked", "undocking")
        if behavior == docking_pb2.PREP_POSE_UNDOCK and not docked:
            raise RefusedError("not_docked")
        return self.robot.undock(lease)

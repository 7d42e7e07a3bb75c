"""`keepalive`: what a robot does when its client falls silent. Source: robot-link.md §3.1 (`keepalive`).

Every motors-off and halt action stops the robot, `lease_stale` lets go of the lease; the others are only listed.
"""
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportAttributeAccessIssue=false, reportCallIssue=false

from dataclasses import dataclass, field
from typing import Any

from bosdyn.api.keepalive import keepalive_pb2, keepalive_service_pb2

from roundsman.simulator.services.calls import Service, fill_time
from roundsman.simulator.services.tokens import Tokens
from roundsman.simulator.world.robot import RefusedError, SimulatedSpot

Modify, CheckedIn = keepalive_pb2.ModifyPolicyResponse, keepalive_pb2.CheckInResponse
Status = keepalive_pb2.GetStatusResponse
CONTROL = {
    "auto_return": Status.POLICY_CONTROL_ACTION_AUTO_RETURN,
    "controlled_motors_off": Status.POLICY_CONTROL_ACTION_MOTORS_OFF,
    "immediate_motors_off": Status.POLICY_CONTROL_ACTION_IMMEDIATE_MOTORS_OFF,
    "immediate_robot_off": Status.POLICY_CONTROL_ACTION_ROBOT_OFF,
    "halt_robot": Status.POLICY_CONTROL_ACTION_HALT,
}


@dataclass(slots=True)
class Policy:
    """One policy with what it has done since the last check-in."""

    live: Any
    seen_us: int
    done: set[int] = field(default_factory=set[int])


class KeepaliveService(Service):
    """The policies of one robot."""

    name = "keepalive"
    authority = "keepalive.spot.robot"
    descriptor = keepalive_service_pb2.DESCRIPTOR.services_by_name["KeepaliveService"]

    def __init__(self, robot: SimulatedSpot, tokens: Tokens) -> None:
        super().__init__(robot, tokens)
        self._policies: dict[int, Policy] = {}
        self._last_id = 0

    def tick(self) -> None:
        """Does what policies ask for after their time, and drops those whose lease was superseded."""
        now_us = self.robot.now_us()
        for policy_id, policy in list(self._policies.items()):
            if self._superseded(policy):
                del self._policies[policy_id]
                continue
            for index, action in enumerate(policy.live.policy.actions):
                if index not in policy.done and now_us - policy.seen_us > action.after.ToMicroseconds():
                    policy.done.add(index)
                    self._act(action.WhichOneof("action"))

    def ModifyPolicy(self, request: Any, response: Any) -> None:
        """Adds one policy, removes others."""
        unknown = [policy_id for policy_id in request.policy_ids_to_remove if policy_id not in self._policies]
        if unknown:
            response.status = Modify.STATUS_INVALID_POLICY_ID
            return
        for policy_id in request.policy_ids_to_remove:
            response.removed_policies.add().CopyFrom(self._policies.pop(policy_id).live)
        if request.HasField("to_add"):
            response.added_policy.CopyFrom(self._add(request.to_add, request.header.client_name))
        response.status = Modify.STATUS_OK

    def CheckIn(self, request: Any, response: Any) -> None:
        """Says that the client of a policy is there."""
        policy = self._policies.get(request.policy_id)
        if policy is None:
            response.status = CheckedIn.STATUS_INVALID_POLICY_ID
            return
        fill_time(response.last_checkin, policy.seen_us)
        policy.seen_us = self.robot.now_us()
        policy.done.clear()
        fill_time(policy.live.last_checkin, policy.seen_us)
        response.status = CheckedIn.STATUS_OK

    def GetStatus(self, request: Any, response: Any) -> None:
        """All policies, and what is being done for them."""
        for policy in self._policies.values():
            response.status.add().CopyFrom(policy.live)
            for index in sorted(policy.done):
                action = CONTROL.get(policy.live.policy.actions[index].WhichOneof("action"))
                if action is not None:
                    response.active_control_actions.append(action)

    def _add(self, wanted: Any, client_name: str) -> Any:
        self._last_id += 1
        live = keepalive_pb2.LivePolicy(policy_id=self._last_id, policy=wanted, client_name=client_name)
        fill_time(live.last_checkin, self.robot.now_us())
        self._policies[self._last_id] = Policy(live, self.robot.now_us())
        return live

    def _superseded(self, policy: Policy) -> bool:
        book = self.robot.leases
        return any(
            lease.epoch != book.epoch or (lease.sequence and lease.sequence[0] < book.root)
            for lease in policy.live.policy.associated_leases
        )

    def _act(self, action: str | None) -> None:
        try:
            if action == "lease_stale":
                self.robot.leases.owner = None
            elif action == "halt_robot":
                self.robot.stop()
            elif action in CONTROL and action != "auto_return":
                self.robot.power_off()
        except RefusedError:
            return

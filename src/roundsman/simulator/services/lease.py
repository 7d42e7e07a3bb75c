"""`lease`: who may drive a robot. The rules are those of the world's LeaseBook. Source: robot-link.md §3.1."""
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportAttributeAccessIssue=false, reportCallIssue=false

from typing import Any

from bosdyn.api import lease_pb2, lease_service_pb2

from roundsman.simulator.services.calls import CALLER, Service, fill_lease, fill_owner, fill_time
from roundsman.simulator.world.leases import STALE_AFTER_S, Lease, LeaseRefusedError

Acquire, Take, Return = lease_pb2.AcquireLeaseResponse, lease_pb2.TakeLeaseResponse, lease_pb2.ReturnLeaseResponse


class LeaseService(Service):
    """Grants, keeps and takes back."""

    name = "lease"
    authority = "lease.spot.robot"
    descriptor = lease_service_pb2.DESCRIPTOR.services_by_name["LeaseService"]

    def AcquireLease(self, request: Any, response: Any) -> None:
        """The lease, if nobody has it."""
        book = self.robot.leases
        try:
            lease = book.acquire(request.resource or "body", request.header.client_name)
        except LeaseRefusedError as refused:
            claimed = refused.reason == "claimed"
            response.status = Acquire.STATUS_RESOURCE_ALREADY_CLAIMED if claimed else Acquire.STATUS_INVALID_RESOURCE
            fill_owner(response.lease_owner, book)
            return
        self._granted(response, lease)
        response.status = Acquire.STATUS_OK

    def TakeLease(self, request: Any, response: Any) -> None:
        """The lease, whoever has it."""
        try:
            lease = self.robot.leases.take(request.resource or "body", request.header.client_name)
        except LeaseRefusedError:
            response.status = Take.STATUS_INVALID_RESOURCE
            return
        self._granted(response, lease)
        response.status = Take.STATUS_OK

    def ReturnLease(self, request: Any, response: Any) -> None:
        """Gives it back."""
        try:
            self.robot.leases.give_back(
                Lease(request.lease.resource, request.lease.epoch, tuple(request.lease.sequence))
            )
            response.status = Return.STATUS_OK
        except LeaseRefusedError as refused:
            active = refused.reason == "not_active"
            response.status = Return.STATUS_NOT_ACTIVE_LEASE if active else Return.STATUS_INVALID_RESOURCE

    def RetainLease(self, request: Any, response: Any) -> None:
        """Says that its owner is still there."""
        self.lease(request.lease, response.lease_use_result)

    def ListLeases(self, request: Any, response: Any) -> None:
        """Who has what."""
        book = self.robot.leases
        resource = response.resources.add(resource="body", is_stale=book.stale)
        fill_lease(resource.lease, Lease("body", book.epoch, (book.root,), (book.owner,) if book.owner else ()))
        if not request.include_full_lease_info:
            resource.lease.ClearField("epoch")
        fill_owner(resource.lease_owner, book)
        if book.owner is not None:
            fill_time(resource.stale_time, book.retained_us + round(STALE_AFTER_S * 1e6))
        response.resource_tree.resource = "body"
        response.resource_tree.sub_resources.add(resource="mobility")

    def _granted(self, response: Any, lease: Lease) -> None:
        self.robot.leases.user_name = CALLER.get()
        fill_lease(response.lease, lease)
        fill_owner(response.lease_owner, self.robot.leases)

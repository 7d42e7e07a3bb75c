"""Leases of one robot: who may drive it. One owner for the whole body, as Spot without an arm has it.

A grant raises the root sequence number by one; users of the lease append numbers of their own. An owner who neither
retains nor uses the lease for ten seconds is stale, and the next one may acquire without taking.
Source: robot-link.md §3.1 (`lease`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

RESOURCES = ("body", "mobility")
STALE_AFTER_S = 10.0


class LeaseUse(IntEnum):
    """LeaseUseResult.Status, with the numbers of the wire."""

    OK = 1
    INVALID_LEASE = 2
    OLDER = 3
    REVOKED = 4
    UNMANAGED = 5
    WRONG_EPOCH = 6


class LeaseRefusedError(Exception):
    """A lease that cannot be given or used. `reason`: 'claimed', 'invalid_resource', 'not_active'."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Lease:
    """One lease as it travels: resource, epoch, sequence numbers, names of the clients that used it."""

    resource: str
    epoch: str
    sequence: tuple[int, ...]
    client_names: tuple[str, ...] = ()


class LeaseBook:
    """Grants leases and checks those that come with commands."""

    def __init__(self, epoch: str, now_us: Callable[[], int]) -> None:
        self.epoch = epoch
        self.owner: str | None = None
        """The client name of who holds the lease, also when stale; None after a return."""
        self.user_name = ""
        self.root = 0
        self.latest: tuple[int, ...] = (0,)
        self.granted_resource = "body"
        self.retained_us = 0
        self._now_us = now_us

    @property
    def stale(self) -> bool:
        """Whether nobody holds the lease in earnest."""
        return self.owner is None or self._now_us() - self.retained_us > STALE_AFTER_S * 1e6

    def acquire(self, resource: str, client_name: str) -> Lease:
        """Gives the lease if nobody holds it. Raises: LeaseRefusedError ('claimed', 'invalid_resource')."""
        if not self.stale:
            raise LeaseRefusedError("claimed")
        return self._grant(resource, client_name)

    def take(self, resource: str, client_name: str) -> Lease:
        """Gives the lease whoever holds it. Raises: LeaseRefusedError ('invalid_resource')."""
        return self._grant(resource, client_name)

    def give_back(self, lease: Lease) -> None:
        """Returns a lease. Raises: LeaseRefusedError ('invalid_resource', 'not_active')."""
        self._known(lease.resource)
        if self.owner is None or lease.epoch != self.epoch or lease.sequence[:1] != (self.root,):
            raise LeaseRefusedError("not_active")
        self.owner = None

    def retain(self, lease: Lease) -> LeaseUse:
        """Says that the owner is still there."""
        return self.check(lease)

    def check(self, lease: Lease) -> LeaseUse:
        """Whether a command with this lease may go on; using a lease also retains it."""
        if lease.resource not in RESOURCES:
            return LeaseUse.UNMANAGED
        if lease.epoch != self.epoch:
            return LeaseUse.WRONG_EPOCH
        if not lease.sequence or lease.sequence[0] > self.root:
            return LeaseUse.INVALID_LEASE
        if lease.sequence[0] == self.root and self.owner is None:
            return LeaseUse.REVOKED
        # A sub-lease (longer) is newer than its parent, and the parent stays good while its sub-lease is in use.
        if lease.sequence[0] < self.root:
            return LeaseUse.OLDER
        self.latest = max(self.latest, lease.sequence)
        self.retained_us = self._now_us()
        return LeaseUse.OK

    def keep(self) -> None:
        """Retains on behalf of the robot's own mission service, which uses the lease while it plays."""
        self.retained_us = self._now_us()

    def _grant(self, resource: str, client_name: str) -> Lease:
        self._known(resource)
        self.root += 1
        self.latest = (self.root,)
        self.owner, self.granted_resource, self.retained_us = client_name, resource, self._now_us()
        return Lease(resource, self.epoch, (self.root,), (client_name,))

    def _known(self, resource: str) -> None:
        if resource not in RESOURCES:
            raise LeaseRefusedError("invalid_resource")

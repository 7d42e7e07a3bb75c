"""What the handlers of the API work with, made once by app.py and injected under the name `parts`."""

from litestar.di import NamedDependency

from roundsman.access.service import Access
from roundsman.backups.service import Backups
from roundsman.exports.service import Exports
from roundsman.kit.blobs import Blobs
from roundsman.kit.bus import Bus
from roundsman.kit.clock import Clock
from roundsman.kit.crypto import Vault
from roundsman.kit.database import Database
from roundsman.kit.outbound import Outbound
from roundsman.robots.registry import Registry
from roundsman.robots.supervisor import Fleet
from roundsman.settings import Settings
from roundsman.webhooks.service import Webhooks
from roundsman.workorders.service import WorkOrders


class Parts:
    """Everything below the API that a request may need. No dataclass: those would be validated on every request."""

    def __init__(
        self,
        *,
        settings: Settings,
        database: Database,
        blobs: Blobs,
        bus: Bus,
        clock: Clock,
        vault: Vault,
        access: Access,
        registry: Registry,
        fleet: Fleet,
        outbound: Outbound,
        exports: Exports,
        backups: Backups,
    ) -> None:
        self.settings = settings
        self.database = database
        self.blobs = blobs
        self.bus = bus
        self.clock = clock
        self.vault = vault
        self.access = access
        self.registry = registry
        self.fleet = fleet
        self.outbound = outbound
        self.webhooks = Webhooks(database=database, vault=vault, clock=clock)
        self.exports = exports
        self.backups = backups
        self.work_orders = WorkOrders(database=database, blobs=blobs, vault=vault, clock=clock, outbound=outbound)


Given = NamedDependency[Parts]
"""What a handler writes for its parameter `parts`."""

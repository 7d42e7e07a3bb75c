"""Composition: from settings to parts, to services, to the application. The only module that knows all the others."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

from litestar import Litestar

from roundsman.access.service import Access
from roundsman.acquisition.recorder import Recorder
from roundsman.acquisition.service import Acquisition
from roundsman.anomalies.service import opener
from roundsman.api.app import Lifespan
from roundsman.api.parts import Parts
from roundsman.backups.making import Source
from roundsman.backups.service import Backups
from roundsman.backups.staging import check_finished
from roundsman.exports.service import Exports
from roundsman.kit.blobs import Blobs, open_blobs
from roundsman.kit.bus import Bus
from roundsman.kit.clock import Clock, WallClock
from roundsman.kit.crypto import Vault
from roundsman.kit.database import Database, open_database
from roundsman.kit.outbound import Outbound
from roundsman.kit.outbox_reader import Forgetter
from roundsman.kit.service import Supervisor
from roundsman.migrations import head, tables, upgrade
from roundsman.robots.registry import Registry
from roundsman.robots.supervisor import Fleet
from roundsman.settings import Settings
from roundsman.web.app import create_app
from roundsman.webhooks.delivering import Deliverer, dispatcher
from roundsman.workorders.keeping import Keeper, maker


@asynccontextmanager
async def opened(settings: Settings) -> AsyncGenerator[Parts]:
    """The parts over an up-to-date database, closed at the end. Robots are not connected to.

    Raises: PermissionError, OSError for a data folder that cannot be written; kit's NewerData for one from a newer
    version; Conflict for one into which a restore was not finished.
    """
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    check_finished(settings.data_dir)
    await upgrade(settings.database)
    clock, bus = WallClock(), Bus()
    async with AsyncExitStack() as stack:
        database = await open_database(settings.database)
        stack.push_async_callback(database.close)
        blobs = await open_blobs(settings.blobs)
        stack.push_async_callback(blobs.close)
        vault = Vault.open_file(settings.data_dir / "secret.key")
        registry = Registry(database=database, vault=vault, clock=clock, bus=bus)
        fleet = Fleet(registry=registry, bus=bus, clock=clock, settings=settings)
        export_files = await open_blobs(settings.exports)
        stack.push_async_callback(export_files.close)
        exports = Exports(
            database=database, blobs=blobs, files=export_files, clock=clock, folder=settings.data_dir,
            keep_s=settings.exports_keep_s,
        )  # fmt: skip
        outbound = Outbound(settings.outbound_allow)
        stack.push_async_callback(outbound.close)
        yield Parts(
            settings=settings, database=database, blobs=blobs, bus=bus, clock=clock, vault=vault,
            access=Access(database, clock, settings), registry=registry, fleet=fleet, outbound=outbound,
            exports=exports, backups=backups_of(settings, database, blobs, clock),
        )  # fmt: skip


def backups_of(settings: Settings, database: Database, blobs: Blobs, clock: Clock) -> Backups:
    """The backups of an installation whose key is made already."""
    source = Source(
        database=database, blobs=blobs, tables=tables(), revision=head(),
        key=(settings.data_dir / "secret.key").read_bytes(), passphrase=settings.backup_passphrase(),
    )  # fmt: skip
    return Backups(
        source=source, folder=settings.data_dir / "backups", clock=clock,
        reserve_bytes=settings.disk_reserve_bytes, keep=settings.backups_keep,
    )  # fmt: skip


def application(parts: Parts) -> Litestar:
    """The web application; while it serves, robots are connected to and what they captured is acquired."""
    also = [_services(parts)] if parts.settings.robots_enabled else []
    return create_app(parts, lifespan=[_upkeep(parts), *also])


def _upkeep(parts: Parts) -> Lifespan:
    """What every process does, also one that serves the API only; several at once share the work."""
    forgetter = Forgetter(parts.database, parts.clock, parts.settings.changes_keep_s)

    @asynccontextmanager
    async def running(_: Litestar) -> AsyncGenerator[None]:
        async with Supervisor([forgetter, parts.exports, parts.backups], clock=parts.clock):
            yield

    return running


def _services(parts: Parts) -> Lifespan:
    """Those that listen to the links begin before the links do, so that they miss nothing."""
    fleet, database, bus, clock = parts.fleet, parts.database, parts.bus, parts.clock
    recorder = Recorder(fleet=fleet, database=database, bus=bus, clock=clock)
    acquisition = Acquisition(
        fleet=fleet, database=database, blobs=parts.blobs, bus=bus, clock=clock, settings=parts.settings
    )

    telling = [
        opener(database, bus, clock), maker(database, bus, clock), Keeper(parts.work_orders, database, clock),
        dispatcher(database, bus, clock),
        Deliverer(database=database, vault=parts.vault, clock=clock, sender=parts.outbound),
    ]  # fmt: skip

    @asynccontextmanager
    async def running(_: Litestar) -> AsyncGenerator[None]:
        async with Supervisor([recorder, acquisition, *telling, fleet], clock=clock):
            yield

    return running

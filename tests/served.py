"""A served Roundsman: granian with TLS on a free port of loopback, over a database of either kind."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests import audited
from tests.contract import DOCUMENTS, Contract, checking, contract_of

from roundsman.access.service import Access
from roundsman.api.parts import Parts
from roundsman.api.serve import listen, serve
from roundsman.api.tls import tls_files
from roundsman.app import backups_of
from roundsman.exports.service import Exports
from roundsman.kit.blobs import Blobs
from roundsman.kit.blobs_local import LocalBlobs
from roundsman.kit.bus import Bus
from roundsman.kit.clock import WallClock
from roundsman.kit.crypto import Vault
from roundsman.kit.database import Database
from roundsman.kit.outbound import Outbound
from roundsman.robots.registry import Registry
from roundsman.robots.supervisor import Fleet
from roundsman.settings import Settings
from roundsman.web.app import create_app

PATIENCE_S = 60.0
"""A machine that does other things besides may take its time; no test waits for this to pass."""

USERNAME, PASSWORD = "admin", "correct horse battery"


@dataclass(frozen=True)
class Served:
    """Where it answers, who may use it, and what it is made of."""

    url: str
    ca_file: Path
    username: str
    password: str
    token: str
    parts: Parts
    contract: Contract

    @property
    def host(self) -> str:
        """`host:port`, as the official clients want it."""
        return self.url.removeprefix("https://")

    def client(self, token: str | None = None, **options: Any) -> httpx.AsyncClient:
        """A client with the administrator's token, another, or ("") none.

        Every answer is held to the contract, every change to the audit trail.
        """
        secret = self.token if token is None else token
        context = ssl.create_default_context(cafile=self.ca_file)
        headers = {"Authorization": f"Bearer {secret}"} if secret else {}
        hooks = audited.hooks(self.parts.database)
        hooks["response"].append(checking(self.contract))
        options = {"timeout": PATIENCE_S} | options
        return httpx.AsyncClient(base_url=self.url, verify=context, headers=headers, event_hooks=hooks, **options)


def settings_in(folder: Path) -> Settings:
    """Wrong passwords answer at once, so that tests need not wait; other systems are on this machine."""
    return Settings(
        data_dir=folder,
        host="127.0.0.1",
        port=0,
        login_delay_s=0,
        robots_enabled=False,
        outbound_allow=("127.0.0.0/8",),
    )


def parts_of(settings: Settings, database: Database, blobs: Blobs) -> Parts:
    clock, bus = WallClock(), Bus()
    vault = Vault.open_file(settings.data_dir / "secret.key")
    registry = Registry(database=database, vault=vault, clock=clock, bus=bus)
    files = LocalBlobs(settings.data_dir / "exports")
    return Parts(
        settings=settings,
        database=database,
        blobs=blobs,
        bus=bus,
        clock=clock,
        vault=vault,
        access=Access(database, clock, settings),
        registry=registry,
        fleet=Fleet(registry=registry, bus=bus, clock=clock, settings=settings),
        outbound=Outbound(settings.outbound_allow),
        exports=Exports(
            database=database, blobs=blobs, files=files, clock=clock, folder=settings.data_dir, keep_s=86400
        ),
        backups=backups_of(settings, database, blobs, clock),
    )


@asynccontextmanager
async def serving(parts: Parts) -> AsyncGenerator[Served]:
    """Serves what nobody has set up: no user, no token."""
    listener = listen("127.0.0.1", 0)
    url = f"https://127.0.0.1:{listener.getsockname()[1]}"
    files = tls_files(parts.settings)
    assert files.ca is not None
    stop, ready = asyncio.Event(), asyncio.Event()
    running = asyncio.create_task(serve(create_app(parts), listener, files, stop=stop, ready=ready.set))
    starting = asyncio.create_task(ready.wait())
    await asyncio.wait([running, starting], return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        running.result()
    yield Served(url, files.ca, "", "", "", parts, await _contract(url, files.ca))
    stop.set()
    await running
    await parts.outbound.close()
    await parts.exports.files.close()


async def with_administrator(unset: Served) -> Served:
    """The same server once it has an administrator and an administrator's token."""
    access = unset.parts.access
    await access.users.create(USERNAME, PASSWORD)
    token, _ = await access.tokens.create("tests", created_by=USERNAME)
    return replace(unset, username=USERNAME, password=PASSWORD, token=token)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path)


@pytest.fixture
def parts(settings: Settings, database: Database, blobs: Blobs) -> Parts:
    return parts_of(settings, database, blobs)


@pytest.fixture
async def unset(parts: Parts) -> AsyncIterator[Served]:
    """A server that nobody has set up."""
    async with serving(parts) as unset:
        yield unset


@pytest.fixture
async def served(unset: Served) -> Served:
    """A server with an administrator and an administrator's token."""
    return await with_administrator(unset)


async def _contract(url: str, ca_file: Path) -> Contract:
    """Fetched from the first server of this process: its documents say what the code is, whatever the data."""
    if not _contracts:
        _contracts.append(await _fetched(url, ca_file))
    return _contracts[0]


_contracts: list[Contract] = []


async def _fetched(url: str, ca_file: Path) -> Contract:
    async with httpx.AsyncClient(verify=ssl.create_default_context(cafile=ca_file), timeout=PATIENCE_S) as client:
        return contract_of(*[(await client.get(url + path)).raise_for_status().content for path in DOCUMENTS])

"""A served Roundsman: granian with TLS on a free port of loopback, over a database of either kind."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from roundsman.access.service import Access
from roundsman.api.parts import Parts
from roundsman.api.serve import listen, serve
from roundsman.api.tls import tls_files
from roundsman.kit.blobs import Blobs
from roundsman.kit.bus import Bus
from roundsman.kit.clock import WallClock
from roundsman.kit.crypto import Vault
from roundsman.kit.database import Database
from roundsman.robots.registry import Registry
from roundsman.robots.supervisor import Fleet
from roundsman.settings import Settings
from roundsman.web.app import create_app

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

    @property
    def host(self) -> str:
        """`host:port`, as the official clients want it."""
        return self.url.removeprefix("https://")

    def client(self, token: str | None = None, **options: Any) -> httpx.AsyncClient:
        """A client with the administrator's token, another, or ("") none."""
        secret = self.token if token is None else token
        context = ssl.create_default_context(cafile=self.ca_file)
        headers = {"Authorization": f"Bearer {secret}"} if secret else {}
        return httpx.AsyncClient(base_url=self.url, verify=context, headers=headers, **options)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Wrong passwords answer at once, so that tests need not wait."""
    return Settings(data_dir=tmp_path, host="127.0.0.1", port=0, login_delay_s=0, robots_enabled=False)


@pytest.fixture
def parts(settings: Settings, database: Database, blobs: Blobs) -> Parts:
    clock, bus = WallClock(), Bus()
    vault = Vault.open_file(settings.data_dir / "secret.key")
    registry = Registry(database=database, vault=vault, clock=clock, bus=bus)
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
    )


@pytest.fixture
async def unset(parts: Parts) -> AsyncIterator[Served]:
    """A server that nobody has set up: no user, no token."""
    listener = listen("127.0.0.1", 0)
    url = f"https://127.0.0.1:{listener.getsockname()[1]}"
    files = tls_files(parts.settings)
    assert files.ca is not None
    stop, ready = asyncio.Event(), asyncio.Event()
    serving = asyncio.create_task(serve(create_app(parts), listener, files, stop=stop, ready=ready.set))
    starting = asyncio.create_task(ready.wait())
    await asyncio.wait([serving, starting], return_when=asyncio.FIRST_COMPLETED)
    if serving.done():
        serving.result()
    yield Served(url, files.ca, "", "", "", parts)
    stop.set()
    await serving


@pytest.fixture
async def served(unset: Served) -> Served:
    """A server with an administrator and an administrator's token."""
    access = unset.parts.access
    await access.create_user(USERNAME, PASSWORD)
    token, _ = await access.create_token("tests", created_by=USERNAME)
    return Served(unset.url, unset.ca_file, USERNAME, PASSWORD, token, unset.parts)

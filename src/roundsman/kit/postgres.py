"""PostgreSQL by asyncpg, for many processes: the same statements as SQLite, and the same values out.

Only the numbers' type differs by nature: `sum` of BIGINT is NUMERIC here, which is read as int or float.
"""

import asyncio
import errno
import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import asyncpg

from roundsman.kit import tally
from roundsman.kit.database import Commits, CommitUnknown, DialectName, Duplicate, Row, Statement, Transaction, Values
from roundsman.kit.metrics import COMMIT_SECONDS, COMMITTED_CALLERS
from roundsman.kit.problem import BadRequest, DatabaseDamaged, DiskFull

T = TypeVar("T")
Connection = Any  # asyncpg declares no types that strict checking could use

_CONNECTIONS = 16  # per process; PostgreSQL allows 100 by default, for all processes together
_SCANS = 4  # of them: exports and reports must leave some to the API
_ATTEMPTS = 8  # of what PostgreSQL gave up for another's sake, or could not answer; within about half a second
_STATEMENTS = 1024  # prepared per connection: all shapes in use

# All at once and in their order; a statement for each would hold the locks several times as long.
_ADD_TALLIES = """
    INSERT INTO tallies (series, bucket, count) SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[])
    ON CONFLICT (series, bucket) DO UPDATE SET count = tallies.count + excluded.count
"""
_CONFLICTS = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)
_LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    ConnectionError,
)


def _is_lost(error: BaseException) -> bool:
    return isinstance(error, _LOST) and not isinstance(error, ValueError)  # that is a value that cannot be used


async def _persistently(attempt: Callable[[], Coroutine[Any, Any, T]]) -> T:
    for number in range(1, _ATTEMPTS):
        try:
            return await attempt()
        except Exception as error:
            if not isinstance(error, _CONFLICTS) and not _is_lost(error):
                raise
        await asyncio.sleep(random.uniform(0, 0.005 * 2**number))  # noqa: S311 - apart, not secret
    return await attempt()


def _number(text: str) -> int | float:
    return int(text) if text.lstrip("-").isdecimal() else float(text)


async def _prepare(connection: Connection) -> None:
    await connection.set_type_codec("numeric", schema="pg_catalog", encoder=str, decoder=_number, format="text")


async def _leave(_: Connection) -> None:
    """We change nothing of a session, so that asyncpg's reset would only be one more way to the server and back."""


async def _fetch(connection: Connection, statement: Statement, values: Values) -> list[Row]:
    compiled = statement.compiled("postgresql")
    return _rows(await connection.fetch(compiled.text, *compiled.arguments(values)))


def _rows(records: Any) -> list[Row]:
    return list(map(tuple, records))


async def _fetch_one(connection: Connection, statement: Statement, values: Values) -> Row | None:
    compiled = statement.compiled("postgresql")
    record = await connection.fetchrow(compiled.text, *compiled.arguments(values))
    return None if record is None else tuple(record)


class _PostgreSQLTransaction:
    """One caller's transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._counts: tally.Counts = {}

    async def all(self, statement: Statement, /, **values: Any) -> list[Row]:
        return await _fetch(self._connection, statement, values)

    async def one(self, statement: Statement, /, **values: Any) -> Row | None:
        return await _fetch_one(self._connection, statement, values)

    async def execute(self, statement: Statement, /, **values: Any) -> int:
        compiled = statement.compiled("postgresql")
        status = await self._connection.execute(compiled.text, *compiled.arguments(values))
        return int(status.rpartition(" ")[2])  # such as "INSERT 0 1"

    async def execute_many(self, statement: Statement, rows: Sequence[Values], /) -> None:
        compiled = statement.compiled("postgresql")
        await self._connection.executemany(compiled.text, [compiled.arguments(row) for row in rows])

    def tally(self, series: str, at_us: int, delta: int = 1) -> None:
        tally.collect(self._counts, series, at_us, delta)

    async def write_tallies(self) -> None:
        """Last of all, so that the rows which everybody counts in are locked for the commit alone."""
        counts = tally.ordered(self._counts)
        if counts:
            columns = zip(*((series, bucket, count) for (series, bucket), count in counts), strict=True)
            await self._connection.execute(_ADD_TALLIES, *map(list, columns))


class _Snapshot:
    """One transaction that sees what was there when it began."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def scan(self, statement: Statement, /, *, batch: int = 1000, **values: Any) -> AsyncIterator[list[Row]]:
        """See Snapshot.scan."""
        compiled = statement.compiled("postgresql")
        cursor = await self._connection.cursor(compiled.text, *compiled.arguments(values))
        while rows := _rows(await cursor.fetch(batch)):
            yield rows


class PostgreSQL:
    """A PostgreSQL database (see the module)."""

    dialect: DialectName = "postgresql"

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self._scans = asyncio.Semaphore(_SCANS)
        self._writes: set[asyncio.Task[Any]] = set()
        self.commits = Commits()

    @classmethod
    async def open(cls, url: str) -> "PostgreSQL":
        """Connects to the server of `url`."""
        create_pool: Callable[..., Awaitable[Any]] = asyncpg.create_pool  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
        pool = create_pool(
            url,
            min_size=1,
            max_size=_CONNECTIONS,
            max_queries=1_000_000,  # a new connection prepares everything anew
            statement_cache_size=_STATEMENTS,
            max_cached_statement_lifetime=0,
            init=_prepare,
            reset=_leave,
            server_settings={"application_name": "roundsman", "jit": "off"},  # compiling costs more than a page does
        )
        return cls(await pool)

    @asynccontextmanager
    async def _connection(self) -> AsyncGenerator[Connection]:
        """A connection of the pool; one that was lost never goes back there, asyncpg itself notices too late.

        Raises: BadRequest for a text with NUL, which PostgreSQL cannot hold and SQLite does not find.
        """
        async with self._pool.acquire() as connection:
            try:
                yield connection
            except asyncpg.CharacterNotInRepertoireError as error:
                raise BadRequest(None, "a text has the character NUL in it, which nothing here has") from error
            except (asyncpg.DataCorruptedError, asyncpg.IndexCorruptedError) as error:
                raise DatabaseDamaged(f"the database is damaged ({error}): restore a backup of it") from error
            except BaseException as error:
                if _is_lost(error):
                    connection.terminate()
                raise

    async def all(self, statement: Statement, /, **values: Any) -> list[Row]:
        """See Reader.all."""
        return await self._read(_fetch, statement, values)

    async def one(self, statement: Statement, /, **values: Any) -> Row | None:
        """See Reader.one."""
        return await self._read(_fetch_one, statement, values)

    async def _read(self, fetch: Callable[..., Coroutine[Any, Any, T]], statement: Statement, values: Values) -> T:
        async def attempt() -> T:
            async with self._connection() as connection:
                return await fetch(connection, statement, values)

        return await _persistently(attempt)

    async def scan(self, statement: Statement, /, *, batch: int = 1000, **values: Any) -> AsyncIterator[list[Row]]:
        """See Database.scan."""
        compiled = statement.compiled("postgresql")
        async with self._scans, self._connection() as connection, connection.transaction(readonly=True):
            cursor = await connection.cursor(compiled.text, *compiled.arguments(values))
            while rows := _rows(await cursor.fetch(batch)):
                yield rows

    @asynccontextmanager
    async def snapshot(self) -> AsyncGenerator[_Snapshot]:
        """See Database.snapshot."""
        async with (
            self._scans,
            self._connection() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            await connection.fetch("SELECT 1")  # the snapshot is taken by the first statement
            yield _Snapshot(connection)

    async def write(self, work: Callable[[Transaction], Awaitable[T]], /) -> T:
        """See Database.write. A caller that is cancelled leaves its transaction to finish, as on SQLite."""
        task = asyncio.create_task(_persistently(lambda: self._once(work)))
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)
        return await asyncio.shield(task)

    async def _once(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        try:
            async with self._connection() as connection:
                with COMMIT_SECONDS.time():
                    result = await self._in_transaction(connection, work)
            COMMITTED_CALLERS.inc()
            self.commits.tell()
            return result
        except asyncpg.UniqueViolationError as error:
            raise Duplicate(str(error)) from error
        except asyncpg.DiskFullError as error:
            raise DiskFull(errno.ENOSPC, f"the database cannot grow: {error}") from error

    async def _in_transaction(self, connection: Connection, work: Callable[[Transaction], Awaitable[T]]) -> T:
        enclosing = connection.transaction()
        await enclosing.start()
        try:
            transaction = _PostgreSQLTransaction(connection)
            result = await work(transaction)
            await transaction.write_tallies()
        except BaseException:
            await enclosing.rollback()
            raise
        try:
            await enclosing.commit()
        except _LOST as error:
            connection.terminate()
            raise CommitUnknown("the connection was lost during the commit; it may or may not have happened") from error
        return result

    async def close(self) -> None:
        """See Database.close."""
        await asyncio.gather(*self._writes, return_exceptions=True)
        await self._pool.close()

"""SQLite as the embedded default: quick reads in line, scans in threads, one writer that commits callers in groups.

Measured (DESIGN §3): an indexed read takes less time than handing it to a thread, and one commit for many callers makes
about 15,000 durable transactions a second out of 3,000.
"""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar, TypeVarTuple

from roundsman.kit import tally
from roundsman.kit.database import Commits, DialectName, Duplicate, Row, Statement, Transaction, Values
from roundsman.kit.metrics import COMMIT_SECONDS, COMMITTED_CALLERS
from roundsman.kit.sqlite_errors import meant, opening

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_GROUP_MAX = 512  # callers per commit: beyond this nothing is gained and the first ones only wait longer
_ROWS_AT_ONCE = (64, 16, 4)  # few sizes, for each is a statement to prepare and keep; 64 rows have 1,500 values
_SCANS = 2  # reader threads: exports and reports must not take both cores from the API
_CACHE_BYTES = 64 << 20  # of pages, for the quick reads and for the writer
_SCAN_CACHE_BYTES = 4 << 20  # a scan comes by each page once

_PRAGMAS = (
    "PRAGMA journal_mode = WAL",  # readers never wait for the writer
    "PRAGMA synchronous = FULL",  # a commit is on disk when it returns: the durability contract
    "PRAGMA foreign_keys = ON",
    "PRAGMA busy_timeout = 30000",  # another process, e.g. `roundsman user add`, writes for milliseconds
    "PRAGMA journal_size_limit = 67108864",  # a log that one long transaction blew up shrinks again
    "PRAGMA mmap_size = 1073741824",  # reads without a copy; the file is not read in, only mapped
    "PRAGMA temp_store = MEMORY",
)


def _connect(path: str, cache_bytes: int) -> sqlite3.Connection:
    with opening(path):
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=1024)
        for pragma in (*_PRAGMAS, f"PRAGMA cache_size = -{cache_bytes >> 10}"):
            connection.execute(pragma)
    return connection


def _meant(error: BaseException, file: str) -> BaseException:
    """The error in the words of kit/database."""
    if isinstance(error, sqlite3.IntegrityError) and getattr(error, "sqlite_errorname", "") in {
        "SQLITE_CONSTRAINT_UNIQUE",
        "SQLITE_CONSTRAINT_PRIMARYKEY",
    }:
        return Duplicate(str(error))
    return meant(error, file)


class _Reads:
    """Reads on one connection, at once and without a thread. `file` is what people know the database by."""

    def __init__(self, connection: sqlite3.Connection, file: str) -> None:
        self._connection = connection
        self._file = file

    async def all(self, statement: Statement, /, **values: Any) -> list[Row]:
        compiled = statement.compiled("sqlite")
        try:
            return self._connection.execute(compiled.text, compiled.arguments(values)).fetchall()
        except sqlite3.DatabaseError as error:
            raise _meant(error, self._file) from error

    async def one(self, statement: Statement, /, **values: Any) -> Row | None:
        compiled = statement.compiled("sqlite")
        try:
            cursor = self._connection.execute(compiled.text, compiled.arguments(values))
            row = cursor.fetchone()
        except sqlite3.DatabaseError as error:
            raise _meant(error, self._file) from error
        cursor.close()
        return row


class _SQLiteTransaction(_Reads):
    """One caller's part of a commit. Its methods never suspend, so the writer thread can drive them."""

    def __init__(self, connection: sqlite3.Connection, file: str) -> None:
        super().__init__(connection, file)
        self.counts: tally.Counts = {}

    async def execute(self, statement: Statement, /, **values: Any) -> int:
        compiled = statement.compiled("sqlite")
        return self._connection.execute(compiled.text, compiled.arguments(values)).rowcount

    async def execute_many(self, statement: Statement, rows: Sequence[Values], /) -> None:
        _execute_many(self._connection, statement, rows)

    def tally(self, series: str, at_us: int, delta: int = 1) -> None:
        tally.collect(self.counts, series, at_us, delta)


def _execute_many(connection: sqlite3.Connection, statement: Statement, rows: Sequence[Values]) -> None:
    """Executes it for each row; an INSERT for many at once, for each step gives the interpreter's lock away."""
    compiled = statement.compiled("sqlite")
    arguments = [compiled.arguments(row) for row in rows]
    at = 0
    for count in _ROWS_AT_ONCE:
        text = compiled.text_of(count)
        while text is not None and len(arguments) - at >= count:
            connection.execute(text, list(chain.from_iterable(arguments[at : at + count])))
            at += count
    connection.executemany(compiled.text, arguments[at:])


class _Write:
    """One caller of `write`, and what came of it."""

    __slots__ = ("error", "future", "loop", "result", "work")

    def __init__(self, work: Callable[[Transaction], Awaitable[Any]]) -> None:
        self.work = work
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Any] = self.loop.create_future()
        self.result: Any = None
        self.error: BaseException | None = None

    def settle(self) -> None:
        if self.future.done():  # the caller was cancelled; its work is committed all the same
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


def _drive(work: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine that never waits."""
    try:
        work.send(None)
    except StopIteration as stop:
        return stop.value
    work.close()
    raise RuntimeError("a transaction may await only its transaction, nothing that waits for anything else")


class _Writer(threading.Thread):
    """Commits callers in groups, each in a savepoint, so that one that fails takes nobody with it."""

    def __init__(self, connection: sqlite3.Connection, file: str) -> None:
        super().__init__(name="roundsman-writer", daemon=True)
        self._connection = connection
        self._file = file
        self.queue: queue.SimpleQueue[_Write | None] = queue.SimpleQueue()

    def run(self) -> None:
        while (group := self._group()) is not None:
            if not self._committed(group) and len(group) > 1:
                for write in group:  # whose fault it was is found out one by one
                    self._committed([write])
            _settle(group)
        self._connection.close()

    def _committed(self, group: list[_Write]) -> bool:
        """Commits the group, or leaves nothing of it and says why to each; the writer goes on."""
        try:
            with COMMIT_SECONDS.time():
                self._commit(group)
        except BaseException as error:
            if self._connection.in_transaction:
                with suppress(sqlite3.Error):  # the thread must live, or every later caller waits for ever
                    self._connection.execute("ROLLBACK")
            for write in group:
                write.error = _meant(error, self._file)
            return False
        COMMITTED_CALLERS.inc(len(group))
        return True

    def _group(self) -> list[_Write] | None:
        first = self.queue.get()
        if first is None:
            return None
        group = [first]
        while len(group) < _GROUP_MAX:
            try:
                more = self.queue.get_nowait()
            except queue.Empty:
                break
            if more is None:
                self.queue.put(None)
                break
            group.append(more)
        return group

    def _commit(self, group: list[_Write]) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        counts: tally.Counts = {}
        for write in group:
            for key, delta in self._attempt(write).items():
                counts[key] = counts.get(key, 0) + delta
        if counts:
            _execute_many(self._connection, tally.add, tally.rows(counts))
        self._connection.execute("COMMIT")

    def _attempt(self, write: _Write) -> tally.Counts:
        transaction = _SQLiteTransaction(self._connection, self._file)
        write.error = None
        self._connection.execute("SAVEPOINT caller")
        try:
            write.result = _drive(_coroutine(write.work, transaction))
        except BaseException as error:  # handed to the caller
            if not self._connection.in_transaction:  # a full disk rolls all of it back: nobody's work is kept
                raise
            write.error = _meant(error, self._file)
            self._connection.execute("ROLLBACK TO caller")
            transaction.counts = {}
        self._connection.execute("RELEASE caller")
        return transaction.counts


async def _coroutine(work: Callable[[Transaction], Awaitable[T]], transaction: Transaction) -> T:
    return await work(transaction)


def _settle(group: list[_Write]) -> None:
    for loop in {write.loop for write in group}:
        mine = [write for write in group if write.loop is loop]
        with suppress(RuntimeError):  # the loop was closed meanwhile: nobody waits any more
            loop.call_soon_threadsafe(_settle_in_loop, mine)


def _settle_in_loop(group: list[_Write]) -> None:
    for write in group:
        write.settle()


class _Scanner:
    """A connection with a thread of its own, so that a scan that is left can be cleared away behind its last step."""

    def __init__(self, path: str) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="roundsman-scan")
        self._connection = _connect(path, _SCAN_CACHE_BYTES)

    async def run(self, function: Callable[[*Ts], T], /, *arguments: *Ts) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    def cursor(self) -> sqlite3.Cursor:
        return self._connection.cursor()

    def leave(self, cursor: sqlite3.Cursor) -> None:
        """Ends the scan's hold on the past, without waiting for it."""
        self._thread.submit(cursor.close)

    def close(self) -> None:
        self._thread.submit(self._connection.close)
        self._thread.shutdown()


class _Snapshot:
    """One long read transaction: in WAL mode it sees what was there at its first read, and holds up nobody."""

    def __init__(self, scanner: _Scanner, file: str) -> None:
        self._scanner = scanner
        self._file = file

    async def scan(self, statement: Statement, /, *, batch: int = 1000, **values: Any) -> AsyncIterator[list[Row]]:
        compiled = statement.compiled("sqlite")
        cursor = self._scanner.cursor()
        try:
            await self._scanner.run(cursor.execute, compiled.text, compiled.arguments(values))
            while rows := await self._scanner.run(cursor.fetchmany, batch):
                yield rows
        except sqlite3.DatabaseError as error:
            raise _meant(error, self._file) from error
        finally:
            self._scanner.leave(cursor)


class SQLite(_Reads):
    """A SQLite file (see the module)."""

    dialect: DialectName = "sqlite"

    def __init__(self, path: str) -> None:
        super().__init__(_connect(path, _CACHE_BYTES), Path(path).name)
        self._path = path
        self._writer = _Writer(_connect(path, _CACHE_BYTES), self._file)
        self._writer.start()
        self._scanners = [_Scanner(path) for _ in range(_SCANS)]
        self._idle: asyncio.Queue[_Scanner] = asyncio.Queue()
        for scanner in self._scanners:
            self._idle.put_nowait(scanner)
        self._closed = False
        self.commits = Commits()

    @classmethod
    async def open(cls, path: str) -> "SQLite":
        """Opens the file at `path`, made with its folder when it is not there."""
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        return cls(path)

    async def scan(self, statement: Statement, /, *, batch: int = 1000, **values: Any) -> AsyncIterator[list[Row]]:
        compiled = statement.compiled("sqlite")
        arguments = compiled.arguments(values)
        scanner = await self._idle.get()
        cursor = scanner.cursor()
        try:
            await scanner.run(cursor.execute, compiled.text, arguments)
            while rows := await scanner.run(cursor.fetchmany, batch):
                yield rows
        except sqlite3.DatabaseError as error:
            raise _meant(error, self._file) from error
        finally:
            scanner.leave(cursor)
            self._idle.put_nowait(scanner)

    @asynccontextmanager
    async def snapshot(self) -> AsyncGenerator[_Snapshot]:
        scanner = _Scanner(self._path)
        try:
            cursor = scanner.cursor()
            await scanner.run(cursor.execute, "BEGIN")
            await scanner.run(cursor.execute, "SELECT count(*) FROM sqlite_schema")  # BEGIN alone takes no snapshot
            yield _Snapshot(scanner, self._file)
        finally:
            scanner.close()

    async def write(self, work: Callable[[Transaction], Awaitable[T]], /) -> T:
        if self._closed:
            raise RuntimeError("the database is closed")
        write = _Write(work)
        self._writer.queue.put(write)
        try:
            return await write.future
        finally:
            self.commits.tell()

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._writer.queue.put(None)
        await asyncio.to_thread(self._writer.join)
        for scanner in self._scanners:
            scanner.close()
        self._connection.close()

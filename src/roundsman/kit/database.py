"""One face for two databases: statements compiled once, quick reads, scans, and durable transactions.

    find = Statement(select(robots.c.serial).where(robots.c.hostname == bindparam("hostname")))
    row = await database.one(find, hostname="10.0.0.3")

    async def work(tx: Transaction) -> None:
        await tx.execute(rename, hostname="10.0.0.3", nickname="Spot 1")
    await database.write(work)          # returns after the commit is on disk

`work` may await only its transaction: on SQLite many callers' work is committed together by one writer thread.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Literal, Protocol, TypeVar

from sqlalchemy import Table, bindparam
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql.asyncpg import dialect as asyncpg_dialect
from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import BindParameter

Row = tuple[Any, ...]
Values = Mapping[str, Any]
DialectName = Literal["sqlite", "postgresql"]
T = TypeVar("T")

_DIALECTS: dict[DialectName, Dialect] = {"sqlite": sqlite_dialect(paramstyle="qmark"), "postgresql": asyncpg_dialect()}


class Compiled:
    """A statement's text for one database, and how its values are put in order."""

    __slots__ = ("_defaults", "_names", "_row", "_texts", "text")

    def __init__(self, core: ClauseElement, dialect: DialectName) -> None:
        compiled = core.compile(dialect=_DIALECTS[dialect])
        assert isinstance(compiled, SQLCompiler)
        if compiled.post_compile_params or compiled.literal_execute_params:
            raise TypeError(f"{core} expands its parameters on every call; write an IN list with in_binds()")
        self.text = str(compiled)
        self._row = f"({', '.join('?' * len(compiled.positiontup or ()))})" if compiled.isinsert else ""
        self._texts: dict[int, str] = {}
        self._names: tuple[str, ...] = tuple(compiled.positiontup or ())
        # With required binds missing, params would raise; constants of the statement are its defaults.
        self._defaults = {name: bind.effective_value for bind, name in compiled.bind_names.items() if not bind.required}

    def text_of(self, count: int) -> str | None:
        """Its text for so many rows at once; None if it is no plain INSERT of values by SQLite's placeholders."""
        if not self._row or self.text.count(self._row) != 1:
            return None
        if count not in self._texts:
            self._texts[count] = self.text.replace(self._row, ", ".join([self._row] * count))
        return self._texts[count]

    def arguments(self, values: Values) -> list[Any]:
        """The values in the order in which the text wants them.

        Raises: TypeError naming a value that is missing.
        """
        defaults = self._defaults
        try:
            return [values[name] if name in values else defaults[name] for name in self._names]
        except KeyError as missing:
            raise TypeError(f"value {missing} is missing for: {self.text}") from None


class Statement:
    """A Core statement, compiled once for each database. Make it once per shape (`functools.cache`), not per call.

    Where the two databases need different constructs, `core` is a function from the dialect's name (see `upsert`).
    """

    __slots__ = ("_compiled", "core")

    def __init__(self, core: ClauseElement | Callable[[DialectName], ClauseElement]) -> None:
        self.core = core
        self._compiled: dict[DialectName, Compiled] = {}

    def compiled(self, dialect: DialectName) -> Compiled:
        """Its text for `dialect`."""
        found = self._compiled.get(dialect)
        if found is None:
            core = self.core if isinstance(self.core, ClauseElement) else self.core(dialect)
            found = self._compiled[dialect] = Compiled(core, dialect)
        return found

    def __repr__(self) -> str:
        return f"Statement({self.compiled('sqlite').text})"


Inserting = sqlite.Insert | postgresql.Insert


def upsert(
    table: Table, key: Sequence[str], update: Callable[[Inserting], Mapping[str, Any]] | None = None
) -> Statement:
    """INSERT a row of all columns, or where `key` exists already change it by `update`; None leaves it as it is.

    `update` is given the insert, whose `.excluded` is the row that was to be inserted:
    `upsert(tallies, ["series", "bucket"], lambda new: {"count": tallies.c.count + new.excluded["count"]})`.
    """

    def core(dialect: DialectName) -> ClauseElement:
        new = (sqlite.insert if dialect == "sqlite" else postgresql.insert)(table)
        if update is None:
            return new.on_conflict_do_nothing(index_elements=list(key))
        return new.on_conflict_do_update(index_elements=list(key), set_=dict(update(new)))

    return Statement(core)


class Duplicate(Exception):
    """A row with this key is there already."""


class CommitUnknown(Exception):
    """A server went away while it committed: it may have happened or not. Whoever must know reads what is there."""


def in_binds(name: str, count: int) -> list[BindParameter[Any]]:
    """Binds `name_0 …` for an IN list of `count` values, rounded up to a power of two so that shapes stay few."""
    return [bindparam(f"{name}_{index}") for index in range(_rounded(count))]


def in_values(name: str, values: Sequence[Any]) -> dict[str, Any]:
    """The values for `in_binds`, the last one repeated to fill the list. `values` must not be empty."""
    padded = [*values, *[values[-1]] * (_rounded(len(values)) - len(values))]
    return {f"{name}_{index}": value for index, value in enumerate(padded)}


def _rounded(count: int) -> int:
    return 1 << max(0, count - 1).bit_length()


class Reader(Protocol):
    """Answers statements that use an index and return little."""

    async def all(self, statement: Statement, /, **values: Any) -> list[Row]:
        """All rows, as plain tuples."""
        ...

    async def one(self, statement: Statement, /, **values: Any) -> Row | None:
        """The first row, or None."""
        ...


class Transaction(Reader, Protocol):
    """What one caller of `Database.write` changes, all of it or nothing."""

    async def execute(self, statement: Statement, /, **values: Any) -> int:
        """Changes rows and says how many."""
        ...

    async def execute_many(self, statement: Statement, rows: Sequence[Values], /) -> None:
        """Executes the statement once for each of `rows`."""
        ...

    def tally(self, series: str, at_us: int, delta: int = 1) -> None:
        """Counts `delta` things of `series` at a time; written with the commit (see kit/tally.py)."""
        ...


class Commits:
    """Wakes those who wait for a commit of this process; what it was they look up. Of the event loop's thread only."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()

    def tell(self) -> None:
        """There was a commit."""
        for waits in self._waiting:
            if not waits.done():
                waits.set_result(None)
        self._waiting.clear()

    def next(self) -> asyncio.Future[None]:
        """Done after the next commit. Who looks first and waits then takes this before looking, and misses none."""
        waits: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(waits)
        return waits

    def leave(self, waits: "asyncio.Future[None]") -> None:
        """Gives up waiting."""
        self._waiting.discard(waits)
        waits.cancel()


class Snapshot(Protocol):
    """All tables as they were at one moment, however long it is read and whatever is written meanwhile."""

    def scan(self, statement: Statement, /, *, batch: int = 1000, **values: Any) -> AsyncIterator[list[Row]]:
        """All rows in batches."""
        ...


class Database(Reader, Protocol):
    """A database. Made by `open_database`."""

    dialect: DialectName
    commits: Commits

    def scan(self, statement: Statement, /, *, batch: int = 1000, **values: Any) -> AsyncIterator[list[Row]]:
        """All rows in batches, read beside the quick reads: for exports, counts and everything without an index."""
        ...

    def snapshot(self) -> AbstractAsyncContextManager[Snapshot]:
        """Everything as it is now, on a connection of its own; nobody who writes waits for it."""
        ...

    async def write(self, work: Callable[[Transaction], Awaitable[T]], /) -> T:
        """Runs `work` as one durable transaction and returns what it returns, once that is on disk.

        `work` may be called again, after nothing was kept of the first time: it must change nothing but `tx`.

        Raises: whatever `work` raised, with nothing of it kept; Duplicate when a key is there already; kit.problem's
        DiskFull when there is no room; CommitUnknown when a database server was lost at the wrong moment.
        """
        ...

    async def close(self) -> None:
        """Finishes the writes under way and closes."""
        ...


async def open_database(url: str) -> Database:
    """Opens `sqlite:///path` or `postgresql://user@host/name`; its tables are the migrations' business.

    Raises: ValueError for another kind of URL.
    """
    if url.startswith("sqlite:///"):
        from roundsman.kit.sqlite import SQLite

        return await SQLite.open(url.removeprefix("sqlite:///"))
    if url.startswith(("postgresql://", "postgres://")):
        from roundsman.kit.postgres import PostgreSQL

        return await PostgreSQL.open(url)
    raise ValueError(f"a database URL starts with sqlite:/// or postgresql://, and {url.split(':')[0]}: does neither")

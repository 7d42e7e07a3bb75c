"""What SQLite's errors mean, in the words of kit/problem. Those that the driver itself raises bear no code.

Source: https://www.sqlite.org/rescode.html
"""

import errno
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError

from roundsman.kit.problem import DatabaseDamaged, DatabaseUnreachable, DiskFull

# A full disk, a full quota (no code of its own) and a full disk while the log's index grows.
_FULL = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE}
_PRIMARY = 0xFF  # the lowest byte of a code is its kind, the others say more
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_CLOSED = {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_AUTH}


def meant(error: BaseException, file: str) -> BaseException:
    """The error in our words, where there are any; `file` is what people know the database by."""
    code = getattr(error, "sqlite_errorcode", 0)
    if not isinstance(error, sqlite3.DatabaseError):
        return error
    if code in _FULL:
        return DiskFull(errno.ENOSPC, f"the database cannot grow: {error}")
    kind = code & _PRIMARY
    if kind == sqlite3.SQLITE_NOTADB:
        return DatabaseDamaged(f"{file} is not a database of Roundsman: move it away, or restore a backup of it")
    if kind == sqlite3.SQLITE_CORRUPT:
        return DatabaseDamaged(
            f"the database {file} is damaged ({error}): stop Roundsman, keep a copy of the file, restore a backup"
        )
    return error


@contextmanager
def opening(path: str) -> Generator[None]:
    """What goes wrong while a file is opened and brought up to date.

    Raises: DatabaseDamaged, DatabaseUnreachable, DiskFull
    """
    try:
        yield
    except (sqlite3.DatabaseError, DBAPIError) as error:
        own = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
        found = meant(own, path)
        if found is not own:
            raise found from None
        kind = getattr(own, "sqlite_errorcode", 0) & _PRIMARY
        if kind in _BUSY:
            raise DatabaseUnreachable(f"another program holds the database {path}: end it and start again") from None
        if kind in _CLOSED:
            raise DatabaseUnreachable(f"cannot open the database {path}: {own}") from None
        raise


__all__ = ["meant", "opening"]

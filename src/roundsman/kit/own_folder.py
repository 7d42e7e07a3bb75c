"""Folders for the temporary files of one process, which later ones sweep once it is dead.

By lock and not by process id: two containers that share a folder may have the same ids.
"""

import fcntl
import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from roundsman.kit.identifiers import new_uuid


def claim(parent: Path, prefix: str = "") -> tuple[Path, int]:
    """A new folder in `parent`, locked while this process lives, and the handle that holds it.

    What is named with `prefix` there and nobody holds is swept.
    """
    with _locked(parent):
        for left in parent.glob(f"{prefix}*"):
            _sweep_unless_locked(left)
        mine = parent / f"{prefix}{new_uuid()}"
        mine.mkdir(mode=0o700)
        handle = os.open(mine, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(handle, fcntl.LOCK_EX)
        return mine, handle


@contextmanager
def own_folder(parent: Path, prefix: str) -> Generator[Path]:
    """The same for the length of a block, removed at its end."""
    folder, handle = claim(parent, prefix)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)


def _sweep_unless_locked(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder)
    except BlockingIOError:  # its process lives
        return
    finally:
        os.close(handle)


@contextmanager
def _locked(folder: Path) -> Generator[None]:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)

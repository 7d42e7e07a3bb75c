"""Restores FILE FOLDER URL PASSPHRASE again and again, ended as if by kill -9 before its 1st, 2nd, … step, to its end.

Steps are what changes the data folder or commits rows: renames, removals of folders and the end of the transaction.
Prints how many times it was ended. After each the folder must be known as one whose restore was not finished; only
what was ended after the last of the rows may be whole, and says so.
"""

import asyncio
import itertools
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from roundsman.backups import restoring
from roundsman.backups.restoring import restore
from roundsman.backups.staging import STAGING, check_finished
from roundsman.kit.problem import Conflict
from roundsman.settings import Settings

_KILLED, _WHOLE = 77, 78


def _ended_before(step: int) -> None:
    """From here on this process ends before its `step`th step."""
    steps = itertools.count()

    def counted(act: Callable[..., Any]) -> Callable[..., Any]:
        def acting(*args: Any, **values: Any) -> Any:
            if next(steps) == step:
                os._exit(_KILLED)
            return act(*args, **values)

        return acting

    Path.rename = counted(Path.rename)
    shutil.rmtree = counted(shutil.rmtree)
    restoring.record = counted(restoring.record)


def _restored(settings: Settings, file: Path, passphrase: str, step: int) -> bool:
    """Whether a process of its own came to the end before that step."""
    child = os.fork()
    if child:
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert code in (0, _KILLED, _WHOLE), code
        return code != _KILLED
    _ended_before(step)
    with file.open("rb") as stream:
        try:
            asyncio.run(restore(settings, stream, passphrase))
        except Conflict as refusal:
            os._exit(_WHOLE if "it is whole: remove that folder" in str(refusal) else 1)
    os._exit(0)


def _is_unfinished(settings: Settings) -> bool:
    try:
        check_finished(settings.data_dir)
    except Conflict:
        return True
    return False


if __name__ == "__main__":
    file, folder, url, passphrase = sys.argv[1:]
    known = Settings(data_dir=Path(folder), database_url=url)
    for ended in itertools.count():
        if _restored(known, Path(file), passphrase, ended) or not _is_unfinished(known):
            shutil.rmtree(known.data_dir / STAGING, ignore_errors=True)
            print(ended)
            break

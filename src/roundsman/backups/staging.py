"""The part of a data folder where a restore is prepared; what it leaves when it is ended at any moment is known.

.restoring/data/        what the data folder will hold
.restoring/tables/      the rows, before they are in a database
.restoring/publishing   the names in `data`, written before the first of them is moved up
"""

import os
import shutil
from pathlib import Path

from roundsman.kit.problem import Conflict

STAGING, _DONE = ".restoring", ".restored"
_NOTHING = {STAGING, _DONE, "lost+found"}


class Staging:
    """One restore into a data folder. Ends with `finish` or `undo`."""

    def __init__(self, target: Path, *, made: bool) -> None:
        self._target = target
        self._made = made
        self._folder = target / STAGING
        self.data = self._folder / "data"
        self.tables = self._folder / "tables"
        self._publishing = self._folder / "publishing"

    @classmethod
    def begun(cls, target: Path) -> "Staging":
        """Begins one; what an unfinished one left goes. Raises: Conflict when the data folder is not empty."""
        made = not target.exists()
        staging = cls(target, made=made)
        if not made and (not target.is_dir() or staging._others()):
            raise Conflict(
                f"{target} is not empty; a backup is restored into an empty data folder, e.g. --data another"
            )
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        staging._clear()
        for folder in (staging._folder, staging.data, staging.tables):
            folder.mkdir(mode=0o700)
        return staging

    def write_key(self, key: bytes) -> None:
        """Keeps the key of robots' passwords and other secrets."""
        _write(self.data / "secret.key", key)

    def publish(self) -> None:
        """Moves everything to its place in the data folder."""
        names = sorted(child.name for child in self.data.iterdir())
        _write(self._publishing, "\n".join(names).encode())
        _sync(self._folder)
        for name in names:
            (self.data / name).rename(self._target / name)
        _sync(self._target)

    def finish(self) -> None:
        """From here on the data folder is whole."""
        done = self._target / _DONE
        self._folder.rename(done)
        _sync(self._target)
        shutil.rmtree(done, ignore_errors=True)

    def undo(self) -> None:
        """As if nothing had been."""
        self._clear()
        if self._made:
            self._target.rmdir()

    def _clear(self) -> None:
        for path in (*(self._target / name for name in self._published()), self._folder, self._target / _DONE):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    def _published(self) -> list[str]:
        return self._publishing.read_text().splitlines() if self._publishing.exists() else []

    def _others(self) -> set[str]:
        return {child.name for child in self._target.iterdir()} - _NOTHING - set(self._published())


def check_finished(data_dir: Path) -> None:
    """Whether no restore into it was begun and not finished; the rest of a finished one goes. Raises: Conflict."""
    shutil.rmtree(data_dir / _DONE, ignore_errors=True)
    if (data_dir / STAGING).exists():
        raise Conflict(
            f"a restore into {data_dir} was begun and not finished; run `roundsman restore` again, "
            f"or remove {data_dir / STAGING} to go on without it"
        )


def _write(path: Path, content: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)

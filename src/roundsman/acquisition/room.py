"""Whether there is room for more: acquisition pauses before a full disk stops everything else."""

import errno
import shutil
from pathlib import Path

from roundsman.kit.problem import DiskFull


class Room:
    """The free space of the disk that holds the data folder, less a reserve that acquisition leaves alone."""

    def __init__(self, folder: Path, reserve_bytes: int) -> None:
        self._folder = folder
        self._reserve_bytes = reserve_bytes

    @property
    def is_left(self) -> bool:
        """Whether acquisition may write."""
        return shutil.disk_usage(self._folder).free > self._reserve_bytes

    def check(self) -> None:
        """Raises: DiskFull when nothing but the reserve is left."""
        if not self.is_left:
            raise DiskFull(errno.ENOSPC, f"less than {self._reserve_bytes} bytes are free", str(self._folder))

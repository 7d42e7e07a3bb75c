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

    def check(self, coming_bytes: int = 0) -> None:
        """Raises: DiskFull when nothing but the reserve would be left after `coming_bytes` more."""
        if shutil.disk_usage(self._folder).free - coming_bytes <= self._reserve_bytes:
            raise DiskFull(errno.ENOSPC, f"less than {self._reserve_bytes} bytes are free", str(self._folder))

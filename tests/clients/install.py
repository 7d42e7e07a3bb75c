"""Installs the official clients, each version into its own folder `.clients/<name>-<version>`.

They cannot share one environment (bosdyn-scout 4 and later re-export from bosdyn-orbit), and they must stay unmodified.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".clients"


def locks() -> dict[str, Path]:
    """The locked requirements of each client: `bosdyn-scout-3.3.2` -> file."""
    return {file.stem.removeprefix("client-"): file for file in sorted(ROOT.glob("requirements/client-*.txt"))}


def install(name: str, lock: Path) -> None:
    """Installs one client unless it is there from this very lock."""
    target, mark = FOLDER / name, FOLDER / name / ".installed-from"
    if mark.exists() and mark.read_text() == lock.read_text():
        return
    uv = Path(sys.executable).with_name("uv")
    subprocess.run(
        [
            uv,
            "pip",
            "install",
            "--quiet",
            "--require-hashes",
            "--target",
            target,
            "--python",
            sys.executable,
            "-r",
            lock,
        ],
        check=True,
    )
    mark.write_text(lock.read_text())


if __name__ == "__main__":
    for name, lock in locks().items():
        install(name, lock)

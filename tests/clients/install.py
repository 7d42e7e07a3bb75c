"""Installs the official clients: every release from 3.3.0 on, each into its own folder `.clients/<name>-<version>`.

They cannot share one environment (bosdyn-scout 4 and later re-export from bosdyn-orbit), and they must stay unmodified.
What they need of others (requests) is the same for all and lies in `.clients/shared`.

`--lock` asks the package index which releases there are and writes `requirements/clients.txt` anew, so that a new
release joins the matrix of tests and docs/compatibility.md.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".clients"
SHARED = ROOT / "requirements" / "clients-shared.txt"
RELEASES = ROOT / "requirements" / "clients.txt"
FIRST = (3, 3)
UV = Path(sys.executable).with_name("uv")


def releases() -> dict[str, str]:
    """The locked requirement of each release, oldest first: `bosdyn-scout-3.3.2` -> its line with its hash."""
    locked = re.findall(r"^(\S+==\S+) \\\n\s+(--hash=\S+)$", RELEASES.read_text(), re.MULTILINE)
    return {"-".join(head.split("==")): f"{head} {mark}\n" for head, mark in locked}


def needed_by(name: str, known: dict[str, str]) -> list[str]:
    """The releases that `name` consists of: bosdyn-scout 4 and later is made of bosdyn-orbit of the same version."""
    orbit = name.replace("scout", "orbit")
    return [name, orbit] if orbit != name and orbit in known else [name]


def install(target: Path, requirements: str, *options: str) -> None:
    """Installs into a folder of its own, unless it is there from these very requirements."""
    mark = target / ".installed-from"
    if mark.exists() and mark.read_text() == requirements:
        return
    command = [UV, "pip", "install", "--quiet", "--require-hashes", "--target", target, "--python", sys.executable]
    subprocess.run([*command, *options, "-r", "-"], check=True, input=requirements, text=True)
    mark.write_text(requirements)


def install_all() -> None:
    """Everything that the tests drive."""
    known = releases()
    install(FOLDER / "shared", SHARED.read_text())
    for name in known:
        install(FOLDER / name, "".join(known[one] for one in needed_by(name, known)), "--no-deps")


def lock() -> None:
    """Writes `requirements/clients.txt` with what the package index has now."""
    found: list[str] = []
    for name in ("bosdyn-scout", "bosdyn-orbit"):
        told = subprocess.run(
            [sys.executable, "-m", "pip", "index", "versions", name], check=True, capture_output=True, text=True
        ).stdout
        (versions,) = re.findall(r"Available versions: (.*)", told)
        known = sorted(versions.split(", "), key=lambda version: tuple(map(int, version.split("."))))
        found += [f"{name}=={version}" for version in known if tuple(map(int, version.split(".")[:2])) >= FIRST]
    options = ["--no-deps", "--universal", "--python-version", "3.11", "--generate-hashes", "--no-emit-index-url"]
    command = [UV, "pip", "compile", "--quiet", *options, "--no-header", "--no-annotate", "-"]
    RELEASES.write_text(
        "".join(subprocess.run(command, check=True, capture_output=True, text=True, input=one).stdout for one in found)
    )


if __name__ == "__main__":
    lock() if "--lock" in sys.argv else install_all()

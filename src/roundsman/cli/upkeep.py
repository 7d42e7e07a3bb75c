"""`roundsman migrate`, `doctor` and `settings`: looking after an installation."""

import asyncio
import importlib
import os
import shutil
import socket
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table

from roundsman.app import opened
from roundsman.cli.common import Config, Data, settings_of
from roundsman.cli.refusal import sentence_of
from roundsman.kit.database import Statement
from roundsman.kit.engine import damage
from roundsman.migrations import upgrade
from roundsman.settings import PREFIX, Settings, described


def migrate(config: Config = None, data: Data = None) -> None:
    """Bring the database up to this version. `serve` does it by itself at its start."""
    settings = settings_of(config, data)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    asyncio.run(upgrade(settings.database))
    print("the database is up to date")


def settings(config: Config = None, data: Data = None) -> None:
    """List every setting: its value here, and the reason for it."""
    values = settings_of(config, data)
    table = Table("setting", "value", "what it is for", box=None, header_style="bold", pad_edge=False)
    for name, _, reason in described():
        value = getattr(values, name)
        table.add_row(name, "" if value in (None, (), "") else str(value), reason)
    console = Console()
    console.print(table)
    console.print(f"\nSet them in a TOML file (--config) or as {PREFIX}<NAME>, e.g. {PREFIX}PORT=443.")


def doctor(config: Config = None, data: Data = None) -> None:
    """Say what is wrong with this installation, if anything, and what to do."""
    values = settings_of(config, data)
    checks: list[tuple[str, Callable[[Settings], str]]] = [
        ("data folder", _folder),
        ("file modes", _modes),
        ("free space", _space),
        ("port", _port),
        ("database's pages", _pages),
        ("database and blobs", _stores),
        ("robots", _robot_packages),
    ]
    failed = 0
    for name, check in checks:
        try:
            print(f"ok       {name}: {check(values)}")
        except Exception as error:  # a check that fails is what a doctor is for
            failed += 1
            print(f"NOT OK   {name}: {sentence_of(error) or error}")
    if failed:
        raise typer.Exit(1)


def _folder(settings: Settings) -> str:
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=settings.data_dir) as file:
        file.write(b"x")
        os.fsync(file.fileno())
    return f"{settings.data_dir.absolute()} can be written"


def _modes(settings: Settings) -> str:
    """Passwords' hashes, sessions' keys and pictures of a plant are nobody else's, whoever has an account here."""
    own = [
        *_database_files(settings),
        settings.data_dir / "secret.key",
        settings.data_dir / "blobs",
        *(settings.data_dir / "tls").glob("*-key.pem"),
        *([settings.tls_key_file] if settings.tls_key_file else []),
    ]
    there = [file for file in own if file.exists()]
    strangers = [file for file in there if os.geteuid() not in {0, file.stat().st_uid}]
    if strangers:
        raise OSError(f"{_named(strangers)} belong to another user: start Roundsman as that one")
    open_ones = [file for file in there if stat.S_IMODE(file.stat().st_mode) & 0o077]
    if open_ones:
        raise OSError(f"others on this machine may open {_named(open_ones)}: chmod go-rwx them")
    return f"{len(there)} private files and folders are their owner's alone"


def _database_files(settings: Settings) -> list[Path]:
    """The database with its log and index where it is a file."""
    path = settings.database.removeprefix("sqlite:///")
    return [] if path == settings.database else list(Path(path).parent.glob(f"{Path(path).name}*"))


def _named(files: list[Path]) -> str:
    return ", ".join(str(file) for file in sorted(files))


def _pages(settings: Settings) -> str:
    found = damage(settings.database)
    if found:
        raise OSError(f"{found}; stop Roundsman, keep a copy of the database, restore a backup")
    return "nothing wrong with them"


def _space(settings: Settings) -> str:
    free_bytes = shutil.disk_usage(settings.data_dir).free
    if free_bytes < 4 * settings.disk_reserve_bytes:
        raise OSError(
            f"{free_bytes / 1e9:.1f} GB free; acquisition pauses below {settings.disk_reserve_bytes / 1e9:.1f}"
        )
    return f"{free_bytes / 1e9:.0f} GB"


def _port(settings: Settings) -> str:
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", settings.port)) == 0:
            return f"{settings.port} is in use, by this server if it runs"
    return f"{settings.port} is free"


def _stores(settings: Settings) -> str:
    async def look() -> str:
        from sqlalchemy import func, select

        from roundsman.captures.tables import run_captures

        async with opened(settings) as parts:
            row = await parts.database.one(Statement(select(func.count()).select_from(run_captures)))
            return f"{parts.database.dialect}, {row[0] if row else 0} captures"

    return asyncio.run(look())


def _robot_packages(_: Settings) -> str:
    try:
        importlib.import_module("roundsman.robots.spot")
    except ImportError as error:
        raise OSError(f"{error.name} is missing; to connect to robots: pip install 'roundsman[spot]'") from None
    return "the robot's protocol is installed"

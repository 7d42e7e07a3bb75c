"""What the commands share: the settings from file, environment and options, and running one piece of async work."""

import asyncio
import getpass
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from roundsman.access.audit import Actor, acting_as
from roundsman.api.parts import Parts
from roundsman.app import opened
from roundsman.settings import Settings, load

T = TypeVar("T")

Config = Annotated[
    Path | None, typer.Option("--config", envvar="ROUNDSMAN_CONFIG", help="TOML file with settings.", metavar="FILE")
]
Data = Annotated[
    Path | None, typer.Option("--data", help="Data folder (setting data_dir).", metavar="DIR", show_default=False)
]


def settings_of(config: Path | None, data: Path | None, **overrides: Any) -> Settings:
    """The settings: file, then environment, then what stands on the command line."""
    return load(config, os.environ, data_dir=data, **overrides)


def with_parts(settings: Settings, work: Callable[[Parts], Awaitable[T]]) -> T:
    """Runs `work` with the database and the services opened, as a command beside a running server may."""

    async def run() -> T:
        async with opened(settings) as parts:
            with acting_as(person()):
                return await work(parts)

    return asyncio.run(run())


def person() -> Actor:
    """Who runs the command, as the system knows it."""
    try:
        return Actor(getpass.getuser(), "command line")
    except (KeyError, OSError):  # a user without a name, as in containers
        return Actor("somebody", "command line")

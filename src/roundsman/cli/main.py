"""Composition of the command line, and the one place where an error becomes one clear line and exit code 1.

A command's module is imported when the command is called: the list of commands is there at once, though the server and
all that it needs take seconds to import on a small machine.
"""

import importlib
import sys
from typing import Any, NamedTuple

import typer
from typer.core import TyperGroup

from roundsman.cli.refusal import sentence_of


class Listed(NamedTuple):
    """A command or a group of commands: its module, its name there, and the line that the list shows."""

    module: str
    name: str
    help: str


COMMANDS = {
    "serve": Listed("serve", "serve", "Run the server until it is stopped (Ctrl-C or SIGTERM)."),
    "demo": Listed("demo", "demo", "Try Roundsman: a simulated fleet and the server, until Ctrl-C."),
    "simulate": Listed(
        "simulate", "simulate", "Run simulated robots until stopped: real gRPC over TLS, one port each."
    ),
    "user": Listed("people", "users", "Users: add, list, change, disable, remove."),
    "token": Listed("people", "tokens", "API tokens: add, list, remove."),
    "session": Listed("people", "sessions", "Sessions: who is logged in; end them."),
    "robot": Listed("robots", "app", "Robots: add, list, change, remove."),
    "walk": Listed("walks", "app", "Site walks: import, export, list."),
    "audit": Listed("trail", "app", "The audit trail: who changed what."),
    "backup": Listed("backups", "backup", "Write everything to one file, also beside a running server."),
    "restore": Listed("backups", "restore", "Bring a backup back into an empty data folder (and an empty database)."),
    "migrate": Listed("upkeep", "migrate", "Bring the database up to this version."),
    "doctor": Listed("upkeep", "doctor", "Say what is wrong with this installation, if anything, and what to do."),
    "settings": Listed("upkeep", "settings", "List every setting: its value here, and the reason for it."),
}


class Lazy(TyperGroup):
    """The group of all commands."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Their names."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """One of them, imported now."""
        return imported(cmd_name) if cmd_name in COMMANDS else None

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The list, of which nothing is imported."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, listed.help) for name, listed in COMMANDS.items()])


def imported(name: str) -> Any:
    """The command of this name."""
    listed = COMMANDS[name]
    found: Any = getattr(importlib.import_module(f"roundsman.cli.{listed.module}"), listed.name)
    alone = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    alone.callback()(lambda: None)  # so that one command is a group, too
    if isinstance(found, typer.Typer):
        alone.add_typer(found, name=name)
    else:
        alone.command(name)(found)
    group: Any = typer.main.get_command(alone)
    return group.commands[name]


app = typer.Typer(
    name="roundsman",
    cls=Lazy,
    help="An open, self-hosted server for fleets of Spot robots.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def roundsman() -> None:
    """An open, self-hosted server for fleets of Spot robots."""


def main() -> None:
    """Runs the command line."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        sentence = sentence_of(error)
        if sentence is None:
            raise
        print(f"roundsman: {sentence}", file=sys.stderr)
        sys.exit(1)

"""Composition of the command line, and the one place where an error becomes one clear line and exit code 1."""

import sys

import typer

from roundsman.cli import backups, demo, people, robots, serve, simulate, trail, upkeep, walks
from roundsman.cli.refusal import sentence_of

app = typer.Typer(
    name="roundsman",
    help="An open, self-hosted server for fleets of Spot robots.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("serve")(serve.serve)
app.command("demo")(demo.demo)
app.command("simulate")(simulate.simulate)
app.add_typer(people.users, name="user")
app.add_typer(people.tokens, name="token")
app.add_typer(robots.app, name="robot")
app.add_typer(walks.app, name="walk")
app.add_typer(trail.app, name="audit")
app.command("backup")(backups.backup)
app.command("restore")(backups.restore)
app.command("migrate")(upkeep.migrate)
app.command("doctor")(upkeep.doctor)
app.command("settings")(upkeep.settings)


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

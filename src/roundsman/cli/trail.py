"""The audit trail from the command line: who changed what, and whether the trail is whole."""

from typing import Annotated

import msgspec
import typer

from roundsman.access import audit
from roundsman.api.parts import Parts
from roundsman.cli.common import Config, Data, settings_of, with_parts
from roundsman.cli.people import show
from roundsman.cli.refusal import Refusal
from roundsman.kit.times import iso

app = typer.Typer(help="The audit trail: who changed what.", no_args_is_help=True)


@app.command("list")
def list_entries(
    who: Annotated[str, typer.Option(help="Only what this user or token changed.")] = "",
    noun: Annotated[str, typer.Option(help="Only changes of this, e.g. robot, user, site_walk.")] = "",
    subject: Annotated[str, typer.Option(help="Only changes of the one with this name or uuid.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="So many of the newest.")] = 100,
    json: Annotated[
        bool, typer.Option("--json", help="One JSON object a line, with what was before and after.")
    ] = False,
    config: Config = None,
    data: Data = None,
) -> None:
    """List the newest changes, the oldest of them first."""

    async def work(parts: Parts) -> list[audit.Entry]:
        found: list[audit.Entry] = []
        async for entry in audit.entries(parts.database):
            if who in ("", entry.who) and noun in ("", entry.noun) and subject in ("", entry.subject):
                found = [*found[-limit + 1 :], entry] if limit > 1 else [entry]
        return found

    found = with_parts(settings_of(config, data), work)
    if json:
        for entry in found:
            print(msgspec.json.encode(entry).decode())
        return
    show(
        ["entry", "time", "who", "by", "from", "did", "what", "which"],
        [
            [str(e.sequence), iso(e.time_us), e.who, e.kind, e.address, e.action, e.noun, e.subject]
            for e in found
        ],
    )  # fmt: skip


@app.command("head")
def head(config: Config = None, data: Data = None) -> None:
    """Print the hash of the last entry: note it elsewhere, and verify --expect finds a trail that was cut off since."""
    found = with_parts(settings_of(config, data), lambda parts: audit.head(parts.database))
    print(found.hash)


@app.command("verify")
def verify(
    expect: Annotated[str, typer.Option(help="A hash that `audit head` printed earlier.")] = "",
    config: Config = None,
    data: Data = None,
) -> None:
    """Check every entry; names the first broken one and exits with 1."""
    found = with_parts(settings_of(config, data), lambda parts: audit.verify(parts.database, expect.strip()))
    if found.problem:
        raise Refusal(f"the audit trail is broken: {found.problem}")
    print(f"{found.count} entries, each as it was written; the last one's hash is {found.head.hash or 'none'}")

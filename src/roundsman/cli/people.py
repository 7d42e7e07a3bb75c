"""Users and API tokens from the command line, also beside a running server."""

import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from roundsman.access.roles import ROLES, Role
from roundsman.access.tokens import COMMAND_LINE
from roundsman.api.parts import Parts
from roundsman.cli.common import Config, Data, settings_of, with_parts
from roundsman.cli.refusal import Refusal
from roundsman.kit.times import iso, iso_or_none

WIDTH_WITHOUT_TERMINAL = 1000  # a pipe has no edge to wrap at

users = typer.Typer(help="Users: add, list, change, disable, remove.", no_args_is_help=True)
tokens = typer.Typer(help="API tokens: add, list, remove.", no_args_is_help=True)
sessions = typer.Typer(help="Sessions: who is logged in; end them.", no_args_is_help=True)

RoleOption = Annotated[str, typer.Option("--role", help=f"One of {', '.join(ROLES)}.")]


@users.command("add")
def add_user(
    username: str,
    role: RoleOption = "admin",
    password: Annotated[
        str, typer.Option(prompt=True, hide_input=True, confirmation_prompt=True, envvar="ROUNDSMAN_NEW_PASSWORD")
    ] = "",
    config: Config = None,
    data: Data = None,
) -> None:
    """Add a user; the password is asked for, or taken from ROUNDSMAN_NEW_PASSWORD."""

    async def work(parts: Parts) -> None:
        await parts.access.users.create(username, password, role_of(role))

    with_parts(settings_of(config, data), work)
    print(f"user {username} may log in ({role})")


@users.command("list")
def list_users(config: Config = None, data: Data = None) -> None:
    """List the users."""
    found = with_parts(settings_of(config, data), lambda parts: parts.access.users.list())
    show(
        ["username", "role", "since", "state"],
        [[u.username, u.role, iso(u.created_us), "disabled" if u.disabled_us else "enabled"] for u in found],
    )


@users.command("set-role")
def set_role(
    username: str,
    role: Annotated[str, typer.Argument(help=f"One of {', '.join(ROLES)}.")],
    config: Config = None,
    data: Data = None,
) -> None:
    """Give a user another role; their sessions end."""
    with_parts(settings_of(config, data), lambda parts: parts.access.users.change(username, role=role_of(role)))
    print(f"user {username} is {role} now")


@users.command("set-password")
def set_password(
    username: str,
    password: Annotated[
        str, typer.Option(prompt=True, hide_input=True, confirmation_prompt=True, envvar="ROUNDSMAN_NEW_PASSWORD")
    ] = "",
    config: Config = None,
    data: Data = None,
) -> None:
    """Change a user's password; it is asked for, or taken from ROUNDSMAN_NEW_PASSWORD. Their sessions end."""
    with_parts(settings_of(config, data), lambda parts: parts.access.users.change(username, password=password))
    print(f"the password of {username} is changed")


@users.command("disable")
def disable_user(username: str, config: Config = None, data: Data = None) -> None:
    """Refuse a user and the tokens made by that user, until it is enabled again; their sessions end."""
    with_parts(settings_of(config, data), lambda parts: parts.access.users.change(username, disabled=True))
    print(f"user {username} is disabled")


@users.command("enable")
def enable_user(username: str, config: Config = None, data: Data = None) -> None:
    """Let a disabled user in again."""
    with_parts(settings_of(config, data), lambda parts: parts.access.users.change(username, disabled=False))
    print(f"user {username} may log in")


@users.command("remove")
def remove_user(username: str, config: Config = None, data: Data = None) -> None:
    """Remove a user; their sessions and tokens end."""
    with_parts(settings_of(config, data), lambda parts: parts.access.users.remove(username))
    print(f"user {username} is removed")


@tokens.command("add")
def add_token(
    name: str,
    role: RoleOption = "reviewer",
    scope: Annotated[
        list[str] | None,
        typer.Option(
            help="Limit it, e.g. runs:read or site:write; several times for several. Without: all of its role."
        ),
    ] = None,
    days: Annotated[int | None, typer.Option(help="Ends after so many days; without it, never.")] = None,
    config: Config = None,
    data: Data = None,
) -> None:
    """Make an API token; it is shown once, on standard output."""

    async def work(parts: Parts) -> str:
        end_us = None if days is None else parts.clock.now_us() + days * 86_400_000_000
        token, _ = await parts.access.tokens.create(
            name, role_of(role), created_by=COMMAND_LINE, expires_us=end_us, scopes=scope or ()
        )
        return token

    print(with_parts(settings_of(config, data), work))


@tokens.command("list")
def list_tokens(config: Config = None, data: Data = None) -> None:
    """List the API tokens; the secrets themselves are not kept."""
    found = with_parts(settings_of(config, data), lambda parts: parts.access.tokens.list())
    show(
        ["uuid", "name", "role", "scopes", "made by", "last used", "ends"],
        [
            [t.uuid, t.name, t.role, t.scopes or "all", t.created_by, iso_or_none(t.last_used_us) or "never",
             "revoked" if t.revoked_us else iso_or_none(t.expires_us) or "never"]
            for t in found
        ],
    )  # fmt: skip


@tokens.command("remove")
def remove_token(uuid: str, config: Config = None, data: Data = None) -> None:
    """Revoke an API token."""
    with_parts(settings_of(config, data), lambda parts: parts.access.tokens.revoke(uuid))
    print(f"token {uuid} is revoked")


@sessions.command("list")
def list_sessions(
    user: Annotated[str | None, typer.Option(help="Only this user's.")] = None,
    config: Config = None,
    data: Data = None,
) -> None:
    """List who is logged in, the last used first."""
    found = with_parts(settings_of(config, data), lambda parts: parts.access.sessions.list(user))
    show(
        ["uuid", "user", "since", "last used", "from", "by"],
        [[s.uuid, s.username, iso(s.created_us), iso(s.last_used_us), s.address, s.agent] for s in found],
    )


@sessions.command("end")
def end_session(uuid: str, config: Config = None, data: Data = None) -> None:
    """End a session: its browser or program has to log in again."""
    with_parts(settings_of(config, data), lambda parts: parts.access.sessions.end(uuid))
    print(f"session {uuid} is ended")


def role_of(name: str) -> Role:
    """The role called `name`. Raises: Refusal."""
    for role in ROLES:
        if role == name:
            return role
    raise Refusal(f"there is no role {name}; choose one of {', '.join(ROLES)}")


def show(columns: list[str], rows: list[list[str]]) -> None:
    """A table on standard output; the first column, by which commands name a row, is never shortened."""
    first, *others = columns
    table = Table(Column(first, no_wrap=True), *others, box=None, header_style="bold", pad_edge=False)
    for row in rows:
        table.add_row(*row)
    console = Console() if sys.stdout.isatty() else Console(width=WIDTH_WITHOUT_TERMINAL)
    console.print(table if rows else "none yet")

"""Robots from the command line; a running server notices within seconds."""

from typing import Annotated

import typer

from roundsman.cli.common import Config, Data, settings_of, with_parts
from roundsman.cli.people import show

Password = Annotated[str, typer.Option(prompt=True, hide_input=True, envvar="ROUNDSMAN_ROBOT_PASSWORD")]

app = typer.Typer(help="Robots: add, list, change, remove.", no_args_is_help=True)


@app.command("add")
def add_robot(
    hostname: Annotated[str, typer.Argument(help="Name or address, with :port where it is not 443.")],
    nickname: Annotated[str, typer.Option(help="What people call it; unique.")],
    username: Annotated[str, typer.Option(help="User on the robot.")] = "admin",
    password: Password = "",
    config: Config = None,
    data: Data = None,
) -> None:
    """Add a robot; its password is asked for, or taken from ROUNDSMAN_ROBOT_PASSWORD, and kept sealed."""
    with_parts(settings_of(config, data), lambda parts: parts.registry.add(hostname, nickname, username, password))
    print(f"{nickname} at {hostname} is added; the server connects within seconds")


@app.command("list")
def list_robots(config: Config = None, data: Data = None) -> None:
    """List the robots."""
    found = with_parts(settings_of(config, data), lambda parts: parts.registry.list())
    show(
        ["index", "nickname", "hostname", "username"],
        [[str(robot.robot_index), robot.nickname, robot.hostname, robot.username] for robot in found],
    )


@app.command("set-password")
def set_password(
    hostname: str,
    username: Annotated[str | None, typer.Option(help="Another user on the robot; without, it stays.")] = None,
    password: Password = "",
    config: Config = None,
    data: Data = None,
) -> None:
    """Change the password that a robot is logged in to with, after it was changed on the robot."""
    with_parts(settings_of(config, data), lambda parts: parts.registry.set_login(hostname, password, username))
    print(f"the password of {hostname} is changed; the server logs in with it within seconds")


@app.command("remove")
def remove_robot(hostname: str, config: Config = None, data: Data = None) -> None:
    """Remove a robot; what it has captured stays."""
    with_parts(settings_of(config, data), lambda parts: parts.registry.remove(hostname))
    print(f"{hostname} is removed; its runs stay")

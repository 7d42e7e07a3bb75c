"""`roundsman demo`: a simulated site and the server that looks after it, in one command."""

import json
import secrets
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
import uvloop

from roundsman.api.parts import Parts
from roundsman.cli.refusal import Refusal
from roundsman.cli.serve import Address, run_server
from roundsman.kit import log
from roundsman.settings import load
from roundsman.site import imports, store

WELCOME = """
  Roundsman answers at   {url}
  user                   {username}
  password               {password}
  API token              {token}
  certificate authority  {ca}

  Try, with the official client (pip install bosdyn-orbit):

    from bosdyn.orbit.client import Client
    client = Client("localhost:{port}", verify="{ca}"); client.authenticate_with_api_token("{token}")
    print(client.get_runs(params={{"limit": 5}}).json()["resources"])

  {robots} simulated robots are on their rounds at {pace:g} times life's pace. Everything is kept in {data}.
  Ctrl-C stops it all.
"""


def demo(
    robots: Annotated[int, typer.Option(help="How many simulated robots.", min=1, max=50)] = 3,
    port: Annotated[int, typer.Option(help="HTTPS port; 0 takes a free one.")] = 8443,
    data: Annotated[
        Path | None, typer.Option("--data", help="Data folder; without it a temporary one.", show_default=False)
    ] = None,
    pace: Annotated[float, typer.Option(help="How many times faster than life the site runs.", min=0.1)] = 10.0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same plant and the same rounds.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON line when it is ready.")] = False,
) -> None:
    """Try Roundsman: a simulated fleet and the server, until Ctrl-C."""
    log.configure("warning")
    with ExitStack() as stack:
        folder = data or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="roundsman-demo-")))
        site = stack.enter_context(simulated_site(folder / "simulated-site", robots, pace, seed))
        settings = load(
            None, {}, data_dir=folder, host="127.0.0.1", port=port, hostnames=("localhost",),
            robot_ca_files=(Path(site["caFile"]),), log_level="warning",
        )  # fmt: skip
        prepared: dict[str, str] = {}

        async def before(parts: Parts) -> None:
            prepared.update(await _prepare(parts, site["robots"]))
            await _record_site(parts, robots)

        async def ready(_: Parts, address: Address) -> None:
            values = prepared | {"url": address.url, "ca": str(address.ca_file)}
            if as_json:
                print(_json_line(values, site["robots"]), flush=True)
            else:
                more = {"port": address.port, "robots": robots, "pace": pace, "data": folder}
                print(WELCOME.format(**values, **more), flush=True)

        uvloop.run(run_server(settings, ready, before))


async def _prepare(parts: Parts, robots: list[dict[str, str]]) -> dict[str, str]:
    """Makes a user with a random password, a token, and enters the simulated robots."""
    password = secrets.token_urlsafe(9)
    if any(user.username == "demo" for user in await parts.access.users.list()):
        await parts.access.users.change("demo", password=password)
    else:
        await parts.access.users.create("demo", password)
    token, _ = await parts.access.tokens.create("demo", "admin", created_by="demo")
    for known in await parts.registry.list():
        await parts.registry.remove(known.hostname)  # a demo's robots have other ports each time
    for robot in robots:
        await parts.registry.add(robot["hostname"], robot["nickname"], robot["username"], robot["password"])
    return {"username": "demo", "password": password, "token": token}


async def _record_site(parts: Parts, robots: int) -> None:
    """Imports the plant's walks and map, as whoever recorded them would; once, for they may be edited then."""
    from roundsman.simulator.world.recording import walk_folder
    from roundsman.simulator.world.site import build_site

    if await store.list_documents(parts.database, "site_walk"):
        return
    with tempfile.TemporaryDirectory(prefix="roundsman-demo-") as folder:
        path = Path(folder) / "walks.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in walk_folder(build_site(robots)).items():
                archive.writestr(name, content)
        await imports.import_file(parts.database, parts.blobs, parts.clock, path)


def _json_line(values: dict[str, str], robots: list[dict[str, str]]) -> str:
    shown = [{"nickname": robot["nickname"], "hostname": robot["hostname"]} for robot in robots]
    return json.dumps(
        {"url": values["url"], "username": values["username"], "password": values["password"],
         "apiToken": values["token"], "caFile": values["ca"], "robots": shown}
    )  # fmt: skip


@contextmanager
def simulated_site(folder: Path, robots: int, pace: float, seed: int) -> Generator[dict[str, Any]]:
    """Simulated robots in a process of their own; gives what they say when they are ready.

    A process of its own, because a real site does not share the server's interpreter lock either. It ends with ours in
    every way to die: its standard input is a pipe from us.
    """
    command = [
        sys.executable, "-m", "roundsman", "simulate", "--json", "--until-closed", "--robots", str(robots),
        "--pace", str(pace), "--seed", str(seed), "--history-days", "1", "--port", "0", "--data", str(folder),
    ]  # fmt: skip
    process = subprocess.Popen(  # noqa: S603 - our own command line
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise Refusal("the simulated robots did not start; what they said stands above")
        yield json.loads(line)
    finally:
        _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    """Closes its standard input, at which it stops. Nothing it may still be drawing is worth waiting for."""
    try:
        process.communicate(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()

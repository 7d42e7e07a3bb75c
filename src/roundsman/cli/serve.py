"""`roundsman serve`: the product. No simulation, no default account; its first start prints a one-time set-up link."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from roundsman.api.parts import Parts
from roundsman.api.serve import listen, stop_on_signals
from roundsman.api.serve import serve as serve_https
from roundsman.api.tls import TlsFiles, tls_files
from roundsman.app import application, opened
from roundsman.cli.common import Config, Data, settings_of
from roundsman.kit import log
from roundsman.settings import Settings


@dataclass(frozen=True)
class Address:
    """Where a server answers: its URL, and the CA file that `verify=` takes (None with a certificate of your own)."""

    url: str
    port: int
    ca_file: Path | None


Told = Callable[[Parts, Address], Awaitable[None]]


def serve(
    config: Config = None,
    data: Data = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.", show_default=False)] = None,
    port: Annotated[int | None, typer.Option(help="HTTPS port.", show_default=False)] = None,
) -> None:
    """Run the server until it is stopped (Ctrl-C or SIGTERM)."""
    settings = settings_of(config, data, host=host, port=port)
    log.configure(settings.log_level, json=settings.log_json)
    uvloop.run(run_server(settings, _welcome))


async def run_server(settings: Settings, ready: Told, before: Callable[[Parts], Awaitable[None]] | None = None) -> None:
    """Serves until stopped. `before` prepares the parts, `ready` is called once connections are accepted."""
    listener = listen(settings.host, settings.port)
    async with opened(settings) as parts:
        if before is not None:
            await before(parts)
        tls = None if settings.plain_http else tls_files(settings)
        stop = asyncio.Event()
        stop_on_signals(stop)
        address = _address(settings, listener, tls)
        tasks: set[asyncio.Task[None]] = set()
        tell = lambda: tasks.add(asyncio.ensure_future(ready(parts, address)))  # noqa: E731
        await serve_https(application(parts), listener, tls, stop=stop, ready=tell)


def _address(settings: Settings, listener: socket.socket, tls: TlsFiles | None) -> Address:
    port = listener.getsockname()[1]
    wildcard = settings.host in {"0.0.0.0", "::", ""}  # noqa: S104 - compared, not listened on
    name = settings.hostnames[0] if settings.hostnames else "localhost" if wildcard else settings.host
    return Address(f"{'https' if tls else 'http'}://{name}:{port}", port, tls.ca if tls else None)


async def _welcome(parts: Parts, address: Address) -> None:
    print(f"Roundsman answers at {address.url}", flush=True)
    if address.ca_file is not None:
        print(f'Certificate authority: {address.ca_file}  (import it, or verify="{address.ca_file}")', flush=True)
    token = await parts.access.setup_token()
    if token is not None:
        print(f"Make the first user here, once: {address.url}/setup?token={token}", flush=True)

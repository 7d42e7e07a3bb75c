"""Serving over HTTPS with granian, inside this process and its event loop.

The embedded server and not granian's worker processes: robot links, acquisition and the API then share one loop, one
database and one cache, signals are ours, and start-up failures are exceptions here. Files still leave from Rust threads
(`http.response.pathsend`).
"""

import asyncio
import errno
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from granian._granian import SocketHolder
from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.server.embed import Server as EmbeddedServer
from litestar import Litestar

from roundsman.api.tls import TlsFiles
from roundsman.kit.log import get_logger

_BACKLOG = 1024
STOP_WITHIN_S = 10.0

log = get_logger("api")


class PortInUse(OSError):
    """Somebody else listens there; the text is for the person who started us."""


def listen(host: str, port: int) -> socket.socket:
    """A socket that accepts connections from now on; port 0 takes a free one.

    Raises: PortInUse with one clear sentence; OSError for an address that is not ours.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise _explained(error, host, port) from None
    return listener


async def serve(
    app: Litestar,
    listener: socket.socket,
    tls: TlsFiles | None,
    *,
    stop: asyncio.Event,
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Serves `app` until `stop` is set: its lifespan begins first and ends last. Takes over `listener`.

    Raises: what a part of the lifespan raised.
    """
    try:
        async with app.lifespan():
            server = _Server(app, listener, tls)
            serving = asyncio.create_task(server.serve())
            ready()
            stopping = asyncio.create_task(stop.wait())
            await asyncio.wait([serving, stopping], return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            for end in app.state.get("endings", ()):  # answers that would go on for ever
                end()
            server.stop()
            await _finish(serving)
    except ExceptionGroup as group:
        raise _first(group) from None  # the lifespan wraps even a single failure
    finally:
        listener.close()


async def _finish(serving: asyncio.Task[None]) -> None:
    """Waits for the answers under way, but not for ever: somebody may be reading slowly."""
    try:
        await asyncio.wait_for(serving, STOP_WITHIN_S)
    except TimeoutError:
        log.warning("stopped with answers under way", waited_s=STOP_WITHIN_S)


def _first(group: ExceptionGroup[Exception]) -> Exception:
    error = group.exceptions[0]
    return error if not isinstance(error, ExceptionGroup) else _first(error)  # pyright: ignore[reportUnknownArgumentType]


def stop_on_signals(stop: asyncio.Event) -> None:
    """SIGTERM and SIGINT stop gracefully; a second one ends at once."""
    loop = asyncio.get_running_loop()

    def first(number: signal.Signals) -> None:
        stop.set()
        loop.remove_signal_handler(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        with suppress(NotImplementedError):
            loop.add_signal_handler(number, first, number)


class _Server(EmbeddedServer):
    """granian on a socket that we have bound ourselves: it would share a port in use (SO_REUSEPORT), silently."""

    def __init__(self, app: Any, listener: socket.socket, tls: TlsFiles | None) -> None:
        super().__init__(
            app,
            interface=Interfaces.ASGINL,  # the lifespan is ours
            http=HTTPModes.auto,
            backlog=_BACKLOG,
            ssl_cert=tls and tls.certificate,
            ssl_key=tls and tls.key,
            ssl_protocol_min=SSLProtocols.tls12,  # machines on plant floors are old
            log_enabled=False,
        )
        self._listener = listener

    def _init_shared_socket(self) -> None:
        self._shd = SocketHolder(self._listener.detach(), False, _BACKLOG)  # pyright: ignore[reportCallIssue] - its stub lacks them


def _explained(error: OSError, host: str, port: int) -> OSError:
    if error.errno == errno.EADDRINUSE:
        return PortInUse(f"port {port} on {host} is in use by another program; choose another with --port")
    if error.errno == errno.EACCES:
        return PortInUse(f"port {port} needs more rights than this user has; choose one above 1023 with --port")
    return OSError(f"cannot listen on {host}:{port}: {error.strerror}")

"""The one port of a robot: looks at the first bytes of a connection and passes it on, still encrypted.

Programs reach a robot's gRPC and its HTTP/1.1 download at the same address. What they want is in the first message of
the TLS handshake (ALPN), which is not encrypted; so the front reads that one, then carries bytes between the
connection and the server that fits, and whoever answers does its own TLS. The front is also the network that a fault
takes away: closed, it refuses connections and breaks the open ones; stalled, it swallows everything.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable

HELLO_BYTES_MAX = 16_384
HELLO_PATIENCE_S = 10.0
PIECE_BYTES = 256 * 1024
PIECES_AT_ONCE = 8
BUSY_BYTES = 8 * 1024
ALPN = 16
"""The TLS extension that lists protocols. Source: RFC 7301."""


def protocols(hello: bytes) -> list[bytes] | None:
    """The protocols a TLS ClientHello offers, None while it is incomplete.

    Raises: ValueError when it is no ClientHello. Source: RFC 8446 §4.1.2, RFC 7301 §3.1.
    """
    if hello[:1] not in (b"", b"\x16"):
        raise ValueError("not TLS")
    if len(hello) < 5 or len(hello) < 5 + int.from_bytes(hello[3:5]):
        return None
    at = 5 + 4 + 2 + 32  # record header, handshake header, version, random
    at += 1 + hello[at]  # session id
    at += 2 + int.from_bytes(hello[at : at + 2])  # cipher suites
    at += 1 + hello[at]  # compression methods
    end = at + 2 + int.from_bytes(hello[at : at + 2])
    at += 2
    while at + 4 <= min(end, len(hello)):
        kind, size = int.from_bytes(hello[at : at + 2]), int.from_bytes(hello[at + 2 : at + 4])
        if kind == ALPN:
            return _names(hello[at + 6 : at + 4 + size])
        at += 4 + size
    return []


def _names(offered: bytes) -> list[bytes]:
    names: list[bytes] = []
    while offered:
        names.append(offered[1 : 1 + offered[0]])
        offered = offered[1 + offered[0] :]
    return names


class Pipe:
    """Carries bytes one way between two non-blocking sockets, at most one piece ahead of the slower one."""

    def __init__(
        self, source: socket.socket, sink: socket.socket, buffer: memoryview, on_end: Callable[[bool], None]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._source, self._sink, self._buffer, self._on_end = source, sink, buffer, on_end
        self._left = memoryview(b"")
        self._stalled = False

    def start(self) -> None:
        """Begins or goes on."""
        self._stalled = False
        self._next()

    def stall(self) -> None:
        """Keeps what comes where it is."""
        self._stalled = True
        self.stop()

    def stop(self) -> None:
        """Never touches the sockets again."""
        self._loop.remove_reader(self._source)
        self._loop.remove_writer(self._sink)

    def _next(self) -> None:
        if self._stalled:
            return
        if self._left:
            self._loop.add_writer(self._sink, self._write)
        else:
            self._loop.add_reader(self._source, self._read)

    def _read(self) -> None:
        # Where much has come, more is on its way: looking again is cheaper than being woken again.
        for _ in range(PIECES_AT_ONCE):
            if self._carry() < BUSY_BYTES:
                return

    def _carry(self) -> int:
        try:
            size = self._source.recv_into(self._buffer)
            if size == 0:
                self._finish()
                return 0
            sent = _sent(self._sink, self._buffer[:size])
        except BlockingIOError:
            return 0
        except OSError:
            self._on_end(False)
            return 0
        if sent < size:  # the buffer is shared, so what is left over must be kept aside
            self._left = memoryview(bytes(self._buffer[sent:size]))
            self._loop.remove_reader(self._source)
            self._next()
            return 0
        return size

    def _write(self) -> None:
        try:
            self._left = self._left[_sent(self._sink, self._left) :]
        except OSError:
            self._on_end(False)
            return
        if not self._left:
            self._loop.remove_writer(self._sink)
            self._next()

    def _finish(self) -> None:
        self.stop()
        with contextlib.suppress(OSError):
            self._sink.shutdown(socket.SHUT_WR)
        self._on_end(True)


def _sent(sink: socket.socket, content: memoryview) -> int:
    try:
        return sink.send(content)
    except BlockingIOError:
        return 0


class Connection:
    """Two sockets and the pipes between them."""

    def __init__(
        self, outer: socket.socket, inner: socket.socket, buffer: memoryview, on_closed: Callable[["Connection"], None]
    ) -> None:
        self._outer, self._inner, self._on_closed = outer, inner, on_closed
        self._open_ways = 2
        self.pipes = (Pipe(outer, inner, buffer, self._ended), Pipe(inner, outer, buffer, self._ended))

    def start(self) -> None:
        """Carries bytes both ways until both ends have finished."""
        for pipe in self.pipes:
            pipe.start()

    def stall(self) -> None:
        """Keeps every byte back until `start`."""
        for pipe in self.pipes:
            pipe.stall()

    def _ended(self, orderly: bool) -> None:
        self._open_ways -= 1
        if not orderly or not self._open_ways:
            self.close(abort=not orderly)

    def close(self, *, abort: bool = True) -> None:
        """Closes both sockets; with `abort` the program outside sees its connection break."""
        for pipe in self.pipes:
            pipe.stop()
        if abort:
            _will_reset(self._outer)
        self._outer.close()
        self._inner.close()
        self._on_closed(self)


def _will_reset(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")


class Front:
    """Listens on one port for as long as its robot can be reached."""

    def __init__(self, host: str, port: int, *, grpc_path: str, http_path: str) -> None:
        self._grpc_path, self._http_path = grpc_path, http_path
        self._reserved = _bound(host, port)
        self.host, self.port = host, int(self._reserved.getsockname()[1])
        self._listener: socket.socket | None = None
        self._buffer = memoryview(bytearray(PIECE_BYTES))
        self._connections: set[Connection] = set()
        self._greeting: set[asyncio.Task[None]] = set()
        self._may_pass = asyncio.Event()
        self._may_pass.set()

    @property
    def is_open(self) -> bool:
        """Whether connections are taken."""
        return self._listener is not None

    def open(self) -> None:
        """Takes connections."""
        if self._listener is None:
            # The reserved socket never listens: it keeps the port ours while the link is down.
            self._listener = _bound(self.host, self.port)
            self._listener.listen(128)
            asyncio.get_running_loop().add_reader(self._listener, self._accept, self._listener)

    def close(self) -> None:
        """Refuses connections and breaks those that are open."""
        if self._listener is not None:
            asyncio.get_running_loop().remove_reader(self._listener)
            self._listener.close()
            self._listener = None
        for connection in list(self._connections):
            connection.close()
        for task in list(self._greeting):
            task.cancel()

    def stall(self, stalled: bool) -> None:
        """While stalled, connections are taken and stay open, but no byte passes."""
        if stalled == self._may_pass.is_set():
            (self._may_pass.clear if stalled else self._may_pass.set)()
            for connection in list(self._connections):
                (connection.stall if stalled else connection.start)()

    async def stop(self) -> None:
        """Closes for good."""
        self.close()
        await asyncio.gather(*self._greeting, return_exceptions=True)
        self._reserved.close()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            outer, _ = listener.accept()
            outer.setblocking(False)
            outer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            task = asyncio.get_running_loop().create_task(self._greet(outer))
            self._greeting.add(task)
            task.add_done_callback(self._greeting.discard)

    async def _greet(self, outer: socket.socket) -> None:
        inner = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        inner.setblocking(False)
        try:
            await self._connect(outer, inner)
        except BaseException as error:
            outer.close()
            inner.close()
            if not isinstance(error, (OSError, ValueError, IndexError, TimeoutError)):
                raise

    async def _connect(self, outer: socket.socket, inner: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        await self._may_pass.wait()
        async with asyncio.timeout(HELLO_PATIENCE_S):
            hello, offered = await _hello(outer)
            await loop.sock_connect(inner, self._grpc_path if b"h2" in offered else self._http_path)
            await loop.sock_sendall(inner, hello)
        await self._may_pass.wait()
        connection = Connection(outer, inner, self._buffer, self._connections.discard)
        self._connections.add(connection)
        connection.start()


async def _hello(outer: socket.socket) -> tuple[bytes, list[bytes]]:
    hello = b""
    while (offered := protocols(hello)) is None:
        piece = await asyncio.get_running_loop().sock_recv(outer, HELLO_BYTES_MAX)
        hello += piece
        if not piece or len(hello) > HELLO_BYTES_MAX:
            raise ValueError("no greeting")
    return hello, offered


def _bound(host: str, port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.setblocking(False)
    try:
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound

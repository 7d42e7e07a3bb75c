"""One kept-alive connection that asks and waits, with next to no work of its own between."""

import socket
import ssl
import time
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit


class Connection:
    """HTTP/1.1 over TLS to one server; the answers must have a Content-Length."""

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        parts = urlsplit(url)
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        plain = socket.create_connection((parts.hostname or "", parts.port or 443), timeout=60)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = context.wrap_socket(plain)
        lines = [f"Host: {parts.netloc}", *(f"{name}: {value}" for name, value in headers.items())]
        self._headers = "\r\n".join(lines)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._socket.close()

    def get(self, path: str) -> bytes:
        """The body. Raises: RuntimeError for anything but 200."""
        self._socket.sendall(f"GET {path} HTTP/1.1\r\n{self._headers}\r\n\r\n".encode())
        received = bytearray()
        while (end := received.find(b"\r\n\r\n")) < 0:
            received += self._more()
        head = bytes(received[:end]).lower()
        length = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        while len(received) < end + 4 + length:
            received += self._more()
        if not head.startswith(b"http/1.1 200"):
            raise RuntimeError(f"{path}: {bytes(received)[:500]!r}")
        return bytes(received[end + 4 :])

    def taken_ms(self, path: str) -> float:
        """How long the answer took."""
        start = time.perf_counter()
        self.get(path)
        return (time.perf_counter() - start) * 1e3

    def _more(self) -> bytes:
        part = self._socket.recv(1 << 20)
        if not part:
            raise RuntimeError("the server closed the connection")
        return part

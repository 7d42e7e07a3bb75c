"""A system that keeps work orders, as the official example of one behaves: on loopback, over real HTTP.

POST /work_order makes one, GET /work_order/{id}/status tells whether it is closed. Source: scout-api.md §4.2
(git_example). Tests make it fail in the ways in which such systems do.
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECRET = "Bearer integration-secret"
FIRST_ID = 101


@dataclass
class Receiver:
    """What it was sent and what it has. `failing` are answers that it gives before it works again."""

    url: str = ""
    posted: list[tuple[dict[str, str], dict[str, Any]]] = field(default_factory=list)
    orders: dict[int, dict[str, Any]] = field(default_factory=dict)
    keys: dict[str, int] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    failing: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    forgetful: bool = False  # makes the order, and then fails to say so
    unreliable: Callable[[str], str] = lambda _: ""  # what happens to a subject: "", "503", or its answer is "lost"

    def fail(self, status: int, times: int = 1, body: bytes = b"no", **headers: str) -> None:
        self.failing += [(status, headers, body)] * times

    def close(self, number: int) -> None:
        self.orders[number] |= {"state": "closed", "closed": True}

    def create(self, headers: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
        self.posted.append((headers, body))
        number = self.keys.setdefault(headers["Idempotency-Key"], FIRST_ID + len(self.orders))
        return self.orders.setdefault(
            number, {"id": number, "title": body.get("title"), "state": "open", "closed": False}
        )

    def answer(self, handler: BaseHTTPRequestHandler, content: bytes) -> tuple[int, dict[str, str], bytes]:
        if handler.headers.get("Authorization") != SECRET:
            return 401, {}, b"who are you?"
        happens = self.unreliable(handler.headers.get("Idempotency-Key", handler.path))
        if happens == "503":
            return 503, {}, b""
        if handler.command == "POST" and (self.forgetful or happens == "lost"):
            self.create(dict(handler.headers), json.loads(content))
            return 502, {}, b""
        if self.failing:
            return self.failing.pop(0)
        if handler.command == "POST" and handler.path == "/work_order":
            return 201, {}, json.dumps(self.create(dict(handler.headers), json.loads(content))).encode()
        number = handler.path.removeprefix("/work_order/").removesuffix("/status")
        if handler.command == "GET" and number.isdigit() and int(number) in self.orders:
            self.asked.append(number)
            return 200, {}, json.dumps(self.orders[int(number)]).encode()
        return (405, {}, b"") if handler.path == "/work_order" else (404, {}, b"there is no such order")


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self._answer()

        def do_GET(self) -> None:
            self._answer()

        def _answer(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, headers, body = receiver.answer(self, content)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        receiver.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield receiver
        server.shutdown()
        thread.join()

"""The robot's older download: a zip of all captures of a time range, over HTTP/1.1 on the same port.

`GET /v1/data-buffer/daq-data/?from_nsec=…&to_nsec=…[&channel=…]` with a bearer token. The zip is made while it is
sent, one capture at a time. Source: robot-link.md §3.2.
"""
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

import asyncio
import json
import ssl
from collections.abc import Iterable, Iterator
from contextlib import suppress
from http import HTTPStatus
from itertools import groupby
from urllib.parse import parse_qs, urlsplit

from zipstream import ZIP_STORED, ZipStream

from roundsman.simulator.model import CaptureAction, StoredCapture
from roundsman.simulator.services.tokens import Tokens
from roundsman.simulator.world.robot import SimulatedSpot

PATH = "/v1/data-buffer/daq-data/"
REQUEST_BYTES_MAX = 32_768
PATIENCE_S = 30.0
Query = dict[str, list[str]]


class Download:
    """The download server of one robot; it listens behind the robot's front."""

    def __init__(self, robot: SimulatedSpot, tokens: Tokens) -> None:
        self._robot, self._tokens = robot, tokens
        self._server: asyncio.Server | None = None

    async def start(self, path: str, context: ssl.SSLContext) -> None:
        """Listens on a socket of the machine."""
        self._server = await asyncio.start_unix_server(self._serve, path, ssl=context, limit=REQUEST_BYTES_MAX)

    async def stop(self) -> None:
        """Listens no more."""
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                head = await reader.readuntil(b"\r\n\r\n")
            await self._answer(head.decode("latin-1"), writer)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    async def _answer(self, head: str, writer: asyncio.StreamWriter) -> None:
        request, _, rest = head.partition("\r\n")
        method, target, *_ = [*request.split(" "), "", ""]
        address = urlsplit(target)
        if method != "GET" or address.path.rstrip("/") != PATH.rstrip("/"):
            await _refuse(writer, HTTPStatus.NOT_FOUND)
        elif not self._tokens.valid(_bearer(rest)):
            await _refuse(writer, HTTPStatus.UNAUTHORIZED)
        else:
            await asyncio.sleep(self._robot.faults.link_delay_s)
            await self._send(parse_qs(address.query), writer)

    async def _send(self, query: Query, writer: asyncio.StreamWriter) -> None:
        try:
            captures = list(self._wanted(query))
        except ValueError:
            await _refuse(writer, HTTPStatus.BAD_REQUEST)
            return
        if not captures:
            await _refuse(writer, HTTPStatus.NO_CONTENT)
            return
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/zip\r\nConnection: close\r\n"
            b'Content-Disposition: attachment; filename="download.zip"\r\n\r\n'
        )
        parts = iter(_zip(captures))
        while part := await asyncio.to_thread(next, parts, b""):
            writer.write(part)
            await writer.drain()

    def _wanted(self, query: Query) -> Iterator[StoredCapture]:
        channels = set(query.get("channel", ()))
        for capture in self._robot.store.query(
            start_us=_bound_us(query, "from"), end_us=_bound_us(query, "to"), kinds={"image", "data", "metadata"}
        ):
            if not channels or capture.channel in channels:
                yield capture


def _bound_us(query: Query, bound: str) -> int | None:
    if f"{bound}_nsec" in query:
        return int(query[f"{bound}_nsec"][0]) // 1000
    if f"{bound}_sec" in query:
        return int(float(query[f"{bound}_sec"][0]) * 1e6)
    return None


def _bearer(headers: str) -> str:
    for line in headers.split("\r\n"):
        name, _, value = line.partition(":")
        if name.lower() == "authorization":
            return value.strip().removeprefix("Bearer ")
    return ""


async def _refuse(writer: asyncio.StreamWriter, status: HTTPStatus) -> None:
    writer.write(f"HTTP/1.1 {status} {status.phrase}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
    await writer.drain()


def _zip(captures: list[StoredCapture]) -> Iterable[bytes]:
    stream = ZipStream(compress_type=ZIP_STORED)
    named = [capture for capture in captures if capture.kind != "metadata"]
    names = _file_names(named)
    for capture in named:
        stream.add(_content(capture), names[capture.id])
    for group, entries in groupby(
        sorted(captures, key=lambda capture: capture.action.group_name), key=lambda capture: capture.action.group_name
    ):
        stream.add(_metadata(list(entries), names), f"{_safe(group)}/metadata.json")
    return stream


def _content(capture: StoredCapture) -> Iterator[bytes]:
    yield capture.make()


def _metadata(entries: list[StoredCapture], names: dict[int, str]) -> Iterator[bytes]:
    actions = [_action(action, list(of)) for action, of in _by_action(entries).items()]
    yield json.dumps({"actions": actions}, indent=1).encode()


def _by_action(entries: list[StoredCapture]) -> dict[CaptureAction, list[StoredCapture]]:
    grouped: dict[CaptureAction, list[StoredCapture]] = {}
    for entry in entries:
        grouped.setdefault(entry.action, []).append(entry)
    return grouped


def _action(action: CaptureAction, entries: list[StoredCapture]) -> dict[str, object]:
    data: dict[str, list[object]] = {}
    metadata: dict[str, list[object]] = {}
    for entry in entries:
        named: dict[str, object] = {"data_id": {"id": entry.id, "channel": entry.channel, "data_name": entry.data_name}}
        if entry.kind == "metadata":
            metadata.setdefault(entry.channel, []).append(named | {"data": json.loads(entry.make())})
        else:
            data.setdefault(entry.channel, []).append(named | {"filename": _file_name(entry)})
    identity = {"group_name": action.group_name, "action_name": action.action_name, "timestamp_us": action.time_us}
    return {"action_id": identity, "data": data, "metadata": metadata}


def _file_names(captures: list[StoredCapture]) -> dict[int, str]:
    names: dict[int, str] = {}
    taken: set[str] = set()
    for capture in captures:
        name = f"{_safe(capture.action.group_name)}/{_file_name(capture)}"
        names[capture.id] = (
            name if name not in taken else f"{_safe(capture.action.group_name)}/{capture.id} {_file_name(capture)}"
        )
        taken.add(names[capture.id])
    return names


def _file_name(capture: StoredCapture) -> str:
    extension = capture.file_extension or (".jpg" if capture.kind == "image" else ".bin")
    return _safe(f"{capture.action.action_name} {capture.channel} {capture.data_name}".strip()) + extension


def _safe(name: str) -> str:
    return "".join("_" if letter in '/\\:*?"<>|' else letter for letter in name) or "unnamed"

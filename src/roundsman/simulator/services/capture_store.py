"""`data-acquisition-store`: lists what a robot has captured, hands it out in pages, takes in what clients store.

A page is one message cut into chunks. It is put together as a list of parts and never copied into one piece; it holds
at most PAGE_BYTES, except that a capture that is larger by itself comes alone. Source: robot-link.md §3.3.
"""
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportAttributeAccessIssue=false, reportCallIssue=false

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any

from bosdyn.api import data_acquisition_store_pb2, data_acquisition_store_service_pb2

from roundsman.simulator.model import CaptureKind, StoredCapture
from roundsman.simulator.services import captures
from roundsman.simulator.services.calls import CHUNK_BYTES, Service, time_us_of
from roundsman.simulator.services.captures import Parts, varint

PAGE_BYTES = 1024 * 1024  # what a robot's is nobody has published; small ones arrive while the next is drawn
PAGE_RESULTS_MAX = 1000
IDENTIFIERS_MAX = 10_000
RESULTS_KEY = b"\x1a"
"""Number 3, length-delimited: QueryStoredCapturesResponse.results."""
INCLUDES: tuple[tuple[str, CaptureKind], ...] = (
    ("include_images", "image"),
    ("include_data", "data"),
    ("include_metadata", "metadata"),
    ("include_alerts", "alert"),
)


class DataAcquisitionStoreService(Service):
    """The store of one robot."""

    name = "data-acquisition-store"
    authority = "data-acquisition-store.spot.robot"
    descriptor = data_acquisition_store_service_pb2.DESCRIPTOR.services_by_name["DataAcquisitionStoreService"]

    async def QueryStoredCaptures(self, request: Any) -> AsyncIterator[bytes]:
        """One page of what matches, in order of ids."""
        entries = list(_page(self._matching(request.query), only_names=request.query.only_include_identifiers))
        response = data_acquisition_store_pb2.QueryStoredCapturesResponse()
        self.answer_header(request, response.header)
        for action in dict.fromkeys(entry.action for entry in entries):
            captures.fill_action(response.action_ids.add(), action)
        response.max_capture_id = max((entry.id for entry in entries), default=0)
        results = self._names if request.query.only_include_identifiers else self._contents
        parts = await asyncio.to_thread(_parts, response.SerializeToString(), results, entries)
        for chunk in _chunks(parts):
            yield chunk

    def QueryMaxCaptureId(self, request: Any, response: Any) -> None:
        """The newest id."""
        response.max_capture_id = self.robot.store.max_id() or 0

    def ListCaptureActions(self, request: Any, response: Any) -> None:
        """The actions that anything is stored of."""
        for action in dict.fromkeys(entry.action for entry in self._listed(request.query, None)):
            captures.fill_action(response.action_ids.add(), action)

    def ListStoredImages(self, request: Any, response: Any) -> None:
        """Identifiers of images."""
        self._list(request.query, response, "image")

    def ListStoredData(self, request: Any, response: Any) -> None:
        """Identifiers of data."""
        self._list(request.query, response, "data")

    def ListStoredMetadata(self, request: Any, response: Any) -> None:
        """Identifiers of metadata."""
        self._list(request.query, response, "metadata")

    def ListStoredAlertData(self, request: Any, response: Any) -> None:
        """Identifiers of alerts."""
        self._list(request.query, response, "alert")

    def StoreImage(self, request: Any, response: Any) -> None:
        """Takes in an image."""
        response.id = self._store("image", request.data_id, request.image.image.data)

    def StoreData(self, request: Any, response: Any) -> None:
        """Takes in data."""
        response.id = self._store("data", request.data_id, request.data, file_extension=request.file_extension)

    async def StoreDataStream(self, requests: AsyncIterator[Any], response: Any) -> None:
        """Takes in data that comes in parts."""
        parts: list[bytes] = []
        first: Any = None
        async for request in requests:
            first = first or request
            parts.append(request.chunk.data)
        if first is not None:
            content = b"".join(parts)
            response.id = self._store("data", first.data_id, content, file_extension=first.file_extension)

    def StoreMetadata(self, request: Any, response: Any) -> None:
        """Takes in metadata."""
        content = captures.metadata_json(request.metadata.metadata)
        response.id = self._store("metadata", request.data_id, content, reference=request.metadata.reference_id)

    def StoreAlertData(self, request: Any, response: Any) -> None:
        """Takes in an alert."""
        content = captures.alert_json(request.alert_data.alert_data)
        response.id = self._store("alert", request.data_id, content, reference=request.alert_data.reference_id)

    def _store(
        self, kind: CaptureKind, data_id: Any, content: bytes, *, file_extension: str = "", reference: Any = None
    ) -> int:
        action = captures.read_action(data_id.action_id)
        entry = self.robot.store.add(
            kind,
            action,
            data_id.channel,
            data_id.data_name,
            lambda: content,
            file_extension=file_extension,
            size_bytes=len(content),
            reference_id=None if reference is None or not reference.id else reference.id,
        )
        return entry.id

    def _list(self, query: Any, response: Any, kind: CaptureKind) -> None:
        for entry in self._listed(query, kind):
            captures.fill_identifier(response.data_ids.add(), entry)

    def _listed(self, query: Any, kind: CaptureKind | None) -> Iterator[StoredCapture]:
        wanted = _wanted_actions(query.action_ids.action_ids)
        start_us, end_us = _bounds(query.time_range)
        kinds: set[CaptureKind] | None = None if kind is None else {kind}
        found = self.robot.store.query(kinds=kinds, start_us=start_us, end_us=end_us)
        return (entry for entry in found if wanted(entry))

    def _matching(self, query: Any) -> Iterator[StoredCapture]:
        kinds = {kind for include, kind in INCLUDES if getattr(query, include)}
        if not kinds and not query.include_large:
            kinds = {kind for _, kind in INCLUDES}
        wanted, channels = _wanted_actions(query.action_ids), set(query.channels)
        start_us, end_us = _bounds(query.time_range)
        found: Iterable[StoredCapture] = self.robot.store.query(
            from_id=query.captures_from_id, start_us=start_us, end_us=end_us
        )
        if query.order_descending:
            found = reversed(list(found))
        for entry in found:
            included = query.include_large if captures.is_large(entry) else entry.kind in kinds
            if included and wanted(entry) and (not channels or entry.channel in channels):
                yield entry

    def _names(self, entries: Iterable[StoredCapture]) -> Iterator[Parts]:
        return map(captures.identifier_result, entries)

    def _contents(self, entries: Iterable[StoredCapture]) -> Iterator[Parts]:
        for entry in entries:
            yield from captures.results(entry, entry.make(), self.robot.store)


def _bounds(time_range: Any) -> tuple[int | None, int | None]:
    start, end = time_range.from_timestamp, time_range.to_timestamp
    return (
        time_us_of(start) if time_range.HasField("from_timestamp") else None,
        time_us_of(end) if time_range.HasField("to_timestamp") else None,
    )


def _wanted_actions(action_ids: Any) -> Callable[[StoredCapture], bool]:
    """Empty fields of a wanted action fit every action; no wanted action means all are."""
    wanted = [captures.read_action(message) for message in action_ids]
    return lambda entry: (
        not wanted
        or any(
            action.group_name in ("", entry.action.group_name)
            and action.action_name in ("", entry.action.action_name)
            and action.time_us in (0, entry.action.time_us)
            for action in wanted
        )
    )


def _page(entries: Iterable[StoredCapture], *, only_names: bool) -> Iterator[StoredCapture]:
    size_bytes = 0
    for count, entry in enumerate(entries):
        size_bytes += 0 if only_names else entry.size_bytes
        full = size_bytes > PAGE_BYTES or count >= (IDENTIFIERS_MAX if only_names else PAGE_RESULTS_MAX)
        if count and full:
            return
        yield entry


def _parts(
    head: bytes, results: Callable[[Iterable[StoredCapture]], Iterable[Parts]], entries: list[StoredCapture]
) -> list[bytes]:
    parts = [head]
    for result in results(entries):
        parts += (RESULTS_KEY + varint(sum(map(len, result))), *result)
    return parts


def _chunks(parts: list[bytes]) -> Iterator[bytes]:
    """Parts of one message as serialized DataChunks, each part let go of when it has been sent."""
    total = b"\x08" + varint(sum(map(len, parts)))
    waiting: list[memoryview] = []
    waiting_bytes = 0
    for index, part in enumerate(parts):
        parts[index] = b""
        rest = memoryview(part)
        while waiting_bytes + len(rest) >= CHUNK_BYTES:
            fitting = CHUNK_BYTES - waiting_bytes
            yield b"".join((total, b"\x12", varint(CHUNK_BYTES), *waiting, rest[:fitting]))
            rest, waiting, waiting_bytes = rest[fitting:], [], 0
        if rest:
            waiting.append(rest)
            waiting_bytes += len(rest)
    if waiting:
        yield b"".join((total, b"\x12", varint(waiting_bytes), *waiting))

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportAttributeAccessIssue=false, reportCallIssue=false
"""A Spot's data-acquisition store over gRPC.

The generated client is not used for the stream: its classes copy every chunk twice. The chunks come as raw messages,
their bytes are read in place, and only what is left of a result without its content is parsed by the generated class.

Source: robot-link.md 3.3; the descriptors of bosdyn.api.data_acquisition_store_service.
"""

import asyncio
import math
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Sequence
from contextlib import aclosing, contextmanager
from typing import Any

import grpc
import grpc.aio
import msgspec
from bosdyn.api import data_acquisition_store_pb2, header_pb2
from google.protobuf.message import DecodeError

from roundsman.acquisition.store import (
    ALL_KINDS,
    SMALL_KINDS,
    Fetched,
    Part,
    RobotStoreError,
)
from roundsman.acquisition.wire import BYTES, VARINT, ByteStream, Content, OnContent, Plan, WireError, fields
from roundsman.captures.record import DATA_ID_MAX, DataId, Kind

SERVICE_NAME = "data-acquisition-store"  # in the robot's directory
SERVICE = "/bosdyn.api.DataAcquisitionStoreService/"
RESULTS, HEADER = 3, 1  # fields of QueryStoredCapturesResponse
CODE_OK = 1
LINK_CLOSED = "The link to the robot was closed meanwhile."
IDLE_S = 60.0
SHORT_S = 10.0
LAST_US = 253_370_764_800_000_000  # 9999-01-01: one action of a later time could be neither stored nor listed
WHOLE_MAX = 2**53  # beyond it a float is no longer exact

# QueryStoredCaptureResult: image(3).image(3).data(4), data(6).data(1), large_data(7).chunk(1).data(2).
RESULT = Plan(
    inside={
        3: Plan(inside={3: Plan(content=frozenset({4}))}),
        6: Plan(content=frozenset({1})),
        7: Plan(inside={1: Plan(content=frozenset({2}))}),
    }
)
INCLUDES: dict[Kind, str] = {
    "image": "include_images",
    "data": "include_data",
    "large": "include_large",
    "metadata": "include_metadata",
    "alert": "include_alerts",
}


class SpotStore:
    """The store of one robot.

    `channel` is open, `header` makes a request's header, `metadata` gives what every call carries, such as the token.
    """

    def __init__(
        self,
        channel: grpc.aio.Channel,
        header: Callable[[], Any],
        metadata: Callable[[], Sequence[tuple[str, str]]] = tuple,
    ) -> None:
        self._header = header
        self._metadata = metadata
        self._max = channel.unary_unary(
            SERVICE + "QueryMaxCaptureId",
            request_serializer=data_acquisition_store_pb2.QueryMaxCaptureIdRequest.SerializeToString,
            response_deserializer=data_acquisition_store_pb2.QueryMaxCaptureIdResponse.FromString,
        )
        self._query = channel.unary_stream(
            SERVICE + "QueryStoredCaptures",
            request_serializer=data_acquisition_store_pb2.QueryStoredCapturesRequest.SerializeToString,
            response_deserializer=None,
        )

    @classmethod
    def of(cls, link: Any) -> "SpotStore":
        """The store behind an open link to a Spot. Raises: robots.link.Unsupported."""
        return cls(link.channel(SERVICE_NAME), link.header, link.metadata)

    async def max_id(self) -> int:
        """See RobotStore."""
        request = data_acquisition_store_pb2.QueryMaxCaptureIdRequest(header=self._header())
        with _meant():
            response = await self._max(request, timeout=SHORT_S, metadata=self._metadata())
        _check_header(response.header)
        return min(int(response.max_capture_id), DATA_ID_MAX)

    async def captures(
        self, from_id: int, on_content: OnContent, *, kinds: frozenset[Kind] = SMALL_KINDS
    ) -> AsyncGenerator[Fetched]:
        """See RobotStore."""
        async with aclosing(self._results(_parameters(from_id, kinds), on_content)) as results:
            async for body in results:
                fetched = _fetched(_parse(body))
                if fetched is not None:
                    yield fetched

    async def identifiers(self, from_id: int, *, kinds: frozenset[Kind] = ALL_KINDS) -> AsyncGenerator[DataId]:
        """See RobotStore."""
        parameters = _parameters(from_id, kinds)
        parameters.only_include_identifiers = True
        async with aclosing(self._results(parameters, _ignore)) as results:
            async for body in results:
                identifier = _data_id(_parse(body).data_id)
                if identifier.data_id <= DATA_ID_MAX:
                    yield identifier

    async def _results(self, parameters: Any, on_content: OnContent) -> AsyncGenerator[bytes]:
        """Each result of one answer, as bytes without its content."""
        request = data_acquisition_store_pb2.QueryStoredCapturesRequest(header=self._header(), query=parameters)
        with _meant():
            call = self._query(request, metadata=self._metadata())
            try:
                async for number, value in fields(ByteStream(_chunks(call)), {RESULTS: RESULT}, on_content):
                    if number == RESULTS and isinstance(value, bytes):
                        yield value
                    elif number == HEADER and isinstance(value, bytes):
                        _check_header(_response_header(value))
            finally:
                call.cancel()


@contextmanager
def _meant() -> Generator[None]:
    """What goes wrong in a call, in one line. A link that is closed meanwhile is a lost one, not a failure of ours.

    Raises: RobotStoreError
    """
    try:
        yield
    except grpc.aio.AioRpcError as error:
        raise RobotStoreError(f"{error.code().name}: {error.details()}") from error
    except (WireError, DecodeError, TimeoutError) as error:
        raise RobotStoreError(f"The robot's answer cannot be read: {error}") from error
    except grpc.aio.BaseError as error:
        raise RobotStoreError(LINK_CLOSED) from error
    except asyncio.CancelledError as error:
        asked = asyncio.current_task()
        if asked is None or asked.cancelling():
            raise
        raise RobotStoreError(LINK_CLOSED) from error  # closing a channel cancels its calls, not us


def _parameters(from_id: int, kinds: frozenset[Kind]) -> Any:
    """The query. Zero is not sent: a robot that reads the bound as exclusive would leave out id 0."""
    parameters = data_acquisition_store_pb2.QueryParameters(**{INCLUDES[kind]: True for kind in kinds})
    if from_id > 0:
        parameters.captures_from_id = from_id
    return parameters


async def _ignore(_size_bytes: int, _pieces: Content) -> None:
    """Leaves the content unread."""


async def _chunks(call: Any) -> AsyncIterator[memoryview]:
    """The bytes of the answer. Only waiting for the robot is limited, never the time that storing takes.

    Raises: WireError when fewer bytes came than the robot announced.
    """
    total_bytes = received_bytes = 0
    while True:
        async with asyncio.timeout(IDLE_S):
            message = await call.read()
        if message is grpc.aio.EOF:
            break
        total_bytes, data = chunk(message)
        received_bytes += len(data)
        yield data
    if received_bytes < total_bytes:
        raise WireError(f"{received_bytes} of {total_bytes} bytes came.")


def chunk(message: bytes) -> tuple[int, memoryview]:
    """Total size and data of a serialised DataChunk; the data is not copied.

    Raises: WireError
    """
    total_bytes, data, at = 0, memoryview(b""), 0
    try:
        while at < len(message):
            key, at = _varint(message, at)
            value, at = _varint(message, at)
            if key == (1 << 3 | VARINT):
                total_bytes = value
            elif key == (2 << 3 | BYTES):
                data, at = memoryview(message)[at : at + value], at + value
            elif key & 7 == BYTES:
                at += value
    except IndexError:
        raise WireError("A chunk ended early.") from None
    if at > len(message):
        raise WireError("A chunk ended early.")
    return total_bytes, data


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """The integer at `at`, and where it ends."""
    value = shift = 0
    while (byte := message[at]) > 0x7F:
        value |= (byte & 0x7F) << shift
        shift += 7
        at += 1
    return value | byte << shift, at + 1


def _parse(body: bytes) -> Any:
    """A result without its content."""
    return data_acquisition_store_pb2.QueryStoredCaptureResult.FromString(body)


def _response_header(body: bytes) -> Any:
    """The header of an answer."""
    return header_pb2.ResponseHeader.FromString(body)


def _check_header(header: Any) -> None:
    """Raises: RobotStoreError unless the robot says that all is well."""
    if header.HasField("error") and header.error.code != CODE_OK:
        raise RobotStoreError(f"The robot's store reports error {header.error.code}: {header.error.message}")


def _us(timestamp: Any) -> int:
    """A protobuf timestamp in microseconds, within the years that can be stored and shown."""
    return min(max(timestamp.seconds * 1_000_000 + timestamp.nanos // 1000, 0), LAST_US)


def _text(name: str) -> str:
    """A name without the one character that a database cannot hold."""
    return name.replace("\0", "\ufffd")


def _data_id(message: Any) -> DataId:
    """A DataIdentifier in our words."""
    action = message.action_id
    return DataId(
        data_id=message.id,
        group_name=_text(action.group_name),
        action_name=_text(action.action_name),
        action_time_us=_us(action.timestamp),
        channel_name=_text(message.channel),
        data_name=_text(message.data_name),
    )


def _fetched(result: Any) -> Fetched | None:
    """A result in our words; None when it carries nothing."""
    build = RESULT_KINDS.get(result.WhichOneof("result"))
    return None if build is None else build(result, _data_id(result.data_id))


def _image(result: Any, identifier: DataId) -> Fetched:
    image = result.image
    return Fetched(
        identifier,
        "image",
        _us(image.acquisition_time) or identifier.action_time_us,
        image_format=image.image.format,
        robot_message=image.SerializeToString(),
    )


def _data(result: Any, identifier: DataId) -> Fetched:
    return Fetched(identifier, "data", identifier.action_time_us, result.data.file_extension)


def _large(result: Any, identifier: DataId) -> Fetched:
    large = result.large_data
    return Fetched(
        identifier,
        "large",
        identifier.action_time_us,
        large.file_extension,
        part=Part(large.offset, large.chunk.total_size),
    )


def _metadata(result: Any, identifier: DataId) -> Fetched:
    metadata = result.metadata
    return Fetched(
        identifier,
        "metadata",
        identifier.action_time_us,
        document=msgspec.json.encode(_members(metadata.metadata.data)),
        reference=_data_id(metadata.reference_id) if metadata.HasField("reference_id") else None,
    )


def _alert(result: Any, identifier: DataId) -> Fetched:
    alert = result.alert_data
    return Fetched(
        identifier,
        "alert",
        identifier.action_time_us,
        document=_alert_document(alert.alert_data),
        reference=_data_id(alert.reference_id) if alert.HasField("reference_id") else None,
        severity=alert.alert_data.severity,
    )


def _alert_document(alert: Any) -> bytes:
    """AlertData as JSON, with the members that an anomaly has even where they are empty."""
    return msgspec.json.encode(
        {
            "severity": alert.severity,
            "title": alert.title,
            "source": alert.source,
            "additional_data": _members(alert.additional_data),
        }
    )


def _members(struct: Any) -> dict[str, Any]:
    """A protobuf Struct as plain values."""
    return {name: _plain(value) for name, value in struct.fields.items()}


def _plain(value: Any) -> Any:
    """A protobuf Value as a plain one.

    What JSON has no number for becomes a string, as protobuf writes it elsewhere; the library's own conversion would
    refuse all of the document, and one plugin's NaN must not keep a robot's captures from being acquired.
    """
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return _members(value.struct_value)
    if kind == "list_value":
        return [_plain(item) for item in value.list_value.values]
    if kind == "number_value":
        return _number(value.number_value)
    return None if kind in (None, "null_value") else getattr(value, kind)


def _number(number: float) -> float | int | str:
    """A number as JSON writes it: whole ones without a fraction."""
    if not math.isfinite(number):
        return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"
    return int(number) if number.is_integer() and abs(number) < WHOLE_MAX else number


RESULT_KINDS: dict[str, Callable[[Any, DataId], Fetched]] = {
    "image": _image,
    "data": _data,
    "large_data": _large,
    "metadata": _metadata,
    "alert_data": _alert,
}

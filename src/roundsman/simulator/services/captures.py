"""The data-acquisition store as messages: identifiers, and stored entries as the results of a query."""
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportAttributeAccessIssue=false, reportCallIssue=false

import json
import struct
from collections.abc import Iterator, Sequence
from typing import Any

from bosdyn.api import data_acquisition_pb2, data_acquisition_store_pb2, image_pb2
from google.protobuf import json_format

from roundsman.simulator.model import CaptureAction, StoredCapture
from roundsman.simulator.services.calls import fill_time, pieces, time_us_of
from roundsman.simulator.world.store import CaptureStore

LARGE_BYTES = 100_000_000
"""From here on a capture is large data. Source: robot-link.md §3.3."""
LARGE_PART_BYTES = 8 * 1024 * 1024
LENGTH_DELIMITED = 2
Result = data_acquisition_store_pb2.QueryStoredCaptureResult
Parts = tuple[bytes, ...]
"""A serialised message in parts."""


def is_large(capture: StoredCapture) -> bool:
    """Whether a capture comes only to those who ask for large ones."""
    return capture.kind == "data" and capture.size_bytes > LARGE_BYTES


def fill_action(message: Any, action: CaptureAction) -> None:
    """Writes a CaptureActionId."""
    message.group_name, message.action_name = action.group_name, action.action_name
    fill_time(message.timestamp, action.time_us)


def read_action(message: Any) -> CaptureAction:
    """Reads a CaptureActionId."""
    return CaptureAction(message.group_name, message.action_name, time_us_of(message.timestamp))


def fill_identifier(message: Any, capture: StoredCapture) -> None:
    """Writes a DataIdentifier."""
    fill_action(message.action_id, capture.action)
    message.channel, message.data_name, message.id = capture.channel, capture.data_name, capture.id


def results(capture: StoredCapture, content: bytes, store: CaptureStore) -> Iterator[Parts]:
    """A stored entry as QueryStoredCaptureResults: one, or for large data one per part."""
    if is_large(capture):
        yield from _large(capture, content)
        return
    result = _named(capture)
    if capture.kind == "image":
        _fill_image(result.image, capture, content)
        yield _with_content(result, ("image", "image", "data"), content)
    elif capture.kind == "data":
        result.data.file_extension = capture.file_extension
        yield _with_content(result, ("data", "data"), content)
    elif capture.kind == "metadata":
        fill_reference(result.metadata.reference_id, capture, store)
        json_format.Parse(content, result.metadata.metadata.data)
        yield (result.SerializeToString(),)
    else:
        fill_reference(result.alert_data.reference_id, capture, store)
        _fill_alert(result.alert_data.alert_data, content)
        yield (result.SerializeToString(),)


def identifier_result(capture: StoredCapture) -> Parts:
    """A result that only names a stored entry."""
    return (_named(capture).SerializeToString(),)


def varint(value: int) -> bytes:
    """`value` as a variable-length integer."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _named(capture: StoredCapture) -> Any:
    result = Result()
    fill_identifier(result.data_id, capture)
    return result


def _with_content(result: Any, path: Sequence[str], content: bytes) -> Parts:
    """`result` with `content` in its field at `path`: what comes before it, and the content itself, never copied."""
    return _before(result, path, len(content)), content


def _before(message: Any, path: Sequence[str], size_bytes: int) -> bytes:
    """`message` up to its field at `path`, which comes last in it and has `size_bytes`; spoils `message`."""
    name, *inner = path
    rest = _before(getattr(message, name), inner, size_bytes) if inner else b""
    message.ClearField(name)
    key = message.DESCRIPTOR.fields_by_name[name].number << 3 | LENGTH_DELIMITED
    return message.SerializeToString() + varint(key) + varint(len(rest) + size_bytes) + rest


def fill_reference(message: Any, capture: StoredCapture, store: CaptureStore) -> None:
    """What metadata or an alert speaks of: one capture, or with the action alone the whole action."""
    referred = None if capture.reference_id is None else store.get(capture.reference_id)
    if referred is None:
        fill_action(message.action_id, capture.action)
    else:
        fill_identifier(message, referred)


def jpeg_size(content: bytes) -> tuple[int, int]:
    """Columns and rows of a JPEG, (0, 0) when it is none. Source: ITU-T T.81, B.2.2."""
    at = 2
    while content[:2] == b"\xff\xd8" and at + 9 <= len(content) and content[at] == 0xFF:
        marker = content[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            rows, columns = struct.unpack(">HH", content[at + 5 : at + 9])
            return columns, rows
        at += 2 + int.from_bytes(content[at + 2 : at + 4])
    return 0, 0


def fill_shot(shot: Any, content: bytes, time_us: int, source: str) -> None:
    """Writes an ImageCapture, but for the content."""
    fill_time(shot.acquisition_time, time_us)
    shot.frame_name_image_sensor = source
    is_jpeg = content.startswith(b"\xff\xd8")
    shot.image.format = image_pb2.Image.FORMAT_JPEG if is_jpeg else image_pb2.Image.FORMAT_RAW
    shot.image.pixel_format = image_pb2.Image.PIXEL_FORMAT_RGB_U8
    shot.image.cols, shot.image.rows = jpeg_size(content)


def metadata_json(message: Any) -> bytes:
    """The JSON of an uploaded Metadata message, as the store keeps it."""
    return json.dumps(json_format.MessageToDict(message.data)).encode()


def alert_json(alert: Any) -> bytes:
    """The JSON of an uploaded AlertData message, as the store keeps it."""
    more = json_format.MessageToDict(alert.additional_data)
    document = {"severity": alert.severity, "title": alert.title, "source": alert.source, "additional_data": more}
    return json.dumps(document).encode()


def new_identifier(capture: StoredCapture) -> Any:
    """The DataIdentifier of a stored entry."""
    message = data_acquisition_pb2.DataIdentifier()
    fill_identifier(message, capture)
    return message


def _fill_image(shot: Any, capture: StoredCapture, content: bytes) -> None:
    fill_shot(shot, content, capture.stored_us or capture.action.time_us, capture.data_name or capture.channel)


def _fill_alert(alert: Any, content: bytes) -> None:
    document = json.loads(content)
    alert.severity, alert.title, alert.source = document["severity"], document["title"], document["source"]
    alert.additional_data.update(document.get("additional_data", {}))


def _large(capture: StoredCapture, content: bytes) -> Iterator[Parts]:
    offset_bytes = 0
    for piece in pieces(content, LARGE_PART_BYTES):
        result = _named(capture)
        result.large_data.file_extension = capture.file_extension
        result.large_data.offset = offset_bytes
        result.large_data.chunk.total_size = len(content)
        offset_bytes += len(piece)
        yield _with_content(result, ("large_data", "chunk", "data"), piece)

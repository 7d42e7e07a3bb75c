"""The paths of files: percent-encoded, unique, and found again by the uuid in them.

`/daq/download/{robot}/{time}/{action}/{action} {channel} {uuid}.jpg`: the shape that programs know from elsewhere; what
follows the time serves people only. Source: scout-api.md §2.12.
"""

import re
from functools import lru_cache
from typing import Literal, NamedTuple
from urllib.parse import quote

ROOT = "/daq/download"
_EXTENSION_MAX = 12
_SEGMENT_MAX = 80  # characters; encoded they become up to twelve times as many, and proxies take a path of 8 kB
METADATA, ARCHIVE = "metadata.json", "archive.zip"

_UUID = "([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
_CAPTURE = re.compile(rf"{_UUID}(?:\.[^/]*)?$")
_EVENT = re.compile(rf"{_UUID}/({re.escape(METADATA)}|{re.escape(ARCHIVE)})$")


class Target(NamedTuple):
    """What a path leads to."""

    kind: Literal["capture", "metadata.json", "archive.zip"]
    uuid: str


def capture_url(robot: str, time: str, action: str, channel: str, uuid: str, file_name: str) -> str:
    """The path of a capture's file; `time` as the API shows it."""
    extension = _extension(file_name[-_EXTENSION_MAX:])
    return f"{ROOT}/{_segment(robot)}/{_compact(time)}/{_channel(action, channel)}{uuid}{extension}"


def event_url(robot: str, time: str, action: str, uuid: str, file: str) -> str:
    """The path of an event's `METADATA` or `ARCHIVE`."""
    return f"{ROOT}/{_segment(robot)}/{_compact(time)}/{_segment(action)}/{uuid}/{file}"


def target_of(path: str) -> Target | None:
    """What a path leads to, decoded or not; None if no file was ever served under such a path."""
    if found := _EVENT.search(path):
        return Target("metadata.json" if found[2] == METADATA else "archive.zip", found[1])
    found = _CAPTURE.search(path)
    return Target("capture", found[1]) if found else None


def _compact(time: str) -> str:
    """2026-11-23T185610Z of 2026-11-23T18:56:10.123456Z: a colon would have to be encoded."""
    return f"{time[:13]}{time[14:16]}{time[17:19]}Z"


@lru_cache(maxsize=4096)
def _extension(end: str) -> str:
    dot, extension = end.rpartition(".")[1:]
    return quote(dot + re.sub(r"[^\w-]", "", extension), safe="") if dot else ""


@lru_cache(maxsize=4096)
def _channel(action: str, channel: str) -> str:
    return f"{_segment(action)}/{_segment(f'{action} {channel}'[: _SEGMENT_MAX - 1] + ' ')}"


@lru_cache(maxsize=4096)
def _segment(name: str) -> str:
    """A name as one segment of a path: never empty, never one that clients resolve, nothing that splits it."""
    name = re.sub(r"[/\\\x00-\x1f\x7f]", "_", name[:_SEGMENT_MAX])
    return quote("_" if name in ("", ".", "..") else name, safe="")

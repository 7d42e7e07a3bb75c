"""The pictures of an anomaly: the JPEG captures of its run event, those of its own channel first."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, select

from roundsman.captures.tables import run_captures
from roundsman.kit.blobs import Blobs
from roundsman.kit.database import Reader, Statement
from roundsman.kit.times import iso
from roundsman.workorders.store import text_in
from roundsman.workorders.templates import Template
from roundsman.workorders.types import Picture

MOST = 10
MOST_BYTES = 20 * 1024 * 1024  # of all of them together: base64 makes a third more of it, and it is held in memory
MEDIA_TYPE = "image/jpeg"
_captures = run_captures.c
_of_event = Statement(
    select(
        _captures.uuid, _captures.channel_name, _captures.time_us, _captures.media_type, _captures.blob_sha256,
        _captures.size_bytes,
    ).where(_captures.run_event_uuid == bindparam("run_event_uuid"))
)  # fmt: skip


async def pictures_of(reader: Reader, anomaly: Mapping[str, Any]) -> list[Picture]:
    """At most `MOST` pictures, those of the anomaly's channel first, then in the order of time."""
    event, channel = text_in(anomaly, "runEventUuid"), text_in(anomaly, "channelName")
    if not event:
        return []
    rows = [row for row in await reader.all(_of_event, run_event_uuid=event) if row[3] == MEDIA_TYPE]
    rows.sort(key=lambda row: (row[1] != channel, row[2], row[0]))
    return [Picture(uuid, name, iso(at_us), kind, sha256, size) for uuid, name, at_us, kind, sha256, size in rows][
        :MOST
    ]


def wanted(templates: Sequence[Template]) -> int:
    """How many of the pictures templates need at most."""
    found = [variable for template in templates for variable in template.variables if variable.root == "images"]
    indices = [variable.steps[0] if variable.steps else MOST for variable in found]
    return min(MOST, max((index + 1 for index in indices if isinstance(index, int)), default=0))


async def read(blobs: Blobs, pictures: Sequence[Picture]) -> list[dict[str, Any]]:
    """The values of the variable `images`. Data of what is gone, or beyond `MOST_BYTES` together, is empty."""
    shown, left = list[dict[str, Any]](), MOST_BYTES
    for picture in pictures:
        fits = picture.size_bytes <= left
        left -= picture.size_bytes if fits else 0
        shown.append(described(picture, await _content(blobs, picture) if fits else ""))
    return shown


def described(picture: Picture, data: str) -> dict[str, Any]:
    """One of the values of `images`."""
    return {
        "uuid": picture.uuid,
        "channelName": picture.channel_name,
        "time": picture.time,
        "mediaType": picture.media_type,
        "data": data,
    }


async def _content(blobs: Blobs, picture: Picture) -> str:
    try:
        content = b"".join([chunk async for chunk in blobs.read(picture.sha256)])
    except FileNotFoundError:
        return ""
    return base64.b64encode(content).decode("ascii")

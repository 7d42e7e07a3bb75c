"""File names, media types and stable numbers of captures.

Source: scout-api.md 2.11 (`<action name> <channel>.jpg`, as the tablet names them), robot-link.md 3.3 and 4.
"""

import mimetypes
import re
import uuid

FORBIDDEN = re.compile(r"[\x00-\x1f\x7f/\\]")
NAME_CHARACTERS_MAX = 180
IMAGE_EXTENSIONS = {1: ".jpg"}  # Image.Format: JPEG; raw and run-length encoded pictures are numbers
MEDIA_TYPES = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".raw": "application/octet-stream",
    ".pgm": "image/x-portable-graymap",
    ".csv": "text/csv",
    ".json": "application/json",
    ".wav": "audio/wav",
    ".las": "application/octet-stream",
    ".ply": "application/octet-stream",
}
NAMESPACE = uuid.UUID("5c0c7c0e-6f5e-5a3c-9c64-0d6c8d1b7a11")


def extension_of(kind: str, file_extension: str, image_format: int) -> str:
    """The extension with its dot: what the robot says, else by the kind of content."""
    if kind == "image":
        return IMAGE_EXTENSIONS.get(image_format, ".raw")
    bare = FORBIDDEN.sub("", file_extension).strip().lstrip(".")
    return f".{bare}" if bare else ".bin"


def file_name(action_name: str, channel_name: str, data_name: str, extension: str) -> str:
    """A capture's name within its run's folder, without anything that a file system or an archive refuses.

    Two captures may bear the same; whoever puts them into one folder numbers them.
    """
    stem = " ".join(filter(None, (action_name, channel_name, data_name))) or "capture"
    return FORBIDDEN.sub("_", stem)[:NAME_CHARACTERS_MAX].strip(". ") + extension


def media_type(extension: str) -> str:
    """The media type by extension."""
    known = MEDIA_TYPES.get(extension.lower())
    return known or mimetypes.guess_type(f"x{extension}")[0] or "application/octet-stream"


def derived_action_uuid(mission_name: str, action_name: str) -> str:
    """Stands for an action of a mission whose element the robot does not name: the same in every run of it."""
    return str(uuid.uuid5(NAMESPACE, f"action\0{mission_name}\0{action_name}"))


def flag_uuid(run_uuid: str, action_name: str, channel_name: str) -> str:
    """`actionChannelRunFlagUuid`: one per run, action and channel."""
    return str(uuid.uuid5(NAMESPACE, f"flag\0{run_uuid}\0{action_name}\0{channel_name}"))

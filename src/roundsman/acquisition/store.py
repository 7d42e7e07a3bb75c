"""What acquisition asks of a robot's store of captures, in our own words.

`spot_store.py` answers it over the robot's protocol. All times are the robot's own clock.
"""

from collections.abc import AsyncGenerator
from typing import Protocol

import msgspec

from roundsman.acquisition.wire import OnContent
from roundsman.captures.record import DataId, Kind

ALL_KINDS: frozenset[Kind] = frozenset(("image", "data", "large", "metadata", "alert"))
SMALL_KINDS: frozenset[Kind] = ALL_KINDS - {"large"}


class RobotStoreError(RuntimeError):
    """The robot's store answered with an error or with something that cannot be read; asking again may help."""


class Part(msgspec.Struct, frozen=True):
    """Where one part of a capture above 100 MB lies in it."""

    offset_bytes: int
    total_bytes: int


class Fetched(msgspec.Struct, frozen=True):
    """One thing out of the store. Its content, if it has one, was handed to the reader's `on_content` just before."""

    id: DataId
    kind: Kind
    time_us: int  # of the image; else of the action
    file_extension: str = ""
    image_format: int = 0  # Image.Format's number
    robot_message: bytes = b""  # what else the robot said of an image, in its own encoding
    document: bytes = b""  # metadata: its JSON object; alert: the whole AlertData as JSON
    reference: DataId | None = None  # what metadata or an alert speaks of
    severity: int = 0
    part: Part | None = None


class RobotStore(Protocol):
    """The store of captures of one robot."""

    async def max_id(self) -> int:
        """The greatest capture id so far, at most DATA_ID_MAX; 0 when there is none."""
        ...

    def captures(
        self, from_id: int, on_content: OnContent, *, kinds: frozenset[Kind] = SMALL_KINDS
    ) -> AsyncGenerator[Fetched]:
        """One page in the order of ids, as much as the robot puts into one answer.

        `from_id` is a lower bound whose reading differs: robots may start at it or behind it. Ids may be beyond
        DATA_ID_MAX here, for the reader has to take their content from between the others'.

        Raises: RobotStoreError, also in the middle.
        """
        ...

    def identifiers(self, from_id: int, *, kinds: frozenset[Kind] = ALL_KINDS) -> AsyncGenerator[DataId]:
        """The same without content, of one page, and without ids beyond DATA_ID_MAX."""
        ...

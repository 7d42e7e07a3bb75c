"""The data-acquisition store of one simulated robot: grows by ids, overwrites its oldest entries when it is full.

Source: robot-link.md §3.3 (50 GB, oldest overwritten, no delete, ids ascending and without promise after a reset).
"""

from collections.abc import Callable, Iterator, Set
from itertools import islice

from roundsman.simulator.model import CaptureAction, CaptureKind, StoredCapture

ROBOT_CAPACITY_BYTES = 50_000_000_000


class CaptureStore:
    """What one robot has captured, in order of id, as far as it is not overwritten yet."""

    def __init__(self, now_us: Callable[[], int], capacity_bytes: int = ROBOT_CAPACITY_BYTES) -> None:
        self.capacity_bytes = capacity_bytes
        self.size_bytes = 0
        self._now_us = now_us
        self._entries: dict[int, StoredCapture] = {}
        self._next_id = 1

    def __len__(self) -> int:
        return len(self._entries)

    def add(
        self,
        kind: CaptureKind,
        action: CaptureAction,
        channel: str,
        data_name: str,
        make: Callable[[], bytes],
        *,
        file_extension: str = "",
        size_bytes: int = 0,
        reference_id: int | None = None,
        stored_us: int | None = None,
    ) -> StoredCapture:
        """Stores one entry under the next id and overwrites the oldest ones when there is no room left."""
        entry = StoredCapture(
            self._next_id,
            kind,
            action,
            channel,
            data_name,
            make,
            file_extension=file_extension,
            size_bytes=size_bytes,
            reference_id=reference_id,
            stored_us=self._now_us() if stored_us is None else stored_us,
        )
        self._next_id += 1
        self._entries[entry.id] = entry
        self.size_bytes += size_bytes
        self._overwrite()
        return entry

    def get(self, capture_id: int) -> StoredCapture | None:
        """The entry of that id, None when there never was one or it is overwritten."""
        return self._entries.get(capture_id)

    def min_id(self) -> int | None:
        """The oldest id that is still stored."""
        return next(iter(self._entries), None)

    def max_id(self) -> int | None:
        """The newest id that is stored."""
        return next(reversed(self._entries), None)

    def query(
        self,
        *,
        from_id: int | None = None,
        start_us: int | None = None,
        end_us: int | None = None,
        kinds: Set[CaptureKind] | None = None,
        group_name: str | None = None,
        action_name: str | None = None,
        channel: str | None = None,
    ) -> Iterator[StoredCapture]:
        """The matching entries by ascending id. Bounds are inclusive, times are those of the actions.

        The entries are those of the moment of the first `next`; later ones do not disturb the iteration.
        """
        for entry in self._from(from_id):
            if (
                (start_us is None or entry.action.time_us >= start_us)
                and (end_us is None or entry.action.time_us <= end_us)
                and (kinds is None or entry.kind in kinds)
                and (group_name is None or entry.action.group_name == group_name)
                and (action_name is None or entry.action.action_name == action_name)
                and (channel is None or entry.channel == channel)
            ):
                yield entry

    def factory_reset(self) -> None:
        """Forgets everything; ids start at 1 again."""
        self._entries.clear()
        self.size_bytes = 0
        self._next_id = 1

    def _from(self, from_id: int | None) -> list[StoredCapture]:
        # Ids are consecutive, so the wanted tail of the dict is known by its length.
        newest = self.max_id()
        if newest is None:
            return []
        if from_id is None:
            return list(self._entries.values())
        tail = list(islice(reversed(self._entries.values()), min(max(0, newest - from_id + 1), len(self))))
        return tail[::-1]

    def _overwrite(self) -> None:
        while self.size_bytes > self.capacity_bytes and len(self._entries) > 1:
            oldest = self._entries.pop(next(iter(self._entries)))
            self.size_bytes -= oldest.size_bytes

"""When an event of the calendar is to start: pure functions over its times.

The start times are ideal: the first, plus whole numbers of the repeat, whatever the last round took. Nothing is started
in a blackout; what fell into one starts when it ends, once. Source: scout-api.md §4.1.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

WEEK_MS = 7 * 24 * 3600 * 1000
_SUNDAY_MS = 3 * 24 * 3600 * 1000  # 1970 began on a Thursday; its first Sunday is the 4th of January

Window = tuple[int, int]
"""[start, end) in milliseconds since Sunday 00:00 UTC, within one week."""


class Times(NamedTuple):
    """What is said of an event's times. `repeat_ms` 0: it starts once. All in milliseconds since 1970 UTC."""

    time_ms: int
    repeat_ms: int = 0
    blackouts: tuple[Window, ...] = ()


def week_ms(at_ms: int) -> int:
    """Milliseconds since the last Sunday 00:00 UTC."""
    return (at_ms - _SUNDAY_MS) % WEEK_MS


def blacked_out(blackouts: Sequence[Window], at_ms: int) -> bool:
    """Whether nothing may be started at a time."""
    place = week_ms(at_ms)
    return any(start <= place < end for start, end in blackouts)


def earliest(blackouts: Sequence[Window], at_ms: int) -> int | None:
    """The first moment from `at_ms` on that lies in no blackout; None when they cover the whole week."""
    moment = at_ms
    while moment < at_ms + WEEK_MS:
        place = week_ms(moment)
        ends = [end for start, end in blackouts if start <= place < end]
        if not ends:
            return moment
        moment += max(ends) - place
    return None


def next_start(times: Times, now_ms: int) -> int | None:
    """When the event starts next, at `now_ms` or later; None when it never does again."""
    after = _ideal_from(times, now_ms)
    before = _ideal_before(times, now_ms)
    for ideal in (before, after):  # the one before may still wait for a blackout's end
        start = None if ideal is None else earliest(times.blackouts, ideal)
        if start is not None and start >= now_ms:
            return start
    return None


def starts(times: Times, from_ms: int, until_ms: int) -> Iterator[int]:
    """All starts in [from_ms, until_ms), in order; those that a blackout delays to one moment are one."""
    start = next_start(times, from_ms)
    while start is not None and start < until_ms:
        yield start
        start = next_start(times, start + 1)


def _ideal_from(times: Times, at_ms: int) -> int | None:
    if at_ms <= times.time_ms:
        return times.time_ms
    if times.repeat_ms <= 0:
        return None
    return times.time_ms + -(-(at_ms - times.time_ms) // times.repeat_ms) * times.repeat_ms


def _ideal_before(times: Times, at_ms: int) -> int | None:
    if at_ms <= times.time_ms:
        return None
    if times.repeat_ms <= 0:
        return times.time_ms
    return times.time_ms + (at_ms - 1 - times.time_ms) // times.repeat_ms * times.repeat_ms

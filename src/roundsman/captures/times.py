"""Ranges of both times of a thing, when it was and when it was stored, come down to one range that is counted.

Nothing was stored later after its time, or longer before it, than the tallies of lags say. So of a range of `time`
the inner part lies in the range of `created` as a whole, its fringes may, and beyond them nothing does.
"""

from typing import NamedTuple

from roundsman.captures.tallies import lags
from roundsman.kit.database import Reader
from roundsman.runs.matching import Ranges

NOWHERE = Ranges(0, 0)


class Narrowed(NamedTuple):
    """Both ranges, each narrowed to where the other leaves anything, and how many that are.

    All that lies in the range `whole` of `time` matches, and some of what lies in its `fringes` (from_us, until_us).
    `whole` is None where no lag bounds anything: then all has to be looked at.
    """

    time: Ranges
    created: Ranges
    whole: Ranges | None
    fringes: list[tuple[int, int]]


async def narrowed(reader: Reader, base: str, time: Ranges, created: Ranges) -> Narrowed:
    """What ranges of both times come down to for the things tallied as `base`, e.g. "run_events"."""
    late_us, early_us = await lags(reader, f"{base}.time_us", *time)
    if late_us is None or early_us is None:
        return Narrowed(time, created, None, [])
    outer = _met(time, _moved(created, -late_us, early_us))
    inner = _met(time, _moved(created, early_us, -late_us))
    stored = _met(created, _moved(time, -early_us, late_us))
    if _is_empty(inner):
        return Narrowed(outer, stored, NOWHERE, _between(*outer))
    return Narrowed(
        outer, stored, inner, [*_between(outer.from_us, inner.from_us), *_between(inner.until_us, outer.until_us)]
    )


def _moved(range_: Ranges, from_by_us: int, until_by_us: int) -> Ranges:
    from_us, until_us = range_
    return Ranges(
        None if from_us is None else from_us + from_by_us, None if until_us is None else until_us + until_by_us
    )


def _met(one: Ranges, other: Ranges) -> Ranges:
    """What lies in both."""
    starts = [us for us in (one.from_us, other.from_us) if us is not None]
    ends = [us for us in (one.until_us, other.until_us) if us is not None]
    return Ranges(max(starts, default=None), min(ends, default=None))


def _is_empty(range_: Ranges) -> bool:
    return range_.from_us is not None and range_.until_us is not None and range_.from_us >= range_.until_us


def _between(from_us: int | None, until_us: int | None) -> list[tuple[int, int]]:
    """That range, if there is anything in it; an open end means that there is none."""
    return [(from_us, until_us)] if from_us is not None and until_us is not None and from_us < until_us else []

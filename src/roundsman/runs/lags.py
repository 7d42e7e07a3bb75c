"""How long after its time a thing is stored or modified, and what that spares lists that are filtered by both times.

The longest lags are read from tallies. So a list in the order of one time, filtered by the other, begins where it must
and not at the end of all there is; and of a range of the one time the inner part lies in a range of the other as a
whole, its fringes may, and beyond them nothing does.
"""

from typing import NamedTuple

from roundsman.kit import tally
from roundsman.kit.database import Reader
from roundsman.runs.matching import Ranges

_LAGS = 8  # beyond 8^8 minutes a lag is taken to be without bound


def lag_of(time_us: int, created_us: int) -> str:
    """How long after its time a thing was stored, by powers of 8 minutes: "late-2" is less than 64 minutes.

    "early": its time lies after that, because a robot's clock was ahead.
    """
    minutes = abs(created_us - time_us) // 60_000_000
    return f"{'late' if created_us >= time_us else 'early'}-{min(_LAGS, (minutes.bit_length() + 2) // 3)}"


class Lags(NamedTuple):
    """The longest that things were stored after (`late_us`) and before their time; None is without bound."""

    late_us: int | None
    early_us: int | None


async def lags(reader: Reader, base: str, from_us: int | None, until_us: int | None) -> Lags:
    """The lags of what lies in a range of a time; `base` as in "run_events.time_us"."""
    names = {f"{base}/{kind}-{power}": (kind, power) for kind in ("late", "early") for power in range(_LAGS + 1)}
    found = [names[name] for name in await tally.present(reader, list(names), from_us, until_us)]
    longest = (max((power for kind, power in found if kind == wanted), default=0) for wanted in ("late", "early"))
    return Lags(*(None if power == _LAGS else 8**power * 60_000_000 for power in longest))


NOWHERE = Ranges(0, 0)


class Narrowed(NamedTuple):
    """Both ranges, each narrowed to where the other leaves anything, and how many that are.

    All that lies in the range `whole` of `time` matches, and some of what lies in its `fringes` (from_us, until_us).
    `whole` is None where no lag bounds anything: then all has to be looked at.
    """

    time: Ranges
    later: Ranges
    whole: Ranges | None
    fringes: list[tuple[int, int]]


async def narrowed(reader: Reader, base: str, time: Ranges, later: Ranges) -> Narrowed:
    """What ranges of both times come down to for the things tallied as `base`, e.g. "run_events.time_us"."""
    late_us, early_us = await lags(reader, base, *time)
    if late_us is None or early_us is None:
        return Narrowed(time, later, None, [])
    outer = _met(time, _moved(later, -late_us, early_us))
    inner = _met(time, _moved(later, early_us, -late_us))
    stored = _met(later, _moved(time, -early_us, late_us))
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

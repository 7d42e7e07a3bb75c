"""Exact totals without counting: how many things of a series there are in hours, days and longer.

A *series* is a name such as `captures/created/mission=Boiler round`. Each thing is counted in four buckets, of an hour,
a day, 32 days and all time, in the transaction that stores it. A range of time is then a sum over at most 46 hours,
62 days and a few longer buckets, plus two edges shorter than an hour that the caller counts by an index.
COUNT over the whole match would take seconds at ten million rows (DESIGN §6).
"""

from collections.abc import Awaitable, Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Column, ColumnElement, Table, and_, bindparam, cast, func, or_, select

from roundsman.kit.database import Reader, Statement, in_binds, in_values, upsert
from roundsman.kit.schema import BigInt, Text, metadata

HOUR_US = 3_600_000_000
_LEVEL = 1 << 40
_HOURS, _DAYS, _LONG, _ALL = 0, _LEVEL, 2 * _LEVEL, 3 * _LEVEL
_FAR = 1 << 38  # in 32 days: beyond every time there is

tallies = Table(
    "tallies",
    metadata,
    Column("series", Text, primary_key=True),
    Column("bucket", BigInt, primary_key=True, autoincrement=False),
    Column("count", BigInt, nullable=False),
    sqlite_with_rowid=False,
    postgresql_with={
        "fillfactor": "70"
    },  # room beside each counter for its next value, which then needs no index entry
)

add = upsert(tallies, ["series", "bucket"], lambda new: {"count": tallies.c.count + new.excluded["count"]})

Counts = dict[tuple[str, int], int]


class Ranges(NamedTuple):
    """A range of time in whole buckets (first, end) and edges (start_us, end_us) that no whole hour covers."""

    buckets: list[tuple[int, int]]
    edges: list[tuple[int, int]]


def collect(counts: Counts, series: str, at_us: int, delta: int) -> None:
    """Adds `delta` to the four buckets of `series` that `at_us` lies in."""
    hour = at_us // HOUR_US
    for bucket in (_HOURS + hour, _DAYS + hour // 24, _LONG + hour // 768, _ALL):
        key = (series, bucket)
        counts[key] = counts.get(key, 0) + delta


def ordered(counts: Counts) -> list[tuple[tuple[str, int], int]]:
    """What is to be added to the buckets, sorted so that two writers never wait for each other in a circle."""
    return [(key, count) for key, count in sorted(counts.items()) if count]


def rows(counts: Counts) -> list[dict[str, object]]:
    """What `add` is executed with."""
    return [{"series": series, "bucket": bucket, "count": count} for (series, bucket), count in ordered(counts)]


def ranges(start_us: int | None, end_us: int | None) -> Ranges:
    """The buckets and edges that together are [start_us, end_us); None is open."""
    if start_us is None and end_us is None:
        return Ranges([(_ALL, _ALL + 1)], [])
    start = -_FAR * 768 if start_us is None else -(-start_us // HOUR_US)
    end = _FAR * 768 if end_us is None else end_us // HOUR_US
    if start > end:  # within one hour
        assert start_us is not None
        assert end_us is not None
        return Ranges([], [(start_us, end_us)] if start_us < end_us else [])
    edges: list[tuple[int, int]] = []
    if start_us is not None and start_us < start * HOUR_US:
        edges.append((start_us, start * HOUR_US))
    if end_us is not None and end * HOUR_US < end_us:
        edges.append((end * HOUR_US, end_us))
    return Ranges(_whole(start, end, ((_HOURS, 24), (_DAYS, 32), (_LONG, 0))), edges)


def _whole(start: int, end: int, levels: tuple[tuple[int, int], ...]) -> list[tuple[int, int]]:
    """[start, end) in buckets of the first level and, where they fill one, of the longer ones."""
    (level, per), *longer = levels
    first, last = (-(-start // per), end // per) if longer else (0, 0)
    if first >= last:
        return [(level + start, level + end)] if start < end else []
    sides = [(level + start, level + first * per), (level + last * per, level + end)]
    return [side for side in sides if side[0] < side[1]] + _whole(first, last, tuple(longer))


def summed(series: int, parts: int) -> ColumnElement[int]:
    """The sum over so many series and ranges of buckets, for statements that add what lies at the edges."""
    named = tallies.c.series.in_(in_binds("series", series))
    total: ColumnElement[int] = cast(0, BigInteger)
    for index in range(parts):
        within = and_(named, _part(index))
        total += cast(
            select(func.coalesce(func.sum(tallies.c["count"]), 0)).where(within).scalar_subquery(), BigInteger
        )
    return total


def _part(index: int) -> ColumnElement[bool]:
    first, end = (bindparam(f"{name}_{index}", type_=BigInteger) for name in ("first", "end"))
    return and_(tallies.c.bucket >= first, tallies.c.bucket < end)


def summed_values(series: Sequence[str], buckets: Sequence[tuple[int, int]]) -> dict[str, Any]:
    """The values for `summed`."""
    values: dict[str, Any] = in_values("series", series)
    for index, (first, end) in enumerate(buckets):
        values[f"first_{index}"] = first
        values[f"end_{index}"] = end
    return values


@cache
def _sum(series: int, parts: int) -> Statement:
    return Statement(select(summed(series, parts)))


async def total(
    reader: Reader,
    series: str | Sequence[str],
    start_us: int | None,
    end_us: int | None,
    count_edge: Callable[[int, int], Awaitable[int]],
) -> int:
    """How many things lie in [start_us, end_us) over one series or several, exactly.

    `count_edge` counts less than an hour, over all of them at once.
    """
    named = [series] if isinstance(series, str) else series
    buckets, edges = ranges(start_us, end_us)
    whole = 0
    if named and buckets:
        row = await reader.one(_sum(len(named), len(buckets)), **summed_values(named, buckets))
        whole = row[0] if row else 0
    return whole + sum([await count_edge(*edge) for edge in edges])


@cache
def _present(series: int, parts: int) -> Statement:
    within = or_(*(_part(index) for index in range(parts)))
    named = tallies.c.series.in_(in_binds("series", series))
    return Statement(select(tallies.c.series).where(named, tallies.c["count"] > 0, within).distinct())


async def present(reader: Reader, series: Sequence[str], start_us: int | None, end_us: int | None) -> set[str]:
    """Which of the series have anything in the hours that [start_us, end_us) touches."""
    start = None if start_us is None else start_us // HOUR_US * HOUR_US
    end = None if end_us is None else -(-end_us // HOUR_US) * HOUR_US
    buckets = ranges(start, end).buckets
    if not buckets:
        return set()
    return {name for (name,) in await reader.all(_present(len(series), len(buckets)), **summed_values(series, buckets))}

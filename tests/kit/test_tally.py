"""Totals are exact: what is tallied equals what would be counted, for every range of time."""

import asyncio
import bisect

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.counted import totals

from roundsman.kit.database import Database, Transaction
from roundsman.kit.tally import HOUR_US, ranges, total

pytestmark = pytest.mark.anyio

# Hours cluster near the borders of days and of 32 days, where mistakes would be.
hours = st.one_of(st.integers(-2000, 4000), st.sampled_from([0, 23, 24, 25, 767, 768, 769, 1535, 1536, 430_000]))
moments = st.builds(
    lambda hour, rest: hour * HOUR_US + rest,
    hours,
    st.one_of(st.integers(0, HOUR_US - 1), st.sampled_from([0, 1, HOUR_US - 1])),
)
bounds = st.one_of(st.none(), moments)


@given(times=st.lists(moments, max_size=60), start_us=bounds, end_us=bounds)
@settings(max_examples=300, deadline=None)
def test_ranges_cover_each_moment_once(times: list[int], start_us: int | None, end_us: int | None) -> None:
    found = ranges(start_us, end_us)
    for at_us in times:
        inside = (start_us is None or start_us <= at_us) and (end_us is None or at_us < end_us)
        hour = at_us // HOUR_US
        buckets = [hour, (1 << 40) + hour // 24, (2 << 40) + hour // 768, 3 << 40]
        covered = sum(first <= bucket < end for first, end in found.buckets for bucket in buckets)
        covered += sum(first <= at_us < end for first, end in found.edges)
        assert covered == inside
    assert all(end - start < HOUR_US or len(found.edges) == 1 for start, end in found.edges)
    assert len(found.buckets) <= 5
    assert len(found.edges) <= 2


@given(
    things=st.lists(st.tuples(st.sampled_from("abc"), moments), max_size=40),
    asked=st.lists(st.tuples(st.sets(st.sampled_from("abcd")), bounds, bounds), min_size=1, max_size=20),
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_a_total_is_what_would_be_counted(
    database: Database,
    things: list[tuple[str, int]],
    asked: list[tuple[set[str], int | None, int | None]],
) -> None:
    await asyncio.gather(*(database.write(lambda tx, thing=thing: counted(tx, *thing, 1)) for thing in things))
    for names, start_us, end_us in asked:
        times = sorted(at_us for name, at_us in things if name in names)

        async def count_edge(first_us: int, last_us: int, times: list[int] = times) -> int:
            return bisect.bisect_left(times, last_us) - bisect.bisect_left(times, first_us)

        inside = [at for at in times if (start_us is None or start_us <= at) and (end_us is None or at < end_us)]
        assert await total(database, sorted(names), start_us, end_us, count_edge) == len(inside)
    await asyncio.gather(*(database.write(lambda tx, thing=thing: counted(tx, *thing, -1)) for thing in things))
    assert await totals(database, "abc") == {"a": 0, "b": 0, "c": 0}


async def counted(tx: Transaction, series: str, at_us: int, delta: int) -> None:
    tx.tally(series, at_us, delta)


async def test_many_writers_at_once_lose_no_count(database: Database) -> None:
    async def work(tx: Transaction) -> None:
        for series in "cab":
            tx.tally(series, 0)

    await asyncio.gather(*(database.write(work) for _ in range(200)))
    assert await totals(database, "abc") == {"a": 200, "b": 200, "c": 200}

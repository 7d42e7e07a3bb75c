"""When events start (scout-api.md §4.1): properties over any times and blackouts."""

from datetime import UTC, datetime

from hypothesis import assume, given
from hypothesis import strategies as st

from roundsman.calendar.occurrences import WEEK_MS, Times, blacked_out, earliest, next_start, starts, week_ms

HOUR_MS = 3600 * 1000
DAY_MS = 24 * HOUR_MS


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@st.composite
def windows(draw: st.DrawFn) -> tuple[int, int]:
    start = draw(st.integers(0, WEEK_MS - 1))
    return start, draw(st.integers(start + 1, WEEK_MS))


blackouts = st.lists(windows(), max_size=4).map(tuple)
moments = st.integers(0, ms("2100-01-01"))
repeats = st.one_of(st.just(0), st.integers(60_000, 30 * DAY_MS))
times = st.builds(Times, moments, repeats, blackouts)


def test_the_week_begins_on_sunday_in_utc() -> None:
    assert week_ms(ms("2026-11-22")) == 0
    assert week_ms(ms("2026-11-23T12:00")) == 36 * HOUR_MS
    assert week_ms(ms("2026-11-21T23:59:59.999")) == WEEK_MS - 1


def test_starts_are_locked_to_the_clock_and_not_to_the_last_end() -> None:
    hourly = Times(ms("2026-11-23T00:10"), HOUR_MS)
    assert next_start(hourly, ms("2026-11-23T04:55")) == ms("2026-11-23T05:10")
    assert next_start(hourly, ms("2026-11-23T05:10")) == ms("2026-11-23T05:10")
    assert next_start(hourly, ms("2020-01-01")) == ms("2026-11-23T00:10")


def test_what_falls_into_a_blackout_starts_when_it_ends() -> None:
    tuesday = (2 * DAY_MS, 3 * DAY_MS)
    noon = Times(ms("2026-11-24T12:00"), DAY_MS, (tuesday,))
    midnight = ms("2026-11-25T00:00")
    assert next_start(noon, ms("2026-11-24T11:00")) == midnight
    assert next_start(noon, ms("2026-11-24T13:00")) == midnight, "it still waits"
    assert next_start(noon, midnight) == midnight
    assert next_start(noon, midnight + 1) == ms("2026-11-25T12:00")


def test_hourly_starts_of_a_whole_blackout_are_one() -> None:
    night = Times(ms("2026-11-23T00:00"), HOUR_MS, ((DAY_MS, DAY_MS + 6 * HOUR_MS),))
    found = list(starts(night, ms("2026-11-23T00:00"), ms("2026-11-23T08:00")))
    assert found == [ms("2026-11-23T06:00"), ms("2026-11-23T07:00")]


def test_a_blackout_over_the_end_of_the_week_in_two_windows_is_one() -> None:
    weekend = ((6 * DAY_MS, WEEK_MS), (0, DAY_MS))
    assert earliest(weekend, ms("2026-11-21T10:00")) == ms("2026-11-23T00:00")


@given(moments)
def test_blackouts_of_the_whole_week_let_nothing_start(at_ms: int) -> None:
    assert earliest(((0, WEEK_MS),), at_ms) is None
    assert earliest(((0, DAY_MS), (DAY_MS, WEEK_MS)), at_ms) is None
    assert next_start(Times(at_ms, HOUR_MS, ((0, WEEK_MS),)), at_ms) is None


@given(blackouts, moments)
def test_the_earliest_moment_is_outside_and_all_before_it_is_inside(
    windows: tuple[tuple[int, int], ...], at_ms: int
) -> None:
    found = earliest(windows, at_ms)
    if found is None:
        covered = sorted(windows)
        reached = 0
        for start, end in covered:
            assert start <= reached
            reached = max(reached, end)
        assert reached == WEEK_MS
        return
    assert not blacked_out(windows, found)
    assert at_ms <= found < at_ms + WEEK_MS
    if found > at_ms:
        assert blacked_out(windows, found - 1)
        assert blacked_out(windows, at_ms)
        assert blacked_out(windows, (at_ms + found) // 2)


@given(times, moments)
def test_a_start_is_never_before_now_nor_in_a_blackout_and_belongs_to_an_ideal_one(times: Times, now_ms: int) -> None:
    start = next_start(times, now_ms)
    if start is None:
        return
    assert start >= max(now_ms, times.time_ms)
    assert not blacked_out(times.blackouts, start)
    past = (start - times.time_ms) % times.repeat_ms if times.repeat_ms else start - times.time_ms
    assert earliest(times.blackouts, start - past) == start, "the last ideal start before it ends up there"


@given(times, moments, st.integers(0, 40 * DAY_MS))
def test_nothing_starts_between_now_and_the_next_start(times: Times, now_ms: int, later_ms: int) -> None:
    start, later = next_start(times, now_ms), next_start(times, now_ms + later_ms)
    if start is None:
        assert later is None
    elif start >= now_ms + later_ms:
        assert later == start
    else:
        assert later is None or later > start


@given(st.builds(Times, moments, st.integers(HOUR_MS, 30 * DAY_MS), st.just(())), moments)
def test_without_blackouts_starts_are_the_ideal_ones(times: Times, now_ms: int) -> None:
    assume(now_ms > times.time_ms)
    found = list(starts(times, now_ms, now_ms + 3 * times.repeat_ms))
    assert len(found) == 3
    assert all((start - times.time_ms) % times.repeat_ms == 0 for start in found)

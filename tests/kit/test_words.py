"""Identifiers grow, times are read liberally and written one way, logs show no secrets."""

import json
import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from roundsman.kit import log
from roundsman.kit.identifiers import new_uuid
from roundsman.kit.times import iso, parse_time


def test_identifiers_grow_and_are_version_7_also_over_threads() -> None:
    made: list[str] = [new_uuid() for _ in range(20_000)]
    assert made == sorted(set(made))
    assert {(one[14], one[19] in "89ab", len(one)) for one in made} == {("7", True, 36)}
    others: list[str] = []
    threads = [threading.Thread(target=lambda: others.extend(new_uuid() for _ in range(2000))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(others)) == 8000
    assert min(others) > made[-1]


@given(st.integers(-62_135_596_800_000_000, 253_402_300_799_999_999))
def test_a_time_that_was_written_is_read(us: int) -> None:
    text = iso(us)
    assert len(text) == 27
    assert text.endswith("Z")
    assert parse_time(text) == us


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-23T18:56:10.5Z",
        "2026-11-23T18:56:10.5+00:00",
        "2026-11-23T18:56:10.5 00:00",
        "2026-11-23T20:56:10.5+02:00",
        "2026-11-23T20:56:10.5 02:00",
        "2026-11-23T13:56:10.5-05:00",
        "2026-11-23T18:56:10.5",
        "2026-11-23 18:56:10.5",
        "2026-11-23t18:56:10.5z",
        "2026-11-23T18:56:10.500000000Z",
        " 1795460170500 ",
        "1795460170.5",
    ],
)
def test_a_time_is_read_liberally(text: str) -> None:
    assert parse_time(text) == 1_795_460_170_500_000


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "2026-11-23T25:00:00Z", "9" * 30, "inf", "nan"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        parse_time(text)


def test_a_day_begins_at_midnight_utc() -> None:
    assert parse_time("2026-11-23") == datetime(2026, 11, 23, tzinfo=UTC).timestamp() * 1_000_000


@pytest.fixture
def unconfigured() -> Iterator[None]:
    yield
    structlog.reset_defaults()
    logging.basicConfig(level=logging.WARNING, handlers=[], force=True)


def fail() -> None:
    password = "hunter2"  # noqa: F841 - what a traceback with local variables would show
    raise ConnectionError("no answer")


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.usefixtures("unconfigured")
def test_the_log_tells_what_happened_but_no_local_variables(capsys: pytest.CaptureFixture[str], as_json: bool) -> None:
    log.configure("info", json=as_json)
    log.get_logger("robots").debug("not shown")
    try:
        fail()
    except ConnectionError:
        log.get_logger("robots").exception("link lost", hostname="10.0.0.3")
    logging.getLogger("asyncio").error("from a library")
    text = capsys.readouterr().err
    assert "not shown" not in text
    assert "hunter2" not in text
    for part in ("link lost", "10.0.0.3", "no answer", "from a library", "robots"):
        assert part in text
    if as_json:
        first, second = map(json.loads, text.splitlines())
        assert (first["event"], first["level"], second["level"]) == ("link lost", "error", "error")

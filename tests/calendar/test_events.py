"""Events of the calendar: every form in, one form out, nothing unknown lost (scout-api.md §2.7)."""

import copy
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman.calendar.events import LAST_MS, disabled, event_of, stamped, stored_event
from roundsman.calendar.occurrences import WEEK_MS
from roundsman.kit.longs import LEAST, MOST, whole_number
from roundsman.kit.problem import BadRequest

EVENT: dict[str, Any] = {
    "eventMetadata": {"eventId": None, "name": "Round", "modificationTimeMs": None, "modificationUser": None},
    "agent": {"nickname": "Spot 1"},
    "task": {"missionId": "walk-1", "forceAcquireEstop": False, "requireDocked": True},
    "schedule": {"timeMs": 1_795_435_200_000, "repeatMs": None, "blackouts": None, "disableReason": None},
}


def changed(**changes: Any) -> dict[str, Any]:
    """The event with members set: schedule__timeMs=3."""
    event = copy.deepcopy(EVENT)
    for path, value in changes.items():
        *outer, name = path.split("__")
        place = event
        for one in outer:
            place = place[one]
        place[name] = value
    return event


def long_of(number: int, unsigned: bool = False) -> dict[str, Any]:
    """As protobufjs writes it: halves with a sign."""
    low, high = number & 0xFFFFFFFF, number >> 32 & 0xFFFFFFFF
    return {
        "low": low - 2**32 if low >= 2**31 else low,
        "high": high - 2**32 if high >= 2**31 else high,
        "unsigned": unsigned,
    }


def forms(numbers: st.SearchStrategy[int]) -> st.SearchStrategy[Any]:
    return numbers.flatmap(
        lambda number: st.sampled_from([number, str(number), long_of(number), long_of(number, number >= 0)])
    )


@given(st.integers(LEAST, MOST))
def test_a_number_is_the_same_in_every_form(number: int) -> None:
    for form in (number, str(number), f" {number} ", long_of(number), json.loads(json.dumps(long_of(number)))):
        assert whole_number(form) == number
    if number >= 0:
        assert whole_number(long_of(number, unsigned=True)) == number


@pytest.mark.parametrize(
    "value",
    [None, True, "", "x", "1.5", 1.5, [], {}, {"low": 1.5}, {"high": 3}, {"low": 2**32}, {"low": True},
     MOST + 1, LEAST - 1, "9" * 20, "9" * 50, {"low": -1, "high": -1, "unsigned": True}, float("inf"), float("nan"),
     "１２"],
)  # fmt: skip
def test_what_is_no_number_of_64_bits_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"must|needs"):
        whole_number(value)


KNOWN = {
    *EVENT, *EVENT["eventMetadata"], *EVENT["agent"], *EVENT["task"], *EVENT["schedule"],
    "dispatchTarget", "startMs", "endMs",
}  # fmt: skip
names = st.text(st.characters(codec="utf-8"), max_size=8).filter(lambda name: name not in KNOWN)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | names
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3), max_leaves=6
)
unknown = st.dictionaries(names, anything, max_size=3)


@st.composite
def bodies(draw: st.DrawFn) -> dict[str, Any]:
    """Any event that a client may send, with members of its own at every level."""
    start = draw(st.integers(0, WEEK_MS - 1))
    end = draw(st.integers(start + 1, WEEK_MS))
    window = draw(unknown) | {"startMs": draw(forms(st.just(start))), "endMs": draw(forms(st.just(end)))}
    schedule = {"timeMs": draw(forms(st.integers(0, LAST_MS)))}
    schedule |= draw(st.fixed_dictionaries({}, optional={
        "repeatMs": st.none() | forms(st.integers(-5, 10**10)),
        "blackouts": st.sampled_from([None, [], [window]]),
        "disableReason": st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=9),
    }))  # fmt: skip
    metadata = {"name": draw(st.none() | st.just("Round ä")), "eventId": draw(st.none() | st.just("e-1"))}
    task = {"missionId": "walk-1"} | draw(
        st.fixed_dictionaries({}, optional={"requireDocked": st.booleans() | st.none()})
    )
    return draw(unknown) | {
        "eventMetadata": draw(unknown) | metadata,
        "agent": draw(unknown) | {"nickname": "Spot 1"},
        "task": draw(unknown) | task,
        "schedule": draw(unknown) | schedule,
    }


@given(bodies())
def test_an_event_round_trips_with_its_unknown_members(body: dict[str, Any]) -> None:
    sent = copy.deepcopy(body)
    event = stamped(event_of(body), "e-1", 7, "admin")
    assert body == sent, "what came is not changed"
    stored = stored_event(msgspec.json.encode(event.document).decode())
    assert stored == event
    for level in ("eventMetadata", "agent", "task", "schedule"):
        for name, value in body[level].items():
            if name not in EVENT[level]:
                assert stored.document[level][name] == value
    assert {name: value for name, value in stored.document.items() if name not in EVENT} == {
        name: value for name, value in body.items() if name not in EVENT
    }
    again = stamped(event_of(stored.document), "e-1", 7, "admin")
    assert again == stored, "what was served can be sent again"


@given(bodies())
def test_numbers_are_served_as_numbers_and_what_says_nothing_is_left_out(body: dict[str, Any]) -> None:
    schedule = event_of(body).document["schedule"]
    assert schedule["timeMs"] == whole_number(body["schedule"]["timeMs"])
    assert isinstance(schedule["timeMs"], int)
    assert schedule["repeatMs"] == max(0, whole_number(body["schedule"].get("repeatMs") or 0))
    assert ("blackouts" in schedule) == bool(body["schedule"].get("blackouts"))
    assert ("disableReason" in schedule) == bool(body["schedule"].get("disableReason"))


def test_an_event_is_disabled_and_enabled() -> None:
    event = event_of(EVENT)
    off = disabled(event, "winter")
    assert (off.disable_reason, off.document["schedule"]["disableReason"]) == ("winter", "winter")
    assert disabled(off, "") == event


@pytest.mark.parametrize(
    ("change", "parameter"),
    [
        ({"agent": None}, "agent"),
        ({"agent": "Spot 1"}, "agent"),
        ({"agent__nickname": " "}, "agent.nickname"),
        ({"agent__nickname": 3}, "agent.nickname"),
        ({"task": []}, "task"),
        ({"task__missionId": None}, "task.missionId"),
        ({"task__missionId": "a\0"}, "task.missionId"),
        ({"task__requireDocked": "yes"}, "task.requireDocked"),
        ({"schedule__timeMs": None}, "schedule.timeMs"),
        ({"schedule__timeMs": "soon"}, "schedule.timeMs"),
        ({"schedule__timeMs": -1}, "schedule.timeMs"),
        ({"schedule__timeMs": 2**62}, "schedule.timeMs"),
        ({"schedule__repeatMs": 1.5}, "schedule.repeatMs"),
        ({"schedule__blackouts": {}}, "schedule.blackouts"),
        ({"schedule__blackouts": [3]}, "schedule.blackouts[0]"),
        ({"schedule__blackouts": [{"startMs": 0, "endMs": 1}] * 1001}, "schedule.blackouts"),
        ({"schedule__blackouts": [{"startMs": 0, "endMs": WEEK_MS + 1}]}, "schedule.blackouts[0].endMs"),
        ({"schedule__blackouts": [{"startMs": WEEK_MS, "endMs": WEEK_MS}]}, "schedule.blackouts[0].startMs"),
        ({"schedule__blackouts": [{"startMs": 5, "endMs": 5}]}, "schedule.blackouts[0].endMs"),
        ({"schedule__disableReason": 5}, "schedule.disableReason"),
        ({"eventMetadata__eventId": "a/b"}, "eventMetadata.eventId"),
        ({"eventMetadata__eventId": 7}, "eventMetadata.eventId"),
        ({"eventMetadata__name": "x" * 1001}, "eventMetadata.name"),
    ],
)
def test_what_cannot_be_used_is_named(change: dict[str, Any], parameter: str) -> None:
    with pytest.raises(BadRequest) as refused:
        event_of(changed(**change))
    assert refused.value.parameter == parameter
    assert parameter in str(refused.value)


def test_a_window_over_the_end_of_the_week_is_explained() -> None:
    with pytest.raises(BadRequest, match="500000000 to 604800000, and 0 to 7000000"):
        event_of(changed(schedule__blackouts=[{"startMs": 500_000_000, "endMs": 7_000_000}]))


def test_an_event_too_large_is_refused() -> None:
    with pytest.raises(BadRequest, match="200000 bytes"):
        event_of(changed(agent__note="x" * 200_001))

"""Which of our runs a robot's group is."""

from datetime import UTC, datetime

import pytest

from roundsman.runs.groups import Group, captured_as, start_of, watched_as

START_US = 1_790_000_000_000_000
SECOND_US = 1_000_000


def name(start_us: int, mission: str = "Boiler") -> str:
    return f"{datetime.fromtimestamp(start_us // SECOND_US, UTC):%Y-%m-%dT%H%M%SZ}_{mission}"


def row(start_s: float, end_s: float | None = None, **more: object) -> dict[str, object]:
    end_us = None if end_s is None else START_US + round(end_s * SECOND_US)
    told = {"run_type": "mission", "mission_name": "Boiler", "robot_mission_id": None, "mission_status": "UNKNOWN"}
    return {**told, "start_us": START_US + round(start_s * SECOND_US), "end_us": end_us, **more}


def group(start_s: float, at_s: float, ahead_s: int = 0, mission: str = "Boiler") -> Group:
    bears = name(START_US + round((start_s + ahead_s) * SECOND_US), mission)
    return Group.of(bears, START_US + round(at_s * SECOND_US), ahead_s * SECOND_US)


@pytest.mark.parametrize("text", ["2026-11-23T185610Z_Boiler", "20261123T185610Z_Boiler", "teleop_2026-11-23T185610Z"])
def test_a_group_tells_its_start(text: str) -> None:
    start_us = start_of(text)
    assert start_us is not None
    assert datetime.fromtimestamp(start_us / 1e6, UTC).isoformat() == "2026-11-23T18:56:10+00:00"


@pytest.mark.parametrize("text", ["whatever", "2026-13-45T996199Z_whatever", "0000-01-01T000000Z_whatever"])
def test_a_group_that_tells_no_start_begins_with_its_capture(text: str) -> None:
    odd = Group.of(text, START_US)
    assert (odd.start_us, odd.credible_start_us, odd.mission_name) == (None, START_US, "whatever")


def test_a_start_of_another_day_is_not_believed() -> None:
    assert group(-86400, 10).credible_start_us == START_US + 10 * SECOND_US


@pytest.mark.parametrize("ahead_s", [0, 3600, -86400])
def test_the_robots_clock_may_be_anywhere(ahead_s: int) -> None:
    told = group(0, 30, ahead_s)
    assert told.credible_start_us == START_US
    assert watched_as(told, [row(-600, -300), row(1)]) == row(1)


def test_the_run_under_way_at_the_capture_is_it_however_long_it_was_before_it() -> None:
    """The group may be named at the first capture, after a long walk."""
    assert watched_as(group(400, 402), [row(0)]) == row(0)


def test_of_two_short_runs_each_group_finds_its_own() -> None:
    first, second = row(0, 20), row(30)
    assert watched_as(group(0, 10), [second, first]) == first
    assert watched_as(group(29, 35), [second, first]) == second


def test_a_mission_that_was_started_again_at_once_is_told_apart_by_its_start() -> None:
    first, second = row(0, 6), row(10)
    assert watched_as(group(0, 3), [second, first]) == first
    assert watched_as(group(10, 12), [first, second]) == second


def test_a_run_that_was_not_watched_is_none_of_the_others() -> None:
    assert watched_as(group(-60, -30), [row(0)]) is None
    assert watched_as(group(30, 60), [row(0, 20)]) is None


def test_a_run_that_ended_unseen_may_have_lasted_longer() -> None:
    assert watched_as(group(0, 300), [row(1, 20)]) == row(1, 20)


def test_driving_by_hand_and_missions_are_apart() -> None:
    drive = Group.of("teleop_2026-11-23T185610Z", START_US)
    assert watched_as(drive, [row(0)]) is None
    assert watched_as(drive, [row(0, run_type="teleop")]) is not None


def test_captures_before_watching_are_found_by_the_start_that_the_robot_tells() -> None:
    earlier, now = row(-1200, -900), row(3, 200)
    assert captured_as(row(0), [earlier, now], exact=True) == now
    assert captured_as(row(0), [earlier], exact=True) is None


def test_without_it_only_those_that_began_about_then() -> None:
    assert captured_as(row(0), [row(-90, -10)], exact=False) == row(-90, -10)
    assert captured_as(row(0), [row(-600, -10)], exact=False) is None
    assert captured_as(row(0), [row(-90, -10, mission_name="Pumps")], exact=False) is None


def test_a_run_that_is_another_missions_is_left_alone_and_one_given_up_is_gone_on_with() -> None:
    given_up, other = row(0, 50, robot_mission_id=4), row(0, 50, robot_mission_id=5)
    ended = row(0, 50, robot_mission_id=4, mission_status="SUCCESS")
    assert captured_as(row(0, robot_mission_id=4), [other, ended, given_up], exact=True) == given_up
    assert captured_as(row(0, robot_mission_id=4), [other, ended], exact=True) is None
    assert captured_as(row(30, robot_mission_id=4), [given_up], exact=True) is None, "it was played anew"
    assert captured_as(row(30, robot_mission_id=4), [given_up], exact=False) is None, "it may have been"

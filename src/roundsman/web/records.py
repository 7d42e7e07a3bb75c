"""How runs, events and captures are shown."""

from typing import Any

import msgspec

from roundsman.captures.reading import CAPTURES_LISTED, capture_of
from roundsman.captures.types import RunCapture, RunEvent
from roundsman.kit.times import parse_time
from roundsman.runs.types import Run
from roundsman.web.rendering import Moment, duration, moment

_PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".gif")
_THERMAL = (".raw", ".pgm")


class RunShown(msgspec.Struct, frozen=True):
    """A run, in a table or at the head of its page."""

    uuid: str
    name: str
    robot: str
    serial: str
    status: str
    open: bool
    start: Moment
    duration: str
    actions: str
    operator: str
    software: str


class CaptureShown(msgspec.Struct, frozen=True):
    """A capture as a thumbnail with its caption; `robot` and `run_uuid` where the page does not say them."""

    action: str
    channel: str
    url: str
    picture: str  # where a browser finds something to show; "" where there is nothing
    extension: str
    readings: list[str]
    time: Moment
    robot: str = ""
    run_uuid: str = ""


class EventShown(msgspec.Struct, frozen=True):
    """A run event with its captures."""

    action: str
    time: Moment
    captures: list[CaptureShown]


class _Reading(msgspec.Struct):
    name: str = ""
    value: Any = None
    units: str | None = None


_decoder: Any = msgspec.json.Decoder(list[_Reading] | None)


def run_shown(run: Run, now_us: int) -> RunShown:
    """A run in words."""
    start_us = parse_time(run.start_time)
    end_us = now_us if run.end_time is None else parse_time(run.end_time)
    done = run.action_count - run.pending_action_count
    version = (run.robot_software_major_version, run.robot_software_minor_version, run.robot_software_patch_version)
    return RunShown(
        uuid=run.uuid,
        name=run.mission_name or ("Driven by hand" if run.run_type == "teleop" else "Mission without a name"),
        robot=run.robot_nickname or run.robot_hostname,
        serial=run.robot_serial,
        status=_status(run),
        open=run.end_time is None,
        start=moment(start_us, now_us),
        duration=duration((end_us - start_us) / 1e6),
        actions=f"{done} of {run.action_count}" if run.pending_action_count else str(run.action_count),
        operator=run.operator_id,
        software=".".join(map(str, version)),
    )


def _status(run: Run) -> str:
    if run.end_time is None:
        return "driving" if run.run_type == "teleop" else run.mission_status
    return "end not seen" if run.mission_status == "UNKNOWN" else run.mission_status


def capture_row_shown(row: tuple[Any, ...], runs_of_events: dict[str, str], now_us: int) -> CaptureShown:
    """A row of `CAPTURES_LISTED`, which also knows robot and action."""
    named = dict(zip(CAPTURES_LISTED.columns, row, strict=True))
    shown = capture_shown(capture_of(row), named["action_name"], now_us)
    run_uuid = runs_of_events.get(named["run_event_uuid"], "")
    return msgspec.structs.replace(shown, robot=named["robot_nickname"], run_uuid=run_uuid)


def capture_shown(capture: RunCapture, action: str, now_us: int) -> CaptureShown:
    """A capture with its readings in words."""
    extension = "." + capture.data_url.rpartition(".")[2].lower()
    return CaptureShown(
        action=action or "Snapshot",
        channel=capture.channel_name,
        url=capture.data_url,
        picture=_picture(capture, extension),
        extension=extension,
        readings=_readings(capture.key_results, action),
        time=moment(parse_time(capture.time), now_us),
    )


def _picture(capture: RunCapture, extension: str) -> str:
    if extension in _PICTURES:
        return capture.data_url
    # What such a file's bytes gave as a reading, they give as a picture too.
    thermal = extension in _THERMAL and _decoded(capture.key_results)
    return f"/api/roundsman/v1/run_captures/{capture.uuid}/preview" if thermal else ""


def event_shown(event: RunEvent, now_us: int) -> EventShown:
    """An event with its captures."""
    captures = [capture_shown(capture, event.action_name, now_us) for capture in event.data_captures]
    return EventShown(event.action_name or "Snapshot", moment(parse_time(event.time), now_us), captures)


def _decoded(key_results: Any) -> list[_Reading]:
    try:
        return _decoder.decode(msgspec.json.encode(key_results)) or []
    except msgspec.DecodeError:
        return []


def _readings(key_results: Any, action: str) -> list[str]:
    """`Pressure 4.5 bar` for each key result that is a number or a text; the action's own name is not said twice."""
    results = _decoded(key_results)
    return [_words(result, action) for result in results if isinstance(result.value, int | float | str)]


def _words(result: _Reading, action: str) -> str:
    value = f"{result.value:.4g}" if isinstance(result.value, float) else str(result.value)
    name = "" if result.name == action else result.name
    return " ".join(part for part in (name, value, result.units) if part)

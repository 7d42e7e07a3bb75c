"""The schedule as an iCalendar document, which calendar programs subscribe to: one entry for each start to come.

Starts are written out instead of as rules: no rule of iCalendar says "every 95 minutes, but not in these windows".
Source: RFC 5545 §3.1 (lines and folding), §3.3.11 (escaping), §3.6.1 (events).
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import islice

from roundsman.calendar.events import Event
from roundsman.calendar.occurrences import starts

AHEAD_MS = 28 * 24 * 3600 * 1000
MOST_STARTS = 700  # of one event: hourly for four weeks
_LONGEST_LINE = 75  # bytes
_ESCAPED = str.maketrans({"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n", "\r": None})


def icalendar(events: Iterable[Event], now_ms: int) -> bytes:
    """Every start of the next four weeks; disabled events have none."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Roundsman//Schedule//EN", "X-WR-CALNAME:Roundsman"]
    for event in events:
        if not event.disable_reason:
            for start_ms in islice(starts(event.times, now_ms, now_ms + AHEAD_MS), MOST_STARTS):
                lines += _entry(event, start_ms)
    return b"".join(_folded(line) for line in [*lines, "END:VCALENDAR"])


def _entry(event: Event, start_ms: int) -> list[str]:
    return [
        "BEGIN:VEVENT",
        f"UID:{_escaped(event.event_id)}-{start_ms}@roundsman",
        f"DTSTAMP:{_time(event.document['eventMetadata']['modificationTimeMs'])}",
        f"DTSTART:{_time(start_ms)}",
        f"SUMMARY:{_escaped(f'{event.name or event.mission_id} ({event.nickname})')}",
        "TRANSP:TRANSPARENT",
        "END:VEVENT",
    ]


def _time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y%m%dT%H%M%SZ")


def _escaped(text: str) -> str:
    return "".join(sign for sign in text.translate(_ESCAPED) if sign >= " ")


def _folded(line: str) -> bytes:
    """The line in pieces of at most 75 bytes, none of which ends within a character."""
    pieces, piece = list[bytes](), b""
    for sign in line:
        encoded = sign.encode()
        if len(piece) + len(encoded) > _LONGEST_LINE:
            pieces.append(piece)
            piece = b" "
        piece += encoded
    return b"\r\n".join([*pieces, piece]) + b"\r\n"

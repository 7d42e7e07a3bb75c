"""Times on the wire: microseconds since 1970 UTC inside, ISO 8601 with fractional seconds outside."""

import re
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FRACTION = re.compile(r"(\.\d{6})\d+")
_MILLISECONDS = re.compile(r"-?\d{11,}")
_SECONDS = re.compile(r"-?\d{1,10}(\.\d+)?")


def iso(us: int) -> str:
    """`us` as `2026-11-23T18:56:10.123456Z`, always with six fractional digits.

    The official clients cannot read a time without a fraction. Source: scout-api.md §2.19.
    """
    return (_EPOCH + timedelta(microseconds=us)).isoformat(timespec="microseconds")[:-6] + "Z"


def iso_or_none(us: int | None) -> str | None:
    """`iso`, or None for None."""
    return None if us is None else iso(us)


def parse_time(text: str) -> int:
    """Microseconds since 1970 of an ISO 8601 time, or of seconds or milliseconds since 1970.

    Liberal: a missing zone means UTC, and a `+` that a query decoded into a space is put back.

    Raises: ValueError when it is none of these.
    """
    text = text.strip()
    if _MILLISECONDS.fullmatch(text):
        return int(text) * 1000
    if _SECONDS.fullmatch(text):
        return round(float(text) * 1_000_000)
    date, _, rest = text.replace("t", "T").replace("T", " ").partition(" ")
    text = _FRACTION.sub(r"\1", f"{date} {rest.replace(' ', '+')}" if rest else date)
    moment = datetime.fromisoformat(text)
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - _EPOCH) // timedelta(microseconds=1)

"""Times on the wire: microseconds since 1970 UTC inside, ISO 8601 with fractional seconds outside."""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from roundsman.kit.problem import BadRequest

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_US, _LAST_US = -62_135_596_800_000_000, 253_402_300_799_999_999
_FRACTION = re.compile(r"(\.\d{6})\d+")
_MILLISECONDS = re.compile(r"-?\d{11,}")
_SECONDS = re.compile(r"-?\d{1,10}(\.\d+)?")


def iso(us: int) -> str:
    """`us` as `2026-11-23T18:56:10.123456Z`, always with six fractional digits.

    The official clients cannot read a time without a fraction. Source: scout-api.md §2.19.
    """
    second, us = divmod(us, 1_000_000)
    return f"{_second(second)}.{us:06d}Z"


@lru_cache(maxsize=16384)  # things listed together happened together, and the newest are listed again and again
def _second(second: int) -> str:
    return (_EPOCH + timedelta(seconds=second)).isoformat()[:19]


def iso_or_none(us: int | None) -> str | None:
    """`iso`, or None for None."""
    return None if us is None else iso(us)


def parse_time(text: str) -> int:
    """Microseconds since 1970 of an ISO 8601 time, or of seconds or milliseconds since 1970.

    Liberal: a missing zone means UTC, and a `+` that a query decoded into a space is put back.

    Raises: ValueError when it is none of these.
    """
    us = _read(text.strip())
    if not _FIRST_US <= us <= _LAST_US:
        raise ValueError("a time of the years 1 to 9999 is needed")
    return us


def given_time(name: str, text: str | None) -> int | None:
    """`parse_time` of what was sent as `name`; None where nothing was. Raises: BadRequest that names it."""
    if not text:
        return None
    try:
        return parse_time(text)
    except (ValueError, OverflowError):
        raise BadRequest(name, f"{name} must be a time such as 2026-11-23T18:56:10.123Z, not {text[:40]!r}") from None


def _read(text: str) -> int:
    if _MILLISECONDS.fullmatch(text):
        return int(text) * 1000
    if _SECONDS.fullmatch(text):
        return round(float(text) * 1_000_000)
    date, _, rest = text.upper().replace("T", " ").partition(" ")
    text = _FRACTION.sub(r"\1", f"{date} {rest.replace(' ', '+')}" if rest else date)
    moment = datetime.fromisoformat(text)
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - _EPOCH) // timedelta(microseconds=1)

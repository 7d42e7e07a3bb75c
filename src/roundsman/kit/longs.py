"""Integers of 64 bits as JSON carries them: a number, a numeric text, or the two halves of a JavaScript Long.

Source: scout-api.md §2.7, §3.3: official clients send `{"low": 1, "high": 0, "unsigned": false}` in a dispatch, proto3
JSON writes `"1"`.
"""

import re
from collections.abc import Mapping
from typing import Any, cast

LEAST, MOST = -(2**63), 2**63 - 1
_DIGITS = re.compile(r"[+-]?[0-9]{1,20}")
_HALF = 2**32


def whole_number(value: Any) -> int:
    """The integer that `value` stands for, in whichever form.

    Raises: ValueError that says what is wrong, also for one beyond 64 bits with sign, which no database here holds.
    """
    number = _read(value)
    if not LEAST <= number <= MOST:
        raise ValueError("must lie within 64 bits")
    return number


def _read(value: Any) -> int:
    if isinstance(value, bool):
        raise ValueError("must be a whole number, not true or false")
    if isinstance(value, int):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and _DIGITS.fullmatch(value.strip()):
        return int(value)
    if isinstance(value, Mapping):
        return _joined(cast("Mapping[str, Any]", value))
    raise ValueError('must be a whole number: 60000, "60000" or {"low": 60000, "high": 0, "unsigned": false}')


def _joined(halves: Mapping[str, Any]) -> int:
    low, high, unsigned = halves.get("low"), halves.get("high", 0), halves.get("unsigned", False)
    for half in (low, high):
        if not isinstance(half, int) or isinstance(half, bool) or not -_HALF // 2 <= half < _HALF:
            raise ValueError("as a Long needs low and high, each a whole number of 32 bits")
    number = (cast("int", high) % _HALF) * _HALF + cast("int", low) % _HALF
    return number if unsigned is True or number <= MOST else number - 2**64

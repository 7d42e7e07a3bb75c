"""Signatures are what the official validator computes again."""

import base64
import hashlib
import hmac
import json
import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from roundsman.webhooks.signing import SIGNATURE, body_of, headers_of

SECRET = "0123456789abcdef" * 4
NOW_US = 1_795_435_200_123_456
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


def accepted(body: str, headers: dict[str, str]) -> bool:
    """What the official validator does: scout-api.md §2.15."""
    parts = dict(entry.split("=") for entry in headers[SIGNATURE].split(","))
    assert parts["t"].isdigit()
    again = json.dumps(json.loads(body), separators=(",", ":"))
    expected = hmac.new(bytes.fromhex(SECRET), f"{parts['t']}.{again}".encode(), hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, parts["v1"])


@settings(max_examples=100, deadline=None)
@given(data=values)
def test_whatever_is_told_the_validator_accepts_it(data: Any) -> None:
    body = body_of({"uuid": "1", "type": "TEST", "time": "2026-11-23T12:00:00.000000Z", "data": {"data": data}})
    assert body.isascii()
    assert accepted(body, headers_of(SECRET, "1", body, NOW_US))
    assert not accepted(body.replace("TEST", "BEST", 1), headers_of(SECRET, "1", body, NOW_US))


SIGNS = [*'aZ09 "\\/\b\f\n\r\t\0\x7f\x9féßЖ中\u2028\u2029\ufeff\uffff', "🤖", "e\u0301", "\u202e"]
NUMBERS = (0, -0.0, 1.0, 0.1, 1e-7, 5e-324, 2.2250738585072014e-308, 1e15, 1e16, 1e21, 1.7976931348623157e308,
           2**53, 2**53 + 1, 2**63, -(2**64), 10**40, float("nan"), float("inf"), float("-inf"))  # fmt: skip


def generated(dice: random.Random, depth: int = 0) -> Any:
    """Any JSON: texts in many scripts, the numbers that are written differently elsewhere, things in things."""
    kind = dice.random()
    if kind < 0.3 and depth < 6:
        return {_text(dice): generated(dice, depth + 1) for _ in range(dice.randrange(4))}
    if kind < 0.5 and depth < 6:
        return [generated(dice, depth + 1) for _ in range(dice.randrange(4))]
    if kind < 0.75:
        return _text(dice)
    if kind < 0.95:
        return dice.choice([dice.choice(NUMBERS), dice.gauss(0, 1) * 10.0 ** dice.randrange(-300, 300)])
    return dice.choice([None, True, False])


def _text(dice: random.Random) -> str:
    return "".join(dice.choices(SIGNS, k=dice.randrange(8)))


def test_ten_thousand_payloads_are_accepted() -> None:
    dice = random.Random(1)
    for number in range(10_000):
        body = body_of(
            {"uuid": str(number), "type": "TEST", "time": "2026-11-23T12:00:00.000Z", "data": generated(dice)}
        )
        assert accepted(body, headers_of(SECRET, str(number), body, NOW_US)), body


def test_numbers_are_written_as_other_languages_write_them() -> None:
    assert (
        body_of({"a": [1.0, 1e15, -0.0, 2.5, float("nan"), float("inf")]})
        == '{"a":[1,1000000000000000,0,2.5,null,null]}'
    )


def test_the_standard_signature_stands_beside_it() -> None:
    headers = headers_of(SECRET, "msg-1", "{}", NOW_US)
    signed = f"msg-1.{NOW_US // 1_000_000}.{{}}".encode()
    expected = base64.b64encode(hmac.new(bytes.fromhex(SECRET), signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == ("msg-1", str(NOW_US // 1_000_000))
    assert headers[SIGNATURE].startswith(f"t={NOW_US // 1000},v1=")

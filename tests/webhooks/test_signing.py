"""Signatures are what the official validator computes again."""

import base64
import hashlib
import hmac
import json
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


@settings(max_examples=500, deadline=None)
@given(data=values)
def test_whatever_is_told_the_validator_accepts_it(data: Any) -> None:
    body = body_of({"uuid": "1", "type": "TEST", "time": "2026-11-23T12:00:00.000000Z", "data": {"data": data}})
    assert body.isascii()
    assert accepted(body, headers_of(SECRET, "1", body, NOW_US))
    assert not accepted(body.replace("TEST", "BEST", 1), headers_of(SECRET, "1", body, NOW_US))


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

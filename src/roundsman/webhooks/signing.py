"""Bodies of deliveries and their signatures.

The official validator does not see the bytes: it parses the body, writes it again with Python's `json.dumps` and
computes the HMAC of that. So the body is exactly what it will write: compact, ASCII, whole numbers without a fraction
(which receivers in other languages write alike too). Signatures of other schemes stand in headers of their own.

Source: scout-api.md §2.15; the Standard Webhooks specification (webhook-id, webhook-timestamp, webhook-signature).
"""

import base64
import hashlib
import hmac
import json
import math
from typing import Any, cast

SIGNATURE = "Orbit-Signature"
WHOLE_MAX = 2**53  # beyond it a float is no longer exact


def body_of(message: dict[str, Any]) -> str:
    """A message as it is sent; parsing and writing it again gives the same text."""
    return json.dumps(_plain(message), separators=(",", ":"))


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return int(value) if value.is_integer() and abs(value) < WHOLE_MAX else value
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in cast("list[Any]", value)]
    return value


def headers_of(secret: str, message_uuid: str, body: str, now_us: int) -> dict[str, str]:
    """The headers of one attempt. `secret` is 64 hexadecimal digits."""
    key, at_ms, at_s = bytes.fromhex(secret), now_us // 1000, now_us // 1_000_000
    hexadecimal = hmac.new(key, f"{at_ms}.{body}".encode(), hashlib.sha256).hexdigest()
    standard = hmac.new(key, f"{message_uuid}.{at_s}.{body}".encode(), hashlib.sha256).digest()
    return {
        "Content-Type": "application/json",
        SIGNATURE: f"t={at_ms},v1={hexadecimal}",
        "webhook-id": message_uuid,
        "webhook-timestamp": str(at_s),
        "webhook-signature": f"v1,{base64.b64encode(standard).decode()}",
    }

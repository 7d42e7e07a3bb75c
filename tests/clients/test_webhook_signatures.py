"""The official validator, unmodified, accepts whatever is delivered, and nothing that was changed on its way."""

import json
import random
import time

import pytest
from tests.clients.official import official_client
from tests.contract import Contract
from tests.webhooks.test_signing import SECRET, generated

from roundsman.webhooks.signing import SIGNATURE, body_of, headers_of

COUNT = 10_000


@pytest.mark.parametrize("name", ["bosdyn-orbit-4.0.3", "bosdyn-orbit-5.2.0"])
def test_ten_thousand_payloads(name: str) -> None:
    """Every second one goes to each of the two releases; one in a hundred is bent first."""
    dice = random.Random(name)
    with official_client(name, Contract({"paths": {}})) as client:
        for number in range(COUNT // 2):
            message = {"uuid": str(number), "type": "TEST", "time": "2026-11-23T12:00:00.000Z", "data": generated(dice)}
            body = body_of(message)
            signed = headers_of(SECRET, str(number), body, time.time_ns() // 1000)[SIGNATURE]
            came = json.loads(body)
            assert client.utils("validate_webhook_payload", came, signed, SECRET).kind == "value", body
            if number % 100 == 0:
                bent = came | {"type": "BEST"}
                assert client.utils("validate_webhook_payload", bent, signed, SECRET).kind == "error", body

"""What is done with webhooks by the official clients. Source: scout-api.md §2.15, §5.1."""

import json
import random
import time
from typing import Any

from tests.clients.official import Answer, OfficialClient
from tests.clients.site import Site

from roundsman.webhooks.signing import SIGNATURE, body_of, headers_of

SECRET = "0123456789abcdef" * 4


def ok(answer: Answer) -> Any:
    """The JSON of a response that is 200."""
    assert (answer.kind, answer.status) == ("response", 200), answer
    return answer.json


def webhooks(client: OfficialClient, site: Site) -> None:
    """What the example program webhook_integration does with each of its five commands."""
    given = {
        "url": "https://receiver.example/hook", "enabled": True, "validateTlsCert": False,
        "events": ["ACTION_COMPLETED_WITH_ALERT"], "secret": SECRET,
    }  # fmt: skip
    uuid = ok(client.post_webhook(json=given))["uuid"]
    assert ok(client.get_webhook_by_id(uuid)) | given == ok(client.get_webhook_by_id(uuid))
    changed = given | {"enabled": False, "events": ["ACTION_COMPLETED", "TEST"]}
    assert ok(client.post_webhook_by_id(uuid, json=changed))["enabled"] is False
    assert [one["url"] for one in ok(client.get_webhook()) if one["uuid"] == uuid] == [given["url"]]
    assert client.delete_webhook(uuid).status == 200
    assert client.get_webhook_by_id(uuid).status == 404
    assert client.delete_webhook(uuid).status == 404


def validates(client: OfficialClient, site: Site) -> None:
    """The official validator accepts what is sent, as parsed by the receiver, and nothing else."""
    dice, now_us = random.Random(3), time.time_ns() // 1000
    for number in range(200):
        body = body_of({"uuid": str(number), "type": "TEST", "time": "", "data": odd(dice, 3)})
        signed = headers_of(SECRET, str(number), body, now_us)[SIGNATURE]
        payload = json.loads(body)
        assert client.utils("validate_webhook_payload", payload, signed, SECRET).kind == "value", body
        for wrong in (
            ({**payload, "type": "BEST"}, signed, SECRET), (payload, signed, SECRET[::-1]),
            (payload, headers_of(SECRET, "", body, now_us - 400_000_000)[SIGNATURE], SECRET),
        ) if number == 0 else ():  # fmt: skip
            assert client.utils("validate_webhook_payload", *wrong).kind == "error"


def odd(dice: random.Random, depth: int) -> Any:
    """Something as odd as JSON can be."""
    kind = dice.randrange(9 if depth else 6)
    if kind < 3:
        return dice.choice(
            [1.0, 1e-7, 1e16, 1e300, 2**70, -0.0, 0.1 + 0.2, dice.random() * 10 ** dice.randint(-20, 20)]
        )
    if kind < 6:
        return "".join(chr(dice.choice([34, 92, 10, 0x7F, 0xE9, 0x2028, 0x1F600, 0xD800, 65])) for _ in range(5))
    if kind < 8:
        return {f"é{name}": odd(dice, depth - 1) for name in range(3)}
    return [odd(dice, depth - 1), None, True]


WEBHOOKS = dict.fromkeys(
    ("delete_webhook", "get_webhook", "get_webhook_by_id", "post_webhook", "post_webhook_by_id"), webhooks
)
WEBHOOK_HELPERS = {"validate_webhook_payload": validates}

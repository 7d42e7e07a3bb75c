"""Requests made from our own document, as it says and as it does not: nothing breaks, nothing comes undocumented."""

import asyncio
import itertools
import ssl
from contextlib import suppress
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from tests import seed
from tests.contract import Exchange
from tests.served import Served

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

EXAMPLES = 12
PLAN = seed.Plan(runs=3, events_per_run=2, captures_per_event=2, robots=2, missions=2, days=1)


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
async def test_generated_requests(served: Served, mode: GenerationMode) -> None:
    (batch,) = await seed.fill(served.parts.database, PLAN)
    known = {"uuid": itertools.cycle([batch.runs[0]["uuid"], batch.events[0]["uuid"], batch.captures[0]["uuid"]])}
    assert await asyncio.to_thread(failures, served, mode, known) == []


def failures(served: Served, mode: GenerationMode, known: dict[str, Any]) -> list[str]:
    """What went wrong, over all operations of the document."""
    found: list[str] = []
    schema = schemathesis.openapi.from_dict(served.contract.document)
    context = ssl.create_default_context(cafile=served.ca_file)
    headers = {"Authorization": f"Bearer {served.token}"}
    tried = 0
    with httpx.Client(base_url=served.url, verify=context, headers=headers) as client:
        for operation in schema.get_all_operations():
            try:
                tried += tries(client, served, operation.ok(), mode, known)
            except AssertionError as error:
                found.append(str(error))
    assert tried > 5 * EXAMPLES
    return found


def tries(client: httpx.Client, served: Served, operation: Any, mode: GenerationMode, known: dict[str, Any]) -> int:
    """Sends the requests of one operation; how many. Raises: AssertionError."""
    number = 0
    cases = operation.as_strategy(generation_mode=mode)

    @hypothesis_settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(cases)
    def send(case: Any) -> None:
        nonlocal number
        number += 1
        if mode is GenerationMode.POSITIVE and number % 2:
            case.path_parameters.update({name: next(known[name]) for name in case.path_parameters if name in known})
        answer = sent(client, case)
        assert answer.status_code < 500, f"{answer.request.method} {answer.request.url}: {answer.text}"
        kind, path = answer.headers.get("content-type", ""), answer.request.url.raw_path.decode("ascii")
        served.contract.check(Exchange(answer.request.method, path, answer.status_code, kind, answer.content))

    with suppress(Unsatisfiable):  # an operation without parameters cannot be asked wrongly
        send()
    return number


def sent(client: httpx.Client, case: Any) -> httpx.Response:
    """Sends a case as it is, however odd."""
    arguments = case.as_transport_kwargs(base_url=str(client.base_url))
    given = {name: value.encode("latin-1") for name, value in (arguments.get("headers") or {}).items()}
    headers = given | {"Authorization": client.headers["Authorization"].encode()}
    wanted = {name: arguments[name] for name in ("params", "json", "data") if arguments.get(name) is not None}
    return client.request(arguments["method"], arguments["url"], headers=headers, **wanted)


ODD = [
    "%00",
    "%ED%A0%80",
    "%FF",
    "99999999999999999999999",
    "-9223372036854775809",
    "1e400",
    "NaN",
    "'; --",
    "a" * 5000,
]


@pytest.mark.parametrize("value", ODD, ids=lambda value: value[:24])
async def test_odd_values_break_nothing(served: Served, value: str) -> None:
    async with served.client() as client:
        for path, item in served.contract.document["paths"].items():
            if "get" not in item:
                continue
            for parameter in item["get"].get("parameters", []):
                name = parameter["name"]
                filled = path.replace(f"{{{name}}}", value) if parameter["in"] == "path" else f"{path}?{name}={value}"
                answer = await client.get(filled)
                assert answer.status_code in (200, 400, 404), (filled, answer.text)


async def test_the_character_nul_in_a_body_breaks_nothing(served: Served) -> None:
    async with served.client() as client:
        login = await client.post("/api/v0/login", json={"username": "a\0", "password": "b\0"})
        assert login.status_code in (400, 401)
        robot = {"hostname": "10.0.0.9", "nickname": "a\0b", "username": "admin", "password": "x\0"}
        assert (await client.post("/api/v0/robots", json=robot)).status_code in (200, 400)

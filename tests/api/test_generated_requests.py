"""Requests made from our own document, as it says and as it does not: nothing breaks, nothing comes undocumented."""

import asyncio
import itertools
from collections import Counter
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import seed as seed_of
from schemathesis import GenerationMode
from schemathesis.core.transport import Response
from tests import seed
from tests.api.generated import cases_of, is_public, leave_cursor_out, make_known, quick, senders, sent, wrong_with
from tests.api.test_work_orders import alarmed, given
from tests.served import Served
from tests.workorders.receiver import receiving

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

PLAN = seed.Plan(runs=3, events_per_run=2, captures_per_event=2, robots=2, missions=2, days=1)
ROBOT = {"hostname": "10.0.0.1", "nickname": "Spot 1", "username": "admin", "password": "x"}
KINDS = ("token", "session")
SCENARIOS, STEPS = 6, 14
ROUNDS_MAX = 8
"""Each other in what it draws, the same in every run: a change of the document may lead the first one elsewhere."""


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
async def test_generated_requests(served: Served, mode: GenerationMode) -> None:
    (batch,) = await seed.fill(served.parts.database, PLAN)
    known = itertools.cycle([batch.runs[0]["uuid"], batch.events[0]["uuid"], batch.captures[0]["uuid"]])
    found, asked = await asyncio.to_thread(failures, served, mode, known)
    assert not found, "\n".join(found)
    assert all(asked[kind] > 200 for kind in (*KINDS, "nobody"))
    for tier in ("/api/v0/", "/api/fleet/v1/", "/api/facilities/v1/", "/api/roundsman/v1/"):
        assert any(asked[tier, kind] for kind in (*KINDS, "nobody"))


def failures(served: Served, mode: GenerationMode, known: Any) -> tuple[list[str], Counter[Any]]:
    """What went wrong, over all operations of the document, and how much each kind of sender asked."""
    found, asked, times = list[str](), Counter[Any](), Counter[str]()
    with senders(served) as clients:
        for case in cases_of(served.contract, mode):
            times[case.operation.label] += 1
            number = times[case.operation.label]
            if mode is GenerationMode.POSITIVE:
                leave_cursor_out(case)
                make_known(case, {"uuid": next(known)} if number % 2 else {})
            kinds = [KINDS[number % 2], *(["nobody"] if number <= 2 else [])]
            for kind in kinds:
                answer = sent(clients[kind], case)
                asked[kind] += 1
                asked[tier_of(case), kind] += 1
                found += wrong_with(served.contract, case, answer, mode)
                if kind == "nobody" and not is_public(case) and answer.status_code not in (401, 403, 404, 405):
                    found.append(f"{case.operation.label} answered nobody {answer.status_code}")
    return found, asked


def tier_of(case: Any) -> str:
    """`/api/fleet/v1/` or `/api/v0/`: how the paths of its part of the API begin."""
    path = case.operation.path
    return path[: path.index("/v") + 4] if "/v1/" in path else "/api/v0/"


# What belongs together, by its paths: one machine over everything would seldom stay with one noun.
NOUNS = {
    "site": "/(site_|missions|facilities|graph)",
    "robots": "/api/v0/(robots|robot-session)",
    "fleet": "/api/fleet/",
    "calendar": "/(calendar|schedules)",
    "webhooks": "/webhook",
    "anomalies": "/(anomalies|work-order|work_order)",
    "exports": "/(exports|backup)",
    "runs": "/(runs|run_events|run_captures|run_archives|lost_captures)",
}
# What at least must have been done to what an earlier answer named, in each of them.
CHAINED = {
    "site": {"GET", "POST", "DELETE"},
    "robots": {"GET"},
    "fleet": {"GET"},
    "calendar": {"DELETE"},
    "webhooks": {"GET", "POST", "DELETE"},
    "anomalies": {"GET", "PATCH"},
    "exports": {"GET", "DELETE"},
    "runs": {"GET"},
}


async def test_chains_of_generated_requests(served: Served) -> None:
    """What one answer names the next requests ask for, change and delete, as the document links operations."""
    await seed.fill(served.parts.database, PLAN)
    await alarmed(served, 3)
    with receiving() as receiver:
        found, followed = await asyncio.to_thread(chained, served, given(receiver))
    assert not found, "\n".join(found)
    for noun, methods in CHAINED.items():
        assert done(noun, followed) >= methods, (noun, followed)
    assert sum(followed.values()) > 100, followed
    for tier in ("/api/v0/", "/api/fleet/", "/api/roundsman/"):
        assert any(tier in target and status == 200 for _, target, status in followed), followed


def chained(served: Served, orders: dict[str, Any]) -> tuple[list[str], Counter[tuple[str, str, int]]]:
    """What went wrong, and how often a request with what an earlier answer gave was answered how."""
    found, followed = list[str](), Counter[tuple[str, str, int]]()
    with senders(served) as clients:
        for noun, pattern in NOUNS.items():
            schema = schemathesis.openapi.from_dict(served.contract.document).include(path_regex=pattern)
            stock(clients["token"], orders)
            for number in range(ROUNDS_MAX):
                machine = seed_of(number)(machine_of(schema, served, clients, noun, found, followed))
                machine.run(settings=quick(SCENARIOS, stateful_step_count=STEPS))
                if done(noun, followed) >= CHAINED[noun]:
                    break
    return found, followed


def done(noun: str, followed: Counter[tuple[str, str, int]]) -> set[str]:
    """The methods that succeeded on what an earlier answer had named."""
    return {target.split()[0] for name, target, status in followed if name == noun and status < 300}


def stock(client: httpx.Client, orders: dict[str, Any]) -> None:
    """Makes one of everything that the API can make without a robot; what the last chains left may be there."""
    client.post("/api/v0/robots", json=ROBOT)
    element = client.post("/api/v0/site_elements", json={"name": "Pump"}).json()["uuid"]
    dock = client.post("/api/v0/site_docks", json={"dockId": 520}).json()["uuid"]
    walk = {"name": "Round", "siteElementIds": [element], "siteDockIds": [dock]}
    made = [
        client.post("/api/v0/site_walks", json=walk),
        client.post("/api/v0/webhooks", json={"url": "https://127.0.0.1:9/", "events": ["TEST"]}),
        client.post("/api/roundsman/v1/exports", json={"kind": "runs", "format": "csv"}),
    ]
    event = {"agent": {"nickname": "Spot 1"}, "task": {"missionId": made[0].json()["uuid"]}, "schedule": {"timeMs": 1}}
    anomaly = client.get("/api/v0/anomalies").json()["resources"][0]["uuid"]
    made += [
        client.post("/api/v0/calendar/schedule", json=event),
        client.put("/api/roundsman/v1/work-order-settings", json=orders),
        client.post("/api/roundsman/v1/work-orders", json={"anomalyUuid": anomaly, "evenIfOpen": True}),
    ]
    assert all(answer.is_success for answer in made), [answer.text for answer in made]


def machine_of(schema: Any, served: Served, clients: Any, noun: str, found: list[str], followed: Counter[Any]) -> Any:
    """A machine that walks along the links between the schema's operations, each time as another kind of sender."""
    kinds = itertools.cycle(KINDS)

    class Chains(schema.as_state_machine()):
        def setup(self) -> None:
            self.client = clients[next(kinds)]
            clients["token"].post("/api/v0/robots", json=ROBOT)  # the last chain may have removed it

        def call(self, case: Any, **kwargs: Any) -> Response:
            leave_cursor_out(case)
            node = self.recorder.cases[case.id]
            if case.method == "GET" and node.transition is None:
                case.query = {}  # lists that name something, for the next to ask for
            answer = sent(self.client, case)
            if node.transition is not None and node.is_transition_applied:
                followed[noun, case.operation.label, answer.status_code] += 1
            found.extend(wrong_with(served.contract, case, answer, None, recorder=self.recorder))
            return Response.from_any(answer)

        def validate_response(self, response: Any, case: Any, *args: Any, **kwargs: Any) -> None:
            """Done by `call`, which goes on after a failure."""

    return Chains


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

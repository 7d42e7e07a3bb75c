"""Requests made from our own document, and who sends them: with a token, with a login's cookies, or nobody."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any

import httpx
import schemathesis
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.failures import FailureGroup
from tests.contract import Contract, Exchange
from tests.served import PATIENCE_S, Served

EXAMPLES = {GenerationMode.POSITIVE: 9, GenerationMode.NEGATIVE: 7}

# What is valid by the document and yet refused, for a reason that a schema cannot say. Anything else is a failure, but
# for texts with the character NUL, which PostgreSQL cannot hold.
BEYOND_A_SCHEMA = {
    "GET /api/roundsman/v1/changes": "since comes from an earlier answer",
    "GET /api/v0/api_token/authenticate": "only a token can be looked at",
    "GET /api/v0/runs/facets/actions/{mission_name}": "an empty name is no part of a path",
    "GET /api/v0/site_walks/archive": "uuids must not be empty texts only",
    "PATCH /api/roundsman/v1/users/{username}": "something must be changed, and a password has its length",
    "POST /api/roundsman/v1/exports": "times are looked at when an export is asked for",
    "POST /api/roundsman/v1/me/password": "a password has its length",
    "POST /api/roundsman/v1/tokens": "a name that is not blank, scopes that there are, a time to come",
    "POST /api/roundsman/v1/users": "a username is of few characters, a password has its length",
    "POST /api/roundsman/v1/work-order-settings/test": "there is nothing to test without a URL",
    "POST /api/roundsman/v1/work-orders": "a blank anomalyUuid names none",
    "POST /api/v0/work_orders": "a blank anomalyUuid names none",
    "POST /api/roundsman/v1/work-orders/preview": "one of anomaly and anomalyUuid is needed",
    "POST /api/v0/calendar/delete": "one of the two forms of eventId is needed",
    "POST /api/v0/calendar/disable-enable": "the event must be there",
    "POST /api/v0/calendar/mission/dispatch/{nickname}": "one of the forms of missionId is needed",
    "POST /api/v0/calendar/schedule": "robot and site walk must be there",
    "POST /api/v0/calendar/set": "robot and site walk must be there",
    "POST /api/v0/graph/send-robot": "robot and site dock must be there",
    "POST /api/v0/robots": "hostname is a name or an address",
    "POST /api/v0/site_docks": "dockId is a fiducial's number, and may come as the name",
    "POST /api/v0/site_docks/{uuid}": "dockId is a fiducial's number, and may come as the name",
    "POST /api/v0/site_elements": "the uuid must not be another thing's",
    "POST /api/v0/site_elements/{uuid}": "the uuid must not be another thing's",
    "POST /api/v0/site_walks": "the uuid must not be another thing's",
    "POST /api/v0/site_walks/{uuid}": "the uuid must not be another thing's",
    "POST /api/v0/site_walks/export_as_walk": "what is kept of a walk must be the robot's own message",
    "POST /api/v0/site_walks/export_as_walk/{uuid}": "what is kept of a walk must be the robot's own message",
    "POST /api/v0/site_walks/import_from_walk": "it is the robot's own message",
    "POST /api/v0/webhooks": "url is a URL that may be reached",
    "POST /api/v0/webhooks/{uuid}": "url is a URL that may be reached",
    "PUT /api/roundsman/v1/work-order-settings": "URLs and templates are looked into",
}
# What is not valid by the document and yet taken: version 0 is lenient with what it keeps.
LENIENT = ("/api/v0/site_", "/api/v0/calendar/")


@cache
def cases_of(contract: Contract, mode: GenerationMode) -> list[Any]:
    """All cases of all operations, the same in every run; made once for both databases."""
    schema = schemathesis.openapi.from_dict(contract.document)
    return [case for operation in schema.get_all_operations() for case in _cases(operation.ok(), mode)]


def _cases(operation: Any, mode: GenerationMode) -> list[Any]:
    found: list[Any] = []

    @quick(EXAMPLES[mode])
    @given(operation.as_strategy(generation_mode=mode))
    def keep(case: Any) -> None:
        found.append(case)

    with suppress(Unsatisfiable):  # an operation without parameters cannot be asked wrongly
        keep()
    return found


def quick(examples: int, **others: Any) -> hypothesis_settings:
    """Settings for so many examples that are the same in every run."""
    return hypothesis_settings(
        max_examples=examples,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        **others,
    )


@contextmanager
def senders(served: Served) -> Iterator[dict[str, httpx.Client]]:
    """A client for each kind of authentication: a token, a login's cookies with their CSRF token, nobody."""
    context = ssl.create_default_context(cafile=served.ca_file)

    def client() -> httpx.Client:
        return httpx.Client(base_url=served.url, verify=context, timeout=PATIENCE_S)

    with client() as token, client() as session, client() as nobody:
        token.headers["authorization"] = f"Bearer {served.token}"
        session.get("/").raise_for_status()
        session.headers["x-csrf-token"] = session.cookies["x-csrf-token"]
        login = session.post("/api/v0/login", json={"username": served.username, "password": served.password})
        login.raise_for_status()
        yield {"token": token, "session": session, "nobody": nobody}


def sent(client: httpx.Client, case: Any) -> httpx.Response:
    """Sends a case as it is, however odd, but for who sends it."""
    arguments = case.as_transport_kwargs(base_url=str(client.base_url))
    given = {name.lower(): value.encode("latin-1") for name, value in (arguments.get("headers") or {}).items()}
    own = {name: client.headers[name].encode() for name in ("authorization", "x-csrf-token") if name in client.headers}
    headers = {name: value for name, value in given.items() if name not in ("authorization", "cookie")} | own
    wanted = {name: arguments[name] for name in ("params", "json") if arguments.get(name) is not None}
    data = arguments.get("data")
    if isinstance(data, str | bytes):
        wanted["content"] = data
    elif data is not None:
        wanted["data"] = data
    return client.request(arguments["method"], arguments["url"], headers=headers, **wanted)


def wrong_with(contract: Contract, case: Any, answer: httpx.Response, mode: Any, **more: Any) -> list[str]:
    """What all checks say against an answer: schemathesis' own, and our stricter contract."""
    asked = answer.request
    found: list[str] = []
    try:
        path = asked.url.raw_path.decode("ascii")
        kind = answer.headers.get("content-type", "")
        contract.check(Exchange(asked.method, path, answer.status_code, kind, answer.content))
        case.validate_response(answer, excluded_checks=_excluded(case, answer, mode), **more)
    except AssertionError as error:
        found.append(str(error))
    except FailureGroup as group:
        found += [str(error) for error in group.exceptions]
    what = f"{case.operation.label}: {asked.url} {asked.content[:300]!r} -> {answer.status_code} {answer.text[:200]}"
    return [f"{what}: {one}" for one in found]


def _excluded(case: Any, answer: httpx.Response, mode: Any) -> list[Any]:
    """Checks that do not hold of this answer. Who sends is ours to vary, so `ignored_auth` is never asked."""
    load_all_checks()
    label, out = case.operation.label, {"ignored_auth"}
    nul = b"\\u0000" in answer.request.content or "%00" in str(answer.request.url)
    if answer.status_code == 400 and (label in BEYOND_A_SCHEMA or nul):
        out.add("positive_data_acceptance")
    if answer.status_code in (412, 422):  # If-Match names what it no longer is; Idempotency-Key another request
        out.add("positive_data_acceptance")
    is_empty = any(value == "" for value in answer.request.url.params.values())  # counts as not given
    if mode is None:  # in a chain, where what was done before counts too
        out |= {"positive_data_acceptance", "negative_data_rejection"}
    if mode is GenerationMode.NEGATIVE and (case.path.startswith(LENIENT) or is_empty):
        out.add("negative_data_rejection")
    return [check for check in CHECKS.get_all() if check.__name__ in out]


def make_known(case: Any, known: dict[str, str]) -> None:
    """Makes the case one about something that is there."""
    named = {name: value for name, value in known.items() if name in case.path_parameters}
    if named:
        case.path_parameters = {**case.path_parameters, **named}


def leave_cursor_out(case: Any) -> None:
    """Makes the case begin at the beginning of the list: no schema can say what a cursor is."""
    if "cursor" in (case.query or {}):
        case.query = {name: value for name, value in case.query.items() if name != "cursor"}


def is_public(case: Any) -> bool:
    """Whether the document says that nobody need be known."""
    return case.operation.definition.raw.get("security") == [{}]

"""What is asked of the other system, and what its answers mean. Nothing here is stored."""

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

from roundsman.kit.outbound import Answer, Outbound, Unreachable
from roundsman.kit.problem import BadRequest
from roundsman.workorders.health import clean
from roundsman.workorders.settings import Settings, about, closed_among, id_of, member_of, title_of
from roundsman.workorders.spec import Value

# What is wrong with the order itself: sent again as it is, it would be refused again. Everything else is tried again.
REFUSED = frozenset({400, 413, 422})
ANSWER_BYTES = 1024 * 1024
LONGEST_WAIT_S = 3600.0
_FIRST_WAIT_S = 30.0


class Failed(Exception):
    """An attempt that failed. Its text says why, for the health log."""

    def __init__(self, text: str, *, refused: bool = False, wait_s: float = 0.0) -> None:
        super().__init__(clean(text))
        self.refused = refused
        self.wait_s = wait_s  # as the other system asked


class Created(NamedTuple):
    """What is known of an order that the other system has just made. `external_id` None: its answer had no id."""

    external_id: str | None
    title: str
    detail_url: str | None


class Found(NamedTuple):
    """An order's status there."""

    status: Value | None
    closed: bool
    title: str


class Tested(msgspec.Struct, rename="camel"):
    """Whether the other system can be reached."""

    ok: bool
    status: int | None
    text: str


async def create(
    outbound: Outbound, settings: Settings, headers: Mapping[str, str], body: Mapping[str, Value], key: str
) -> Created:
    """Makes an order in the other system. The key makes that happen once, where the system knows such keys.

    Raises: Failed.
    """
    more = {"Content-Type": "application/json", "Accept": "application/json", "Idempotency-Key": key}
    answer = await _asked(
        outbound, settings, "POST", settings.create_url, {**more, **headers}, msgspec.json.encode(body)
    )
    decoded = _decoded(answer)
    external_id = id_of(settings, decoded)
    return Created(
        external_id=external_id,
        title=clean(title_of(settings, decoded, body), 500),
        detail_url=detail_of(settings, external_id),
    )


async def status_of(outbound: Outbound, settings: Settings, headers: Mapping[str, str], external_id: str) -> Found:
    """The status of an order in the other system. Raises: Failed."""
    url = about(settings.status_url, external_id)
    answer = await _asked(outbound, settings, "GET", url, {"Accept": "application/json", **headers}, None)
    decoded = _decoded(answer)
    status = member_of(decoded, settings.status_field)
    if status is None:
        raise Failed(f"the answer of {_shown(url)} has no member {settings.status_field}")
    try:
        closed = closed_among(settings, status)
    except ValueError as wrong:
        raise Failed(f"{_shown(url)}: {wrong}") from None
    told = clean(status, 500) if isinstance(status, str) else status
    return Found(told, closed, clean(title_of(settings, decoded, {}), 500))


async def test(outbound: Outbound, settings: Settings, headers: Mapping[str, str]) -> Tested:
    """Asks the URL where orders are made, by GET, which makes none."""
    try:
        answer = await outbound.request(
            "GET", settings.create_url, headers=dict(headers), verify=settings.validate_tls_cert
        )
    except Unreachable as reason:
        return Tested(False, None, f"request to {_shown(settings.create_url)} failed, reason: {reason}")
    return Tested(*_judged(answer.status))


def wait_s(attempts: int) -> float:
    """How long to wait after so many failures: half a minute, doubled with each further one up to an hour."""
    return min(LONGEST_WAIT_S, _FIRST_WAIT_S * 2 ** min(attempts - 1, 12))


def detail_of(settings: Settings, external_id: str | None) -> str | None:
    """The order's page for people."""
    if external_id is None or not settings.detail_url:
        return None
    return about(settings.detail_url, external_id)


def _judged(status: int) -> tuple[bool, int, str]:
    if 200 <= status < 300:
        return True, status, f"it answers: {status}"
    if status in (401, 403):
        return False, status, f"it does not accept the authentication header: {status}"
    if status == 405:
        return True, status, "it answers: 405, which is right where orders can be made but not listed"
    if 300 <= status < 400:
        return False, status, f"it leads elsewhere, which is not followed: {status}. Give the final URL"
    if status in (400, 404):
        return False, status, f"it answers {status} to GET. Some systems do so all the same; else check the URL"
    return False, status, f"it answers {status}"


async def _asked(
    outbound: Outbound, settings: Settings, method: str, url: str, headers: Mapping[str, str], content: bytes | None
) -> Answer:
    try:
        answer = await outbound.request(
            method, url, headers=headers, content=content, verify=settings.validate_tls_cert, answer_bytes=ANSWER_BYTES
        )
    except (Unreachable, BadRequest) as reason:
        raise Failed(f"request to {_shown(url)} failed, reason: {reason}") from None
    if not answer.ok:
        why = f"it answered {answer.status} {answer.body[:200].decode('utf-8', 'replace')}"
        if 300 <= answer.status < 400:
            why = f"it answered {answer.status}, and redirects are not followed"
        refused = method == "POST" and answer.status in REFUSED
        wait = _retry_after(answer)
        raise Failed(f"request to {_shown(url)} failed, reason: {why}", refused=refused, wait_s=wait)
    return answer


def _decoded(answer: Answer) -> Any:
    try:
        return msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _retry_after(answer: Answer) -> float:
    text = answer.headers.get("retry-after", "").strip()
    return min(LONGEST_WAIT_S, float(text)) if text.isascii() and text.isdigit() and len(text) < 9 else 0.0


def _shown(url: str) -> str:
    """A URL for the log: what follows the path may be secret."""
    return urlsplit(url)._replace(query="", fragment="").geturl()

"""Holds every change that a test makes over HTTP against the audit trail: whoever changes something leaves an entry."""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
from tests.contract import plain

from roundsman.access.audit import head
from roundsman.kit.database import Database

TABLE = Path(__file__).parent / "api" / "authorisation.txt"
# What leaves none although it is asked for with another method than GET, and why.
UNTOLD = {
    "POST /api/v0/site_walks/export_as_walk": "it answers a file and changes nothing",
    "POST /api/v0/site_walks/export_as_walk/{uuid}": "it answers a file and changes nothing",
    "POST /api/roundsman/v1/work-orders/preview": "it shows what an order would be",
    "POST /api/roundsman/v1/work-order-settings/test": "it asks the other system and keeps nothing",
}
_BEFORE = "audit_sequence_before"
Hook = Callable[[Any], Awaitable[None]]


class Unaudited(AssertionError):
    """A change that left no entry."""


def hooks(database: Database) -> dict[str, list[Hook]]:
    """Hooks for an httpx client: the end of the trail before each change, and after it."""

    async def before(request: httpx.Request) -> None:
        if request.method not in ("GET", "HEAD", "OPTIONS"):
            request.extensions[_BEFORE] = (await head(database)).sequence

    async def after(response: httpx.Response) -> None:
        request = response.request
        sequence = request.extensions.get(_BEFORE)
        if sequence is None or not _changed(response):
            return
        operation = f"{request.method} {_template(request.method, plain(request.url.raw_path.decode('ascii')))}"
        if operation not in UNTOLD and (await head(database)).sequence <= sequence:
            raise Unaudited(f"{operation} left no entry in the audit trail")

    return {"request": [before], "response": [after]}


def _changed(response: httpx.Response) -> bool:
    """A page that changed something sends people on; what was done before is not done again."""
    is_done = response.is_success if response.request.url.path.startswith("/api/") else response.is_redirect
    return is_done and "idempotent-replayed" not in response.headers


def _template(method: str, path: str) -> str:
    """The path as the table of operations has it."""
    for line in TABLE.read_text().splitlines():
        known, template, *_ = line.split()
        if known == method and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path):
            return template
    return path

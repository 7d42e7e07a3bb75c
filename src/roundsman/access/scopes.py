"""What an API token may be limited to: resources, each for reading or for writing."""

from collections.abc import Sequence
from typing import Literal, get_args

from roundsman.kit.problem import BadRequest

Resource = Literal[
    "robots", "runs", "captures", "site", "calendar", "anomalies", "webhooks", "work_orders", "backups",
    "users", "audit", "exports", "changes", "system",
]  # fmt: skip

RESOURCES: tuple[Resource, ...] = get_args(Resource)
SCOPES: tuple[str, ...] = tuple(f"{resource}:{verb}" for resource in RESOURCES for verb in ("read", "write"))


def checked_scopes(scopes: Sequence[str]) -> str:
    """Scopes as they are stored, each once. Raises: BadRequest for one that there is not."""
    for scope in scopes:
        if scope not in SCOPES:
            raise BadRequest("scopes", f"scopes: there is no scope {scope!r}", list(SCOPES))
    return " ".join(dict.fromkeys(scopes))


def in_scope(scopes: str, resource: Resource, verb: Literal["read", "write"]) -> bool:
    """Whether a token with these scopes may; one without any may all that its role may. Writing includes reading."""
    if not scopes:
        return True
    given = scopes.split()
    return f"{resource}:write" in given or f"{resource}:{verb}" in given


def covers(scopes: str, wanted: Sequence[str]) -> bool:
    """Whether who has `scopes` may give those that are wanted; none wanted are all that there are."""
    if not scopes:
        return True
    given = set(scopes.split())
    given |= {f"{scope.removesuffix(':write')}:read" for scope in given if scope.endswith(":write")}
    return bool(wanted) and given.issuperset(wanted)

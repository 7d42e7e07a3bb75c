"""Requests in numbers, for Prometheus; and whether the server is well."""

from functools import lru_cache
from typing import Any

from litestar import Request, Response, get
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Histogram, generate_latest

from roundsman.api.addresses import from_this_machine
from roundsman.api.authentication import PUBLIC, identity_of, unauthenticated
from roundsman.api.parts import Given
from roundsman.kit.problem import Forbidden

_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
_seconds = Histogram("roundsman_request_seconds", "Time to answer", ["method", "path"], buckets=_BUCKETS_S)
_answers = Counter("roundsman_requests", "Requests answered", ["method", "path", "status"])
_METHODS = frozenset({"GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"})


def observe(method: str, path_template: str, status: int, seconds: float) -> None:
    """Counts one request. Paths are templates, so that their number stays small whatever is asked for."""
    method = method if method in _METHODS else "other"
    histogram, counter = _series(method, path_template or "unknown", status)
    histogram.observe(seconds)
    counter.inc()


@lru_cache(4096)
def _series(method: str, path: str, status: int) -> tuple[Any, Any]:
    return _seconds.labels(method, path), _answers.labels(method, path, str(status))


@get("/metrics", opt=PUBLIC, include_in_schema=False)
async def metrics(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Prometheus' text, for an administrator or a program on this machine."""
    identity = identity_of(request)
    if not from_this_machine(request):
        if identity is None:
            raise unauthenticated(request.headers.get("authorization"))
        if not identity.may("administer"):
            raise Forbidden("Forbidden: metrics are for administrators and for programs on this machine")
    return Response(generate_latest(), headers={"content-type": CONTENT_TYPE_LATEST})


@get("/healthz", opt=PUBLIC, include_in_schema=False)
async def health(parts: Given) -> Response[dict[str, str]]:
    """200 while the database answers."""
    await parts.access.has_users()
    return Response({"status": "ok"})


routes = [metrics, health]

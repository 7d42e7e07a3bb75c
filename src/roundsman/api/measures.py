"""Requests in numbers, for Prometheus; and whether the server is well."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from itertools import accumulate
from typing import Any

from litestar import Request, Response, get
from prometheus_client import REGISTRY
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector

from roundsman.api.addresses import from_this_machine
from roundsman.api.authentication import PUBLIC, identity_of, unauthenticated
from roundsman.api.parts import Given
from roundsman.kit.metrics import CONTENT_TYPE, exposition
from roundsman.kit.problem import Forbidden

_BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
_METHODS = frozenset({"GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"})


class Requests(Collector):
    """How long requests took, counted on the event loop and put into Prometheus' form only when asked for.

    The client library's own histogram takes a lock and walks its buckets: 20 µs of a request's 300.
    """

    def __init__(self) -> None:
        self._series: defaultdict[tuple[str, str, int], list[float]] = defaultdict(lambda: [0.0] * (len(_BOUNDS_S) + 2))

    def observe(self, method: str, path_template: str, status: int, seconds: float) -> None:
        """Counts one request. Paths are templates, so that their number stays small whatever is asked for."""
        known = method if method in _METHODS else "other"
        series = self._series[known, path_template or "unknown", status]
        series[bisect_left(_BOUNDS_S, seconds)] += 1
        series[-1] += seconds

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """All series, with buckets that add up."""
        labels = ["method", "path", "status"]
        family = HistogramMetricFamily("roundsman_request_seconds", "Time to answer a request", labels=labels)
        bounds = [*map(str, _BOUNDS_S), "+Inf"]
        for (method, path, status), (*counts, total) in self._series.items():
            buckets = list(zip(bounds, accumulate(counts), strict=True))
            family.add_metric([method, path, str(status)], buckets, total)
        yield family


requests = Requests()
REGISTRY.register(requests)


@get("/metrics", opt=PUBLIC, include_in_schema=False)
async def metrics(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Prometheus' text, for an administrator or a program on this machine."""
    identity = identity_of(request)
    if not from_this_machine(request):
        if identity is None:
            raise unauthenticated(request.headers.get("authorization"))
        if not identity.may("administer"):
            raise Forbidden("Forbidden: metrics are for administrators and for programs on this machine")
    return Response(exposition(), headers={"content-type": CONTENT_TYPE})


@get("/healthz", opt=PUBLIC, include_in_schema=False)
async def health(parts: Given) -> Response[dict[str, str]]:
    """200 while the database answers."""
    await parts.access.has_users()
    return Response({"status": "ok"})


routes = [metrics, health]

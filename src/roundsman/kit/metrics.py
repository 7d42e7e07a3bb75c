"""Numbers of this process for Prometheus; `exposition` is what its scraper reads.

A slice adds its own with `Counter`, `Gauge` and `Histogram`, named `roundsman_<what>_<unit>`. Labels take few values:
a robot's hostname yes, a path or a uuid never.
"""

from prometheus_client import CONTENT_TYPE_LATEST, Counter, Gauge, Histogram, generate_latest

__all__ = ["CONTENT_TYPE", "Counter", "Gauge", "Histogram", "exposition"]

CONTENT_TYPE = CONTENT_TYPE_LATEST

COMMIT_SECONDS = Histogram(
    "roundsman_commit_seconds",
    "Time that one commit took, from taking its callers to being on disk.",
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5),
)
COMMITTED_CALLERS = Counter("roundsman_committed_callers", "Transactions that were committed, many by one commit.")
BLOB_BYTES = Counter("roundsman_blob_bytes", "Bytes of blobs that became durable.")
SERVICE_RESTARTS = Counter("roundsman_service_restarts", "Services that failed and were started anew.", ["service"])


def exposition() -> bytes:
    """All numbers as text, of type CONTENT_TYPE."""
    return generate_latest()

"""Requests are counted as Prometheus expects a histogram."""

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from roundsman.api.measures import Requests


def test_buckets_add_up_and_methods_are_few() -> None:
    requests, registry = Requests(), CollectorRegistry()
    for seconds in (0.0005, 0.02, 99):
        requests.observe("GET", "/api/v0/runs", 200, seconds)
    requests.observe("BREW", "", 405, 0.1)
    registry.register(requests)
    [family] = text_string_to_metric_families(generate_latest(registry).decode())
    got = {
        (sample.name.removeprefix("roundsman_request_seconds_"), sample.labels.get("le")): sample.value
        for sample in family.samples
        if sample.labels["method"] == "GET"
    }
    assert got["bucket", "0.001"] == 1
    assert got["bucket", "0.025"] == 2
    assert got["bucket", "10"] == 2
    assert got["bucket", "+Inf"] == got["count", None] == 3
    assert abs(got["sum", None] - 99.0205) < 1e-9
    assert {sample.labels["method"] for sample in family.samples} == {"GET", "other"}
    assert {sample.labels["path"] for sample in family.samples} == {"/api/v0/runs", "unknown"}

"""The Scout API, version 0: one thin module per noun, each with its list of `routes`."""

from typing import Any

from roundsman.api import files, measures
from roundsman.api.v0 import (
    anomalies,
    backups,
    calendar,
    login,
    robots,
    run_archives,
    run_captures,
    run_events,
    run_reports,
    runs,
    site,
    system,
    webhooks,
    work_orders,
)

V0_ROUTES: list[Any] = [
    *login.routes,
    *system.routes,
    *robots.routes,
    *runs.routes,
    *run_reports.routes,
    *run_events.routes,
    *run_captures.routes,
    *run_archives.routes,
    *calendar.routes,
    *anomalies.routes,
    *webhooks.routes,
    *work_orders.routes,
    *site.routes,
    *backups.routes,
]  # under /api/v0
ROOT_ROUTES: list[Any] = [*measures.routes, *files.routes]  # with their whole path, e.g. /daq/download

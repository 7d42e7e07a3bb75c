"""Roundsman's own API: one thin module per noun, each with its list of `routes`."""

from typing import Any

from roundsman.api.own import (
    anomalies,
    audit,
    changes,
    exports,
    lost,
    previews,
    records,
    schedules,
    sessions,
    tokens,
    users,
    webhooks,
    work_orders,
)

OWN_ROUTES: list[Any] = [  # under /api/roundsman/v1
    *schedules.routes,
    *work_orders.routes,
    *lost.routes,
    *previews.routes,
    *changes.routes,
    *webhooks.routes,
    *exports.routes,
    *records.routes,
    *anomalies.routes,
    *users.routes,
    *tokens.routes,
    *sessions.routes,
    *audit.routes,
]

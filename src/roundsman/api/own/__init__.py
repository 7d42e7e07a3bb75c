"""Roundsman's own API: one thin module per noun, each with its list of `routes`."""

from typing import Any

from roundsman.api.own import lost, previews, schedules, work_orders

# under /api/roundsman/v1
OWN_ROUTES: list[Any] = [*schedules.routes, *work_orders.routes, *lost.routes, *previews.routes]

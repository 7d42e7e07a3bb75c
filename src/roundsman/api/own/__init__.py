"""Roundsman's own API: one thin module per noun, each with its list of `routes`."""

from typing import Any

from roundsman.api.own import schedules, work_orders

OWN_ROUTES: list[Any] = [*schedules.routes, *work_orders.routes]  # under /api/roundsman/v1

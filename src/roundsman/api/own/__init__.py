"""Roundsman's own API: one thin module per noun, each with its list of `routes`."""

from typing import Any

from roundsman.api.own import schedules

OWN_ROUTES: list[Any] = [*schedules.routes]  # under /api/roundsman/v1

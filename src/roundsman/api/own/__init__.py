"""Roundsman's own API: one thin module per noun, each with its list of `routes`."""

from typing import Any

OWN_ROUTES: list[Any] = []  # under /api/roundsman/v1

"""The API of Orbit 5.2, version 1, split by domain: one thin module per noun, each with its list of `routes`."""

from typing import Any

from roundsman.api.v1 import robots, site

V1_ROUTES: list[Any] = [*robots.routes, *site.routes]  # with their whole path, e.g. /api/fleet/v1/robots

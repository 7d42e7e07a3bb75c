"""The served Roundsman, for tests of the API."""

from tests.served import Served, parts, served, settings, unset

__all__ = ["Served", "parts", "served", "settings", "unset"]

"""The served fixture of the API's tests, for pages."""

from tests.api.conftest import parts, served, settings, unset

__all__ = ["parts", "served", "settings", "unset"]

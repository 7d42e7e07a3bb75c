"""The served Roundsman, for tests of webhooks."""

from tests.served import parts, served, settings, unset

__all__ = ["parts", "served", "settings", "unset"]

"""The served Roundsman, for tests of its pages."""

from tests.served import parts, served, settings, unset

__all__ = ["parts", "served", "settings", "unset"]

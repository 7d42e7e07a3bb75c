"""The HTTP surface: the Scout API under /api/v0, files, documentation, and how it is served."""

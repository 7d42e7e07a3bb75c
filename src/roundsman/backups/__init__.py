"""Backups: everything of an installation as one file, and that file back into an empty one."""

"""Errors that a person can mend, as one sentence; anything else keeps its traceback, because it is our mistake."""

import errno

from roundsman.kit.problem import Problem
from roundsman.settings import SettingsError


class Refusal(Exception):
    """Says in one sentence why a command does not go on, and what to do."""


def sentence_of(error: Exception) -> str | None:
    """The sentence for a person, or None when `error` is not one that they can mend."""
    if isinstance(error, Refusal | SettingsError):
        return str(error)
    if isinstance(error, Problem):
        return error.detail or error.title
    if isinstance(error, PermissionError):
        return f"no permission for {error.filename}; run as a user who may write there, or choose another --data folder"
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return "the disk is full; free some space and start again, nothing that was acknowledged is lost"
    if isinstance(error, OSError) and error.errno == errno.EROFS:
        return f"{error.filename} is on a read-only file system; choose another --data folder"
    return None

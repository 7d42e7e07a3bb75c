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
    return _of_system(error) if isinstance(error, OSError) else None


def _of_system(error: OSError) -> str | None:
    if error.errno is None:  # ours: made of a sentence alone
        return str(error)
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return "the disk is full; free some space and start again, nothing that was acknowledged is lost"
    if error.filename is None:
        return None
    reasons = {
        errno.EACCES: "is not permitted to this user",
        errno.EPERM: "is not permitted to this user",
        errno.EROFS: "is on a read-only file system",
        errno.ENOTDIR: "lies below a file, not a folder",
        errno.EEXIST: "is a file, not a folder",
        errno.ENOENT: "does not exist",
    }
    reason = reasons.get(error.errno)
    return f"{error.filename} {reason}; choose another, e.g. with --data" if reason else None

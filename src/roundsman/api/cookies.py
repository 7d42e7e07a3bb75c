"""The two cookies that every visitor is given.

Source: scout-api.md §1.1: exactly one host-only cookie `x-csrf-token` with Path=/, or the clients stop with an error.
"""

from litestar.datastructures import Cookie

from roundsman.access.secrets import SessionIds
from roundsman.settings import Settings

CSRF_COOKIE = "x-csrf-token"
SESSION_COOKIE = "roundsman-session"  # clients never read it by name


def session_cookies(ids: SessionIds, session_id: str, settings: Settings) -> list[Cookie]:
    """The session's cookie, closed to scripts, and the csrf token's, which scripts and clients repeat in a header."""
    secure, lifetime_s = not settings.plain_http, settings.session_lifetime_s
    session = Cookie(SESSION_COOKIE, value=session_id, max_age=lifetime_s, httponly=True, secure=secure)
    csrf = Cookie(CSRF_COOKIE, value=ids.csrf(session_id), max_age=lifetime_s, secure=secure)
    return [session, csrf]


def cookie_of(header: str, name: str) -> str | None:
    """The value of one cookie in a Cookie header."""
    for part in header.split(";"):
        key, _, value = part.strip().partition("=")
        if key == name:
            return value
    return None

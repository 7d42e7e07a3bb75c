"""Secrets that clients hold: API tokens, session ids, set-up links. Only their sha256 is stored."""

import base64
import hmac
import secrets

from roundsman.kit import crypto

TOKEN_PREFIX = "rmn_"  # noqa: S105 - the recognisable beginning of every token, for people and for scanners of leaks
HINT_LENGTH = 8

digest = crypto.digest


def new_token() -> str:
    """An API token of 256 random bits."""
    return crypto.new_token(TOKEN_PREFIX)


class SessionIds:
    """Mints session ids and tells its own from others.

    An id carries a signature, so that a visitor's session needs no row before somebody logs in with it, and an id
    that Roundsman did not mint is never accepted, even by login. The csrf token is derived from the id.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def mint(self) -> str:
        """A new id."""
        random = secrets.token_urlsafe(24)
        return f"{random}.{self._signature('session', random)}"

    def genuine(self, session_id: str) -> bool:
        """Whether this id was minted here."""
        random, _, signature = session_id.partition(".")
        return session_id.isascii() and hmac.compare_digest(self._signature("session", random), signature)

    def csrf(self, session_id: str) -> str:
        """The csrf token that belongs to this session."""
        return self._signature("csrf", session_id)

    def csrf_matches(self, session_id: str, token: str) -> bool:
        """Whether `token` is the csrf token of this session."""
        return token.isascii() and hmac.compare_digest(self.csrf(session_id), token)

    def _signature(self, purpose: str, text: str) -> str:
        mac = hmac.digest(self._key, f"{purpose}:{text}".encode(), "sha256")
        return base64.urlsafe_b64encode(mac[:24]).decode()

"""Users and tokens of one robot.

Source: robot-link.md §2.2 (tokens of 12 hours, six failures lock a user out for a minute).
"""

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass

import jwt

LIFETIME_S = 12 * 3600
FAILURES_MAX = 6
LOCKED_OUT_S = 60


class LockedOutError(Exception):
    """Too many wrong passwords; also the right one is refused for a while."""


@dataclass(slots=True)
class _Failures:
    count: int = 0
    until_us: int = 0


class Tokens:
    """Who may use a robot. Times are by the robot's clock."""

    def __init__(self, users: dict[str, str], serial: str, now_us: Callable[[], int]) -> None:
        self._users, self._serial, self._now_us = users, serial, now_us
        self._secret = secrets.token_bytes(32)
        self._expiry_us: dict[str, tuple[str, int]] = {}
        self._failures: dict[str, _Failures] = {}

    def login(self, username: str, password: str) -> str | None:
        """A token, None when name or password are wrong. Raises: LockedOutError."""
        failures = self._failures.setdefault(username, _Failures())
        if self._now_us() < failures.until_us:
            raise LockedOutError
        known = self._users.get(username)
        if known is None or not hmac.compare_digest(known.encode(), password.encode()):
            self._failed(failures)
            return None
        failures.count = 0
        return self._issue(username)

    def refresh(self, token: str) -> str | None:
        """A new token for one that is still good."""
        return self._issue(self._expiry_us[token][0]) if self.valid(token) else None

    def valid(self, token: str) -> bool:
        """Whether a token is one of ours and not too old."""
        return self._now_us() < self._expiry_us.get(token, ("", 0))[1]

    def user(self, token: str) -> str:
        """Whose token it is."""
        return self._expiry_us[token][0]

    def forget(self) -> None:
        """Makes all tokens worthless, as a robot's restart may."""
        self._expiry_us.clear()

    def _failed(self, failures: _Failures) -> None:
        failures.count += 1
        if failures.count >= FAILURES_MAX:
            failures.count, failures.until_us = 0, self._now_us() + LOCKED_OUT_S * 1_000_000

    def _issue(self, username: str) -> str:
        now_us = self._now_us()
        self._expiry_us = {t: entry for t, entry in self._expiry_us.items() if now_us < entry[1]}
        claims = {
            "sub": username,
            "iss": self._serial,
            "iat": now_us // 1_000_000,
            "exp": now_us // 1_000_000 + LIFETIME_S,
            "jti": secrets.token_hex(8),
        }
        token = jwt.encode(claims, self._secret, algorithm="HS256")
        self._expiry_us[token] = (username, now_us + LIFETIME_S * 1_000_000)
        return token

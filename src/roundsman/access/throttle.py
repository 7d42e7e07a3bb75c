"""Slows down guessing of passwords: a delay that doubles, then 429 for a while.

Counted per user *and* address, so that nobody can lock another one out from elsewhere; and per address over all users,
so that trying one password on many users is slowed down too. Of IPv6 it is the network of 64 bits that counts, since
whoever has one address of it has them all. Names that do not exist are counted like any other.
Kept in memory: a restart forgives, and each process counts for itself.
"""

import asyncio
import ipaddress
from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from roundsman.kit.clock import Clock
from roundsman.kit.problem import TooManyRequests, Unauthorized
from roundsman.settings import Settings

_KEPT = 10_000  # most entries remembered; the oldest is forgotten first
_WAITING_MAX = 32  # logins of one user from one address that may wait for their turn
_ADDRESS_FACTOR = 10  # an address may fail this much more often than one user of it
_DELAY_MAX_S = 8.0
_TOLD_EVERY_US = 60_000_000  # wrong passwords in a row fill no trail


class _Entry:
    def __init__(self) -> None:
        self.turn = asyncio.Lock()
        self.waiting = 0
        self.failures = 0
        self.last_failure_us = 0
        self.untold = 0
        self.told_us = -_TOLD_EVERY_US


class LoginThrottle:
    """Lets one login of a user from an address run at a time, and knows how many have failed."""

    def __init__(self, clock: Clock, settings: Settings) -> None:
        self._clock = clock
        self._delay_s = settings.login_delay_s
        self._attempts_max = settings.login_attempts_max
        self._lockout_us = int(settings.login_lockout_s * 1e6)
        self._entries: OrderedDict[tuple[str, str], _Entry] = OrderedDict()

    @asynccontextmanager
    async def attempt(self, username: str, address: str) -> AsyncGenerator[None]:
        """One attempt; an `Unauthorized` raised within counts, after a delay, anything else does not.

        Raises: TooManyRequests with the seconds to wait, before anything is tried.
        """
        network = network_of(address)
        user, all_users = self._entry((username, network)), self._entry(("", network))
        self._refuse_if_waiting(user)
        user.waiting += 1
        try:
            async with user.turn:
                self._refuse_if_locked(user, self._attempts_max)
                self._refuse_if_locked(all_users, self._attempts_max * _ADDRESS_FACTOR)
                try:
                    yield
                except Unauthorized:
                    await self._failed(user, all_users)
                    raise
                user.failures = 0
        finally:
            user.waiting -= 1

    def to_tell(self, username: str, address: str) -> int:
        """How many attempts have failed that no trail knows of yet; 0 while the last word on it is a minute old."""
        entry, now_us = self._entry((username, network_of(address))), self._clock.now_us()
        if now_us - entry.told_us < _TOLD_EVERY_US:
            return 0
        count, entry.untold, entry.told_us = entry.untold, 0, now_us
        return count

    def _entry(self, key: tuple[str, str]) -> _Entry:
        entry = self._entries.setdefault(key, _Entry())
        self._entries.move_to_end(key)
        if len(self._entries) > _KEPT:
            self._entries.popitem(last=False)
        return entry

    def _refuse_if_waiting(self, entry: _Entry) -> None:
        if entry.waiting >= _WAITING_MAX:
            raise TooManyRequests(1, "too many logins at once")

    def _refuse_if_locked(self, entry: _Entry, failures_max: int) -> None:
        rest_us = entry.last_failure_us + self._lockout_us - self._clock.now_us()
        if rest_us <= 0:
            entry.failures = 0
        elif entry.failures >= failures_max:
            rest_s = -(-rest_us // 1_000_000)
            raise TooManyRequests(rest_s, f"Too Many Requests: too many wrong passwords; try again in {rest_s} s")

    async def _failed(self, user: _Entry, all_users: _Entry) -> None:
        for entry in (user, all_users):
            entry.failures += 1
            entry.last_failure_us = self._clock.now_us()
            entry.untold += 1
        await self._clock.sleep(min(self._delay_s * 2 ** (user.failures - 1), _DELAY_MAX_S))


def network_of(address: str) -> str:
    """The address by which guesses are counted: all of IPv4, the first 64 bits of IPv6. Source: RFC 6177 §2."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    if known.version == 4:
        return address
    return str(known.ipv4_mapped or ipaddress.ip_network((int(known) >> 64 << 64, 64)))

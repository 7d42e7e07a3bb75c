"""Who a credential belongs to, remembered for a few seconds so that a request does not cost a query."""

from collections.abc import Awaitable, Callable

from roundsman.access.types import Identity
from roundsman.kit.clock import Clock

_KEPT = 10_000


class IdentityCache:
    """Answers of the database by digest; changes in this process clear it at once, others are seen after `ttl_s`."""

    def __init__(self, clock: Clock, ttl_s: float) -> None:
        self._clock = clock
        self._ttl_us = int(ttl_s * 1e6)
        self._known: dict[str, tuple[int, Identity | None]] = {}
        self._generation = 0

    async def identity(self, digest: str, find: Callable[[str], Awaitable[Identity | None]]) -> Identity | None:
        """What `find` answers now, or answered before: None is a credential that nobody has."""
        until_us, identity = self._known.get(digest, (0, None))
        if until_us > self._clock.now_us():
            return identity
        generation = self._generation
        identity = await find(digest)
        if generation == self._generation:  # else something changed meanwhile, and this may be the answer of before
            if len(self._known) >= _KEPT:
                self._known.clear()
            self._known[digest] = (self._clock.now_us() + self._ttl_us, identity)
        return identity

    def clear(self) -> None:
        """Forgets everything: a user, session or token has changed."""
        self._known.clear()
        self._generation += 1

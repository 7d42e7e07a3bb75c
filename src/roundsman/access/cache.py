"""Who a credential belongs to, remembered for a few seconds so that a request does not cost a query."""

from roundsman.access.types import Identity
from roundsman.kit.clock import Clock

_KEPT = 10_000


class IdentityCache:
    """Answers of the database by digest; changes in this process clear it at once, others are seen after `ttl_s`."""

    def __init__(self, clock: Clock, ttl_s: float) -> None:
        self._clock = clock
        self._ttl_us = int(ttl_s * 1e6)
        self._known: dict[str, tuple[int, Identity | None]] = {}
        self.generation = 0

    def get(self, digest: str) -> tuple[bool, Identity | None]:
        """Whether the answer is known, and the answer: None is a credential that nobody has."""
        until_us, identity = self._known.get(digest, (0, None))
        return until_us > self._clock.now_us(), identity

    def put(self, digest: str, identity: Identity | None, generation: int) -> None:
        """Remembers an answer, unless something changed since `generation` was read."""
        if generation != self.generation:
            return
        if len(self._known) >= _KEPT:
            self._known.clear()
        self._known[digest] = (self._clock.now_us() + self._ttl_us, identity)

    def clear(self) -> None:
        """Forgets everything: a user, session or token has changed."""
        self._known.clear()
        self.generation += 1

"""When sessions and tokens were last used, written at most once a minute and never while a request waits."""

from roundsman.access import statements
from roundsman.access.types import Identity
from roundsman.kit.clock import Clock
from roundsman.kit.database import Database, Transaction

FLUSH_S = 60.0


class Usage:
    """A service that notes uses in memory and writes them once a minute; it also removes sessions that are over."""

    name = "access.usage"

    def __init__(self, database: Database, clock: Clock, session_idle_us: int) -> None:
        self._database = database
        self._clock = clock
        self._session_idle_us = session_idle_us
        self._sessions: dict[str, int] = {}
        self._tokens: dict[str, int] = {}

    def note(self, identity: Identity) -> None:
        """This one was here now."""
        noted = self._sessions if identity.kind == "session" else self._tokens
        noted[identity.key] = self._clock.now_us()

    async def run(self) -> None:
        """Flushes for ever."""
        while True:
            await self._clock.sleep(FLUSH_S)
            await self.flush()

    async def flush(self) -> None:
        """Writes what was noted since the last time."""
        sessions, tokens = _rows(self._sessions), _rows(self._tokens)
        self._sessions.clear()
        self._tokens.clear()
        now_us = self._clock.now_us()

        async def work(tx: Transaction) -> None:
            if sessions:
                await tx.execute_many(statements.touch_session, sessions)
            if tokens:
                await tx.execute_many(statements.touch_token, tokens)
            await tx.execute(statements.purge_sessions, now_us=now_us, unused_us=now_us - self._session_idle_us)

        await self._database.write(work)


def _rows(noted: dict[str, int]) -> list[dict[str, str | int]]:
    return [{"key": key, "used_us": used_us} for key, used_us in sorted(noted.items())]

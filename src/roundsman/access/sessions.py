"""Sessions: logins of people, by a cookie whose id only their browser or program has."""

from collections.abc import Awaitable, Callable
from functools import partial

from roundsman.access import statements
from roundsman.access.audit import Actor, acting, record
from roundsman.access.cache import IdentityCache
from roundsman.access.roles import Role
from roundsman.access.secrets import SessionIds, digest
from roundsman.access.tables import sessions
from roundsman.access.types import Identity, Session, User
from roundsman.kit.clock import Clock
from roundsman.kit.database import Database, Transaction
from roundsman.kit.identifiers import new_uuid
from roundsman.kit.listing import Listed, Order, Window, read_page
from roundsman.kit.problem import NotFound
from roundsman.kit.times import iso
from roundsman.settings import Settings

SESSIONS = Listed(sessions, Session.__struct_fields__, (("username",),))
LAST_USED = Order(("last_used_us",), descending=True)
_AGENT_LENGTH_MAX = 300
_MOST = 1000


class Sessions:
    """The sessions of one database. `secret` answers the key that all processes share."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        settings: Settings,
        cache: IdentityCache,
        secret: Callable[[], Awaitable[bytes]],
    ) -> None:
        self._database = database
        self._clock = clock
        self._lifetime_us = settings.session_lifetime_s * 1_000_000
        self._cache = cache
        self._secret = secret
        self._ids: SessionIds | None = None
        self.idle_us = settings.session_idle_s * 1_000_000

    async def ids(self) -> SessionIds:
        """Mints and checks session ids, with the key that all processes share."""
        if self._ids is None:
            self._ids = SessionIds(await self._secret())
        return self._ids

    async def open(self, user: User, session_id: str, agent: str = "") -> None:
        """Makes `session_id`, which must be genuine, a session of `user`; `agent` is what the program calls itself."""
        now_us, by = self._clock.now_us(), Actor(user.username, "session", acting().address)
        row = {
            "uuid": new_uuid(),
            "digest": digest(session_id),
            "user_uuid": user.uuid,
            "username": user.username,
            "created_us": now_us,
            "expires_us": now_us + self._lifetime_us,
            "last_used_us": now_us,
            "address": by.address,
            "agent": agent[:_AGENT_LENGTH_MAX].replace("\0", ""),
        }

        async def work(tx: Transaction) -> None:
            await tx.execute(statements.end_session, session_digest=row["digest"])
            await tx.execute(statements.add_session, **row)
            await record(tx, by, "log in", "session", user.username)

        await self._database.write(work)
        self._cache.clear()

    async def close(self, session_id: str) -> None:
        """Logs a session out."""
        by = acting()

        async def work(tx: Transaction) -> None:
            if await tx.execute(statements.end_session, session_digest=digest(session_id)):
                await record(tx, by, "log out", "session", by.name)

        await self._database.write(work)
        self._cache.clear()

    async def list(self, username: str | None = None) -> list[Session]:
        """Those of a user, or with None all; the last used first."""
        wanted = {} if username is None else {"username": username}
        return [Session(*row) for row in await read_page(self._database, SESSIONS, [wanted], LAST_USED, Window(_MOST))]

    async def end(self, uuid: str, check: Callable[[Session], None] = lambda _: None) -> Session:
        """Ends a session, and says which it was. `check` is called within the transaction. Raises: NotFound."""
        by = acting()

        async def work(tx: Transaction) -> Session:
            row = await tx.one(statements.one_session, session_uuid=uuid)
            if row is None:
                raise NotFound(f"there is no session {uuid}", "SESSION_NOT_FOUND")
            session = Session(*row)
            check(session)
            await tx.execute(statements.end_session, session_digest=session.digest)
            told = {"createdAt": iso(session.created_us), "address": session.address}
            await record(tx, by, "end", "session", session.username, before=told)
            return session

        ended = await self._database.write(work)
        self._cache.clear()
        return ended

    async def identify(self, session_id: str) -> Identity | None:
        """Whose session this is; None for a visitor's, and for one that was ended."""
        return await self._cache.identity(digest(session_id), partial(self._identify, session_id))

    async def _identify(self, session_id: str, session_digest: str) -> Identity | None:
        if not (await self.ids()).genuine(session_id):
            return None
        row = await self._database.one(statements.find_session, digest=session_digest)
        return None if row is None else self._identity(session_digest, *row)

    def _identity(self, key: str, username: str, role: Role, expires_us: int, last_used_us: int) -> Identity:
        return Identity(username, role, "session", key, min(expires_us, last_used_us + self.idle_us), username)

"""Access: users, API tokens, sessions and the set-up link, over one database."""

from secrets import token_hex, token_urlsafe

from roundsman.access import statements
from roundsman.access.audit import Actor, acting, record
from roundsman.access.cache import IdentityCache
from roundsman.access.passwords import Passwords
from roundsman.access.secrets import digest
from roundsman.access.sessions import Sessions
from roundsman.access.throttle import LoginThrottle
from roundsman.access.tokens import Tokens
from roundsman.access.types import Identity, User
from roundsman.access.usage import Usage
from roundsman.access.users import Users, check_user, insert_user
from roundsman.kit.clock import Clock
from roundsman.kit.database import Database, Duplicate, Transaction
from roundsman.kit.identifiers import new_uuid
from roundsman.kit.problem import Unauthorized
from roundsman.settings import Settings


class Access:
    """Who may use Roundsman. One per process; users and tokens made by another process are seen within seconds."""

    def __init__(self, database: Database, clock: Clock, settings: Settings) -> None:
        self._database = database
        self._clock = clock
        self._throttle = LoginThrottle(clock, settings)
        self._passwords = Passwords()
        self._instance_id = ""
        cache = IdentityCache(clock, settings.access_cache_s)
        self.users = Users(database, clock, cache, self._passwords)
        self.tokens = Tokens(database, clock, cache)
        self.sessions = Sessions(database, clock, settings, cache, self._session_key)
        self.usage = Usage(database, clock, self.sessions.idle_us)

    # Who asks

    async def by_token(self, token: str) -> Identity | None:
        """Whose API token this is; None when it is unknown, revoked or expired, or who made it is disabled."""
        return self._still_valid(await self.tokens.identify(token))

    async def by_session(self, session_id: str) -> Identity | None:
        """Whose session this is; None for a visitor's, and for one that is over."""
        return self._still_valid(await self.sessions.identify(session_id))

    async def login(self, username: str, password: str, address: str) -> User:
        """Checks a password; slow on purpose after wrong ones.

        Raises: Unauthorized, the same for a wrong name and a wrong password; TooManyRequests after too many.
        """
        try:
            async with self._throttle.attempt(username, address):
                return await self._checked(username, password)
        except Unauthorized:
            await self._tell_failure(username, address)
            raise

    async def _checked(self, username: str, password: str) -> User:
        row = await self._database.one(statements.find_user, username=username)
        if not await self._passwords.verify(None if row is None else row[-1], password) or row is None:
            raise Unauthorized("wrong username or password")
        user = User(*row[:-1])
        if user.disabled_us is not None:
            raise Unauthorized(f"the user {username} is disabled: ask an administrator")
        return user

    async def _tell_failure(self, username: str, address: str) -> None:
        """Enters failed logins in the audit trail, at most once a minute for each name and address."""
        count = self._throttle.to_tell(username, address)
        if not count:
            return
        by, name, told = Actor("", "visitor", address), username[:64], {"attempts": count}
        await self._database.write(lambda tx: record(tx, by, "fail to log in", "session", name, after=told))

    def _still_valid(self, identity: Identity | None) -> Identity | None:
        if identity is None or (identity.expires_us is not None and identity.expires_us <= self._clock.now_us()):
            return None
        self.usage.note(identity)
        return identity

    # Set-up

    async def setup_token(self) -> str | None:
        """A one-time token to make the first admin with; None when there are users. Replaces the one before."""
        if await self.has_users():
            return None
        secret = token_urlsafe(32)
        await self._database.write(lambda tx: _replace_key(tx, "setup", digest(secret), self._clock.now_us()))
        return secret

    async def setup_open(self, token: str) -> bool:
        """Whether `token` is the set-up token, and not yet used."""
        row = await self._database.one(statements.find_key, key_name="setup")
        return row is not None and row[0] == digest(token) and not await self.has_users()

    async def set_up(self, token: str, username: str, password: str) -> User:
        """Makes the first admin; the token is used up.

        Raises: Unauthorized when the token is not valid (any more); BadRequest as for create_user.
        """
        check_user(username, password, "admin")
        user = User(new_uuid(), username, "admin", self._clock.now_us())
        password_hash, by = await self._passwords.hash(password), Actor(username, "visitor", acting().address)

        async def work(tx: Transaction) -> None:
            key, count = await tx.one(statements.find_key, key_name="setup"), await tx.one(statements.count_users)
            if key is None or key[0] != digest(token) or (count is not None and count[0]):
                raise Unauthorized("this set-up link is not valid any more")
            await tx.execute(statements.remove_key, key_name="setup")
            await insert_user(tx, by, user, password_hash)

        await self._database.write(work)
        return user

    async def has_users(self) -> bool:
        """Whether anybody has been set up."""
        row = await self._database.one(statements.count_users)
        return row is not None and row[0] > 0

    async def instance_id(self) -> str:
        """This installation's own id, made once; all its processes share it."""
        self._instance_id = self._instance_id or (await self._shared_key("instance"))[:16].upper()
        return self._instance_id

    async def _session_key(self) -> bytes:
        return bytes.fromhex(await self._shared_key("session_ids"))

    async def _shared_key(self, name: str) -> str:
        async def work(tx: Transaction) -> str:
            row = await tx.one(statements.find_key, key_name=name)
            return row[0] if row is not None else await _replace_key(tx, name, new_key, self._clock.now_us())

        new_key = token_hex(32)
        try:
            return await self._database.write(work)
        except Duplicate:  # another process made it at this moment
            return await self._shared_key(name)


async def _replace_key(tx: Transaction, name: str, value: str, now_us: int) -> str:
    await tx.execute(statements.remove_key, key_name=name)
    await tx.execute(statements.add_key, name=name, value=value, created_us=now_us)
    return value

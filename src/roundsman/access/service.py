"""Access: users, API tokens, sessions and the set-up link, over one database."""

import asyncio
import re
from collections.abc import Sequence
from secrets import token_hex, token_urlsafe

from roundsman.access import statements
from roundsman.access.audit import Actor, acting, record
from roundsman.access.cache import IdentityCache
from roundsman.access.roles import ROLES, Role
from roundsman.access.scopes import checked_scopes
from roundsman.access.secrets import HINT_LENGTH, SessionIds, digest, new_token
from roundsman.access.throttle import LoginThrottle
from roundsman.access.types import Identity, Token, User
from roundsman.access.usage import Usage
from roundsman.kit.clock import Clock
from roundsman.kit.crypto import hash_password, verify_password
from roundsman.kit.database import Database, Duplicate, Transaction
from roundsman.kit.identifiers import new_uuid
from roundsman.kit.problem import BadRequest, Conflict, NotFound, Unauthorized
from roundsman.settings import Settings

PASSWORD_LENGTH_MIN = 8
_PASSWORD_LENGTH_MAX = 1024
_USERNAME = re.compile(r"[\w.@+-]{1,64}")
_HASHES_AT_ONCE = 2  # each argon2 hash takes a core and tens of MB for a moment


class Access:
    """Who may use Roundsman. One per process; users and tokens made by another process are seen within seconds."""

    def __init__(self, database: Database, clock: Clock, settings: Settings) -> None:
        self._database = database
        self._clock = clock
        self._lifetime_us = settings.session_lifetime_s * 1_000_000
        self._idle_us = settings.session_idle_s * 1_000_000
        self._cache = IdentityCache(clock, settings.access_cache_s)
        self._throttle = LoginThrottle(clock, settings)
        self._hashing = asyncio.Semaphore(_HASHES_AT_ONCE)
        self._session_ids: SessionIds | None = None
        self._nobody_hash = ""
        self._instance_id = ""
        self.usage = Usage(database, clock)

    # Users

    async def create_user(self, username: str, password: str, role: Role = "admin") -> User:
        """Adds a user.

        Raises: BadRequest for a name, password or role that cannot be used; Conflict when the name is taken.
        """
        _check_user(username, password, role)
        now_us = self._clock.now_us()
        user = User(new_uuid(), username, role, now_us)
        password_hash, by = await self._hash(password), acting()

        async def work(tx: Transaction) -> None:
            if await tx.one(statements.find_user, username=username) is not None:
                raise Conflict(f"there is already a user {username}")
            await _insert_user(tx, by, user, password_hash)

        try:
            await self._database.write(work)
        except Duplicate:
            raise Conflict(f"a user {username} was added at this moment") from None
        return user

    async def list_users(self) -> list[User]:
        """All users, by name."""
        return [User(*row) for row in await self._database.all(statements.list_users)]

    async def remove_user(self, username: str) -> None:
        """Removes a user, ends the sessions of that user and revokes the tokens made by that user.

        Raises: NotFound; Conflict for the last administrator.
        """
        now_us, by = self._clock.now_us(), acting()

        async def work(tx: Transaction) -> None:
            row = await tx.one(statements.find_user, username=username)
            if row is None:
                raise NotFound(f"there is no user {username}")
            await _check_admin_stays(tx, row[2])
            await tx.execute(statements.end_sessions_of, owner_uuid=row[0])
            await tx.execute(statements.revoke_tokens_of, username=username, now_us=now_us)
            await tx.execute(statements.remove_user, user_uuid=row[0])
            await record(tx, by, "delete", "user", username, before={"role": row[2]})

        await self._database.write(work)
        self._cache.clear()

    async def set_password(self, username: str, password: str) -> None:
        """Changes a user's password and ends all sessions of that user.

        Raises: BadRequest for a password that cannot be used; NotFound.
        """
        _check_password(password)
        new_hash, now_us, by = await self._hash(password), self._clock.now_us(), acting()

        async def work(tx: Transaction) -> None:
            row = await tx.one(statements.find_user, username=username)
            if row is None:
                raise NotFound(f"there is no user {username}")
            await tx.execute(statements.set_password, user_uuid=row[0], new_hash=new_hash, now_us=now_us)
            await tx.execute(statements.end_sessions_of, owner_uuid=row[0])
            await record(tx, by, "set password", "user", username)

        await self._database.write(work)
        self._cache.clear()

    async def set_role(self, username: str, role: Role) -> None:
        """Gives a user another role and ends all sessions of that user.

        Raises: BadRequest for a role that there is not; NotFound; Conflict for the last administrator.
        """
        _check_role(role)
        now_us, by = self._clock.now_us(), acting()

        async def work(tx: Transaction) -> None:
            row = await tx.one(statements.find_user, username=username)
            if row is None:
                raise NotFound(f"there is no user {username}")
            if role != "admin":
                await _check_admin_stays(tx, row[2])
            await tx.execute(statements.set_role, user_uuid=row[0], new_role=role, now_us=now_us)
            await tx.execute(statements.end_sessions_of, owner_uuid=row[0])
            await record(tx, by, "update", "user", username, before={"role": row[2]}, after={"role": role})

        await self._database.write(work)
        self._cache.clear()

    # Tokens

    async def create_token(
        self, name: str, role: Role = "admin", *, created_by: str, expires_us: int | None = None,
        scopes: Sequence[str] = (),
    ) -> tuple[str, Token]:  # fmt: skip
        """A new API token and its record. The token itself cannot be had again. Without scopes: all its role may.

        Raises: BadRequest for a name, role or scope that cannot be used.
        """
        _check_role(role)
        limited, by = checked_scopes(scopes), acting()
        if not name.strip():
            raise BadRequest("name", "a token needs a name, to recognise it by")
        secret, now_us = new_token(), self._clock.now_us()
        token = Token(new_uuid(), name, role, secret[:HINT_LENGTH], created_by, now_us, expires_us, None, None, limited)
        await self._database.write(lambda tx: _insert_token(tx, by, token, digest(secret)))
        self._cache.clear()
        return secret, token

    async def list_tokens(self) -> list[Token]:
        """All tokens, also those revoked or expired, oldest first."""
        return [Token(*row) for row in await self._database.all(statements.list_tokens)]

    async def revoke_token(self, uuid: str) -> None:
        """Makes a token useless from now on.

        Raises: NotFound when there is none, or it was revoked before.
        """
        now_us, by = self._clock.now_us(), acting()

        async def work(tx: Transaction) -> int:
            count = await tx.execute(statements.revoke_token, token_uuid=uuid, now_us=now_us)
            if count:
                await record(tx, by, "revoke", "token", uuid)
            return count

        if not await self._database.write(work):
            raise NotFound(f"there is no valid token {uuid}")
        self._cache.clear()

    async def by_token(self, token: str) -> Identity | None:
        """Whose API token this is; None when it is unknown, revoked or expired."""
        token_digest = digest(token)
        known, identity = self._cache.get(token_digest)
        if not known:
            generation = self._cache.generation
            row = await self._database.one(statements.find_token, digest=token_digest)
            identity = None if row is None else Identity(row[1], row[2], "token", row[0], row[3], row[4])
            self._cache.put(token_digest, identity, generation)
        return self._still_valid(identity)

    # Sessions

    async def login(self, username: str, password: str, address: str) -> User:
        """Checks a password; slow on purpose after wrong ones.

        Raises: Unauthorized, the same for a wrong name and a wrong password; TooManyRequests after too many.
        """
        try:
            return await self._checked(username, password, address)
        except Unauthorized:
            if count := self._throttle.to_tell(username, address):
                by = Actor("", "visitor", address)
                told = {"attempts": count}
                await self._database.write(
                    lambda tx: record(tx, by, "fail to log in", "session", username[:64], after=told)
                )
            raise

    async def _checked(self, username: str, password: str, address: str) -> User:
        async with self._throttle.attempt(username, address):
            row = await self._database.one(statements.find_user, username=username)
            stored = await self._hash_of_nobody() if row is None else row[4]
            right = await self._verify(stored, password)
            if row is None or not right:
                raise Unauthorized("wrong username or password")
            return User(*row[:4])

    async def open_session(self, user: User, session_id: str) -> None:
        """Makes `session_id`, which must be genuine, a session of `user`."""
        now_us, by = self._clock.now_us(), Actor(user.username, "session", acting().address)
        row = {
            "digest": digest(session_id),
            "user_uuid": user.uuid,
            "created_us": now_us,
            "expires_us": now_us + self._lifetime_us,
            "last_used_us": now_us,
        }

        async def work(tx: Transaction) -> None:
            await tx.execute(statements.end_session, session_digest=row["digest"])
            await tx.execute(statements.add_session, **row)
            await record(tx, by, "log in", "session", user.username)

        await self._database.write(work)
        self._cache.clear()

    async def close_session(self, session_id: str) -> None:
        """Logs a session out."""
        by = acting()

        async def work(tx: Transaction) -> None:
            if await tx.execute(statements.end_session, session_digest=digest(session_id)):
                await record(tx, by, "log out", "session", by.name)

        await self._database.write(work)
        self._cache.clear()

    async def by_session(self, session_id: str) -> Identity | None:
        """Whose session this is; None for a visitor's, and for one that is over."""
        session_digest = digest(session_id)
        known, identity = self._cache.get(session_digest)
        if not known:
            generation = self._cache.generation
            identity = await self._find_session(session_id, session_digest)
            self._cache.put(session_digest, identity, generation)
        return self._still_valid(identity)

    async def session_ids(self) -> SessionIds:
        """Mints and checks session ids, with the key that all processes share."""
        if self._session_ids is None:
            self._session_ids = SessionIds(bytes.fromhex(await self._shared_key("session_ids")))
        return self._session_ids

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
        _check_user(username, password, "admin")
        user = User(new_uuid(), username, "admin", self._clock.now_us())
        password_hash, by = await self._hash(password), Actor(username, "visitor", acting().address)

        async def work(tx: Transaction) -> None:
            key, count = await tx.one(statements.find_key, key_name="setup"), await tx.one(statements.count_users)
            if key is None or key[0] != digest(token) or (count is not None and count[0]):
                raise Unauthorized("this set-up link is not valid any more")
            await tx.execute(statements.remove_key, key_name="setup")
            await _insert_user(tx, by, user, password_hash)

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

    # Helpers

    async def _find_session(self, session_id: str, session_digest: str) -> Identity | None:
        if not (await self.session_ids()).genuine(session_id):
            return None
        row = await self._database.one(statements.find_session, digest=session_digest)
        if row is None:
            return None
        username, role, expires_us, last_used_us = row
        return Identity(username, role, "session", session_digest, min(expires_us, last_used_us + self._idle_us))

    def _still_valid(self, identity: Identity | None) -> Identity | None:
        if identity is None or (identity.expires_us is not None and identity.expires_us <= self._clock.now_us()):
            return None
        self.usage.note(identity)
        return identity

    async def _shared_key(self, name: str) -> str:
        async def work(tx: Transaction) -> str:
            row = await tx.one(statements.find_key, key_name=name)
            return row[0] if row is not None else await _replace_key(tx, name, new_key, self._clock.now_us())

        new_key = token_hex(32)
        try:
            return await self._database.write(work)
        except Duplicate:  # another process made it at this moment
            return await self._shared_key(name)

    async def _hash(self, password: str) -> str:
        async with self._hashing:
            return await asyncio.to_thread(hash_password, password)

    async def _verify(self, stored: str, password: str) -> bool:
        async with self._hashing:
            return await asyncio.to_thread(verify_password, stored, password[:_PASSWORD_LENGTH_MAX])

    async def _hash_of_nobody(self) -> str:
        """What a wrong name's password is compared with, so that it takes as long as a right one's."""
        self._nobody_hash = self._nobody_hash or await self._hash(new_token())
        return self._nobody_hash


async def _check_admin_stays(tx: Transaction, role: str) -> None:
    """Raises: Conflict when there would be no administrator any more. Two that go at once wait for each other."""
    if role != "admin":
        return
    await tx.execute(statements.lock_admins)
    count = await tx.one(statements.count_admins)
    if count is None or count[0] < 2:
        raise Conflict("this is the last administrator: make another one first")


async def _insert_user(tx: Transaction, by: Actor, user: User, password_hash: str) -> None:
    await tx.execute(
        statements.add_user,
        uuid=user.uuid,
        username=user.username,
        password_hash=password_hash,
        role=user.role,
        created_us=user.created_us,
        modified_us=user.created_us,
    )
    await record(tx, by, "create", "user", user.username, after={"role": user.role})


async def _insert_token(tx: Transaction, by: Actor, token: Token, token_digest: str) -> None:
    await tx.execute(
        statements.add_token,
        digest=token_digest,
        **{name: getattr(token, name) for name in token.__struct_fields__},
    )
    told = {name: getattr(token, name) for name in ("name", "role", "scopes", "expires_us")}
    await record(tx, by, "create", "token", token.uuid, after=told)


async def _replace_key(tx: Transaction, name: str, value: str, now_us: int) -> str:
    await tx.execute(statements.remove_key, key_name=name)
    await tx.execute(statements.add_key, name=name, value=value, created_us=now_us)
    return value


def _check_user(username: str, password: str, role: str) -> None:
    if not _USERNAME.fullmatch(username):
        raise BadRequest("username", "a username is 1 to 64 letters, digits or any of . _ @ + -")
    _check_password(password)
    _check_role(role)


def _check_password(password: str) -> None:
    if not PASSWORD_LENGTH_MIN <= len(password) <= _PASSWORD_LENGTH_MAX:
        raise BadRequest("password", f"a password has at least {PASSWORD_LENGTH_MIN} characters")


def _check_role(role: str, roles: Sequence[str] = ROLES) -> None:
    if role not in roles:
        raise BadRequest("role", f"{role} is not a role", choices=list(roles))

"""Users: who may log in, in which role."""

import re
from collections.abc import Callable

import msgspec

from roundsman.access import statements
from roundsman.access.audit import Actor, acting, record
from roundsman.access.cache import IdentityCache
from roundsman.access.passwords import Passwords, check_password
from roundsman.access.roles import ROLES, Role
from roundsman.access.tables import users
from roundsman.access.types import User
from roundsman.kit.clock import Clock
from roundsman.kit.database import Database, Duplicate, Reader, Transaction
from roundsman.kit.identifiers import new_uuid
from roundsman.kit.listing import Listed, Order
from roundsman.kit.problem import BadRequest, Conflict, NotFound

USERS = Listed(users, User.__struct_fields__, ())
BY_NAME = Order(("username",))
_USERNAME = re.compile(r"[\w.@+-]{1,64}")


class Users:
    """The users of one database."""

    def __init__(self, database: Database, clock: Clock, cache: IdentityCache, passwords: Passwords) -> None:
        self._database = database
        self._clock = clock
        self._cache = cache
        self._passwords = passwords

    async def create(self, username: str, password: str, role: Role = "admin") -> User:
        """Adds a user.

        Raises: BadRequest for a name, password or role that cannot be used; Conflict when the name is taken.
        """
        check_user(username, password, role)
        user = User(new_uuid(), username, role, self._clock.now_us())
        password_hash, by = await self._passwords.hash(password), acting()

        async def work(tx: Transaction) -> None:
            if await tx.one(statements.find_user, username=username) is not None:
                raise Conflict(f"there is already a user {username}")
            await insert_user(tx, by, user, password_hash)

        try:
            await self._database.write(work)
        except Duplicate:
            raise Conflict(f"a user {username} was added at this moment") from None
        return user

    async def list(self) -> list[User]:
        """All users, by name."""
        return [User(*row) for row in await self._database.all(statements.list_users)]

    async def find(self, username: str) -> User:
        """One user. Raises: NotFound."""
        user, _ = await _found(self._database, username)
        return user

    async def change(
        self,
        username: str,
        *,
        role: Role | None = None,
        password: str | None = None,
        disabled: bool | None = None,
        but_session: str = "",
        check: Callable[[User], None] = lambda _: None,
    ) -> User:
        """Changes what is given, and ends the user's sessions, but for the one with the digest `but_session`.

        A disabled user cannot log in, and the tokens made by that user are refused until it is enabled again.
        `check` is called within the transaction with the user as it is; what it raises leaves everything as it was.
        Raises: BadRequest for a password or role that cannot be used; NotFound; Conflict for the last administrator.
        """
        if password is not None:
            check_password(password)
        if role is not None:
            check_role(role)
        new_hash = None if password is None else await self._passwords.hash(password)
        now_us, by = self._clock.now_us(), acting()

        async def work(tx: Transaction) -> User:
            before, old_hash = await _found(tx, username)
            check(before)
            after = _changed(before, role, disabled, now_us)
            if before.is_admin and not after.is_admin:
                await _check_admin_stays(tx)
            if after == before and new_hash is None:
                return before
            changes = {"new_role": after.role, "new_disabled_us": after.disabled_us}
            await tx.execute(
                statements.change_user, user_uuid=before.uuid, new_hash=new_hash or old_hash, now_us=now_us, **changes
            )
            await tx.execute(statements.end_sessions_of, owner_uuid=before.uuid, kept_digest=but_session)
            if after != before:
                await record(tx, by, "update", "user", username, before=_told(before), after=_told(after))
            if new_hash is not None:
                await record(tx, by, "set password", "user", username)
            return after

        changed = await self._database.write(work)
        self._cache.clear()
        return changed

    async def remove(self, username: str, check: Callable[[User], None] = lambda _: None) -> None:
        """Removes a user, ends the sessions of that user and revokes the tokens made by that user.

        Raises: NotFound; Conflict for the last administrator.
        """
        now_us, by = self._clock.now_us(), acting()

        async def work(tx: Transaction) -> None:
            user, _ = await _found(tx, username)
            check(user)
            if user.is_admin:
                await _check_admin_stays(tx)
            await tx.execute(statements.end_sessions_of, owner_uuid=user.uuid, kept_digest="")
            await tx.execute(statements.revoke_tokens_of, username=username, now_us=now_us)
            await tx.execute(statements.remove_user, user_uuid=user.uuid)
            await record(tx, by, "delete", "user", username, before=_told(user))

        await self._database.write(work)
        self._cache.clear()


async def insert_user(tx: Transaction, by: Actor, user: User, password_hash: str) -> None:
    """Stores a new user, with its entry in the audit trail."""
    row = msgspec.structs.asdict(user) | {"password_hash": password_hash, "modified_us": user.created_us}
    await tx.execute(statements.add_user, **row)
    await record(tx, by, "create", "user", user.username, after=_told(user))


def check_user(username: str, password: str, role: str) -> None:
    """Raises: BadRequest for what a user cannot have."""
    if not _USERNAME.fullmatch(username):
        raise BadRequest("username", "a username is 1 to 64 letters, digits or any of . _ @ + -")
    check_password(password)
    check_role(role)


def check_role(role: str) -> None:
    """Raises: BadRequest for a role that there is not."""
    if role not in ROLES:
        raise BadRequest("role", f"{role} is not a role", choices=list(ROLES))


async def _found(reader: Reader, username: str) -> tuple[User, str]:
    """A user, and the hash of the password. Raises: NotFound."""
    row = await reader.one(statements.find_user, username=username)
    if row is None:
        raise NotFound(f"there is no user {username}", "USER_NOT_FOUND")
    return User(*row[:-1]), row[-1]


def _changed(user: User, role: Role | None, disabled: bool | None, now_us: int) -> User:
    disabled_us = user.disabled_us
    if disabled is not None and disabled != (disabled_us is not None):
        disabled_us = now_us if disabled else None
    return msgspec.structs.replace(user, role=role or user.role, disabled_us=disabled_us)


def _told(user: User) -> dict[str, object]:
    return {"role": user.role, "disabled": user.disabled_us is not None}


async def _check_admin_stays(tx: Transaction) -> None:
    """Raises: Conflict when there would be no administrator any more. Two that go at once wait for each other."""
    await tx.execute(statements.lock_admins)
    count = await tx.one(statements.count_admins)
    if count is None or count[0] < 2:
        raise Conflict("this is the last administrator: make another one first")

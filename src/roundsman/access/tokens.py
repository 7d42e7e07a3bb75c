"""API tokens: what programs ask with. Nobody gives a token more than they may do themselves."""

from collections.abc import Callable, Sequence

from roundsman.access import statements
from roundsman.access.audit import Actor, acting, record
from roundsman.access.cache import IdentityCache
from roundsman.access.roles import Role, lesser
from roundsman.access.scopes import checked_scopes, covers
from roundsman.access.secrets import HINT_LENGTH, digest, new_token
from roundsman.access.tables import api_tokens
from roundsman.access.types import Identity, Token
from roundsman.access.users import check_role
from roundsman.kit.clock import Clock
from roundsman.kit.database import Database, Reader, Transaction
from roundsman.kit.identifiers import new_uuid
from roundsman.kit.listing import Listed, Order
from roundsman.kit.problem import BadRequest, Forbidden, NotFound
from roundsman.kit.times import iso_or_none

NAME_LENGTH_MAX = 200
COMMAND_LINE = "command line"
"""Who makes tokens where no user does; no username has a space in it."""
TOKENS = Listed(api_tokens, Token.__struct_fields__, (("created_by",),))
NEWEST = Order(("created_us",), descending=True)


class Tokens:
    """The API tokens of one database."""

    def __init__(self, database: Database, clock: Clock, cache: IdentityCache) -> None:
        self._database = database
        self._clock = clock
        self._cache = cache

    async def create(
        self, name: str, role: Role = "admin", *, created_by: str, expires_us: int | None = None,
        scopes: Sequence[str] = (),
    ) -> tuple[str, Token]:  # fmt: skip
        """A new API token and its record. The token itself cannot be had again. Without scopes: all its role may.

        `created_by` is the user behind it, who must stay for it to be valid. Raises: BadRequest for a name, role, scope
        or end that cannot be used.
        """
        check_role(role)
        limited, by, now_us = checked_scopes(scopes), acting(), self._clock.now_us()
        if not name.strip() or len(name) > NAME_LENGTH_MAX or "\0" in name:
            raise BadRequest("name", f"a token needs a name, to recognise it by, of up to {NAME_LENGTH_MAX} characters")
        if expires_us is not None and expires_us <= now_us:
            raise BadRequest("expiresAt", "the token would have ended already: name a time that is yet to come")
        secret = new_token()
        token = Token(new_uuid(), name, role, secret[:HINT_LENGTH], created_by, now_us, expires_us, None, None, limited)
        await self._database.write(lambda tx: _insert(tx, by, token, digest(secret)))
        self._cache.clear()
        return secret, token

    async def list(self) -> list[Token]:
        """All tokens, also those revoked or expired, oldest first."""
        return [Token(*row) for row in await self._database.all(statements.list_tokens)]

    async def find(self, uuid: str) -> Token:
        """One token. Raises: NotFound."""
        return await _found(self._database, uuid)

    async def revoke(self, uuid: str, check: Callable[[Token], None] = lambda _: None) -> None:
        """Makes a token useless from now on. `check` is called within the transaction with the token as it is.

        Raises: NotFound when there is none, or it was revoked before.
        """
        now_us, by = self._clock.now_us(), acting()

        async def work(tx: Transaction) -> None:
            token = await _found(tx, uuid)
            check(token)
            if not await tx.execute(statements.revoke_token, token_uuid=uuid, now_us=now_us):
                raise _missing(uuid)
            await record(tx, by, "revoke", "token", uuid, before={"name": token.name})

        await self._database.write(work)
        self._cache.clear()

    async def identify(self, token: str) -> Identity | None:
        """Whose API token this is; None when it is unknown or revoked, or who made it is disabled."""
        return await self._cache.identity(digest(token), self._identify)

    async def _identify(self, token_digest: str) -> Identity | None:
        row = await self._database.one(statements.find_token, digest=token_digest)
        return None if row is None else _identity(*row)


def check_given(giver: Identity, role: Role, scopes: Sequence[str], expires_us: int | None) -> None:
    """Holds what a token is to have against what its giver has. Raises: Forbidden."""
    if not giver.owner and not giver.may("administer"):
        raise Forbidden(
            f"Forbidden: there is no user behind {giver.name}; make tokens as a user, or as an administrator"
        )
    if lesser(role, giver.role) != role:
        raise Forbidden(f"Forbidden: {giver.name} is {giver.role}, and cannot give a token the role {role}")
    if giver.kind != "token":
        return
    if not covers(giver.scopes, scopes):
        raise Forbidden(f"Forbidden: the API token {giver.name} can give only its own scopes: {giver.scopes}")
    if giver.expires_us is not None and (expires_us is None or expires_us > giver.expires_us):
        raise Forbidden(f"Forbidden: the API token {giver.name} cannot make one that outlives it")


def _identity(
    uuid: str, name: str, role: Role, expires_us: int | None, scopes: str, created_by: str, owner_role: Role | None
) -> Identity:
    """A token never does more than the user who made it may do today. One of the command line is nobody's."""
    if owner_role is None:
        return Identity(name, role, "token", uuid, expires_us, "", scopes)
    return Identity(name, lesser(role, owner_role), "token", uuid, expires_us, created_by, scopes)


async def _found(reader: Reader, uuid: str) -> Token:
    row = await reader.one(statements.one_token, token_uuid=uuid)
    if row is None:
        raise _missing(uuid)
    return Token(*row)


def _missing(uuid: str) -> NotFound:
    return NotFound(f"there is no valid token {uuid}", "TOKEN_NOT_FOUND")


async def _insert(tx: Transaction, by: Actor, token: Token, token_digest: str) -> None:
    row = {name: getattr(token, name) for name in token.__struct_fields__}
    await tx.execute(statements.add_token, digest=token_digest, **row)
    told = {name: getattr(token, name) for name in ("name", "role", "scopes")}
    told["expiresAt"] = iso_or_none(token.expires_us)
    await record(tx, by, "create", "token", token.uuid, after=told)

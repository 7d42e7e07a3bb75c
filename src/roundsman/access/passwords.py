"""Passwords: which can be used, and their hashes, few at once, since each takes a core and tens of MB for a moment."""

import asyncio
from secrets import token_hex

from roundsman.kit.crypto import hash_password, verify_password
from roundsman.kit.problem import BadRequest

LENGTH_MIN = 8
_LENGTH_MAX = 1024
_HASHES_AT_ONCE = 2


class Passwords:
    """Hashes and compares passwords, in threads."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(_HASHES_AT_ONCE)
        self._nobody_hash = ""

    async def hash(self, password: str) -> str:
        """The argon2id hash of a password, with its parameters and salt."""
        async with self._turn:
            return await asyncio.to_thread(hash_password, password)

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether `stored` is the hash of this password; without one it takes as long and is never right."""
        known = stored or await self._hash_of_nobody()
        async with self._turn:
            right = await asyncio.to_thread(verify_password, known, password[:_LENGTH_MAX])
        return right and stored is not None

    async def _hash_of_nobody(self) -> str:
        self._nobody_hash = self._nobody_hash or await self.hash(token_hex(32))
        return self._nobody_hash


def check_password(password: str) -> None:
    """Raises: BadRequest for a password that cannot be used."""
    if not LENGTH_MIN <= len(password) <= _LENGTH_MAX:
        raise BadRequest("password", f"a password has at least {LENGTH_MIN} characters, and at most {_LENGTH_MAX}")

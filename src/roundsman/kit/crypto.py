"""Secrets: passwords hashed with Argon2, secrets sealed at rest, tokens as digests."""

import hashlib
import os
import secrets
from contextlib import suppress
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from roundsman.kit.problem import Problem

_KEY_BYTES = 32

_hasher = PasswordHasher()  # RFC 9106's low-memory profile: 64 MiB, 3 passes, 4 lanes


def hash_password(password: str) -> str:
    """An Argon2id hash; takes some 50 ms and 64 MiB on purpose, so run it in a thread."""
    return _hasher.hash(password)


def verify_password(stored: str, password: str) -> bool:
    """Whether `password` is the one that `stored` was made of."""
    try:
        return _hasher.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False


def new_token(prefix: str) -> str:
    """A random token that nobody guesses (256 bits) and that secret scanners recognise by its prefix."""
    return prefix + secrets.token_urlsafe(32)


def digest(token: str) -> str:
    """What is stored of a token. It is random, so a plain SHA-256 is enough and costs a microsecond."""
    return hashlib.sha256(token.encode()).hexdigest()


class Vault:
    """Seals secrets that must be readable again, such as robots' passwords, with a key kept beside the data."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    @classmethod
    def open_file(cls, file: Path) -> "Vault":
        """The vault of the key in `file`, made with mode 600 at first use. Whoever loses it enters the secrets anew.

        Raises: Problem when the file holds no key.
        """
        if not file.exists():
            _write_once(file, AESGCM.generate_key(256))
        key = file.read_bytes()
        if len(key) != _KEY_BYTES:
            raise Problem(
                503, "Key unusable", f"{file} holds no key: restore it, or remove it and enter robots' passwords anew"
            )
        return cls(key)

    def seal(self, secret: bytes, purpose: bytes = b"") -> bytes:
        """`secret`, encrypted and authenticated; only `open` with the same `purpose` gives it back."""
        nonce = os.urandom(12)
        return nonce + self._cipher.encrypt(nonce, secret, purpose)

    def open(self, sealed: bytes, purpose: bytes = b"") -> bytes:
        """What was sealed.

        Raises: ValueError when the key is another or the bytes were changed.
        """
        try:
            return self._cipher.decrypt(sealed[:12], sealed[12:], purpose)
        except InvalidTag:
            raise ValueError("sealed with another key: was secret.key replaced or not restored?") from None


def _write_once(file: Path, content: bytes) -> None:
    """Makes `file` whole or not at all, mode 600, durable; who makes it first wins."""
    aside = file.with_name(f".{file.name}.{os.getpid()}")
    handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    with suppress(FileExistsError):
        os.link(aside, file)
    aside.unlink()
    folder = os.open(file.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)

"""The key of secret.key, sealed with a passphrase: robots' passwords are of use after a restore, and to nobody else."""

import base64
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from roundsman.backups.archive import Wrapped
from roundsman.kit.problem import BadRequest

_PURPOSE = b"roundsman backup key"


def wrap(key: bytes, passphrase: str) -> Wrapped:
    """Takes some 100 ms and 32 MiB on purpose; run it in a thread."""
    salt, nonce = os.urandom(16), os.urandom(12)
    empty = Wrapped(base64.b64encode(salt).decode(), "")
    sealed = nonce + AESGCM(_derived(empty, passphrase)).encrypt(nonce, key, _PURPOSE)
    return Wrapped(empty.salt, base64.b64encode(sealed).decode())


def unwrap(wrapped: Wrapped, passphrase: str) -> bytes:
    """The key. Raises: BadRequest when the passphrase is another."""
    sealed = base64.b64decode(wrapped.sealed)
    try:
        return AESGCM(_derived(wrapped, passphrase)).decrypt(sealed[:12], sealed[12:], _PURPOSE)
    except InvalidTag:
        raise BadRequest("passphrase", "the passphrase is not the one that this backup was made with") from None


def _derived(wrapped: Wrapped, passphrase: str) -> bytes:
    if wrapped.n > 1 << 20 or wrapped.r > 32 or wrapped.p > 16:  # a forged manifest shall not take all memory
        raise BadRequest(None, "the backup's key asks for more memory than any backup of ours does")
    salt = base64.b64decode(wrapped.salt)
    return Scrypt(salt=salt, length=32, n=wrapped.n, r=wrapped.r, p=wrapped.p).derive(passphrase.encode())

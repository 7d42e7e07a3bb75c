"""Secrets are readable to whoever has the key and to nobody else; passwords to nobody at all."""

from pathlib import Path

import pytest

from roundsman.kit.crypto import Vault, digest, hash_password, new_token, verify_password


def test_a_vault_opens_what_it_sealed_also_after_a_restart(tmp_path: Path) -> None:
    sealed = Vault.open_file(tmp_path / "secret.key").seal("pässword".encode(), b"robot 10.0.0.3")
    assert b"ssword" not in sealed
    assert Vault.open_file(tmp_path / "secret.key").open(sealed, b"robot 10.0.0.3").decode() == "pässword"
    assert (tmp_path / "secret.key").stat().st_mode & 0o777 == 0o600


def test_the_same_secret_is_sealed_differently_each_time(tmp_path: Path) -> None:
    vault = Vault.open_file(tmp_path / "secret.key")
    assert vault.seal(b"x") != vault.seal(b"x")


def test_another_key_another_purpose_or_a_changed_byte_open_nothing(tmp_path: Path) -> None:
    vault, other = Vault.open_file(tmp_path / "one.key"), Vault.open_file(tmp_path / "other.key")
    sealed = vault.seal(b"secret", b"purpose")
    changed = sealed[:-1] + bytes([sealed[-1] ^ 1])
    for opener, bytes_, purpose in (
        (other, sealed, b"purpose"),
        (vault, sealed, b"else"),
        (vault, changed, b"purpose"),
    ):
        with pytest.raises(ValueError, match="another key"):
            opener.open(bytes_, purpose)


def test_a_password_is_verified_by_a_hash_that_does_not_hold_it() -> None:
    stored = hash_password("correct horse")
    assert "correct" not in stored
    assert stored != hash_password("correct horse")
    assert verify_password(stored, "correct horse")
    assert not verify_password(stored, "Correct horse")
    assert not verify_password("not a hash", "correct horse")


def test_tokens_are_unlike_each_other_and_stored_as_digests() -> None:
    tokens = {new_token("rm_") for _ in range(100)}
    assert len(tokens) == 100
    assert all(token.startswith("rm_") and len(token) >= 43 for token in tokens)
    assert len({digest(token) for token in tokens}) == 100

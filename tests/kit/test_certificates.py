"""A certificate of our own authority is one that `ssl` trusts, for the names it was made for and for no other."""

import ssl
from pathlib import Path

import pytest

from roundsman.kit.certificates import Issued, make_ca, make_leaf, still_good

CA = make_ca("Roundsman test authority")
LEAF = make_leaf(CA, ["roundsman.example", "10.0.0.7", "::1"])


def shake_hands(folder: Path, leaf: Issued, ca: Issued, host: str) -> None:
    """A TLS handshake in memory, by a client that trusts `ca` alone and is as strict as Python can be."""
    (folder / "leaf.pem").write_bytes(leaf.certificate + leaf.key)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(folder / "leaf.pem")
    asking = ssl.create_default_context(cadata=ca.certificate.decode())
    asking.verify_flags |= ssl.VERIFY_X509_STRICT
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = asking.wrap_bio(to_client, to_server, server_hostname=host)
    server = serving.wrap_bio(to_server, to_client, server_side=True)
    for side in (client, server, client, server):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    assert client.version() == "TLSv1.3"


@pytest.mark.parametrize("host", ["roundsman.example", "10.0.0.7", "::1"])
def test_it_is_trusted_for_its_names_and_addresses(tmp_path: Path, host: str) -> None:
    shake_hands(tmp_path, LEAF, CA, host)


def test_it_is_not_trusted_for_others_nor_by_others(tmp_path: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        shake_hands(tmp_path, LEAF, CA, "other.example")
    with pytest.raises(ssl.SSLCertVerificationError, match="IP address mismatch"):
        shake_hands(tmp_path, LEAF, CA, "10.0.0.8")
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(tmp_path, LEAF, make_ca("Roundsman test authority"), "roundsman.example")


def test_it_is_made_anew_when_names_are_added_the_authority_is_another_or_its_end_is_near(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert still_good(LEAF.certificate, CA.certificate, ["10.0.0.7", "roundsman.example"])
    assert not still_good(LEAF.certificate, CA.certificate, ["10.0.0.7", "new.example"])
    assert not still_good(LEAF.certificate, make_ca("Another").certificate, ["10.0.0.7"])
    monkeypatch.setattr("roundsman.kit.certificates.RENEW_DAYS", 397)
    assert not still_good(LEAF.certificate, CA.certificate, ["10.0.0.7"])

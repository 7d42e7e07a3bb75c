"""The certificates of a simulated fleet: an authority of its own and one leaf for every robot of it.

The official client names a service's authority (`auth.spot.robot` and the like) as the TLS host name, so one leaf for
`*.spot.robot` serves every robot. Source: robot-link.md §2.1.
"""

import ipaddress
import ssl
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CA_FILE = "robots-ca.pem"
CA_KEY_FILE = "robots-ca-key.pem"
CA_DAYS = 3650
LEAF_DAYS = 397
NAMES = ("*.spot.robot", "localhost")
ADDRESSES = ("127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate with its private key, both PEM."""

    chain_pem: bytes
    key_pem: bytes

    def server_context(self) -> ssl.SSLContext:
        """For Python's own TLS, speaking HTTP/1.1 only."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_alpn_protocols(["http/1.1"])
        with tempfile.TemporaryDirectory() as folder:  # the ssl module reads certificates from files only
            both = Path(folder) / "leaf.pem"
            both.touch(mode=0o600)
            both.write_bytes(self.key_pem + self.chain_pem)
            context.load_cert_chain(both)
        return context


class Authority:
    """The fleet's certificate authority. It lives in `folder`, so that it outlives restarts."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / CA_FILE
        key_file = folder / CA_KEY_FILE
        if not (self.file.exists() and key_file.exists()):
            folder.mkdir(parents=True, exist_ok=True)
            _create(self.file, key_file)
        self._certificate = x509.load_pem_x509_certificate(self.file.read_bytes())
        key = serialization.load_pem_private_key(key_file.read_bytes(), None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise TypeError(f"{key_file} is not a key of an elliptic curve.")
        self._key = key

    def leaf(self, host: str = "127.0.0.1") -> Certificate:
        """A fresh leaf for the robots' names and `host`, with its chain."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([*map(_name, dict.fromkeys((*NAMES, *ADDRESSES, host)))])
        leaf = (
            _builder("Simulated Spot", self._certificate.subject, key, LEAF_DAYS)
            .add_extension(names, critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return Certificate(_pem(leaf) + _pem(self._certificate), _key_pem(key))


def _create(file: Path, key_file: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = "Roundsman simulated robots"
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        _builder(name, _subject(name), key, CA_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write_private(key_file, _key_pem(key))
    file.write_bytes(_pem(certificate))


def _builder(name: str, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: int) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_subject(name))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=days))
    )


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write_private(file: Path, content: bytes) -> None:
    file.touch(mode=0o600)
    file.write_bytes(content)

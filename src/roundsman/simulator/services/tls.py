"""The certificates of a simulated fleet: an authority of its own and one leaf for every robot of it.

The official client names a service's authority (`auth.spot.robot` and the like) as the TLS host name, so one leaf for
`*.spot.robot` serves every robot. Source: robot-link.md §2.1.
"""

import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path

from roundsman.kit.certificates import Issued, make_ca, make_leaf

CA_FILE = "robots-ca.pem"
CA_KEY_FILE = "robots-ca-key.pem"
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
            made = make_ca("Roundsman simulated robots")
            key_file.touch(mode=0o600)
            key_file.write_bytes(made.key)
            self.file.write_bytes(made.certificate)
        self._issued = Issued(self.file.read_bytes(), key_file.read_bytes())

    def leaf(self, host: str = "127.0.0.1") -> Certificate:
        """A fresh leaf for the robots' names and `host`, with its chain."""
        leaf = make_leaf(self._issued, dict.fromkeys((*NAMES, *ADDRESSES, host)), "Simulated Spot")
        return Certificate(leaf.certificate + self._issued.certificate, leaf.key)

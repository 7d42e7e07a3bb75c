"""The files that HTTPS needs: your own, or those of a local authority made in the data folder at the first start."""

import os
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path

from roundsman.kit.certificates import Issued, make_ca, make_leaf, still_good
from roundsman.kit.problem import Problem
from roundsman.settings import Settings

FOLDER = "tls"
_LOCAL = ("localhost", "127.0.0.1", "::1")
_WILDCARDS = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - compared with, not listened on


@dataclass(frozen=True)
class TlsFiles:
    """What a server proves itself with, all PEM; `ca` is what clients verify it by, None with your own certificate."""

    certificate: Path
    key: Path
    ca: Path | None = None


def tls_files(settings: Settings) -> TlsFiles:
    """Your own certificate when settings name one; else the local authority's, renewed in time and for new names.

    The authority stays the same for ten years, so that who trusts its file once trusts every later certificate.

    Raises: FileNotFoundError for a named file that is not there; OSError for a folder that cannot be written; Problem
    for a file of the local authority that cannot be read.
    """
    if settings.tls_certificate_file and settings.tls_key_file:
        for file in (settings.tls_certificate_file, settings.tls_key_file):
            if not file.is_file():
                raise FileNotFoundError(f"there is no file {file}; settings name it for HTTPS")
        own = TlsFiles(settings.tls_certificate_file, settings.tls_key_file)
        if not _belong_together(own):
            raise Problem(
                503, "Certificate unusable", f"{own.certificate} and {own.key} are no PEM certificate and key"
            )
        return own
    return _local_files(settings.data_dir / FOLDER, _hosts(settings))


def _local_files(folder: Path, hosts: list[str]) -> TlsFiles:
    folder.mkdir(parents=True, exist_ok=True)
    files = TlsFiles(folder / "server.pem", folder / "server-key.pem", folder / "ca.pem")
    ca = _authority(folder / "ca.pem", folder / "ca-key.pem")
    if not _good(files, ca, hosts):
        try:
            leaf = make_leaf(ca, hosts)
        except (ValueError, TypeError) as error:
            advice = "restore it, or remove the folder and let a new authority be made"
            raise Problem(
                503, "Certificates unusable", f"a ca file in {folder} is unusable ({error}): {advice}"
            ) from None
        files.certificate.unlink(missing_ok=True)  # so that a crash never leaves it beside another key
        _write(files.key, leaf.key, 0o600)
        _write(files.certificate, leaf.certificate + ca.certificate, 0o644)
    return files


def _authority(certificate: Path, key: Path) -> Issued:
    if not (certificate.exists() and key.exists()):
        made = make_ca(f"Roundsman on {socket.gethostname()}"[:64])
        _write(key, made.key, 0o600)
        _write(certificate, made.certificate, 0o644)
    return Issued(certificate.read_bytes(), key.read_bytes())


def _good(files: TlsFiles, ca: Issued, hosts: list[str]) -> bool:
    if not (files.certificate.exists() and files.key.exists() and _belong_together(files)):
        return False
    try:
        return still_good(files.certificate.read_bytes(), ca.certificate, hosts)
    except ValueError:  # one of them is no certificate
        return False


def _belong_together(files: TlsFiles) -> bool:
    """Whether they are a certificate and its key."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(files.certificate, files.key)
    except ssl.SSLError:
        return False
    return True


def _hosts(settings: Settings) -> list[str]:
    """This machine's names, the address that is listened on, and what settings add."""
    own = {*_LOCAL, socket.gethostname(), *settings.hostnames}
    if settings.host not in _WILDCARDS:
        own.add(settings.host)
    elif address := _address_on_the_network():
        own.add(address)
    return sorted(own)


def _address_on_the_network() -> str | None:
    """The address that others reach this machine at; nothing is sent to find it out."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # RFC 5737: an address that is nobody's
        except OSError:
            return None
        return probe.getsockname()[0]


def _write(file: Path, content: bytes, mode: int) -> None:
    fresh = file.with_suffix(".new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    fresh.replace(file)

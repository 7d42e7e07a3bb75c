"""Why a robot cannot be reached: its name, a TCP and a TLS attempt, each failure with its own sentence.

The robot's own client says "may be offline" for a certificate that is not trusted; a person needs to know which it is.
Nothing is sent here but greetings, and nothing is refused that gRPC would take.
Source: robot-link.md §2.1, §2.4.
"""

import asyncio
import errno
import socket
import ssl
from asyncio import StreamWriter

from cryptography import x509
from cryptography.x509.oid import NameOID

from roundsman.robots.link import LinkError, Unreachable, Unsupported

DEFAULT_PORT = 443
_AUTHORITY = "auth.spot.robot"
_NO_ROUTE = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN}
_NOT_NOW = {9, 10}  # X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED


def split(hostname: str) -> tuple[str, int]:
    """Address and port of `host`, `host:port`, `[v6]` or `[v6]:port`."""
    host, colon, port = hostname.rpartition(":")
    if colon and port.isdigit() and (host.endswith("]") or ":" not in host):
        return host.strip("[]"), int(port)
    return hostname.strip("[]"), DEFAULT_PORT


async def check(hostname: str, roots_pem: bytes, *, timeout_s: float) -> None:
    """Returns when a server that we trust as a robot answers there.

    Raises: Unreachable or Unsupported, whose text says what is wrong and what to do.
    """
    host, port = split(hostname)
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    address = await _dial(host, port, where, timeout_s)
    try:
        async with asyncio.timeout(timeout_s):
            protocol = await _greet(address, port, _trusting(roots_pem))
    except ssl.SSLCertVerificationError as error:
        raise await _untrusted(error, address, port, where, timeout_s) from None
    except (TimeoutError, OSError) as error:
        raise _not_greeted(error, where, timeout_s) from None
    if protocol != "h2":
        raise Unsupported(f"{where} answers with TLS, but not as a robot does: is the port right?")


async def _dial(host: str, port: int, where: str, timeout_s: float) -> str:
    """The first of the host's addresses that takes a connection."""
    try:
        async with asyncio.timeout(timeout_s):
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (TimeoutError, OSError, UnicodeError) as error:
        raise _no_name(error, host) from None
    failures: list[Exception] = []
    for address in dict.fromkeys(str(entry[4][0]) for entry in found):
        try:
            async with asyncio.timeout(timeout_s):
                _, writer = await asyncio.open_connection(address, port)
        except (TimeoutError, OSError) as error:
            failures.append(error)
        else:
            writer.transport.abort()  # a polite end would wait for the robot's
            return address
    raise _not_dialled(failures[0], where, timeout_s)


def _no_name(error: Exception, host: str) -> LinkError:
    if isinstance(error, socket.gaierror) and error.errno != socket.EAI_AGAIN:
        return Unreachable(f"the name {host} is not known to the network's DNS: check it, or use the robot's address")
    if isinstance(error, UnicodeError):
        return Unreachable(f"{host} cannot be a name: check it, or use the robot's address")
    return Unreachable(f"the network's DNS does not answer for {host}: check this machine's network, or use an address")


def _not_dialled(error: Exception, where: str, timeout_s: float) -> LinkError:
    if isinstance(error, TimeoutError):
        return Unreachable(
            f"{where} does not answer within {timeout_s:g} s: is the robot switched on and on this network?"
        )
    if isinstance(error, ConnectionRefusedError):
        return Unreachable(
            f"{where} refuses connections: the machine is on, but no robot listens on this port; it may be starting"
        )
    if isinstance(error, OSError) and error.errno in _NO_ROUTE:
        return Unreachable(
            f"there is no route to {where}: is the robot switched on, and is this machine on the robot's network?"
        )
    return Unreachable(f"{where} cannot be reached: {error or type(error).__name__}")


def _not_greeted(error: Exception, where: str, timeout_s: float) -> LinkError:
    if isinstance(error, TimeoutError):
        return Unreachable(
            f"{where} takes connections but says nothing within {timeout_s:g} s: the link to it is bad, "
            "or it is no robot"
        )
    if isinstance(error, ssl.SSLError):
        return Unsupported(f"{where} answers, but not with TLS as a robot does: is the port right?")
    return Unreachable(f"{where} broke the connection off: it may be starting, or the link to it is bad")


def _trusting(roots_pem: bytes) -> ssl.SSLContext:
    """Trusts robots' authorities. Nothing else is demanded: gRPC is less strict than Python, and judges later."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(cadata=roots_pem.decode())
    return context


async def _greet(address: str, port: int, context: ssl.SSLContext) -> str | None:
    """The protocol that a TLS server agrees to. Raises: TimeoutError, OSError, which ssl.SSLError is."""
    writer = await _shake_hands(address, port, context)
    writer.transport.abort()
    return writer.get_extra_info("ssl_object").selected_alpn_protocol()


async def _shake_hands(address: str, port: int, context: ssl.SSLContext) -> StreamWriter:
    context.set_alpn_protocols(["h2"])
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    _, writer = await asyncio.open_connection(address, port, ssl=context, server_hostname=_AUTHORITY)
    return writer


async def _untrusted(
    error: ssl.SSLCertVerificationError, address: str, port: int, where: str, timeout_s: float
) -> LinkError:
    """Says who signed the certificate that is not trusted."""
    if error.verify_code in _NOT_NOW:
        return Unsupported(
            f"the certificate of {where} is not valid today ({error.verify_message}): is this machine's clock right?"
        )
    try:
        async with asyncio.timeout(timeout_s):
            signer = await _signer(address, port)
    except (TimeoutError, OSError, ValueError):
        signer = "somebody unknown"
    return Unsupported(
        f"{where} answers, but its certificate is not signed by a robot's authority but by {signer}: is it a robot? "
        "For simulated robots set robot_ca_files to the file of their certificate authority"
    )


async def _signer(address: str, port: int) -> str:
    """Who signed the certificate that a server shows, whoever it is."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # only to read what it shows
    writer = await _shake_hands(address, port, context)
    writer.transport.abort()
    shown = x509.load_der_x509_certificate(writer.get_extra_info("ssl_object").getpeercert(True))
    if shown.issuer == shown.subject:
        return "itself"
    names = shown.issuer.get_attributes_for_oid(NameOID.COMMON_NAME)
    return f"“{names[0].value}”" if names else f"“{shown.issuer.rfc4514_string()}”"

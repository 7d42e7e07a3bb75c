"""Why a robot cannot be reached: a name, a TCP and a TLS attempt, each with its own sentence.

The robot's own client says "may be offline" for a certificate that is not trusted; a person needs to know which it is.
Source: robot-link.md §2.4.
"""

import asyncio
import errno
import socket
import ssl

from roundsman.robots.link import LinkError, Unreachable, Unsupported

DEFAULT_PORT = 443
_AUTHORITY = "auth.spot.robot"


def split(hostname: str) -> tuple[str, int]:
    """Address and port of `host`, `host:port` or `[v6]:port`."""
    host, colon, port = hostname.rpartition(":")
    if colon and port.isdigit() and not host.endswith(":") and (host.startswith("[") or ":" not in host):
        return host.strip("[]"), int(port)
    return hostname.strip("[]"), DEFAULT_PORT


async def check(hostname: str, roots_pem: bytes, *, timeout_s: float) -> None:
    """Returns when a TLS server that we trust as a robot answers there.

    Raises: Unreachable or Unsupported, whose text says what is wrong and what to do.
    """
    host, port = split(hostname)
    context = ssl.create_default_context(cadata=roots_pem.decode())
    context.set_alpn_protocols(["h2"])
    try:
        async with asyncio.timeout(timeout_s):
            _, writer = await asyncio.open_connection(host, port, ssl=context, server_hostname=_AUTHORITY)
    except Exception as error:
        raise explained(error, host, port, timeout_s) from None
    writer.transport.abort()  # a polite end would wait for the robot's


def explained(error: Exception, host: str, port: int, timeout_s: float) -> LinkError:
    """The sentence for what went wrong while connecting."""
    where = f"{host}:{port}"
    if isinstance(error, ssl.SSLCertVerificationError):
        return Unsupported(
            f"{where} answers, but its certificate is not signed by a robot's authority ({error.verify_message}): "
            "is it a robot? For simulated robots set robot_ca_files to their certificate authority"
        )
    if isinstance(error, ssl.SSLError):
        return Unsupported(f"{where} answers, but not with TLS as a robot does: is the port right?")
    if isinstance(error, socket.gaierror):
        return Unreachable(f"the name {host} is not known to the network's DNS: check it, or use the address")
    if isinstance(error, TimeoutError):
        return Unreachable(
            f"{where} does not answer within {timeout_s:g} s: is the robot switched on and on this network?"
        )
    if isinstance(error, ConnectionRefusedError):
        return Unreachable(f"{where} refuses connections: the machine is on, but no robot listens on this port")
    if isinstance(error, ConnectionResetError):
        return Unreachable(f"{where} broke the connection off: it may be starting, or the link to it is bad")
    if isinstance(error, OSError) and error.errno in {errno.EHOSTUNREACH, errno.ENETUNREACH}:
        return Unreachable(f"there is no route to {where}: check this machine's network and the robot's address")
    return Unreachable(f"{where} cannot be reached: {error or type(error).__name__}")

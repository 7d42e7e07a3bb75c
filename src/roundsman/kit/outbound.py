"""Requests to other systems, at addresses that people enter, and never to where those must not lead.

A name is resolved when a connection is opened, every address it has is checked, and one of these is connected to: there
is no second look-up in which it could have become another. Loopback, link-local (where clouds keep their secrets) and
addresses that are nobody's are refused unless a setting names them; redirects are not followed; proxies of the
environment are not used. Private addresses are a plant's network and are allowed.
"""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpcore

from roundsman.kit.problem import BadRequest

TIMEOUT_S = 15.0
ANSWER_BYTES = 64 * 1024
LONGEST_URL = 2000
_CONNECTIONS = 100
_IDLE_S = 30.0
_ADDRESSES_TRIED = 4

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
# IPv4 within version 6. Source: RFC 6052 §2.1.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# Metadata of a cloud at an address that looks private. Source: the vendor's guide to its instance metadata service.
_METADATA = ipaddress.ip_address("fd00:ec2::254")


class Unreachable(Exception):
    """No answer came. Its text says why, in words for people."""


class ForbiddenTarget(Unreachable):
    """The address is one that nobody may be sent to."""


class Answer(NamedTuple):
    """What came back. `body` has at most as many bytes as were asked for; `truncated`: there were more."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    truncated: bool

    @property
    def ok(self) -> bool:
        """Whether the status is one of success."""
        return 200 <= self.status < 300


def check_url(name: str, url: str) -> str:
    """`url`, once found to be one that can be asked. Raises: BadRequest naming the member `name`."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or not all("!" <= sign <= "~" for sign in url):
        raise BadRequest(name, f"{name} must be a URL that begins with https:// or http://, in ASCII without spaces")
    if len(url) > LONGEST_URL:
        raise BadRequest(name, f"{name} must have at most {LONGEST_URL} characters, not {len(url)}")
    if "@" in urlsplit(url).netloc:
        raise BadRequest(name, f"{name} must not have a user or password in it")
    return url


def networks_of(allowed: Iterable[str]) -> tuple[Network, ...]:
    """The networks that `127.0.0.0/8` or `127.0.0.1` name. Raises: ValueError."""
    return tuple(ipaddress.ip_network(one, strict=False) for one in allowed)


class Outbound:
    """Asks other systems. `allow` are networks that may be reached though they would be refused.

    Connections are kept for a while and used again, each only for the name, port and check that it was opened for.
    """

    def __init__(self, allow: Iterable[str] = (), *, user_agent: str = "Roundsman") -> None:
        self._user_agent = user_agent
        backend = _Guarded(networks_of(allow))
        trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        self._pools = {
            verify: httpcore.AsyncConnectionPool(
                context,
                max_connections=_CONNECTIONS,
                keepalive_expiry=_IDLE_S,
                network_backend=backend,
            )
            for verify, context in ((True, ssl.create_default_context()), (False, trusting))
        }

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        verify: bool = True,
        timeout_s: float = TIMEOUT_S,
        answer_bytes: int = ANSWER_BYTES,
    ) -> Answer:
        """The answer, whatever its status; one in the 300s is not followed. `timeout_s` is for all of it.

        Raises: Unreachable when there is none; BadRequest for a URL that cannot be asked.
        """
        check_url("url", url)
        sent = {"User-Agent": self._user_agent, "Accept": "*/*", "Accept-Encoding": "identity"} | dict(headers or {})
        asked = self._pools[verify].stream(method, url, headers=_encoded(url, sent, content), content=content)
        try:
            async with asyncio.timeout(timeout_s), asked as response:
                body, truncated = await _read(response, answer_bytes)
        except TimeoutError:
            raise Unreachable(f"no answer within {timeout_s:g} s") from None
        except Exception as error:
            if reason := _reason(error):
                raise reason from None
            raise
        return Answer(response.status, _decoded(response.headers), body, truncated)

    async def close(self) -> None:
        """Closes all connections."""
        for pool in self._pools.values():
            await pool.aclose()


class _Guarded(httpcore.AsyncNetworkBackend):
    """Opens connections to addresses that were checked."""

    def __init__(self, allowed: Sequence[Network]) -> None:
        self._allowed = allowed
        backend: Any = httpcore.AnyIOBackend()
        self._inner: httpcore.AsyncNetworkBackend = backend

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A connection to the first of the name's addresses that answers. Raises: ForbiddenTarget."""
        failure: Exception | None = None
        for address in (await self._addresses(host, port))[:_ADDRESSES_TRIED]:
            try:
                return await self._inner.connect_tcp(str(address), port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = failure or error
        raise failure or Unreachable(f"the name {host} has no address")

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.AsyncNetworkStream:
        """Never."""
        raise ForbiddenTarget("a socket of this machine cannot be asked")

    async def sleep(self, seconds: float) -> None:
        """Waits; the pool does so before it tries again, which it is not asked to do."""
        await asyncio.sleep(seconds)

    async def _addresses(self, host: str, port: int) -> list[Address]:
        """The host's addresses. One that is refused refuses all: who mixes them in means it."""
        found = await _resolved(host, port)
        for address in found:
            if (reason := forbidden(address)) and not any(address in network for network in self._allowed):
                where = str(address) if str(address) == host else f"{host} ({address})"
                raise ForbiddenTarget(f"{where} is {reason}, which is refused. The setting outbound_allow can allow it")
        return found


def forbidden(address: Address) -> str | None:
    """Why nobody may be sent to an address; None when one may."""
    inner = _embedded(address)
    if inner is not None:
        return forbidden(inner)
    if address.is_loopback:
        return "this machine itself"
    if address.is_link_local or address == _METADATA:
        return "a link-local address"
    if address.is_multicast:
        return "a multicast address"
    if address.is_unspecified:
        return "no address"
    if address.is_reserved or (isinstance(address, ipaddress.IPv4Address) and int(address) >> 24 == 0):
        return "a reserved address"
    return None


def _embedded(address: Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that stands within one of version 6."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)


async def _resolved(host: str, port: int) -> list[Address]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Unreachable(f"the name {host} is not known") from None
    texts = dict.fromkeys(str(where[0]).partition("%")[0] for *_, where in found)
    return [ipaddress.ip_address(text) for text in texts]


async def _read(response: httpcore.Response, most: int) -> tuple[bytes, bool]:
    chunks: AsyncIterator[bytes] = response.aiter_stream()
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) > most:
            return bytes(body[:most]), True
    return bytes(body), False


def _encoded(url: str, headers: Mapping[str, str], content: bytes | None) -> list[tuple[bytes, bytes]]:
    host = urlsplit(url).netloc
    length = {} if content is None else {"Content-Length": str(len(content))}
    return [
        (name.encode("ascii"), value.encode("latin-1")) for name, value in ({"Host": host, **length, **headers}).items()
    ]


def _decoded(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}


def _reason(error: Exception) -> Unreachable | None:
    """What a failure of the network means; None when it is none."""
    if isinstance(error, Unreachable):
        return error
    if isinstance(error, httpcore.TimeoutException):
        return Unreachable("no answer in time")
    if isinstance(error, httpcore.ConnectError):
        return Unreachable(_connecting(error))
    if isinstance(error, httpcore.NetworkError | httpcore.ProtocolError | OSError):
        return Unreachable(f"the connection broke: {str(error) or type(error).__name__}")
    return None


def _connecting(error: BaseException) -> str:
    """Why there is no connection, from the failures that it came from."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted: {cause.verify_message}"
        if isinstance(cause, ssl.SSLError):
            return f"TLS failed: {cause.reason or cause}"
        if isinstance(cause, ConnectionRefusedError):
            return "the connection was refused"
        cause = cause.__cause__ or cause.__context__
    return f"no connection: {str(error) or type(error).__name__}"

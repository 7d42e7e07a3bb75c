"""Why a robot cannot be reached, one sentence for each reason, against real sockets."""

import asyncio
import datetime
import errno
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from roundsman.kit.certificates import Issued, make_ca, make_leaf
from roundsman.robots import preflight
from roundsman.robots.link import LinkError, Unreachable, Unsupported
from roundsman.robots.preflight import check, split

pytestmark = pytest.mark.anyio

TIMEOUT_S = 0.5
Speak = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


async def greets_in_clear(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0-what\r\n")
    writer.close()


async def hangs_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


@asynccontextmanager
async def serving(speak: Speak, context: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> AsyncIterator[int]:
    server = await asyncio.start_server(speak, host, 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def context_of(leaf: Issued, tmp_path: Path, protocols: list[str]) -> ssl.SSLContext:
    (tmp_path / "leaf.pem").write_bytes(leaf.certificate + leaf.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "leaf.pem")
    context.set_alpn_protocols(protocols)
    return context


async def refusal(port: int | str, roots: bytes) -> LinkError:
    with pytest.raises(LinkError) as refused:
        await check(f"127.0.0.1:{port}" if isinstance(port, int) else port, roots, timeout_s=TIMEOUT_S)
    return refused.value


CA = make_ca("Boiler house robots CA")
OTHER = make_ca("Plant office CA")


@pytest.mark.parametrize(
    ("hostname", "parts"),
    [
        ("10.0.0.3", ("10.0.0.3", 443)),
        ("spot.plant:8443", ("spot.plant", 8443)),
        ("[fe80::1]", ("fe80::1", 443)),
        ("[fe80::1]:50", ("fe80::1", 50)),
    ],
)
def test_hostnames_may_bear_a_port(hostname: str, parts: tuple[str, int]) -> None:
    assert split(hostname) == parts


async def test_a_robot_that_we_trust_passes(tmp_path: Path) -> None:
    leaf = make_leaf(CA, ["*.spot.robot"])
    async with serving(silent, context_of(leaf, tmp_path, ["h2"])) as port:
        await check(f"127.0.0.1:{port}", CA.certificate, timeout_s=5)


async def test_the_name_in_its_certificate_is_judged_by_grpc_later(tmp_path: Path) -> None:
    leaf = make_leaf(CA, ["whatever.example"])
    async with serving(silent, context_of(leaf, tmp_path, ["h2"])) as port:
        await check(f"127.0.0.1:{port}", CA.certificate, timeout_s=5)


async def test_who_signed_an_untrusted_certificate_is_named(tmp_path: Path) -> None:
    leaf = make_leaf(OTHER, ["*.spot.robot"])
    async with serving(silent, context_of(leaf, tmp_path, ["h2"])) as port:
        refused = await refusal(port, CA.certificate)
    assert isinstance(refused, Unsupported)
    assert "not signed by a robot's authority but by “Plant office CA”" in str(refused)
    assert "robot_ca_files" in str(refused), "it says what to do"


async def test_a_certificate_that_is_over_points_to_the_clock(tmp_path: Path) -> None:
    async with serving(silent, context_of(expired(), tmp_path, ["h2"])) as port:
        refused = await refusal(port, CA.certificate)
    assert "not valid today (certificate has expired): is this machine's clock right?" in str(refused)


def expired() -> Issued:
    key = ec.generate_private_key(ec.SECP256R1())
    signer = serialization.load_pem_private_key(CA.key, None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    day = datetime.timedelta(days=1)
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "old")]))
        .issuer_name(x509.load_pem_x509_certificate(CA.certificate).subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - 9 * day)
        .not_valid_after(now - day)
        .sign(signer, hashes.SHA256())
    )
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return Issued(certificate.public_bytes(encoding), key.private_bytes(encoding, form, serialization.NoEncryption()))


async def test_a_web_server_is_no_robot(tmp_path: Path) -> None:
    leaf = make_leaf(CA, ["*.spot.robot"])
    async with serving(silent, context_of(leaf, tmp_path, ["http/1.1"])) as port:
        refused = await refusal(port, CA.certificate)
    assert isinstance(refused, Unsupported)
    assert "not as a robot does: is the port right?" in str(refused)


@pytest.mark.parametrize(
    ("speak", "kind", "sentence"),
    [
        (silent, Unreachable, "takes connections but says nothing within 0.5 s"),
        (greets_in_clear, Unsupported, "not with TLS as a robot does"),
        (hangs_up, Unreachable, "broke the connection off"),
    ],
)
async def test_what_takes_connections_but_does_not_greet(speak: Speak, kind: type, sentence: str) -> None:
    async with serving(speak) as port:
        refused = await refusal(port, CA.certificate)
    assert isinstance(refused, kind)
    assert sentence in str(refused)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_port_where_nothing_listens_refuses(host: str) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        refused = await refusal(f"{host}:{closed.getsockname()[1]}", CA.certificate)
    assert isinstance(refused, Unreachable)
    assert "refuses connections" in str(refused)


async def test_a_name_has_several_addresses_and_the_second_may_be_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leaf = make_leaf(CA, ["*.spot.robot"])
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(serving(silent, context_of(leaf, tmp_path, ["h2"])))
        stream = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        found = [(*stream, ("127.0.0.9", port)), (*stream, ("127.0.0.1", port))]

        async def both(*_: object, **__: object) -> list:
            return found

        loop = asyncio.get_running_loop()
        real = loop.getaddrinfo
        monkeypatch.setattr(
            loop, "getaddrinfo", lambda host, *rest, **more: both() if host == "spot" else real(host, *rest, **more)
        )
        await check(f"spot:{port}", CA.certificate, timeout_s=5)


async def test_a_name_that_nobody_knows() -> None:
    refused = await refusal("no-such-robot.invalid", CA.certificate)
    assert isinstance(refused, Unreachable)
    assert "DNS" in str(refused)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (socket.gaierror(socket.EAI_NONAME, ""), "the name spot is not known to the network's DNS"),
        (socket.gaierror(socket.EAI_AGAIN, ""), "the network's DNS does not answer for spot"),
        (TimeoutError(), "the network's DNS does not answer for spot"),
        (UnicodeError(), "spot cannot be a name"),
    ],
)
def test_names(error: Exception, sentence: str) -> None:
    assert sentence in str(preflight._no_name(error, "spot"))


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (OSError(errno.EHOSTUNREACH, "No route to host"), "there is no route to spot:443"),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), "there is no route to spot:443"),
        (TimeoutError(), "spot:443 does not answer within 3 s: is the robot switched on"),
        (OSError(errno.EPERM, "Operation not permitted"), "cannot be reached: [Errno 1] Operation not permitted"),
    ],
)
def test_what_a_test_machine_cannot_bring_about(error: Exception, sentence: str) -> None:
    assert sentence in str(preflight._not_dialled(error, "spot:443", 3))

"""Other systems are asked as they are addressed, and never where nobody may be sent to."""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman.api.tls import tls_files
from roundsman.kit.outbound import ForbiddenTarget, Outbound, Unreachable, check_url, forbidden
from roundsman.kit.problem import BadRequest
from roundsman.settings import Settings, SettingsError, load

pytestmark = pytest.mark.anyio

LOOPBACK = ("127.0.0.0/8",)


@asynccontextmanager
async def answering(answer: bytes, tls: ssl.SSLContext | None = None) -> AsyncGenerator[tuple[int, list[bytes]]]:
    """A server on loopback that answers each request alike; its port, and what it was asked."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while answer:
                asked.append(await reader.readuntil(b"\r\n\r\n"))
                writer.write(answer)
                await writer.drain()
            await reader.read()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1], asked
        server.close()


@asynccontextmanager
async def outbound(allow: tuple[str, ...] = LOOPBACK) -> AsyncGenerator[Outbound]:
    opened = Outbound(allow)
    yield opened
    await opened.close()


def response(body: bytes = b"ok", status: str = "200 OK", more: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{more}\r\n".encode() + body


async def test_a_request_goes_out_as_it_was_given_and_the_answer_comes_back() -> None:
    async with answering(response(b'{"id": 7}', "201 Created", "X-Kind: é\r\n")) as (port, asked), outbound() as out:
        for _ in range(2):
            answer = await out.request(
                "POST", f"http://127.0.0.1:{port}/a/b?c=d", headers={"X-Secret": "s"}, content=b""
            )
    assert (answer.status, answer.ok, answer.body, answer.truncated) == (201, True, b'{"id": 7}', False)
    assert "x-kind" in answer.headers
    assert asked[0].startswith(b"POST /a/b?c=d HTTP/1.1\r\n")
    assert f"Host: 127.0.0.1:{port}\r\n".encode() in asked[0]
    assert b"X-Secret: s\r\n" in asked[0]
    assert b"User-Agent: Roundsman\r\n" in asked[0]
    assert asked[0] == asked[1]


async def test_redirects_are_not_followed_and_long_answers_are_cut() -> None:
    away = response(b"x" * 5000, "302 Found", "Location: http://169.254.169.254/\r\n")
    async with answering(away) as (port, asked), outbound() as out:
        answer = await out.request("GET", f"http://127.0.0.1:{port}/", answer_bytes=100)
    assert (answer.status, answer.ok, answer.body, answer.truncated) == (302, False, b"x" * 100, True)
    assert len(asked) == 1


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.1", "0.0.0.0", "[::1]", "[::]", "[::ffff:127.0.0.1]",
        "[::ffff:a9fe:a9fe]", "[64:ff9b::a9fe:a9fe]", "[2002:7f00:1::]", "169.254.169.254", "[fe80::1]",
        "[fd00:ec2::254]", "224.0.0.1", "255.255.255.255", "0.1.2.3",
    ],
)  # fmt: skip
async def test_where_nobody_may_be_sent_to(host: str) -> None:
    async with answering(response()) as (port, asked), outbound(()) as out:
        with pytest.raises(ForbiddenTarget, match="refused"):
            await out.request("GET", f"http://{host}:{port}/")
    assert asked == []


@pytest.mark.parametrize("address", ["10.0.0.3", "192.168.1.2", "172.16.0.1", "100.64.0.1", "8.8.8.8", "fd12::1"])
def test_the_networks_of_a_plant_are_allowed(address: str) -> None:
    assert forbidden(ipaddress.ip_address(address)) is None


@given(st.ip_addresses(v=4))
def test_an_address_is_refused_in_every_form_in_which_it_can_be_written(address: ipaddress.IPv4Address) -> None:
    number = int(address)
    forms = (0xFFFF << 32 | number, 0x64FF9B << 96 | number, 0x2002 << 112 | number << 80)
    for form in forms:
        assert forbidden(ipaddress.IPv6Address(form)) == forbidden(address)


async def test_a_name_that_means_both_something_allowed_and_something_else_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with answering(response()) as (port, asked), outbound(("127.0.0.1",)) as out:
        resolved = resolving("127.0.0.1", "169.254.169.254", port=port)
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolved, raising=False)
        with pytest.raises(ForbiddenTarget, match=r"169\.254\.169\.254"):
            await out.request("GET", f"http://plant.example:{port}/")
    assert asked == []


async def test_a_name_is_looked_up_once_and_what_was_checked_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []
    async with answering(response()) as (port, asked), outbound() as out:
        resolved = resolving("127.0.0.2", "127.0.0.1", port=port, looked=looked)  # nobody listens at the first
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolved, raising=False)
        assert (await out.request("GET", f"http://plant.example:{port}/")).ok
    assert looked == ["plant.example"]
    assert f"Host: plant.example:{port}".encode() in asked[0]


async def unknown(*_: Any, **__: Any) -> list[Any]:
    raise socket.gaierror


def resolving(*addresses: str, port: int, looked: list[str] | None = None) -> Callable[..., Any]:
    """A resolver that knows one name only; addresses stand for themselves."""

    async def getaddrinfo(host: str, *_: Any, **__: Any) -> list[Any]:
        if host in addresses:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port))]
        if looked is not None:
            looked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    return getaddrinfo


async def test_a_certificate_is_checked_unless_that_is_waived(tmp_path: Path) -> None:
    files = tls_files(Settings(data_dir=tmp_path))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(files.certificate, files.key)
    async with answering(response(), context) as (port, asked), outbound() as out:
        with pytest.raises(Unreachable, match="certificate is not trusted"):
            await out.request("GET", f"https://127.0.0.1:{port}/")
        assert asked == []
        assert (await out.request("GET", f"https://127.0.0.1:{port}/", verify=False)).ok


async def test_no_answer_is_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        async with outbound() as out:
            with pytest.raises(Unreachable, match="refused"):
                await out.request("GET", f"http://127.0.0.1:{port}/")
            with monkeypatch.context() as patch:
                patch.setattr(asyncio.get_running_loop(), "getaddrinfo", unknown, raising=False)
                with pytest.raises(Unreachable, match="not known"):
                    await out.request("GET", "http://nobody.invalid/")
    async with answering(b"") as (port, _), outbound() as out:
        with pytest.raises(Unreachable, match="no answer within"):
            await out.request("GET", f"http://127.0.0.1:{port}/", timeout_s=0.05)
    async with answering(b"what?\r\n\r\n") as (port, _), outbound() as out:
        with pytest.raises(Unreachable, match="connection broke"):
            await out.request("GET", f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize(
    "url",
    [
        "", "plant", "ftp://plant/", "file:///etc/passwd", "http://", "http://a b/", "http://plant:0/", "http://plant:x/",
        "http://user:secret@plant/", "http://plänt/", "http://plant/\r\nX: y", "http://[::1/", "http://p/" + "a" * 2000,
    ],
)  # fmt: skip
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(BadRequest, match="callback"):
        check_url("callback", url)


def test_the_networks_in_the_settings_are_read_and_checked() -> None:
    assert load(environ={"ROUNDSMAN_OUTBOUND_ALLOW": "127.0.0.1, ::1/128"}).outbound_allow == ("127.0.0.1", "::1/128")
    with pytest.raises(SettingsError, match="outbound_allow"):
        load(environ={"ROUNDSMAN_OUTBOUND_ALLOW": "plant"})

"""Serving itself: the port, the certificate, the way it stops."""

import asyncio
import ssl
import stat
from pathlib import Path

import httpx
import pytest
from litestar import Litestar, get
from tests.served import Served

from roundsman.api.parts import Parts
from roundsman.api.serve import PortInUse, listen, serve
from roundsman.api.tls import TlsFiles, tls_files
from roundsman.kit.certificates import make_ca, make_leaf, still_good
from roundsman.settings import Settings

pytestmark = pytest.mark.anyio


async def test_a_port_in_use_is_said_in_one_line(served: Served) -> None:
    port = int(served.url.rpartition(":")[2])
    with pytest.raises(PortInUse) as refused:
        listen("127.0.0.1", port)
    assert str(port) in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("http2", [True, False])
async def test_http_1_1_and_2_are_spoken(served: Served, http2: bool) -> None:
    context = ssl.create_default_context(cafile=served.ca_file)
    context.set_alpn_protocols(["h2", "http/1.1"] if http2 else ["http/1.1"])
    host, _, port = served.host.partition(":")
    _, writer = await asyncio.open_connection(host, int(port), ssl=context)
    spoken = writer.get_extra_info("ssl_object").selected_alpn_protocol()
    writer.close()
    assert spoken == ("h2" if http2 else "http/1.1")


async def test_a_request_under_way_is_finished_before_the_server_stops(tmp_path: Path) -> None:
    begun, go_on, steps = asyncio.Event(), asyncio.Event(), list[str]()

    @get("/slow")
    async def slow() -> str:
        begun.set()
        await go_on.wait()
        steps.append("answered")
        return "done"

    async def ended() -> None:
        steps.append("ended")

    files = tls_files(Settings(data_dir=tmp_path))
    listener, stop = listen("127.0.0.1", 0), asyncio.Event()
    url = f"https://127.0.0.1:{listener.getsockname()[1]}"
    app = Litestar([slow], on_shutdown=[ended], openapi_config=None, logging_config=None)
    serving = asyncio.create_task(serve(app, listener, files, stop=stop))
    async with httpx.AsyncClient(verify=ssl.create_default_context(cafile=files.ca), timeout=60) as client:
        asking = asyncio.create_task(client.get(f"{url}/slow"))
        await begun.wait()
        stop.set()
        asyncio.get_running_loop().call_later(0.2, go_on.set)
        assert (await asking).text == "done"
        await serving
    assert steps == ["answered", "ended"]
    with pytest.raises(OSError, match="Connect"):
        await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))


async def test_a_failing_start_is_an_exception_and_leaves_no_server(tmp_path: Path) -> None:
    async def broken() -> None:
        raise RuntimeError("the folder cannot be written")

    listener = listen("127.0.0.1", 0)
    app = Litestar([], on_startup=[broken], openapi_config=None, logging_config=None)
    with pytest.raises(RuntimeError, match="cannot be written"):
        await serve(app, listener, None, stop=asyncio.Event())
    assert listener.fileno() == -1, "closed"


def test_the_authority_stays_and_the_certificate_follows_the_names(tmp_path: Path) -> None:
    first = tls_files(Settings(data_dir=tmp_path))
    assert first.ca is not None
    ca, leaf = first.ca.read_bytes(), first.certificate.read_bytes()
    again = tls_files(Settings(data_dir=tmp_path))
    assert again.certificate.read_bytes() == leaf
    tls_files(Settings(data_dir=tmp_path, hostnames=("rounds.plant.example", "10.1.2.3")))
    assert first.ca.read_bytes() == ca
    assert first.certificate.read_bytes() != leaf
    assert still_good(first.certificate.read_bytes(), ca, ["rounds.plant.example", "10.1.2.3", "localhost"])
    for key in (first.key, tmp_path / "tls" / "ca-key.pem"):
        assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_a_certificate_of_another_authority_is_replaced() -> None:
    ours, theirs = make_ca("ours"), make_ca("theirs")
    leaf = make_leaf(theirs, ["localhost"])
    assert still_good(leaf.certificate, theirs.certificate, ["localhost"])
    assert not still_good(leaf.certificate, ours.certificate, ["localhost"])
    assert not still_good(leaf.certificate, theirs.certificate, ["elsewhere"])


def test_your_own_certificate_is_used(tmp_path: Path) -> None:
    certificate, key = tmp_path / "own.pem", tmp_path / "own-key.pem"
    settings = Settings(data_dir=tmp_path, tls_certificate_file=certificate, tls_key_file=key)
    with pytest.raises(FileNotFoundError, match=r"own\.pem"):
        tls_files(settings)
    leaf = make_leaf(make_ca("the plant's"), ["localhost"])
    certificate.write_bytes(leaf.certificate)
    key.write_bytes(leaf.key)
    assert tls_files(settings) == TlsFiles(certificate, key, None)


async def test_the_ca_file_verifies_the_server_by_name_and_address(served: Served, parts: Parts) -> None:
    context = ssl.create_default_context(cafile=served.ca_file)
    port = served.url.rpartition(":")[2]
    for host in ("127.0.0.1", "localhost"):
        async with httpx.AsyncClient(verify=context, timeout=60) as client:
            assert (await client.get(f"https://{host}:{port}/api/v0/status")).status_code == 200
    async with httpx.AsyncClient() as stranger:
        with pytest.raises(httpx.ConnectError):
            await stranger.get(f"{served.url}/api/v0/status")

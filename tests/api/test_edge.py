"""The outermost layer over a small application: HEAD of streams, and answers that break off."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from litestar import Litestar, get
from litestar.response import Stream

from roundsman.api.edge import Edge

pytestmark = pytest.mark.anyio


class Source:
    """A stream that never ends by itself and notes what became of it."""

    def __init__(self) -> None:
        self.sent = 0
        self.closed = False

    async def chunks(self) -> AsyncIterator[bytes]:
        try:
            while True:
                self.sent += 1
                yield b"x" * 1000
        finally:
            self.closed = True


def application(*handlers: Any) -> Litestar:
    app = Litestar(list(handlers), openapi_config=None, logging_config=None)
    app.asgi_handler = Edge(app.asgi_handler, {"/endless": {"GET"}})
    return app


def client(app: Litestar) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, raise_app_exceptions=True)  # type: ignore[arg-type]
    return httpx.AsyncClient(transport=transport, base_url="http://test")


async def test_head_of_an_endless_stream_ends_after_the_headers() -> None:
    source = Source()

    @get("/endless")
    async def endless() -> Stream:
        return Stream(source.chunks(), headers={"content-length": "12345"}, media_type="application/zip")

    async with client(application(endless)) as asking:
        answer = await asking.head("/endless")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == "12345"
    assert answer.headers["content-type"].startswith("application/zip")
    assert source.sent <= 1


async def test_an_answer_that_breaks_off_is_not_taken_for_a_whole_one(capsys: pytest.CaptureFixture[str]) -> None:
    async def failing() -> AsyncIterator[bytes]:
        yield b"begun"
        raise OSError("the disk went away")

    @get("/broken")
    async def broken() -> Stream:
        return Stream(failing())

    async with client(application(broken)) as asking:
        with pytest.raises(Exception):  # noqa: B017, PT011 - whatever it is, the connection is closed
            await asking.get("/broken")
    logged = capsys.readouterr()
    assert "broken off" in logged.out + logged.err

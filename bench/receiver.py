"""A process that takes whatever is posted to it and answers 200: prints its port, ends with its standard input."""

import asyncio
import sys

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Taking(asyncio.Protocol):
    """One connection: bodies with a Content-Length, one after the other."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]
        self._held = b""

    def data_received(self, data: bytes) -> None:
        self._held += data
        while (end := self._held.find(b"\r\n\r\n")) >= 0:
            _, _, after = self._held[:end].lower().partition(b"content-length:")
            whole = end + 4 + int(after.partition(b"\r\n")[0] or 0)
            if len(self._held) < whole:
                return
            self._held = self._held[whole:]
            self._transport.write(ANSWER)


async def main() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Taking, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())

"""Another robot at the same address: after a swap in the rack, or because an address was given out anew."""

import asyncio
from contextlib import suppress

import pytest
from tests.robots.conftest import House, until

from roundsman.robots.supervisor import OBSERVED

pytestmark = pytest.mark.anyio


class Wire:
    """Leads everything that comes to `port` on to another port, until it is plugged elsewhere."""

    def __init__(self) -> None:
        self.to = 0
        self._ends: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> "Wire":
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.plug(0)

    def plug(self, port: int) -> None:
        """Cuts what is connected; whoever connects again is led to `port`."""
        self.to = port
        for end in self._ends:
            end.transport.abort()
        self._ends.clear()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self.to)
        self._ends |= {writer, back}
        with suppress(OSError):
            await asyncio.gather(_pump(reader, back), _pump(there, writer))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while chunk := await reader.read(65536):
            writer.write(chunk)
            await writer.drain()
    writer.close()


async def test_another_robot_at_the_same_address_is_known_for_what_it_is(site, database, vault, settings_for) -> None:
    plant = await site(robots=2, password="the same everywhere")
    first, second = plant.fleet.robots
    # Looks so seldom that the wire is plugged anew between two of them, unnoticed.
    settings = settings_for(plant, robot_poll_s=1.0, robot_timeout_s=20.0)
    async with Wire() as wire, House(database, vault, settings) as house:
        wire.plug(first.port)
        hostname = f"127.0.0.1:{wire.port}"
        await house.registry.add(hostname, "Spot 1", first.username, first.password)
        await until(lambda: house.fleet.live(hostname).connection == "connected")
        assert house.fleet.live(hostname).identity.serial == first.serial
        link = house.fleet.links()[hostname]
        with house.bus.subscribe(OBSERVED) as looks:
            await anext(looks)
        wire.plug(second.port)
        await until(lambda: house.fleet.live(hostname).identity.serial == second.serial)
        assert house.fleet.links()[hostname] is not link, "acquisition would go on behind the first one's cursor"
        assert (await house.registry.get(hostname)).serial == second.serial

"""Simulated robots of any content, and what a test needs to acquire from them."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from tests.counted import totals

from roundsman.acquisition.intake import ByteBudget, Intake
from roundsman.acquisition.spot_store import SpotStore
from roundsman.acquisition.sync import RobotSync
from roundsman.captures.tables import run_capture_messages, run_captures, run_event_documents, run_events
from roundsman.captures.tallies import CAPTURES, EVENTS, action_names
from roundsman.kit.blobs import Blobs
from roundsman.kit.clock import WallClock
from roundsman.kit.database import Database, Statement
from roundsman.robots.spot import SpotLink, connect
from roundsman.runs.record import RobotIdentity
from roundsman.runs.tables import runs
from roundsman.runs.tallies import robot_names, series_of
from roundsman.simulator.services.server import SimulatedFleet
from roundsman.simulator.services.synthetic import synthetic_world
from roundsman.simulator.world.world import World


async def until(condition: Callable[[], Any], deadline_s: float = 30.0) -> None:
    """Waits until `condition()` holds."""
    async with asyncio.timeout(deadline_s):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.005)


class Robots:
    """A simulated fleet on the network, in this process."""

    def __init__(self, fleet: SimulatedFleet) -> None:
        self.fleet = fleet
        self.links: list[SpotLink] = []

    @property
    def spots(self) -> list[Any]:
        return self.fleet.world.robots

    async def link(self, index: int = 0) -> SpotLink:
        address = self.fleet.robots[index]
        link = await connect(
            f"{address.host}:{address.port}",
            address.nickname,
            address.username,
            address.password,
            roots=self.fleet.ca_file.read_bytes(),
            clock=WallClock(),
            timeout_s=10,
        )
        self.links.append(link)
        return link

    async def sync(self, database: Database, blobs: Blobs, index: int = 0, **options: Any) -> RobotSync:
        link = await self.link(index)
        return sync_of(link, database, blobs, **options)


def sync_of(
    link: SpotLink, database: Database, blobs: Blobs, store: Any = None, parallel: int = 16, **options: Any
) -> RobotSync:
    identity = link.identity
    robot = RobotIdentity(
        identity.serial, link.hostname, link.nickname, identity.software_version, identity.software_changeset
    )
    software = options.pop("software", f"{identity.software_changeset} {identity.install_date_us}")
    store = SpotStore.of(link) if store is None else store
    intake = Intake(blobs, ByteBudget(32 << 20), parallel, options.pop("check_room", lambda _: None))
    return RobotSync(robot, software, store, intake, database, WallClock(), **options)


@pytest.fixture
async def robots(tmp_path: Path, database_url: str) -> AsyncIterator[Callable[..., Awaitable[Robots]]]:
    """Makes simulated robots: `robots(captures=…, size_bytes=…)`, or `robots(world=…)`.

    The database is there before and after them: making one is not possible while gRPC has the thread's event loop.
    """
    made: list[Robots] = []

    async def make(
        captures: int = 0, size_bytes: int = 1000, *, count: int = 1, kind: Any = "image", world: World | None = None
    ) -> Robots:
        world = world or synthetic_world(count, captures, size_bytes, kind=kind)
        fleet = SimulatedFleet(world, data_dir=tmp_path / f"fleet-{len(made)}")
        await fleet.start()
        made.append(Robots(fleet))
        return made[-1]

    yield make
    for one in made:
        for link in one.links:
            await link.close()
        await one.fleet.stop()


@pytest.fixture
def plant() -> World:
    """A plant with one robot and some hours of rounds behind it: every channel, metadata, alerts."""
    return World(seed=7, robots=1, pace=1.0, clock=WallClock(), history_days=0.3, fault_rate=0.0, operators=False)


class Store:
    """What a database holds of a robot, without what is different each time: the uuids and when it was stored."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def _rows(self, table: Any, serial: str | None) -> list[dict[str, Any]]:
        statement = select(table) if serial is None else select(table).where(table.c.robot_serial == serial)
        names = [column.name for column in table.columns]
        return [dict(zip(names, row, strict=True)) for row in await self._database.all(Statement(statement))]

    async def dump(self, serial: str) -> dict[str, list[Any]]:
        """Runs, events, captures and documents with names in place of uuids, sorted."""
        found = {table.name: await self._rows(table, serial) for table in TABLES}
        uuids: dict[str, Any] = {}
        for row in found["runs"]:
            uuids[row["uuid"]] = row["group_name"]
        for row in found["run_events"]:
            uuids[row["uuid"]] = [uuids[row["run_uuid"]], row["action_name"], row["robot_time_us"]]
        for row in found["run_captures"]:
            uuids[row["uuid"]] = row["data_id"]
        messages = [
            (uuids[row["run_capture_uuid"]], row["message"])
            for row in await self._rows(run_capture_messages, None)
            if row["run_capture_uuid"] in uuids
        ]
        bare = {name: sorted(json.dumps(_bare(row, uuids)) for row in rows) for name, rows in found.items()}
        return bare | {"messages": sorted(messages)}

    async def check_tallies(self, serial: str) -> None:
        """Every counter says what counting would say."""
        for table, base in ((run_events, f"{EVENTS}.time_us"), (run_captures, f"{CAPTURES}.created_us")):
            rows = await self._rows(table, serial)
            expected: dict[str, int] = {}
            for row in rows:
                for names in (robot_names(row), (*robot_names(row), *action_names(row))):
                    series = series_of(base, *names)
                    expected[series] = expected.get(series, 0) + 1
            assert await totals(self._database, expected) == expected

    async def captures(self, serial: str) -> list[dict[str, Any]]:
        return await self._rows(run_captures, serial)

    async def events(self, serial: str) -> list[dict[str, Any]]:
        return await self._rows(run_events, serial)

    async def runs(self, serial: str) -> list[dict[str, Any]]:
        return await self._rows(runs, serial)

    async def documents(self, serial: str) -> list[dict[str, Any]]:
        return await self._rows(run_event_documents, serial)


TABLES = (runs, run_events, run_captures, run_event_documents)
DIFFERENT = {"uuid", "created_us", "modified_us", "action_channel_run_flag_uuid", "robot_hostname"}


def _bare(row: dict[str, Any], uuids: dict[str, Any]) -> dict[str, Any]:
    return {
        name: uuids.get(value, value) if name.endswith("_uuid") else value
        for name, value in row.items()
        if name not in DIFFERENT
    }


@pytest.fixture
def store(database: Database) -> Store:
    return Store(database)

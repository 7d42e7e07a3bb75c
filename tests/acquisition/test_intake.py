"""How much is in memory at once, and what becomes of what comes after a failure."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path
from typing import cast

import psutil
import pytest

from roundsman.acquisition.batches import Batches, Pending
from roundsman.acquisition.intake import SMALL_BYTES, ByteBudget, Intake
from roundsman.acquisition.store import Fetched
from roundsman.captures.record import DataId
from roundsman.kit.blobs import BlobInfo, Blobs, info_of
from roundsman.kit.problem import DiskFull

pytestmark = pytest.mark.anyio
MIB = 1 << 20


async def test_the_budget_lets_in_by_turn_and_never_too_much():
    budget, peak, order = ByteBudget(100), 0, []

    async def user(number, size):
        nonlocal peak
        await budget.acquire(size)
        order.append(number)
        peak = max(peak, budget.used_bytes)
        await asyncio.sleep(0)
        budget.release(size)

    await asyncio.gather(*(user(number, 10 + number % 7 * 10) for number in range(200)))
    assert order == list(range(200))
    assert 60 <= peak <= 100
    assert budget.used_bytes == 0


async def test_what_is_greater_than_the_budget_comes_alone():
    budget = ByteBudget(100)
    await budget.acquire(500)
    waiting = asyncio.create_task(budget.acquire(1))
    await asyncio.sleep(0)
    assert not waiting.done()
    budget.release(500)
    await waiting


async def test_who_gives_up_waiting_does_not_hold_up_the_others():
    budget = ByteBudget(100)
    await budget.acquire(90)
    large, small = asyncio.create_task(budget.acquire(50)), asyncio.create_task(budget.acquire(10))
    await asyncio.sleep(0)
    large.cancel()
    await asyncio.wait([large])
    await asyncio.wait_for(small, 1)
    budget.release(100)
    assert budget.used_bytes == 0


class Noting:
    """A blob store that notes what is put together, and waits to be let on."""

    def __init__(self) -> None:
        self.groups: list[list[bytes]] = []
        self.at_once = self.most_at_once = 0
        self.all_at_once = 0  # so many lets all of them on
        self.may_pass = asyncio.Event()
        self.error: Exception | None = None

    async def put_all(self, contents: list[bytes]) -> list[BlobInfo]:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.groups.append(list(contents))
        if self.at_once == self.all_at_once:
            self.may_pass.set()
        await self.may_pass.wait()
        self.at_once -= 1
        if self.error is not None:
            raise self.error
        return [info_of(content) for content in contents]


async def give(intake: Intake, *contents: bytes) -> list[Awaitable[BlobInfo]]:
    async def pieces(content: bytes) -> AsyncIterator[memoryview]:
        yield memoryview(content)

    waiting: list[Awaitable[BlobInfo]] = []
    for content in contents:
        await intake.on_content(len(content), pieces(content))
        taken = intake.take()
        assert taken is not None
        waiting.append(taken.blob())
    return waiting


@pytest.mark.parametrize(("parallel", "sizes"), [(16, [16, 16, 8]), (4, [4] * 10), (1, [1] * 40)])
async def test_what_comes_together_is_stored_together(parallel: int, sizes: list[int]):
    blobs, budget = Noting(), ByteBudget(1000)
    contents = [b"%d" % number for number in range(40)]
    blobs.all_at_once = min(parallel, len(sizes))
    waiting = await give(Intake(cast("Blobs", blobs), budget, parallel), *contents)
    assert await asyncio.gather(*waiting) == [info_of(content) for content in contents]
    assert [len(group) for group in blobs.groups] == sizes
    assert blobs.most_at_once == blobs.all_at_once
    assert budget.used_bytes == 0


async def test_a_group_is_never_long():
    blobs = Noting()
    blobs.may_pass.set()
    sizes = [SMALL_BYTES // 2, SMALL_BYTES // 2, 1, SMALL_BYTES, 0]
    await asyncio.gather(*await give(Intake(cast("Blobs", blobs), ByteBudget(1 << 30), 16), *map(bytes, sizes)))
    assert [[len(content) for content in group] for group in blobs.groups] == [sizes[:2], sizes[2:3], sizes[3:]]


async def test_each_of_a_group_is_told_of_its_failure_and_the_next_begin_anew():
    blobs, budget = Noting(), ByteBudget(1000)
    intake = Intake(cast("Blobs", blobs), budget, 16)
    blobs.may_pass.set()
    blobs.error = DiskFull(28, "full")
    for waiting in await give(intake, b"one", b"two"):
        with pytest.raises(DiskFull):
            await waiting
    blobs.error = None
    assert await asyncio.gather(*await give(intake, b"three")) == [info_of(b"three")]
    assert blobs.groups == [[b"one", b"two"], [b"three"]]
    assert budget.used_bytes == 0


async def test_what_comes_after_a_group_was_given_up_is_stored_all_the_same():
    blobs, budget = Noting(), ByteBudget(1000)
    intake = Intake(cast("Blobs", blobs), budget, 2)
    *first, waits_for_its_turn = await give(intake, b"1", b"2", b"3", b"4", b"5")
    given_up = asyncio.ensure_future(waits_for_its_turn)
    await asyncio.sleep(0)
    given_up.cancel()
    await asyncio.wait([given_up])
    last = await give(intake, b"6")
    blobs.may_pass.set()
    assert await asyncio.wait_for(asyncio.gather(*first, *last), 5) == [
        info_of(b"%d" % number) for number in (1, 2, 3, 4, 6)
    ]
    assert blobs.groups == [[b"1", b"2"], [b"3", b"4"], [b"6"]]
    assert budget.used_bytes == 0


async def test_nothing_is_kept_behind_what_could_not_be_stored():
    kept: list[int] = []

    async def keep(captured):
        kept.extend(one.id.data_id for one in captured)
        return len(captured)

    async def fails():
        raise DiskFull(28, "full")

    async def gather():
        async with Batches(keep) as batches:
            for number in range(100):
                fetched = Fetched(DataId(number, "", "", 0, "", ""), "metadata", 0, document=b"{}")
                pending = Pending(fetched, None, "", ())
                if number == 40:
                    fetched = Fetched(fetched.id, "image", 0)
                    pending = Pending(fetched, fails, ".jpg", ())
                await batches.add(pending)

    with pytest.raises(DiskFull):
        await gather()
    assert kept == list(range(40))


SIMULATE = """
import asyncio, json, sys
from pathlib import Path
from roundsman.simulator.services.server import SimulatedFleet
from roundsman.simulator.services.synthetic import synthetic_world
async def main():
    fleet = SimulatedFleet(synthetic_world(2, 12, 20_000_000), data_dir=Path(sys.argv[1]))
    await fleet.start()
    addresses = [[f"{robot.host}:{robot.port}", robot.username, robot.password] for robot in fleet.robots]
    print(json.dumps([str(fleet.ca_file), addresses]), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await fleet.stop()
asyncio.run(main())
"""


@pytest.fixture
def other_process(tmp_path: Path):
    """Two robots with 12 captures of 20 MB each, in a process of their own so that only we are measured."""
    process = subprocess.Popen(
        [sys.executable, "-c", SIMULATE, str(tmp_path / "fleet")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdin is not None
    yield json.loads(process.stdout.readline())
    process.stdin.close()
    process.wait()
    process.stdout.close()


async def test_files_of_20_mb_are_never_held_whole(other_process, database, blobs, store, tmp_path):
    from tests.acquisition.conftest import sync_of

    from roundsman.kit.clock import WallClock
    from roundsman.robots.spot import connect

    ca_file, addresses = other_process
    roots = await asyncio.to_thread(Path(ca_file).read_bytes)
    links = [await connect(*address[:1], "spot", *address[1:], roots=roots, clock=WallClock(), timeout_s=10)
             for address in addresses]  # fmt: skip
    process, peak = psutil.Process(), 0
    syncs = [sync_of(link, database, blobs) for link in links]
    before = process.memory_info().rss
    acquiring = asyncio.gather(*(sync.catch_up() for sync in syncs))
    while not acquiring.done():
        peak = max(peak, process.memory_info().rss)
        await asyncio.sleep(0.01)
    assert [batches.stored for batches in await acquiring] == [12, 12]
    for link in links:
        await link.close()
    assert peak - before < 64 * MIB

"""How much is in memory at once, and what becomes of what comes after a failure."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from roundsman.acquisition.batches import Batches, Pending
from roundsman.acquisition.intake import ByteBudget
from roundsman.acquisition.store import Fetched
from roundsman.captures.record import DataId
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
                    pending = Pending(fetched, asyncio.ensure_future(fails()), ".jpg", ())
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

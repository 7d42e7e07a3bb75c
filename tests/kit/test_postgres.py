"""What only the database of many processes must hold: conflicts are tried again, a lost connection is made anew."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from sqlalchemy import bindparam, insert, select, update

from roundsman import migrations
from roundsman.kit.database import Database, Statement, Transaction, open_database
from roundsman.kit.tally import tallies

pytestmark = pytest.mark.anyio

add = Statement(insert(tallies))
read = Statement(select(tallies.c["count"]).where(tallies.c.series == bindparam("name")))
raise_it = Statement(
    update(tallies).where(tallies.c.series == bindparam("name")).values(count=tallies.c["count"] + bindparam("by"))
)


@pytest.fixture
async def shared(empty_postgresql_url: str) -> AsyncIterator[Database]:
    await migrations.upgrade(empty_postgresql_url)
    opened = await open_database(empty_postgresql_url)
    await opened.write(lambda tx: tx.execute_many(add, [{"series": name, "bucket": 0, "count": 0} for name in "ab"]))
    yield opened
    await opened.close()


async def test_two_that_wait_for_each_other_both_succeed(shared: Database) -> None:
    both_hold = asyncio.Barrier(2)

    async def transfer(first: str, second: str) -> None:
        attempts = 0

        async def work(tx: Transaction) -> None:
            nonlocal attempts
            attempts += 1
            await tx.execute(raise_it, name=first, by=1)
            if attempts == 1:
                await both_hold.wait()
            await tx.execute(raise_it, name=second, by=1)

        await shared.write(work)

    await asyncio.gather(transfer("a", "b"), transfer("b", "a"))
    assert [await shared.one(read, name=name) for name in "ab"] == [(2,), (2,)]


async def test_a_server_that_ended_the_connections_is_asked_again(
    shared: Database, empty_postgresql_url: str, postgresql_server: str
) -> None:
    assert await shared.one(read, name="a") == (0,)
    name = empty_postgresql_url.rpartition("/")[2] if "?" not in empty_postgresql_url else None
    database = name or empty_postgresql_url.partition("?")[0].rpartition("/")[2]
    administrator = await asyncpg.connect(postgresql_server)
    ended = await administrator.fetchval(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = $1", database
    )
    await administrator.close()
    assert ended >= 1
    assert await shared.one(read, name="a") == (0,)
    assert await shared.write(lambda tx: tx.execute(raise_it, name="a", by=5)) == 1
    assert await shared.one(read, name="a") == (5,)

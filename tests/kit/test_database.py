"""Both databases answer alike, and a transaction is all or nothing."""

import asyncio

import pytest
from sqlalchemy import BigInteger, bindparam, delete, func, insert, select, update

from roundsman.kit.database import Database, Duplicate, Statement, Transaction, in_binds, in_values, upsert
from roundsman.kit.tally import tallies

pytestmark = pytest.mark.anyio

add = Statement(insert(tallies))
every = Statement(select(tallies.c.series, tallies.c.bucket, tallies.c["count"]).order_by(tallies.c.series))
find = Statement(select(tallies.c["count"]).where(tallies.c.series == bindparam("name"), tallies.c.bucket == 7))
change = Statement(update(tallies).where(tallies.c.series == bindparam("name")).values(count=bindparam("new")))
remove = Statement(delete(tallies))


def row(series: str, count: int = 1) -> dict[str, object]:
    return {"series": series, "bucket": 7, "count": count}


async def insert_rows(database: Database, *names: str) -> None:
    await database.write(lambda tx: tx.execute_many(add, [row(name) for name in names]))


async def test_what_was_written_is_read(database: Database) -> None:
    async def work(tx: Transaction) -> int:
        assert await tx.execute(add, **row("a", 1 << 62)) == 1
        assert await tx.one(find, name="a") == (1 << 62,)
        return await tx.execute(change, name="a", new=-5)

    assert await database.write(work) == 1
    assert await database.all(every) == [("a", 7, -5)]
    assert await database.one(find, name="b") is None


@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, 16, 63, 64, 65, 150])
async def test_many_rows_are_as_one_after_the_other(database: Database, count: int) -> None:
    names = [f"{number:03}" for number in range(count)]
    counting = upsert(tallies, ["series", "bucket"], lambda new: {"count": tallies.c.count + new.excluded["count"]})

    async def work(tx: Transaction) -> None:
        await tx.execute_many(add, [row(name, number) for number, name in enumerate(names)])
        await tx.execute_many(counting, [row(name, 1000) for name in [*names, "new"]])
        await tx.execute_many(change, [{"name": name, "new": -1} for name in names[:2]])

    await database.write(work)
    counts = [1000 + number if number > 1 else -1 for number in range(count)]
    assert await database.all(every) == [
        *((name, 7, here) for name, here in zip(names, counts, strict=True)),
        ("new", 7, 1000),
    ]


async def test_of_many_rows_all_are_there_or_none(database: Database) -> None:
    with pytest.raises(Duplicate):
        await insert_rows(database, *(f"{number % 90}" for number in range(100)))
    assert await database.all(every) == []


async def test_texts_are_ordered_by_code_point(database: Database) -> None:
    names = ["b", "B", "ä", "a b", "a-b", "ab", "Ä", "\U0001f916", "_", "é", "e\u0301", "10", "9", ""]
    await insert_rows(database, *names)
    assert [found[0] for found in await database.all(every)] == sorted(names)


async def test_sums_are_whole_numbers_on_both(database: Database) -> None:
    await insert_rows(database, "a", "b", "c")
    statement = Statement(select(func.sum(tallies.c["count"]), func.avg(tallies.c["count"])))
    found = await database.one(statement)
    assert found == (3, 1.0)
    assert found is not None
    assert [type(part) for part in found] == [int, float]


async def test_rows_are_plain_tuples(database: Database) -> None:
    await insert_rows(database, "a")
    assert type((await database.all(every))[0]) is tuple
    assert type(await database.one(every)) is tuple
    assert [[type(found) for found in rows] async for rows in database.scan(every)] == [[tuple]]


async def test_who_fails_leaves_nothing_and_disturbs_nobody(database: Database) -> None:
    async def write(index: int) -> None:
        async def work(tx: Transaction) -> None:
            await tx.execute(add, **row(f"{index:03}"))
            tx.tally("counted", 0)
            if index % 3 == 0:
                raise ValueError(index)

        await database.write(work)

    outcomes = await asyncio.gather(*(write(index) for index in range(100)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [
        ValueError if index % 3 == 0 else type(None) for index in range(100)
    ]
    kept = [found[0] for found in await database.all(every) if found[0] != "counted"]
    assert kept == [f"{index:03}" for index in range(100) if index % 3]
    assert {found[2] for found in await database.all(every) if found[0] == "counted"} == {66}


async def test_a_key_that_is_there_already_is_named_so(database: Database) -> None:
    await insert_rows(database, "a")
    with pytest.raises(Duplicate):
        await insert_rows(database, "b", "a")
    assert [found[0] for found in await database.all(every)] == ["a"]


async def test_a_cancelled_caller_leaves_its_transaction_whole(database: Database) -> None:
    async def work(tx: Transaction) -> None:
        await tx.execute(add, **row("a"))
        await tx.execute(add, **row("b"))

    task = asyncio.create_task(database.write(work))
    await asyncio.sleep(0)  # it is handed over
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await insert_rows(database, "c")
    async with asyncio.timeout(10):
        while len(await database.all(every)) < 3:  # noqa: ASYNC110 - a database has no event
            await asyncio.sleep(0.001)


async def test_closing_finishes_the_writes_under_way(database: Database, database_url: str) -> None:
    from roundsman.kit.database import open_database

    other = await open_database(database_url)
    writes = [asyncio.create_task(insert_rows(other, str(index))) for index in range(50)]
    await asyncio.sleep(0)
    await other.close()
    assert len(await database.all(every)) == 50
    await asyncio.gather(*writes)


async def test_a_scan_gives_all_rows_in_batches_and_can_be_left(database: Database) -> None:
    await insert_rows(database, *(f"{index:05}" for index in range(2500)))
    sizes = [len(rows) async for rows in database.scan(every, batch=1000)]
    assert sizes == [1000, 1000, 500]
    for _ in range(10):  # more than there are readers: each must come back
        scan = database.scan(every, batch=10)
        assert len(await anext(scan)) == 10
        await scan.aclose()
    await database.write(lambda tx: tx.execute(remove))
    assert [rows async for rows in database.scan(every)] == []


async def test_a_scan_sees_one_moment(database: Database) -> None:
    await insert_rows(database, *(f"{index:05}" for index in range(500)))
    seen = 0
    async for rows in database.scan(every, batch=100):
        seen += len(rows)
        await insert_rows(database, f"late {seen}")
    assert seen == 500


async def test_a_list_of_values_is_padded_to_few_shapes(database: Database) -> None:
    await insert_rows(database, *"abcdefg")
    for wanted in (["a"], ["a", "c", "e"], list("abcdefg")):
        shape = Statement(select(tallies.c.series).where(tallies.c.series.in_(in_binds("name", len(wanted)))))
        found = await database.all(shape, **in_values("name", wanted))
        assert sorted(name for (name,) in found) == wanted
    assert len(in_binds("name", 5)) == 8


async def test_a_statement_that_would_be_compiled_on_every_call_is_refused() -> None:
    with pytest.raises(TypeError, match="in_binds"):
        Statement(select(tallies).where(tallies.c.series.in_(["a", "b"]))).compiled("sqlite")


async def test_a_forgotten_value_is_named(database: Database) -> None:
    with pytest.raises(TypeError, match="'name' is missing"):
        await database.all(find)


async def test_constants_of_a_statement_are_kept(database: Database) -> None:
    await insert_rows(database, "a", "b")
    shape = Statement(
        select(tallies.c.bucket + 5).where(tallies.c.series == "b").limit(bindparam("most", type_=BigInteger))
    )
    assert await database.all(shape, most=3) == [(12,)]

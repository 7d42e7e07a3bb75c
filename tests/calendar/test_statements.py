"""The calendar's statements go by its indexes, on both databases."""

import pytest

from roundsman.calendar import service
from roundsman.kit.database import Database

pytestmark = pytest.mark.anyio


async def test_the_list_is_in_the_order_of_an_index(database: Database) -> None:
    for statement, values in ((service._all, {}), (service._one, {"event_id": "x"})):
        compiled = statement.compiled(database.dialect)
        arguments = compiled.arguments(values)
        if database.dialect == "sqlite":
            rows = database._connection.execute(f"EXPLAIN QUERY PLAN {compiled.text}", arguments).fetchall()  # type: ignore[attr-defined]
            plan = "\n".join(row[3] for row in rows)
        else:
            async with database._pool.acquire() as connection:  # type: ignore[attr-defined]
                for dear in ("sort", "seqscan", "bitmapscan"):
                    await connection.execute(f"SET enable_{dear} = off")
                plan = "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN {compiled.text}", *arguments))
        assert "INDEX" in plan.upper()
        assert "TEMP B-TREE" not in plan
        assert "Sort" not in plan

"""Promise: no list reads a whole table or sorts what it found, whatever filter and order it is asked for.

Asked of both databases' planners, over the statements that the API uses.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from tests import seed

from roundsman.access import audit, sessions, tokens, users
from roundsman.acquisition import losses
from roundsman.anomalies import reading as anomalies
from roundsman.anomalies.tables import ANOMALY_FILTERS_BY_TIME
from roundsman.captures import reading as captures
from roundsman.kit.database import Database, Statement
from roundsman.kit.listing import Listed, Order, count_statement, one_statement, page_statement
from roundsman.runs import reading as runs
from roundsman.webhooks import store as webhooks
from roundsman.workorders import health as work_order_log
from roundsman.workorders import store as work_orders

pytestmark = pytest.mark.anyio

ROBOT = "robot_serial"  # hostname and nickname are looked up first: the list itself goes by the serial
BOUNDED = ("uuid", "run_uuid", "run_event_uuid")  # few rows by nature: found by an index, and may be sorted

Case = tuple[Listed, frozenset[str], Order]


def events_and_captures() -> Iterator[Case]:
    for listed, own in (
        (captures.CAPTURES_LISTED, ("run_event_uuid", "action_uuid", "action_name")),
        (captures.EVENTS_LISTED, ("run_uuid", "action_uuid")),
    ):
        for order in captures.ORDERS.values():
            (axis,) = order.columns
            filters = [(), ("uuid",), (ROBOT,), ("mission_name",), (ROBOT, "mission_name"), *((name,) for name in own)]
            for chosen in filters:
                for ends in ((), (f"{axis}_from",), (f"{axis}_from", f"{axis}_until")):
                    yield listed, frozenset((*chosen, *ends)), order
                    if ends:  # a range across the order, given the range of the order in which it lies
                        other = "created_us" if axis == "time_us" else "time_us"
                        yield listed, frozenset((*chosen, *ends, f"{other}_from", f"{other}_until")), order
                    if listed is captures.EVENTS_LISTED:
                        yield listed, frozenset((*chosen, *ends, "alerts")), order


def all_runs() -> Iterator[Case]:
    for order in runs.ORDERS.values():
        for chosen in ((), (ROBOT,), ("mission_name",), ("run_type",), (ROBOT, "mission_name")):
            yield runs.RUNS, frozenset(chosen), order
            if order.columns == ("start_us",):
                yield runs.RUNS, frozenset((*chosen, "start_us_from", "start_us_until")), order


def all_anomalies() -> Iterator[Case]:
    for order in anomalies.ORDERS.values():
        for chosen in ((), ("uuid",), ("run_event_uuid",), ("status",)):
            yield anomalies.ANOMALIES, frozenset(chosen), order
            if order.columns == ("time_us",):
                yield anomalies.ANOMALIES, frozenset((*chosen, "time_us_from", "time_us_until")), order

    for chosen in (*ANOMALY_FILTERS_BY_TIME, ("status", "severity", "source"), ("severity", "source")):
        yield anomalies.ANOMALIES, frozenset(chosen), anomalies.ORDERS["-time"]


def all_work_orders() -> Iterator[Case]:
    for chosen in ((), ("state",), ("anomaly_uuid",), ("state", "anomaly_uuid")):
        yield work_orders.LISTED, frozenset(chosen), work_orders.NEWEST
    for chosen in ((), ("work_order_uuid",)):
        yield work_order_log.LOG, frozenset(chosen), work_order_log.NEWEST


def all_losses() -> Iterator[Case]:
    for chosen in ((), (ROBOT,), ("run_uuid",)):
        yield losses.LOST, frozenset(chosen), losses.NEWEST


def all_deliveries() -> Iterator[Case]:
    for chosen in ((), ("state",), ("webhook_uuid",), ("webhook_uuid", "state")):
        yield webhooks.LOG, frozenset(chosen), webhooks.NEWEST


def all_access() -> Iterator[Case]:
    yield users.USERS, frozenset(), users.BY_NAME
    for listed, order, names in (
        (tokens.TOKENS, tokens.NEWEST, ("created_by",)),
        (sessions.SESSIONS, sessions.LAST_USED, ("username",)),
        (audit.ENTRIES, audit.NEWEST, ("who", "noun", "subject")),
    ):
        for chosen in ((), *((name,) for name in names), names):
            yield listed, frozenset(chosen), order
            if order.tie == "sequence":
                yield listed, frozenset((*chosen, "time_us_from", "time_us_until")), order


CASES = list(
    dict.fromkeys(
        (
            *events_and_captures(), *all_runs(), *all_anomalies(), *all_work_orders(), *all_losses(),
            *all_deliveries(), *all_access(),
        )
    )
)  # fmt: skip
VALUES = dict.fromkeys((ROBOT, *BOUNDED, "mission_name", "run_type", "action_uuid", "action_name", "status"), "x")
VALUES |= dict.fromkeys(("state", "anomaly_uuid", "work_order_uuid", "webhook_uuid"), "x")
VALUES |= dict.fromkeys(("created_by", "username", "who", "noun", "subject"), "x")
VALUES |= {"severity": 2, "source": "x", "element_id": "x"}
TIMES = {
    f"{axis}_{end}": seed.START_US + 24 * seed.HOUR_US * days
    for axis in ("time_us", "created_us", "start_us", "modified_us")
    for end, days in (("from", 30), ("until", 31), ("above", 181))
}


@pytest.fixture
async def filled(database: Database) -> Database:
    """Enough that an index is worth its while, and one planner's statistics are up to date."""
    await seed.fill(database, seed.Plan(runs=800, events_per_run=3, captures_per_event=2), size=400)
    if database.dialect == "postgresql":
        async with database._pool.acquire() as connection:  # type: ignore[attr-defined]
            await connection.execute("ANALYZE")
    return database


async def plan(database: Database, statement: Statement, values: dict[str, Any]) -> str:
    compiled = statement.compiled(database.dialect)
    arguments = compiled.arguments(values)
    if database.dialect == "sqlite":
        rows = database._connection.execute(f"EXPLAIN QUERY PLAN {compiled.text}", arguments).fetchall()  # type: ignore[attr-defined]
        return "\n".join(row[3] for row in rows)
    async with database._pool.acquire() as connection:  # type: ignore[attr-defined]
        # Few rows are cheapest sorted, and the planner knows; the question is whether an index is there for many.
        for dear in ("sort", "seqscan", "bitmapscan"):
            await connection.execute(f"SET enable_{dear} = off")
        return "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN {compiled.text}", *arguments))


def served(dialect: str, text: str, *, bounded: bool) -> bool:
    if dialect == "sqlite":
        scans = any(line.startswith("SCAN") and "INDEX" not in line for line in text.splitlines())
        return not scans and (bounded or "TEMP B-TREE" not in text)
    return "Seq Scan" not in text and (bounded or "Sort" not in text)


async def test_every_filter_and_order(filled: Database) -> None:
    failing = []
    for listed, names, order in CASES:
        for after in (False, True):
            statement = page_statement(listed, names, order, after, False)
            bounds = {
                f"after_{place}": seed.START_US if name.endswith("_us") or name == "sequence" else "x"
                for place, name in enumerate((*order.columns, order.tie))
            }
            values = {name: (VALUES | TIMES | REAL).get(name) for name in names} | bounds | {"limit_": 21, "offset_": 0}
            text = await plan(filled, statement, values)
            if not served(filled.dialect, text, bounded=not names.isdisjoint(BOUNDED)):
                failing.append((listed.table.name, sorted(names), order, after, text))
    assert len(CASES) > 100
    assert failing == []


async def test_counts_of_edges_and_single_rows(filled: Database) -> None:
    for listed, names, _ in CASES:
        if any(name.endswith("_until") for name in names):
            text = await plan(
                filled, count_statement(listed, names), {name: (VALUES | TIMES | REAL).get(name) for name in names}
            )
            assert served(filled.dialect, text, bounded=True), (sorted(names), text)
    for listed in (captures.CAPTURES_LISTED, captures.EVENTS_LISTED, runs.RUNS):
        assert served(filled.dialect, await plan(filled, one_statement(listed), {"uuid": "x"}), bounded=False)


# Values that exist, so that a planner with statistics has something to plan for.
REAL = {
    ROBOT: "spot-BD-00010003",
    "mission_name": "Round 4 of hall ä",
    "action_name": "Gauge 4.1",
    "action_uuid": "00000000-0000-0000-0000-000000030000",
    "run_type": "mission",
}

"""Lists stay flat as data grows: the slowest answers with 1,000,000 captures, against those with 10,000.

Every filter of every list, alone, with a range of time, and in every order. Both servers are asked in turn, request by
request, for pages of the same length. The 99th percentile is told twice:
- of all requests together as they were answered, thousands on each side, so that what else the machine does hits both;
- of each way to ask, where so many would take hours: the slowest of 20 requests for different values, each by the
  quickest of its answers, for a single p99 would be that of the machine's scheduler.
"""

import json
import random
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from bench import dataset, processes
from bench.plan import Bench
from bench.report import Result
from bench.wire import Connection
from roundsman.kit.times import iso

TARGET = 1.5
DAY_US = 86_400_000_000
HALF_YEAR_US = 182 * DAY_US

Row = Mapping[str, object]


@dataclass(frozen=True)
class Case:
    """A way to ask a list: parameters made from a row that there is, so that something matches."""

    noun: str
    name: str
    ask: Callable[[Row], dict[str, object]]

    @property
    def text(self) -> str:
        return f"{self.noun}?{self.name}"


ROBOT = {
    "robotHostname": "robot_hostname",
    "robotNickname": "robot_nickname",
    "robotSerial": "robot_serial",
}
FILTERS = {
    "run_captures": ROBOT
    | {"uuid": "uuid", "runEventUuid": "run_event_uuid", "actionUuid": "action_uuid", "actionName": "action_name"}
    | {"missionName": "mission_name"},
    "run_events": ROBOT
    | {"uuid": "uuid", "runUuid": "run_uuid", "actionUuid": "action_uuid", "elementId": "action_uuid"}
    | {"missionName": "mission_name"},
    "runs": ROBOT | {"robots": "robot_hostname", "missions": "mission_name", "types": "run_type"},
}
PAIRS = {
    "run_captures": [("robotSerial", "missionName"), ("robotNickname", "actionName"), ("missionName", "actionUuid")],
    "run_events": [("robotSerial", "missionName"), ("robotHostname", "elementId")],
    "runs": [("robotSerial", "missions"), ("robots", "types"), ("missions", "types")],
}
TIMES = {
    "run_captures": {"startCreatedAt": ("created_us", -1), "endCreatedAt": ("created_us", 1)},
    "run_events": {
        "startTime": ("time_us", -1), "endTime": ("time_us", 1),
        "startCreatedAt": ("created_us", -1), "endCreatedAt": ("created_us", 1),
    },
    "runs": {"startTime": ("start_us", -1), "endTime": ("start_us", 1)},
}  # fmt: skip
WINDOWS = {
    "run_captures": [("startCreatedAt", "endCreatedAt")],
    "run_events": [("startTime", "endTime"), ("startCreatedAt", "endCreatedAt")],
    "runs": [("startTime", "endTime")],
}
NEWEST_FIRST = ("time", "-time", "created_at", "-created_at")
ORDERS = {
    "run_captures": NEWEST_FIRST,
    "run_events": NEWEST_FIRST,
    "runs": ("newest", "oldest", "robots", "missions", "missionStatus"),
}


def _equal(noun: str, *names: str) -> Callable[[Row], dict[str, object]]:
    return lambda row: {name: row[FILTERS[noun][name]] for name in names}


def _bounded(noun: str, *names: str, half_us: int = HALF_YEAR_US // 4) -> Callable[[Row], dict[str, object]]:
    """Bounds of `names`, together half of all there is, somewhere."""

    def ask(row: Row) -> dict[str, object]:
        places = {name: TIMES[noun][name] for name in names}
        return {name: iso(int(str(row[column])) + side * half_us) for name, (column, side) in places.items()}

    return ask


def _both(*asks: Callable[[Row], dict[str, object]]) -> Callable[[Row], dict[str, object]]:
    return lambda row: {name: value for ask in asks for name, value in ask(row).items()}


def _fixed(**values: object) -> Callable[[Row], dict[str, object]]:
    return lambda _: dict(values)


def cases() -> Iterator[Case]:
    """Every filter and order there is."""
    for noun, filters in FILTERS.items():
        yield Case(noun, "", _fixed())
        for chosen in [*((name,) for name in filters), *PAIRS[noun]]:
            text = "&".join(chosen)
            yield Case(noun, text, _equal(noun, *chosen))
            for window in WINDOWS[noun]:
                ask = _both(_equal(noun, *chosen), _bounded(noun, *window))
                yield Case(noun, f"{text}&{'&'.join(window)}", ask)
        for name in TIMES[noun]:
            yield Case(noun, name, _bounded(noun, name))
        for window in WINDOWS[noun]:
            for order in ORDERS[noun]:
                ask = _both(_bounded(noun, *window), _fixed(orderBy=order))
                yield Case(noun, f"{'&'.join(window)}&orderBy={order}", ask)
            hour = _bounded(noun, *window, half_us=DAY_US // 24)
            yield Case(noun, f"{'&'.join(window)} (two hours)", hour)
        for order in ORDERS[noun]:
            yield Case(noun, f"orderBy={order}", _fixed(orderBy=order))
            first = next(iter(filters))
            yield Case(noun, f"{first}&orderBy={order}", _both(_equal(noun, first), _fixed(orderBy=order)))
    yield from _special()


def _special() -> Iterator[Case]:
    noun = "run_events"
    alerts = _fixed(excludeNonAlerts="true")
    yield Case(noun, "excludeNonAlerts", alerts)
    for name in ("robotSerial", "missionName", "actionUuid"):
        yield Case(noun, f"excludeNonAlerts&{name}", _both(alerts, _equal(noun, name)))
    for window in WINDOWS[noun]:
        yield Case(noun, f"excludeNonAlerts&{'&'.join(window)}", _both(alerts, _bounded(noun, *window)))
    times = _bounded(noun, *TIMES[noun])
    yield Case(noun, "startTime&endTime&startCreatedAt&endCreatedAt", times)
    yield Case(noun, "missionName and both ranges", _both(times, _equal(noun, "missionName")))
    modified = lambda row: {"modifiedAt": iso(int(str(row["modified_us"])))}  # noqa: E731
    yield Case("runs", "modifiedAt", modified)
    yield Case("runs", "modifiedAt&robots", _both(modified, _equal("runs", "robots")))


class Side:
    """One server with one amount of data."""

    def __init__(self, data: dataset.Folder, values: int, stack: ExitStack) -> None:
        database = stack.enter_context(closing(sqlite3.connect(data.database)))
        self.rows = {noun: _sample(database, noun, values) for noun in FILTERS}
        server = stack.enter_context(processes.roundsman(data.path))
        self.connection = stack.enter_context(Connection(server.url, data.headers))

    def paths(self, case: Case) -> list[str]:
        """The case asked for by several rows."""
        asked = [case.ask(row) for row in self.rows[case.noun]]
        return [f"/api/v0/{case.noun}?{urlencode({name: _value(v) for name, v in query.items()})}" for query in asked]

    def least_total(self, paths: list[str]) -> int:
        return min(json.loads(self.connection.get(path))["total"] for path in paths)


def _value(value: object) -> object:
    return {"mission": 0, "teleop": 1}.get(str(value), value)


def _sample(database: sqlite3.Connection, noun: str, values: int) -> list[Row]:
    """Rows spread over all there is, the same each time."""
    database.row_factory = sqlite3.Row
    (count,) = database.execute(f"SELECT count(*) FROM {noun}").fetchone()
    chance = random.Random(noun)
    offsets = [chance.randrange(count) for _ in range(values)]
    return [
        dict(database.execute(f"SELECT * FROM {noun} ORDER BY uuid LIMIT 1 OFFSET ?", (at,)).fetchone())
        for at in offsets
    ]


def every_filter(bench: Bench) -> None:
    """The worst way to ask each list is a result; the table of all goes into the JSON."""
    with ExitStack() as stack:
        large = Side(dataset.captures(bench.folder, bench.rows), bench.values, stack)
        small = Side(dataset.captures(bench.folder, bench.small_rows), bench.values, stack)
        found = [_measured(bench, case, large, small) for case in cases()]
    for noun in FILTERS:
        bench.report.add(_worst(noun, [result for result, _ in found if result.name.startswith(f"{noun}?")]))
    ours, floor = (sorted(ms for _, taken in found for ms in taken[side]) for side in (0, 1))
    at = int(len(ours) * 0.99)
    note = f"{len(ours):,} requests on each side, {len(found)} ways to ask"
    rounds = [(ours[at], floor[at])]
    bench.report.add(Result.of("all lists: p99, against 10,000 rows", rounds, "ms", TARGET, at_most=True, note=note))
    bench.report.details["growth"] = [result for result, _ in found]


def _worst(noun: str, results: list[Result]) -> Result:
    worst = max(results, key=lambda result: result.ratio)
    missed = sum(not result.reached for result in results)
    note = f"worst of {len(results)} ways to ask, {missed} miss: {worst.name}"
    return replace(worst, name=f"{noun}: slowest, against 10,000 rows", note=note)


def _measured(bench: Bench, case: Case, large: Side, small: Side) -> tuple[Result, tuple[list[float], list[float]]]:
    """The result of one way to ask, and all its answers' times on both sides."""
    mine, others = large.paths(case), small.paths(case)
    limit = max(1, min(20, small.least_total(others), large.least_total(mine)))  # as many rows on both sides
    mine, others = ([f"{path}&limit={limit}" for path in paths] for paths in (mine, others))
    taken: tuple[list[float], list[float]] = ([], [])
    quickest: list[tuple[float, float]] = []
    for path, other in zip(mine, others, strict=True):
        pairs = [(large.connection.taken_ms(path), small.connection.taken_ms(other)) for _ in range(bench.requests)]
        for side, times in enumerate(zip(*pairs, strict=True)):
            taken[side].extend(times)
        quickest.append((min(pair[0] for pair in pairs), min(pair[1] for pair in pairs)))
    slowest = [(max(pair[0] for pair in quickest), max(pair[1] for pair in quickest))]
    return Result.of(case.text, slowest, "ms", TARGET, at_most=True, note=f"pages of {limit}"), taken

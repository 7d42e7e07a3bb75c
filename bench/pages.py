"""The pages that programs ask for most: a list by a range of time with its exact total, and one thing by its uuid."""

import sqlite3
from contextlib import closing
from urllib.parse import quote

from bench import dataset, processes
from bench.load import rate
from bench.plan import Bench
from bench.report import Result
from roundsman.kit.times import iso

LIST = "run_captures: 20 by time range, exact total"


def _range(database: sqlite3.Connection) -> tuple[int, int]:
    """The middle half of all there is, not at whole hours."""
    first, last = database.execute("SELECT min(created_us), max(created_us) FROM run_captures").fetchone()
    return first + (last - first) // 4 + 1_234_567, last - (last - first) // 4 - 7_654_321


def list_address(from_us: int, until_us: int) -> str:
    """Our page of 20 by a range of time."""
    return f"/api/v0/run_captures?startCreatedAt={quote(iso(from_us))}&endCreatedAt={quote(iso(until_us))}&limit=20"


def against_floor(bench: Bench) -> None:
    """The list and one capture, against the bare page (bench/floor.py) under the same server and certificate."""
    data = dataset.captures(bench.folder, bench.rows)
    with closing(sqlite3.connect(data.database)) as database:
        start, end = _range(database)
        row = database.execute("SELECT uuid FROM run_captures WHERE created_us >= ?", (start,)).fetchone()
    tls = data.path / "tls"
    with (
        processes.roundsman(data.path) as server,
        processes.floor(data.database, tls / "server.pem", tls / "server-key.pem") as floor,
    ):
        rounds = bench.alternate(
            lambda: rate(bench, server.url + list_address(start, end), data.headers),
            lambda: rate(bench, f"{floor}/captures?start={start}&end={end}&limit=20"),
        )
        bench.report.add(Result.of(LIST, rounds, "/s", 0.6))
        rounds = bench.alternate(
            lambda: rate(bench, f"{server.url}/api/v0/run_captures/{row[0]}", data.headers),
            lambda: rate(bench, f"{floor}/captures/{row[0]}"),
        )
        bench.report.add(Result.of("run_captures: one by its uuid", rounds, "/s", 0.45))


def against_own(bench: Bench) -> None:
    """The list against itself without a total (bench/without_total.py), and against itself without TLS."""
    data = dataset.captures(bench.folder, bench.rows)
    with closing(sqlite3.connect(data.database)) as database:
        address = list_address(*_range(database))
    with (
        processes.roundsman(data.path) as server,
        processes.roundsman(data.path, module="bench.without_total") as without_total,
    ):
        rounds = bench.alternate(
            lambda: rate(bench, server.url + address, data.headers),
            lambda: rate(bench, without_total.url + address, data.headers),
        )
        bench.report.add(Result.of("the list, against itself without total", rounds, "/s", 0.8))
    with processes.roundsman(data.path) as server, processes.roundsman(data.path, plain=True) as plain:
        rounds = bench.alternate(
            lambda: rate(bench, server.url + address, data.headers),
            lambda: rate(bench, plain.url + address, data.headers),
        )
        bench.report.add(Result.of("the list over HTTPS, against plain HTTP", rounds, "/s", 0.75))

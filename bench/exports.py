"""An export of all run captures to Parquet: rows a second from asking to done, and the memory that the server takes."""

import importlib
import json
import sqlite3
import ssl
import tempfile
import time
import urllib.request
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil

from bench import dataset, processes
from bench.archive import highest, private_bytes
from bench.plan import Bench
from bench.report import Result

EXPORTS = "/api/roundsman/v1/exports"
MEMORY_MB = 256
LOOK_S = 0.1
GROUP = 20_000
_FLOOR = (
    "SELECT uuid, run_event_uuid, run_uuid, time_us, created_us, channel_name, action_name, action_uuid, mission_name, "
    "robot_hostname, robot_serial, robot_nickname, file_name, media_type, size_bytes, blob_sha256, key_results "
    "FROM run_captures ORDER BY time_us"
)


def against_floor(bench: Bench) -> None:
    """Against the same columns in one file by pyarrow alone: no days, key results unread, no zip, nobody served."""
    data = dataset.captures(bench.folder, bench.rows)
    with processes.roundsman(data.path) as server:
        _ask(server.url, data.headers, "/api/v0/version")
        process = psutil.Process(server.pid)
        idle_bytes = private_bytes(process)
        with highest(process, private_bytes) as highest_bytes:
            rounds = bench.alternate(
                lambda: _ours(server.url, data.headers, bench.rows), lambda: _bare(data.database, bench.rows)
            )
        used = [((highest_bytes() - idle_bytes) / 1e6, float(MEMORY_MB))]
    name = f"export: {bench.rows:,} captures to Parquet"
    bench.report.add(Result.of(f"{name}, against pyarrow alone", rounds, "/s", 0.3))
    note = f"above {idle_bytes / 1e6:.0f} MB; without mapped files; the floor is the limit"
    bench.report.add(Result.of(f"{name}: memory above idle", used, "MB", 1.0, at_most=True, note=note))


def _ours(url: str, headers: dict[str, str], rows: int) -> float:
    """Asks for it, waits until it is done, and removes it. Raises: RuntimeError when it failed or is not whole."""
    start = time.perf_counter()
    export = _ask(url, headers, EXPORTS, "POST", {"kind": "run_captures", "format": "parquet"})
    path = f"{EXPORTS}/{export['uuid']}"
    while export["state"] in {"waiting", "running"}:
        time.sleep(LOOK_S)
        export = _ask(url, headers, path)
    taken_s = time.perf_counter() - start
    if export["state"] != "done" or export["rows"] != rows:
        raise RuntimeError(f"{export['state']} after {export['rows']} of {rows} rows: {export['error']}")
    _ask(url, headers, path, "DELETE")
    return rows / taken_s


def _ask(url: str, headers: dict[str, str], path: str, method: str = "GET", body: object = None) -> Any:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    content = None if body is None else json.dumps(body).encode()
    headers = headers | ({"Content-Type": "application/json"} if content else {})
    request = urllib.request.Request(url + path, content, headers, method=method)
    with urllib.request.urlopen(request, context=context, timeout=120) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def _bare(database: Path, count: int) -> float:
    """The rows in the order of time into one file, in groups as long as ours."""
    arrow, parquet = importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    start, read = time.perf_counter(), 0
    with closing(sqlite3.connect(database)) as connection, tempfile.TemporaryFile(dir=database.parent) as file:
        found = connection.execute(_FLOOR)
        names = [column[0] for column in found.description]
        whole = {"time_us", "created_us", "size_bytes"}
        schema = arrow.schema([(name, arrow.int64() if name in whole else arrow.string()) for name in names])
        with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
            while rows := found.fetchmany(GROUP):
                columns = [arrow.array(values, type=field.type) for values, field in zip(zip(*rows), schema)]  # noqa: B905
                writer.write_table(arrow.Table.from_arrays(columns, schema=schema))
                read += len(rows)
    if read != count:
        raise RuntimeError(f"{read} of {count} rows")
    return read / (time.perf_counter() - start)

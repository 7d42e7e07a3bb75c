"""Exports: what is asked for in the background is one file, complete, whatever happens meanwhile."""

import asyncio
import csv
import io
import json
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from tests import seed

from roundsman.exports.files import Sources, written
from roundsman.exports.service import ATTEMPTS_MAX, DEAD_US, Exports
from roundsman.exports.store import find, shown
from roundsman.exports.types import Export, Selection
from roundsman.kit import outbox
from roundsman.kit.blobs import BlobInfo, Blobs, open_blobs
from roundsman.kit.clock import SimulatedClock
from roundsman.kit.csv_text import csv_lines
from roundsman.kit.database import Database
from roundsman.kit.problem import Conflict, DiskFull, NotFound

pytestmark = pytest.mark.anyio

PICTURE = b"a picture of a gauge"
KEEP_S = 86400.0


@pytest.fixture
async def files(tmp_path: Path) -> AsyncIterator[Blobs]:
    opened = await open_blobs(f"file://{tmp_path / 'exports'}")
    yield opened
    await opened.close()


@pytest.fixture
async def filled(database: Database, blobs: Blobs) -> list[seed.Row]:
    """Three days of captures with the same picture; their rows in the order of time."""
    info = await blobs.put(PICTURE)
    plan = seed.Plan(runs=6, events_per_run=4, captures_per_event=3, robots=2, missions=2, days=3, blobs=(info,))
    (batch,) = await seed.fill(database, plan)
    return sorted(batch.captures, key=lambda row: (row["time_us"], row["uuid"]))


@pytest.fixture
def exports(database: Database, blobs: Blobs, files: Blobs, clock: SimulatedClock, tmp_path: Path) -> Exports:
    return Exports(database=database, blobs=blobs, files=files, clock=clock, folder=tmp_path, keep_s=KEEP_S)


async def made(exports: Exports, **wanted: Any) -> tuple[Export, bytes]:
    asked = await exports.create(Selection(**wanted), "anna")
    while await exports.make_next():
        pass
    export = await find(exports.database, asked.uuid)
    assert export.blob_sha256 is not None, export.error
    content = b"".join([chunk async for chunk in exports.files.read(export.blob_sha256)])
    assert len(content) == export.size_bytes
    return await shown(exports.database, asked.uuid), content


def table(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


async def test_captures_as_csv_have_a_line_for_each_reading(exports: Exports, filled: list[seed.Row]) -> None:
    export, content = await made(exports, kind="run_captures", format="csv")
    lines = table(content)
    assert (export.state, export.progress, export.rows, export.created_by) == ("done", 1.0, len(filled), "anna")
    assert list(dict.fromkeys(line["uuid"] for line in lines)) == [row["uuid"] for row in filled]
    for row in filled:
        own = [line for line in lines if line["uuid"] == row["uuid"]]
        readings = json.loads(row["key_results"] or "[]")
        assert len(own) == max(1, len(readings))
        for line, reading in zip(own, readings, strict=False):
            assert line["keyResultName"] == reading["name"]
            assert float(line["keyResultValue"]) == reading["value"]


async def test_json_lines_are_one_object_for_each(exports: Exports, filled: list[seed.Row]) -> None:
    _, content = await made(exports, kind="run_captures", format="jsonl")
    lines = [json.loads(line) for line in content.splitlines()]
    assert [line["uuid"] for line in lines] == [row["uuid"] for row in filled]
    assert [line["keyResults"] for line in lines] == [json.loads(row["key_results"] or "null") for row in filled]
    assert all(line["time"].endswith("Z") for line in lines)
    assert all(line["dataUrl"].startswith("/daq/download/") for line in lines)


@pytest.mark.parametrize("kind", ["runs", "run_events", "run_captures"])
async def test_parquet_is_a_folder_for_each_day(
    exports: Exports, filled: list[seed.Row], tmp_path: Path, kind: Any
) -> None:
    _, content = await made(exports, kind=kind, format="parquet")
    _, as_csv = await made(exports, kind=kind, format="csv")
    archive = zipfile.ZipFile(io.BytesIO(content))
    assert archive.testzip() is None
    archive.extractall(tmp_path / "out")
    read = pyarrow.parquet.read_table(tmp_path / "out" / kind)
    assert len(archive.namelist()) in (3, 4)
    rows, lines = read.to_pylist(), table(as_csv)
    assert len(rows) == len(lines)
    for row, line in zip(rows, lines, strict=True):
        assert row["uuid"] == line["uuid"]
        time = row["startTime" if kind == "runs" else "time"]
        assert str(row["date"]) == time.strftime("%Y-%m-%d")


async def test_what_nobody_made_is_an_empty_file_with_its_columns(exports: Exports, tmp_path: Path) -> None:
    for kind in ("runs", "run_events", "run_captures"):
        _, content = await made(exports, kind=kind, format="csv")
        assert table(content) == []
        _, content = await made(exports, kind=kind, format="parquet")
        (name,) = zipfile.ZipFile(io.BytesIO(content)).namelist()
        zipfile.ZipFile(io.BytesIO(content)).extractall(tmp_path)
        assert pyarrow.parquet.read_table(tmp_path / name).num_rows == 0
    _, content = await made(exports, kind="run_captures", format="zip")
    assert zipfile.ZipFile(io.BytesIO(content)).namelist() == ["run_captures.csv"]


async def test_a_zip_has_the_files_and_a_table_that_names_them(exports: Exports, filled: list[seed.Row]) -> None:
    _, content = await made(exports, kind="run_captures", format="zip")
    archive = zipfile.ZipFile(io.BytesIO(content))
    assert archive.testzip() is None
    named = {line["uuid"]: line["file"] for line in table(archive.read("run_captures.csv"))}
    assert set(named) == {row["uuid"] for row in filled}
    assert {archive.read(name) for name in named.values()} == {PICTURE}
    assert len(archive.namelist()) == len(filled) + 1


async def test_a_file_that_is_gone_is_left_out_and_seen_in_the_table(
    exports: Exports, filled: list[seed.Row], blobs: Blobs
) -> None:
    await blobs.delete(filled[0]["blob_sha256"])
    _, content = await made(exports, kind="run_captures", format="zip")
    archive = zipfile.ZipFile(io.BytesIO(content))
    assert archive.namelist() == ["run_captures.csv"]
    assert {line["file"] for line in table(archive.read("run_captures.csv"))} == {""}


async def test_filters_choose(exports: Exports, filled: list[seed.Row]) -> None:
    middle = filled[len(filled) // 2]
    names = ("robot_serial", "robot_hostname", "robot_nickname", "mission_name", "channel_name")
    chosen: list[tuple[dict[str, Any], list[str]]] = [
        ({name: middle[name]}, [row["uuid"] for row in filled if row[name] == middle[name]]) for name in names
    ]
    from_us, until_us = filled[10]["time_us"], middle["time_us"]
    within = [row["uuid"] for row in filled if from_us <= row["time_us"] < until_us]
    chosen.append(({"from_us": from_us, "until_us": until_us}, within))
    for filters, expected in chosen:
        _, content = await made(exports, kind="run_captures", format="jsonl", **filters)
        assert [json.loads(line)["uuid"] for line in content.splitlines()] == expected
        assert 0 < len(expected) < len(filled)


async def test_pages_continue_each_other(
    exports: Exports, filled: list[seed.Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("roundsman.exports.rows.PAGE", 7)
    monkeypatch.setattr("roundsman.exports.files.GROUP", 7)
    _, content = await made(exports, kind="run_captures", format="jsonl")
    assert [json.loads(line)["uuid"] for line in content.splitlines()] == [row["uuid"] for row in filled]
    _, content = await made(exports, kind="run_captures", format="parquet")
    assert zipfile.ZipFile(io.BytesIO(content)).testzip() is None


def test_no_cell_is_a_formula() -> None:
    cells = ["=1+1", "+1", "-1.5e3", "-x", "@a", "\tx", "a=b", "", None, -3, "+49 30 1234"]
    (line,) = csv.reader(io.StringIO(csv_lines([cells]).decode(), newline=""))
    assert line == ["'=1+1", "+1", "-1.5e3", "'-x", "'@a", "'\tx", "a=b", "", "", "-3", "'+49 30 1234"]


async def test_one_that_is_cancelled_is_not_made(exports: Exports, filled: list[seed.Row]) -> None:
    asked = await exports.create(Selection(kind="runs", format="csv"), "anna")
    assert (await exports.cancel(asked.uuid)).state == "cancelled"
    assert not await exports.make_next()
    with pytest.raises(Conflict):
        await exports.cancel(asked.uuid)


async def test_one_that_is_cancelled_while_it_is_made_stops(
    exports: Exports, filled: list[seed.Row], clock: SimulatedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("roundsman.exports.rows.PAGE", 7)
    asked = await exports.create(Selection(kind="run_captures", format="csv"), "anna")
    put = exports.files.put
    taken: list[int] = []

    async def slow(content: Any) -> BlobInfo:
        async def counted() -> AsyncIterator[bytes]:
            async for chunk in content:
                taken.append(len(chunk))
                if len(taken) == 2:
                    await exports.cancel(asked.uuid)
                await clock.advance(3)
                yield chunk

        return await put(counted())

    monkeypatch.setattr(exports.files, "put", slow)
    assert await exports.make_next()
    assert len(taken) == 2
    assert (await shown(exports.database, asked.uuid)).state == "cancelled"


async def test_one_whose_maker_was_killed_is_made_anew_but_not_for_ever(
    exports: Exports, filled: list[seed.Row], clock: SimulatedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = await exports.create(Selection(kind="runs", format="csv"), "anna")

    class Killed(BaseException):
        pass

    async def killed(_: Any) -> BlobInfo:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(exports.files, "put", killed)
        for _ in range(ATTEMPTS_MAX - 1):
            with pytest.raises(Killed):
                await exports.make_next()
            assert not await exports.make_next()  # it might live
            await clock.advance(DEAD_US / 1e6 + 1)
    assert await exports.make_next()
    assert (await shown(exports.database, asked.uuid)).state == "done"

    asked = await exports.create(Selection(kind="runs", format="csv"), "anna")
    with monkeypatch.context() as patched:
        patched.setattr(exports.files, "put", killed)
        for _ in range(ATTEMPTS_MAX):
            with pytest.raises(Killed):
                await exports.make_next()
            await clock.advance(DEAD_US / 1e6 + 1)
        assert await exports.make_next()
    failed = await shown(exports.database, asked.uuid)
    assert failed.state == "failed"
    assert "stopped 3 times" in str(failed.error)


async def test_a_full_disk_fails_with_its_reason_and_the_next_one_is_made(
    exports: Exports, filled: list[seed.Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await exports.create(Selection(kind="runs", format="csv"), "anna")

    async def full(_: Any) -> BlobInfo:
        raise DiskFull(28, "no room for blobs")

    with monkeypatch.context() as patched:
        patched.setattr(exports.files, "put", full)
        await exports.make_next()
    failed = await shown(exports.database, first.uuid)
    assert (failed.state, failed.download_url) == ("failed", None)
    assert "no room" in str(failed.error)
    assert (await made(exports, kind="runs", format="csv"))[0].state == "done"


async def test_a_file_goes_with_the_last_export_that_has_it(
    exports: Exports, filled: list[seed.Row], clock: SimulatedClock
) -> None:
    first, content = await made(exports, kind="runs", format="csv", until_us=clock.now_us())
    second, same = await made(exports, kind="runs", format="csv", until_us=clock.now_us())
    assert content == same
    sha256 = (await find(exports.database, first.uuid)).blob_sha256
    assert sha256 is not None
    await exports.remove(first.uuid)
    assert await exports.files.exists(sha256)
    await clock.advance(KEEP_S - 1)
    await exports.sweep()
    assert (await shown(exports.database, second.uuid)).state == "done"
    await clock.advance(2)
    await exports.sweep()
    assert not await exports.files.exists(sha256)
    with pytest.raises(NotFound):
        await shown(exports.database, second.uuid)


async def test_the_feed_tells_of_them(exports: Exports) -> None:
    export, _ = await made(exports, kind="runs", format="csv")
    await exports.remove(export.uuid)
    rows = await outbox.after(exports.database, 0)
    assert [(row[2], row[3]) for row in rows] == [
        (topic, export.uuid) for topic in ("export.created", "export.ended", "export.removed")
    ]
    assert json.loads(rows[1][5])["state"] == "done"


async def test_as_a_service_it_makes_what_is_asked_for(exports: Exports, filled: list[seed.Row]) -> None:
    service = asyncio.create_task(exports.run())
    committed = exports.database.commits
    asked = await exports.create(Selection(kind="runs", format="jsonl"), "anna")
    async with asyncio.timeout(60):
        while True:
            waits = committed.next()
            if (await shown(exports.database, asked.uuid)).state == "done":
                break
            await waits
    service.cancel()


async def test_nothing_is_written_twice_with_two_makers(exports: Exports, filled: list[seed.Row]) -> None:
    asked = await exports.create(Selection(kind="runs", format="csv"), "anna")
    await asyncio.gather(exports.make_next(), exports.make_next())
    assert (await find(exports.database, asked.uuid)).attempts == 1


async def test_the_same_without_a_job(database: Database, blobs: Blobs, filled: list[seed.Row], tmp_path: Path) -> None:
    told: list[int] = []

    async def tell(rows: int, _: int) -> None:
        told.append(rows)

    selection = Selection(kind="run_captures", format="csv")
    content = b"".join([chunk async for chunk in written(Sources(database, blobs, tmp_path), selection, tell)])
    assert sum(told) == len(filled)
    assert len({line["uuid"] for line in table(content)}) == len(filled)

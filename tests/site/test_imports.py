"""Folders that came from anywhere: damaged at random, large, and what is left behind of them."""

import io
import json
import random
import subprocess
import sys
import zipfile
from pathlib import Path

import msgspec
import pytest
from bosdyn.api.autowalk import walks_pb2
from tests.site.recorded import folder, walks, zipped

from roundsman.access import audit
from roundsman.kit import outbox
from roundsman.kit.blobs_local import LocalBlobs
from roundsman.kit.clock import WallClock
from roundsman.kit.database import Database
from roundsman.kit.problem import BadRequest
from roundsman.site import imports, store

pytestmark = pytest.mark.anyio
ROUND = "Boiler house round"
MEGABYTE = 1 << 20

PEAK = """
import asyncio, json, sys
from pathlib import Path
import psutil
from roundsman.kit.blobs_local import LocalBlobs
from roundsman.kit.clock import WallClock
from roundsman.kit.database import open_database
from roundsman.kit.stored_zip import read_range
from roundsman.site import imports

def peak():
    (line,) = (one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith("VmHWM"))
    return int(line.split()[1]) * 1024

async def main(url, small, large, data):
    database, blobs, clock = await open_database(url), LocalBlobs(Path(data) / "blobs"), WallClock()
    peaks, size_bytes = [], 0
    for path in (small, large):
        (walk,) = await imports.import_file(database, blobs, clock, Path(path))
        found = (await imports.archive_of(database, blobs, [walk["uuid"]])).layout
        size_bytes = 0
        async for chunk in read_range(found, blobs, 0, found.size_bytes):
            size_bytes += len(chunk)
        peaks.append(peak())
    await blobs.close(); await database.close()
    print(json.dumps({"grown": peaks[1] - peaks[0], "out": size_bytes}))

asyncio.run(main(*sys.argv[1:]))
"""


def test_fifty_megabytes_come_in_and_go_out_in_little_memory(sqlite_template: Path, tmp_path: Path) -> None:
    """Measured in a process of its own, after a small map has gone the same way."""
    chance = random.Random(1)
    small, large = tmp_path / "small.zip", tmp_path / "large.zip"
    small.write_bytes(zipped(folder(ROUND)))
    more = {f"waypoint_snapshots/{number}": snapshot(chance.randbytes(MEGABYTE)) for number in range(50)}
    graph = {"graph": folder()["graph"] + b"\x9a\xfa\x01\x01x"}  # another map: one field more
    large.write_bytes(zipped({**folder(ROUND), **graph, **more}, method=zipfile.ZIP_STORED))
    file = tmp_path / "roundsman.sqlite3"
    file.write_bytes(sqlite_template.read_bytes())
    arguments = [sys.executable, "-c", PEAK, f"sqlite:///{file}", str(small), str(large), str(tmp_path)]
    said = json.loads(subprocess.run(arguments, check=True, capture_output=True, text=True).stdout)
    assert said["out"] > 50 * MEGABYTE
    assert said["grown"] < 24 * MEGABYTE


def snapshot(content: bytes) -> bytes:
    """A WaypointSnapshot with a field that no version knows."""
    size = len(content)
    return b"\x9a\xfa\x01" + bytes([size & 0x7F | 0x80, size >> 7 & 0x7F | 0x80, size >> 14]) + content


async def test_whatever_is_damaged_is_refused_or_is_not(database: Database, tmp_path: Path) -> None:
    """Nothing but a BadRequest comes of any damage; and what was refused has left nothing."""
    blobs, clock, chance = LocalBlobs(tmp_path / "blobs"), WallClock(), random.Random(7)
    content = zipped(folder(ROUND), method=zipfile.ZIP_STORED)
    path = tmp_path / "upload.zip"
    refused = 0
    for _ in range(150):
        path.write_bytes(damaged(content, chance))
        try:
            await imports.import_file(database, blobs, clock, path)
        except BadRequest:
            refused += 1
            continue
        for one in await store.list_decoded(database, "site_walk"):
            await store.remove(database, "site_walk", one["uuid"])
    assert refused > 75
    await blobs.close()


def damaged(content: bytes, chance: random.Random) -> bytes:
    made = bytearray(content)
    directory = content.find(b"PK\x01\x02")
    for _ in range(chance.randrange(1, 4)):
        start = directory if chance.random() < 0.7 else 0
        made[chance.randrange(start, len(made))] = chance.choice((0, 0xFF, 0x7F, chance.randrange(256)))
    if chance.random() < 0.2:
        del made[chance.randrange(len(made)) :]
    return bytes(made)


NUL_MAP = walks()[ROUND] + walks_pb2.Walk(map_name="a\0b").SerializeToString()  # the last of a field counts


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"./graph": folder()["graph"]}, "twice"),
        ({"missions/../../x": b""}, "leads out"),
        ({"missions/x.walk": NUL_MAP}, "mapName"),
        ({"edge_snapshots/x": b"\xff"}, "no edge snapshot"),
        ({"waypoint_snapshots/x": b"\x0a\x7fx"}, "no waypoint snapshot"),
        ({"missions/x.walk": walks()[ROUND][:-5]}, "no walk"),
    ],
)
async def test_what_is_refused_leaves_neither_rows_nor_blobs(
    database: Database, tmp_path: Path, files: dict[str, bytes], reason: str
) -> None:
    blobs = LocalBlobs(tmp_path / "blobs")
    path = tmp_path / "upload.zip"
    path.write_bytes(zipped(dict(folder(ROUND)) | files, ""))
    with pytest.raises(BadRequest, match=reason):
        await imports.import_file(database, blobs, WallClock(), path)
    assert await store.list_documents(database, "site_walk") == []
    assert await imports.maps(database) == []
    assert [file for file in (tmp_path / "blobs").rglob("*") if file.is_file()] == []
    await blobs.close()


async def test_a_uuid_that_something_else_has_is_refused_before_a_file_is_stored(
    database: Database, tmp_path: Path
) -> None:
    blobs, path = LocalBlobs(tmp_path / "blobs"), tmp_path / "upload.zip"
    path.write_bytes(zipped(folder(ROUND)))
    (walk,) = await imports.import_file(database, blobs, WallClock(), path)
    element = walk["siteElementIds"][0]
    await store.remove(database, "site_element", element)
    await store.save(database, WallClock(), "site_dock", [{"uuid": element, "dockId": 7}])
    for file in (tmp_path / "blobs").rglob("*"):
        if file.is_file():
            file.unlink()
    with pytest.raises(BadRequest, match="is a site dock already"):
        await imports.import_file(database, blobs, WallClock(), path)
    assert [file for file in (tmp_path / "blobs").rglob("*") if file.is_file()] == []
    await blobs.close()


async def test_a_map_that_comes_in_is_told_to_the_feed_and_the_trail(database: Database, tmp_path: Path) -> None:
    blobs, path = LocalBlobs(tmp_path / "blobs"), tmp_path / "upload.zip"
    path.write_bytes(zipped(folder(ROUND)))
    for _ in range(2):
        await imports.import_file(database, blobs, WallClock(), path)
    ((map_uuid, name),) = await imports.maps(database)
    told = await outbox.of_topics(database, ["site_map.saved"], 0, 1000, 10)
    assert [msgspec.json.decode(event[-1])["name"] for event in told] == [name, name]
    entries = await audit.newest(database, 9, noun="site_map", subject=map_uuid)
    assert [entry.action for entry in entries] == ["update", "create"]
    await blobs.close()


async def test_zip64_comes_in_and_a_walk_again_without_its_map_keeps_it(database: Database, tmp_path: Path) -> None:
    blobs, out = LocalBlobs(tmp_path / "blobs"), io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in folder(ROUND).items():
            with archive.open(name, "w", force_zip64=True) as file:
                file.write(content)
    path = tmp_path / "upload.zip"
    path.write_bytes(out.getvalue())
    (walk,) = await imports.import_file(database, blobs, WallClock(), path)
    map_uuid = await imports.map_of(database, walk["uuid"])
    assert [uuid for uuid, _ in await imports.maps(database)] == [map_uuid]
    path.write_bytes(walks()[ROUND])
    (again,) = await imports.import_file(database, blobs, WallClock(), path)
    assert (again["uuid"], await imports.map_of(database, walk["uuid"])) == (walk["uuid"], map_uuid)
    assert await imports.graph_of(database, blobs, map_uuid or "") == folder()["graph"]
    await blobs.close()

"""Files and archives over HTTPS: whole, in parts, unchanged, by every path that clients build."""

import hashlib
import io
import json
import os
import random
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert
from tests import seed

from roundsman.captures.tables import run_event_documents
from roundsman.kit.blobs import BlobInfo
from roundsman.kit.database import Statement, Transaction
from roundsman.kit.identifiers import new_uuid

pytestmark = pytest.mark.anyio

INSERT_DOCUMENT = Statement(insert(run_event_documents))


@dataclass
class Stored:
    """A run with two events of three captures each; the names are as bad as names get."""

    run: seed.Row
    events: list[seed.Row]
    captures: list[seed.Row]
    contents: dict[str, bytes]  # by capture


@pytest.fixture
async def stored(served: Any) -> Stored:
    parts, chance = served.parts, random.Random(3)
    contents = [chance.randbytes(size) for size in (3000, 0, 200_000, 1_500_000, 7, 64_000)]
    infos: list[BlobInfo] = [await parts.blobs.put(content) for content in contents]
    batch = next(seed.Generator(seed.Plan(runs=1, events_per_run=2, captures_per_event=3, teleop=0)).batches())
    for row in (*batch.runs, *batch.events, *batch.captures):
        row |= {"mission_name": "Kessel: Süd/Nord?", "robot_nickname": "Spot 1%"}
    for row in (*batch.events, *batch.captures):
        row |= {"action_name": "../50% #1? é"}
    for row, info in zip(batch.captures, infos, strict=True):
        row |= {"blob_sha256": info.sha256, "size_bytes": info.size_bytes, "crc32": info.crc32}
        row |= {"file_name": "50% #1? é.jpg"}
    await seed.store(parts.database, batch)
    await parts.database.write(lambda tx: documents(tx, batch))
    by_capture = {row["uuid"]: content for row, content in zip(batch.captures, contents, strict=True)}
    return Stored(batch.runs[0], batch.events, batch.captures, by_capture)


async def documents(tx: Transaction, batch: seed.Batch) -> None:
    position = {"data": {"pose": {"x": -1.5, "y": 2}, "note": "=1+1"}}
    for number, (kind, channel, reference) in enumerate(
        [("metadata", "basic-position-data", None), ("alert", "leak", None), ("metadata", "tags", batch.captures[0])]
    ):
        row = {
            "uuid": new_uuid(),
            "run_event_uuid": batch.events[0]["uuid"],
            "run_uuid": batch.runs[0]["uuid"],
            "kind": kind,
            "channel_name": channel,
            "data_name": "",
            "reference_data_id": reference and reference["data_id"],
            "reference_channel_name": None,
            "severity": 0,
            "document": json.dumps(position),
            "created_us": batch.events[0]["created_us"],
            "robot_serial": batch.events[0]["robot_serial"],
            "store_epoch": 1,
            "data_id": 1000 + number,
        }
        await tx.execute(INSERT_DOCUMENT, **row)


async def test_a_data_url_gives_the_bytes(served: Any, stored: Stored) -> None:
    async with served.client() as client:
        shown = (await client.get("/api/v0/run_captures/?limit=100")).json()["resources"]
        assert len(shown) == 6
        assert len({capture["dataUrl"] for capture in shown}) == 6
        for capture in shown:
            url = capture["dataUrl"]
            assert url.startswith("/daq/download/Spot%201%25/")
            assert url.isascii()
            assert not set(url) & set(" #?")
            answer = await client.get(url)
            content = stored.contents[capture["uuid"]]
            assert (answer.status_code, answer.content) == (200, content)
            assert answer.headers["content-type"] == "image/jpeg"
            assert answer.headers["content-length"] == str(len(content))
            assert answer.headers["etag"] == f'"{hashlib.sha256(content).hexdigest()}"'
            assert "immutable" in answer.headers["cache-control"]
            assert "filename*=UTF-8''50%25%20%231%3F%20%C3%A9.jpg" in answer.headers["content-disposition"]


@pytest.mark.skipif(not hasattr(os, "posix_fadvise"), reason="this system cannot be asked to forget a file")
async def test_a_file_is_the_same_from_disk_and_from_memory(served: Any, stored: Stored) -> None:
    async with served.client() as client:
        for row in stored.captures:
            content = stored.contents[row["uuid"]]
            url = (await client.get(f"/api/v0/run_captures/{row['uuid']}")).json()["dataUrl"]
            for asked, wanted in (({}, content), ({"Range": f"bytes=0-{len(content)}"}, content)):
                forget(served.parts.blobs.path(row["blob_sha256"]))
                answers = [await client.get(url, headers=asked) for _ in range(2)]
                if content:
                    assert [answer.content for answer in answers] == [wanted, wanted]


def forget(path: Path) -> None:
    """Has the system drop what it holds of a file in memory."""
    handle = os.open(path, os.O_RDONLY)
    os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(handle)


async def test_a_range_is_a_slice(served: Any, stored: Stored) -> None:
    row = stored.captures[3]
    content = stored.contents[row["uuid"]]
    size = len(content)
    ranges = {
        "bytes=0-": (0, size),
        "bytes=0-0": (0, 1),
        "bytes=100-199": (100, 200),
        f"bytes={size - 1}-": (size - 1, size),
        "bytes=-5": (size - 5, size),
        f"bytes=-{size * 2}": (0, size),
        f"bytes=1000000-{size * 9}": (1_000_000, size),
    }
    async with served.client() as client:
        url = (await client.get(f"/api/v0/run_captures/{row['uuid']}")).json()["dataUrl"]
        for header, (start, end) in ranges.items():
            answer = await client.get(url, headers={"Range": header})
            assert answer.status_code == 206, header
            assert answer.content == content[start:end]
            assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{size}"
        for header in ("bytes=5-1", "bytes=0-1,4-5", "lines=1-2", "bytes=-", "bytes=a-b"):
            answer = await client.get(url, headers={"Range": header})
            assert (answer.status_code, len(answer.content)) == (200, size), header
        for header in (f"bytes={size}-", "bytes=-0"):
            answer = await client.get(url, headers={"Range": header})
            assert (answer.status_code, answer.headers["content-range"]) == (416, f"bytes */{size}")
        etag = f'"{row["blob_sha256"]}"'
        same = await client.get(url, headers={"Range": "bytes=1-2", "If-Range": etag})
        other = await client.get(url, headers={"Range": "bytes=1-2", "If-Range": '"other"'})
        assert (same.status_code, other.status_code) == (206, 200)


async def test_what_has_not_changed_is_not_sent(served: Any, stored: Stored) -> None:
    uuid = stored.captures[0]["uuid"]
    async with served.client() as client:
        url = (await client.get(f"/api/v0/run_captures/{uuid}")).json()["dataUrl"]
        first = await client.get(url)
        for name, value in (
            ("If-None-Match", first.headers["etag"]),
            ("If-None-Match", f'"x", W/{first.headers["etag"]}'),
            ("If-None-Match", "*"),
            ("If-Modified-Since", first.headers["last-modified"]),
        ):
            answer = await client.get(url, headers={name: value})
            assert (answer.status_code, answer.content) == (304, b""), name
            assert answer.headers["etag"] == first.headers["etag"]
        changed = await client.get(url, headers={"If-None-Match": '"other"'})
        assert changed.status_code == 200


async def test_head_and_doubled_slashes(served: Any, stored: Stored) -> None:
    row = stored.captures[2]
    async with served.client() as client:
        url = (await client.get(f"/api/v0/run_captures/{row['uuid']}")).json()["dataUrl"]
        head = await client.head(url)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == str(row["size_bytes"])
        doubled = await client.get(f"{served.url}/{url}")
        assert doubled.content == stored.contents[row["uuid"]]


async def test_what_is_not_there(served: Any, stored: Stored) -> None:
    async with served.client() as client:
        for path in (f"/daq/download/x/{new_uuid()}.jpg", "/daq/download/x", f"/api/v0/run_archives/{new_uuid()}"):
            answer = await client.get(path)
            assert answer.status_code == 404, path
            assert isinstance(answer.json(), dict)
    async with served.client("") as visitor:
        assert (await visitor.get(f"/daq/download/{stored.captures[0]['uuid']}.jpg")).status_code == 403


def check_archive(content: bytes, stored: Stored, captures: list[seed.Row]) -> dict[str, Any]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert len({name.casefold() for name in names}) == len(names)
        (folder,) = {name.split("/")[0] for name in names}
        assert not set(folder) & set(':?*"<>|\\')
        files = [archive.read(name) for name in names if name.endswith(".jpg")]
        assert files == [stored.contents[row["uuid"]] for row in captures]
        described = json.loads(archive.read(f"{folder}/metadata.json"))
        listed = [
            file["filename"] for action in described["actions"] for files in action["data"].values() for file in files
        ]
        assert sorted(f"{folder}/{name}" for name in listed) == sorted(name for name in names if name.endswith(".jpg"))
        return {name.partition("/")[2]: archive.read(name) for name in names} | {"": folder, "metadata": described}


async def test_the_archive_of_a_run(served: Any, stored: Stored) -> None:
    async with served.client() as client:
        answer = await client.get(f"/api/v0/run_archives/{stored.run['uuid']}/")
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/zip"
        assert answer.headers["content-length"] == str(len(answer.content))
        files = check_archive(answer.content, stored, stored.captures)
        assert files[""] == "2026-01-01T000000Z_Kessel_ Süd_Nord_"
        action = files["metadata"]["actions"][0]
        assert action["action_id"]["group_name"] == stored.run["group_name"]
        assert set(action["metadata"]) == {"basic-position-data", "tags"}
        assert set(action["alerts"]) == {"leak"}
        table = files["basic-position-data.csv"].decode().splitlines()
        assert table[0] == "filename,data.pose.x,data.pose.y,data.note"
        assert table[1].endswith(",-1.5,2,'=1+1")
        assert len(table) == 4
        again = await client.get(
            f"/api/v0/run_archives/{stored.run['uuid']}", headers={"If-None-Match": answer.headers["etag"]}
        )
        assert again.status_code == 304
        chance = random.Random(4)
        for _ in range(20):
            start, end = sorted(chance.sample(range(len(answer.content)), 2))
            header = {"Range": f"bytes={start}-{end}", "If-Range": answer.headers["etag"]}
            part = await client.get(f"/api/v0/run_archives/{stored.run['uuid']}", headers=header)
            assert (part.status_code, part.content) == (206, answer.content[start : end + 1])


async def test_the_files_of_an_event(served: Any, stored: Stored) -> None:
    async with served.client() as client:
        event = (await client.get(f"/api/v0/run_events/{stored.events[1]['uuid']}")).json()
        archive = await client.get(event["actionRunArchiveFileUrl"])
        check_archive(archive.content, stored, stored.captures[3:])
        metadata = await client.get(event["metadataFileUrl"])
        assert metadata.headers["content-type"] == "application/json"
        (action,) = metadata.json()["actions"]
        assert action["action_id"]["action_name"] == event["actionName"]

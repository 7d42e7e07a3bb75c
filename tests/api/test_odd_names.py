"""Whatever robots call their actions: every file is fetched, every archive is unpacked, nothing lands elsewhere."""

import asyncio
import io
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from roundsman.captures.record import CapturedFile, DataId, Origin, Recording
from roundsman.runs.record import RobotIdentity

pytestmark = pytest.mark.anyio

START_US = 1_795_435_200_000_000
ODD = (
    "..", "../../../etc/passwd", "/absolute", "..\\..\\windows", "C:\\boot", "a\0b", "line\r\nSet-Cookie: x=y", "", ".",
    "x" * 300, "🔥" * 300, "é" * 200, "trailing. ", "%2e%2e%2f", "?#&;", '"quoted"', "<script>alert(1)</script>", "-rf",
)  # fmt: skip
MISSION = "🧯" * 200 + "/../.."


@pytest.fixture
async def run_uuid(served: Any) -> str:
    """A run whose mission, actions and extensions bear the worst names, and the same action on two channels."""
    parts = served.parts
    captured: list[CapturedFile] = []
    for number, name in enumerate(name for name in ODD for _ in range(2)):
        blob = await parts.blobs.put(f"content {number}".encode())
        stored = name.replace("\0", "\ufffd")  # as acquisition stores it
        identifier = DataId(number, f"2026-11-23T120000Z_{MISSION}", stored, START_US + number, "ptz/../..", "view")
        extension = ".jpg" if number % 4 else "." + "e" * 300
        captured.append(CapturedFile(identifier, "image", START_US + number, extension, blob))
    origin = Origin(RobotIdentity("serial", "10.0.0.3", "Spot <b>/.."), 1)
    await parts.database.write(lambda tx: Recording(tx, origin, START_US).add_all(captured))
    async with served.client() as client:
        return (await client.get("/api/v0/runs/")).json()["resources"][0]["uuid"]


async def test_every_file_is_fetched_by_its_url(served: Any, run_uuid: str) -> None:
    async with served.client() as client:
        captures = (await client.get("/api/v0/run_captures/?limit=100")).json()["resources"]
        assert len(captures) == 2 * len(ODD)
        bodies = set()
        for capture in captures:
            assert len(capture["dataUrl"]) < 4000, "proxies take no longer ones"
            answer = await client.get(capture["dataUrl"])
            assert answer.status_code == 200, capture["dataUrl"]
            assert "set-cookie" not in answer.headers
            assert len(answer.headers["content-disposition"]) < 4000
            bodies.add(answer.content)
    assert len(bodies) == len(captures)


async def test_the_archive_is_unpacked_where_it_should(served: Any, run_uuid: str, tmp_path: Path) -> None:
    async with served.client() as client:
        answer = await client.get(f"/api/v0/run_archives/{run_uuid}")
    names = zipfile.ZipFile(io.BytesIO(answer.content)).namelist()
    assert all(len(part.encode()) <= 255 for name in names for part in name.split("/"))
    files = await asyncio.to_thread(unpacked, answer.content, tmp_path / "unpacked")
    assert {f"content {number}".encode() for number in range(2 * len(ODD))} < set(files)


def unpacked(content: bytes, around: Path) -> list[bytes]:
    """The files of an archive that is unpacked deep within `around`; none lies elsewhere in there."""
    archive, folder = around / "run.zip", around / "a" / "b" / "c"
    folder.mkdir(parents=True)
    archive.write_bytes(content)
    if unzip := shutil.which("unzip"):
        subprocess.run([unzip, "-q", "-d", folder, archive], check=True, env={"LC_ALL": "C.UTF-8"})
    else:
        zipfile.ZipFile(archive).extractall(folder)
    files = [file for file in around.rglob("*") if file.is_file() and file != archive]
    assert all(folder in file.parents for file in files)
    return [file.read_bytes() for file in files]

"""What the official clients find: one site with everything that their methods and helpers look for.

Source: scout-api.md §5.2: a robot with a nickname and a mission under way, runs of all eight statuses, runs with and
without actions, runs still open; key results that are there and that are null; pictures and raw thermal data.
"""

import asyncio
import io
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image
from tests import seed
from tests.served import Served, parts_of, serving, settings_in, with_administrator

from roundsman.anomalies.service import opener
from roundsman.api.parts import Parts
from roundsman.captures.record import CapturedDocument, DataId, Origin, Recording
from roundsman.kit.blobs import BlobInfo, open_blobs
from roundsman.kit.database import open_database
from roundsman.robots.link import LiveState, Mission, Observation
from roundsman.runs.record import RobotIdentity
from roundsman.runs.types import MISSION_STATUSES

ROBOT, DRIVEN, IDLE = "Spot 1", "10.0.0.1", "10.0.0.2"
DRIVER = "tablet-1"
OPEN = ("RUNNING", "PAUSED")
ACTION = "Pump 3: gauge #1 50% é?"  # as bad as names get
THERMAL_BYTES = 640 * 512 * 2
LATEST_MISSION = "Round of the latest"


@dataclass(frozen=True)
class Site:
    """The server and what it was filled with; `files` are the contents by capture."""

    served: Served
    runs: list[seed.Row]
    events: list[seed.Row]
    captures: list[seed.Row]
    files: dict[str, bytes] = field(repr=False)

    def run(self, status: str) -> seed.Row:
        """The run that ended, or is, in that status."""
        return next(run for run in self.runs if run["mission_status"] == status)

    @property
    def archived(self) -> seed.Row:
        """A run that is over and has captures."""
        return self.run("SUCCESS")


@asynccontextmanager
async def site_over(database_url: str, folder: Path) -> AsyncGenerator[Site]:
    """Serves a filled site over a database with tables."""
    database, blobs = await open_database(database_url), await open_blobs(f"file://{folder / 'blobs'}")
    parts = parts_of(settings_in(folder), database, blobs)
    async with serving(parts) as unset:
        backups = asyncio.create_task(parts.backups.run())
        yield await fill(await with_administrator(unset))
        backups.cancel()
        await asyncio.wait([backups])
    await blobs.close()
    await database.close()


async def fill(served: Served) -> Site:
    """One run of each status and one that has done nothing yet, an hour apart."""
    parts = served.parts
    plan = seed.Plan(runs=9, events_per_run=2, captures_per_event=2, robots=1, missions=2, days=9 / 24, teleop=0)
    (batch,) = list(seed.Generator(plan).batches())
    for run, status in zip(batch.runs, [*MISSION_STATUSES, "NONE"], strict=True):
        run |= {"mission_status": status, "run_type": "teleop" if status == "NONE" else "mission"}
        run |= {"end_us": None if status in OPEN else run["start_us"] + seed.HOUR_US // 2, "action_count": 2}
    batch.runs[-1] |= {"action_count": 0, "mission_name": LATEST_MISSION}
    _without_actions(batch, batch.runs[-1]["uuid"])
    for row in (*batch.runs, *batch.events, *batch.captures):
        row["robot_nickname"] = ROBOT
    for row in (*batch.events, *batch.captures):
        row["action_name"] = ACTION
    files = await _files(parts, batch)
    await seed.store(parts.database, batch)
    await _alert(parts, batch)
    await _robots(parts)
    return Site(served, batch.runs, batch.events, batch.captures, files)


def _without_actions(batch: seed.Batch, run_uuid: str) -> None:
    batch.events[:] = [event for event in batch.events if event["run_uuid"] != run_uuid]
    batch.captures[:] = [capture for capture in batch.captures if capture["run_uuid"] != run_uuid]


async def _files(parts: Parts, batch: seed.Batch) -> dict[str, bytes]:
    """Each event has a picture with key results and raw thermal data without."""
    found: dict[str, bytes] = {}
    for number, capture in enumerate(batch.captures):
        thermal = capture["channel_name"] == "Thermal"
        content = bytes([number]) * THERMAL_BYTES if thermal else picture(number)
        info: BlobInfo = await parts.blobs.put(content)
        capture |= {"blob_sha256": info.sha256, "size_bytes": info.size_bytes, "crc32": info.crc32}
        extension, media_type = (".raw", "application/octet-stream") if thermal else (".jpg", "image/jpeg")
        results = None if thermal else '[{"name":"Pressure","units":"bar","value":4.5},{"name":"Valve","value":"open"}]'
        capture |= {"file_name": f"{ACTION}{extension}", "media_type": media_type, "key_results": results}
        found[capture["uuid"]] = content
    return found


def picture(number: int) -> bytes:
    """A small JPEG, each of another colour."""
    out = io.BytesIO()
    Image.new("RGB", (64, 48), (number * 7 % 256, 90, 120)).save(out, "JPEG")
    return out.getvalue()


async def _alert(parts: Parts, batch: seed.Batch) -> None:
    """The first two events raised alerts, which came late."""
    for number, event in enumerate(batch.events[:2]):
        said = DataId(10_000 + number, event["run_uuid"], ACTION, event["robot_time_us"], "Thermal", "")
        robot = RobotIdentity(event["robot_serial"], event["robot_hostname"], event["robot_nickname"])
        document = {"severity": 4 - number, "title": "Überhitzt", "source": "Spot CAM IR", "additional_data": {}}
        alert = CapturedDocument(said, "alert", json.dumps(document), None, 4 - number)
        origin = Origin(robot, 1)
        await parts.database.write(lambda tx, o=origin, a=alert: Recording(tx, o, parts.clock.now_us()).add_all([a]))
    await opener(parts.database, parts.bus, parts.clock).catch_up()


async def _robots(parts: Parts) -> None:
    await parts.registry.add(DRIVEN, ROBOT, "admin", "secret")
    await parts.registry.add(IDLE, "Spot two", "admin", "secret")
    mission = Mission(status="RUNNING", mission_id=4)
    seen = Observation(hostname=DRIVEN, at_us=parts.clock.now_us(), lease_owner=DRIVER, mission=mission)
    parts.fleet._live[DRIVEN] = LiveState(hostname=DRIVEN, connection="connected", observation=seen)

"""Restore drill over the API: what programs were answered before is what they are answered elsewhere, byte for byte."""

import asyncio
import io
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from tests import seed
from tests.api.test_work_orders import alarmed, given
from tests.backups.conftest import PASSPHRASE
from tests.captures.test_record import START_US, identifier
from tests.served import Served, parts, parts_of, served, serving, settings_in, unset
from tests.workorders.receiver import receiving

from roundsman.backups.restoring import restore
from roundsman.captures.record import CapturedFile, Origin, Recording
from roundsman.kit.blobs import open_blobs
from roundsman.kit.database import open_database
from roundsman.runs.record import RobotIdentity
from roundsman.settings import Settings

__all__ = ["parts", "served", "unset"]
pytestmark = pytest.mark.anyio

# What arrives meanwhile is of another day, so that lists of this one stay as they are.
START, END = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"
DAY = f"startTime={START}&endTime={END}"
LISTS = (
    f"/api/v0/runs?{DAY}&limit=3",
    f"/api/v0/run_events?{DAY}&limit=100",
    f"/api/v0/run_captures?endCreatedAt={END}&limit=100",
    f"/api/v0/run_statistics/sessions?start={START}&end={END}",
    f"/api/v0/run_statistics/sessions_summary?start={START}&end={END}",
    "/api/v0/anomalies",
    "/api/v0/site_walks",
    "/api/v0/site_elements",
    "/api/v0/site_docks",
    "/api/v0/missions",
    "/api/v0/calendar/schedule",
    "/api/v0/webhooks",
    "/api/v0/robots",
    "/api/fleet/v1/robots",
    "/api/facilities/v1/site-walks",
    "/api/facilities/v1/site-elements",
    "/api/roundsman/v1/schedules",
    "/api/roundsman/v1/work-orders",
    "/api/roundsman/v1/work-order-settings",
    f"/api/roundsman/v1/runs?{DAY}",
    f"/api/roundsman/v1/run_captures?endCreatedAt={END}&limit=100",
)
EXPORT = {"kind": "run_captures", "startTime": START, "endTime": END}
ROBOT = {"hostname": "10.0.0.1", "nickname": "Spot 1", "username": "admin", "password": "secret of the robot"}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "passphrase").write_text(f"{PASSPHRASE}\n")
    return msgspec.structs.replace(settings_in(tmp_path), backup_passphrase_file=tmp_path / "passphrase")


@pytest.fixture
def elsewhere(database_url: str, request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Settings of an installation that does not exist yet, on the other kind of database."""
    url = request.getfixturevalue("empty_postgresql_url") if database_url.startswith("sqlite") else ""
    return msgspec.structs.replace(settings_in(tmp_path / "elsewhere"), database_url=url)


async def test_what_is_answered_elsewhere_is_what_was_answered(elsewhere: Settings, served: Served) -> None:
    with receiving() as receiver:
        await fill(served, given(receiver))
        before = await answers(served)
        exported = await exports(served)
        content, arrived = await backed_up_under_load(served)
    assert arrived > 0
    done = await restore(elsewhere, io.BytesIO(content), PASSPHRASE)
    assert done.has_key
    database, blobs = await open_database(elsewhere.database), await open_blobs(elsewhere.blobs)
    restored = parts_of(elsewhere, database, blobs)
    async with serving(restored) as unset:
        there = known_there(unset, served)
        assert await answers(there) == before
        assert await exports(there) == exported
        assert await restored.registry.password(ROBOT["hostname"]) == ROBOT["password"]
    await blobs.close()
    await database.close()


def known_there(unset: Served, served: Served) -> Served:
    """The server elsewhere, asked by those who were let in before: users and tokens came along."""
    return Served(unset.url, unset.ca_file, served.username, served.password, served.token, unset.parts, unset.contract)


async def fill(served: Served, orders: dict[str, Any]) -> None:
    """Runs of one day with files, and one of everything else that people and programs make."""
    pictures = [await served.parts.blobs.put(content) for content in (b"a gauge", b"a pump" * 300_000, b"")]
    plan = seed.Plan(runs=5, events_per_run=3, captures_per_event=2, robots=2, missions=2, days=1, blobs=pictures)
    await seed.fill(served.parts.database, plan)
    anomaly, other = await alarmed(served, 2)
    async with served.client() as client:

        async def made(path: str, body: Any, method: str = "POST") -> Any:
            return (await client.request(method, path, json=body)).raise_for_status().json()

        await made("/api/v0/robots", ROBOT)
        element = await made("/api/v0/site_elements", {"name": "Pump", "unknown": {"kept": [1, None]}})
        dock = await made("/api/v0/site_docks", {"dockId": 520})
        walk = {"name": "Round", "siteElementIds": [element["uuid"]], "siteDockIds": [dock["uuid"]]}
        mission = (await made("/api/v0/site_walks", walk))["uuid"]
        event = {"agent": {"nickname": "Spot 1"}, "task": {"missionId": mission}, "schedule": {"timeMs": "1"}}
        await made("/api/v0/calendar/schedule", event)
        await made("/api/v0/webhooks", {"url": "https://127.0.0.1:9/", "events": ["TEST"]})
        await made("/api/roundsman/v1/work-order-settings", orders, "PUT")
        await made("/api/roundsman/v1/work-orders", {"anomalyUuid": anomaly})
        await made(f"/api/v0/anomalies/{other}", {"status": "closed", "reason": "looked at"}, "PATCH")


async def answers(served: Served) -> dict[str, tuple[int, str, bytes]]:
    """What is answered to whoever asks for lists, for each thing of them, for files and for a whole archive."""
    found: dict[str, tuple[int, str, bytes]] = {}

    async def ask(client: httpx.AsyncClient, path: str) -> bytes:
        answer = await client.get(path)
        assert answer.status_code == 200, (path, answer.text)
        body = answer.content.replace(served.url.encode(), b"")
        found[path] = (answer.status_code, answer.headers["content-type"], body)
        return body

    async with served.client() as client:
        for path in LISTS:
            await ask(client, path)
        captures = msgspec.json.decode(found[LISTS[2]][2])["resources"]
        runs = msgspec.json.decode(found[LISTS[0]][2])["resources"]
        assert len(captures) == 30
        assert all(msgspec.json.decode(found[path][2]) for path in LISTS)
        for capture in captures[:8]:
            await ask(client, f"/api/v0/run_captures/{capture['uuid']}")
            await ask(client, capture["dataUrl"])
        for run in runs:
            for path in ("runs/{}", "runs/{}/log", "run_archives/{}"):
                await ask(client, f"/api/v0/{path.format(run['uuid'])}")
    return found


async def exports(served: Served) -> list[bytes]:
    """The captures of that day as files of two kinds."""
    found: list[bytes] = []
    async with served.client() as client:
        for form in ("csv", "jsonl"):
            asked = (await client.post("/api/roundsman/v1/exports", json=EXPORT | {"format": form})).json()
            assert await served.parts.exports.make_next()
            export = (await client.get(f"/api/roundsman/v1/exports/{asked['uuid']}")).json()
            assert (export["state"], export["rows"]) == ("done", 30)
            found.append((await client.get(export["downloadUrl"])).content)
    return found


async def backed_up_under_load(served: Served) -> tuple[bytes, int]:
    """A backup asked for and fetched over the API while another robot's captures arrive; how many came meanwhile."""
    parts, origin = served.parts, Origin(RobotIdentity("spot-9", "10.0.0.9", "Spot 9"), 1)
    arrived, first = 0, asyncio.Event()

    async def load() -> None:
        nonlocal arrived
        while True:
            arrived += 1
            one = identifier(arrived, action=arrived % 50)
            blob = await parts.blobs.put(b"%d" % arrived)
            file = CapturedFile(one, "image", one.action_time_us + 5, ".jpg", blob, (), b"frames")
            await parts.database.write(lambda tx, file=file: Recording(tx, origin, START_US).add_all([file]))
            first.set()

    loading = asyncio.create_task(load())
    await first.wait()
    try:
        async with served.client(timeout=60) as client:
            task = (await client.post("/api/v0/backup_tasks", json={})).raise_for_status().json()
            assert await parts.backups.make_next()
            path = f"/api/v0/backups/{task['data']['taskId']}"
            return (await client.get(path)).raise_for_status().content, arrived
    finally:
        loading.cancel()
        with suppress(asyncio.CancelledError):
            await loading

"""Log, facets and statistics of runs over v0 (scout-api.md §2.9, §2.13, §2.14), on both databases."""

import pytest
from tests import seed
from tests.captures.test_record import START_US, alert, image, metadata
from tests.served import Served

from roundsman.captures.record import Origin, Recording
from roundsman.kit.times import iso
from roundsman.runs.record import RobotIdentity

pytestmark = pytest.mark.anyio
PLAN = seed.Plan(runs=40, events_per_run=3, captures_per_event=2)


@pytest.fixture
async def filled(served: Served) -> tuple[Served, seed.Batch]:
    batch = seed.Batch([], [], [])
    for one in await seed.fill(served.parts.database, PLAN):
        batch.runs.extend(one.runs)
        batch.events.extend(one.events)
    return served, batch


async def test_facets_say_what_there_is(filled: tuple[Served, seed.Batch]) -> None:
    served, batch = filled
    async with served.client() as client:
        for order, key in (
            ("mission", lambda one: one["missionName"]),
            ("sessions", lambda one: -one["sessionCount"]),
            ("lastRunStartTime", None),
        ):
            (envelope,) = (
                await client.get("/api/v0/runs/facets/missions", params={"orderBy": order, "limit": 100})
            ).json()
            missions = envelope["resources"]
            assert envelope["total"] == len({run["mission_name"] for run in batch.runs})
            ordered = (
                sorted(missions, key=key) if key else sorted(missions, key=lambda one: one["lastRunStartTime"])[::-1]
            )
            assert [one["missionName"] for one in ordered] == [
                one["missionName"] for one in missions
            ] or order == "sessions"
        for mission in missions:
            runs = [run for run in batch.runs if run["mission_name"] == mission["missionName"]]
            assert mission["sessionCount"] == len(runs)
            assert mission["lastRunStartTime"] == iso(max(run["start_us"] for run in runs))
            params = {"missionName": mission["missionName"]}
            actions = (await client.get("/api/v0/runs/facets/actions", params=params)).json()
            events = [event for event in batch.events if event["mission_name"] == mission["missionName"]]
            assert {(one["id"], one["name"]) for one in actions} == {
                (event["action_uuid"], event["action_name"]) for event in events
            }
            assert all(one["channels"] for one in actions)
        robots = (await client.get("/api/v0/runs/facets/robots")).json()
        assert {one["robot_serial"] for one in robots} == {run["robot_serial"] for run in batch.runs}
        refused = await client.get("/api/v0/runs/facets/actions")
        assert (refused.status_code, refused.json()["parameter"]) == (400, "missionName")


async def test_statistics_are_what_the_runs_say(filled: tuple[Served, seed.Batch]) -> None:
    served, batch = filled
    async with served.client() as client:
        sessions = (await client.get("/api/v0/run_statistics/sessions")).json()
        assert [one["runId"] for one in sessions] == [
            run["uuid"] for run in sorted(batch.runs, key=lambda run: (run["start_us"], run["uuid"]), reverse=True)
        ]
        middle = sessions[20]["start"]
        later = (await client.get("/api/v0/run_statistics/sessions", params={"start": middle})).json()
        earlier = (await client.get("/api/v0/run_statistics/sessions", params={"end": middle})).json()
        assert later + earlier == sessions
        summary = (await client.get("/api/v0/run_statistics/sessions_summary", params={"start": middle})).json()
        missions = [run for run in batch.runs if iso(run["start_us"]) >= middle and run["run_type"] == "mission"]
        uuids = {run["uuid"] for run in missions}
        done = sum(event["run_uuid"] in uuids for event in batch.events)
        assert summary["missionsAttempted"] == len(missions)
        assert summary["actionsAttempted"] == sum(run["action_count"] for run in missions)
        assert summary["actionsCompletedPercentage"] == round(100 * done / summary["actionsAttempted"], 2)


async def test_a_log_tells_alerts_and_pictures(served: Served) -> None:
    parts, origin = served.parts, Origin(RobotIdentity("spot-1", "10.0.0.1", "Spot 1"), 1)
    captured = [image(1), alert(2, 2), alert(3, 0), image(4, action=1), metadata(5, {"a": 1}, action=1)]
    await parts.database.write(lambda tx: Recording(tx, origin, START_US).add_all(captured))
    async with served.client() as client:
        (run,) = (await client.get("/api/v0/runs")).json()["resources"]
        log = (await client.get(f"/api/v0/runs/{run['uuid']}/log/")).json()
        assert log == (await client.get(f"/api/v0/runs/{run['uuid']}/log")).json(), "uuids are the same each time"
    assert [(one["event"], one["severity"], one["detail"]) for one in log] == [
        ("Run started", "INFO", "Boiler round"),
        ("Action", "INFO", "Action 0"),
        ("Alert", "WARN", "Action 0: Hot"),
        ("Alert", "CRITICAL", "Action 0: Hot"),
        ("Action", "INFO", "Action 1"),
        ("Run ended", "INFO", "UNKNOWN"),
    ]
    assert [len(one["imageFiles"] or []) for one in log] == [0, 1, 0, 0, 1, 0]
    assert len({one["uuid"] for one in log}) == len(log)

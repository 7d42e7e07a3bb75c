"""Runs as they are watched on simulated robots: missions, drives by hand, lost links, restarts."""

import pytest
from sqlalchemy import select
from tests.robots.conftest import House, until

from roundsman.kit.database import Statement
from roundsman.runs.tables import runs

pytestmark = pytest.mark.anyio

EVERY = Statement(select(*runs.columns).order_by(runs.c.start_us))


async def rows(database) -> list[dict]:
    names = [column.name for column in runs.columns]
    return [dict(zip(names, row, strict=True)) for row in await database.all(EVERY)]


async def test_a_mission_becomes_a_run_with_all_that_is_told_of_it(site, database, vault, settings_for) -> None:
    plant = await site(pace=20, operators=True)
    async with House(database, vault, settings_for(plant)) as house:
        await plant.enter(house.registry)

        async def ended() -> bool:
            return any(row["end_us"] and row["run_type"] == "mission" for row in await rows(database))

        await until(ended, 90)
    run = next(row for row in await rows(database) if row["run_type"] == "mission")
    spot = plant.world.robots[0]
    assert run["mission_status"] == "SUCCESS"
    assert run["mission_name"].endswith(("round", "survey", "check", "patrol", "tour")) or run["mission_name"]
    assert run["action_count"] >= 8
    assert run["operator_id"].startswith("tablet_operator")
    assert (run["robot_serial"], run["robot_nickname"]) == (spot.serial, spot.nickname)
    assert (run["software_major"], run["software_minor"]) == spot.software_version[:2]
    assert 0 < run["end_us"] - run["start_us"] < 90_000_000
    assert run["distance_m"] > 10
    assert run["motors_on_s"] > 0
    assert run["moving_s"] > 0


async def test_a_lost_link_in_the_middle_does_not_break_a_run(site, database, vault, settings_for) -> None:
    plant = await site(pace=4, operators=True)
    spot = plant.world.robots[0]
    async with House(database, vault, settings_for(plant)) as house:
        hostname = await plant.enter(house.registry)

        async def runs_there() -> bool:
            return bool(await rows(database))

        await until(runs_there)
        await plant.fleet.set_link(spot, False)
        await until(lambda: house.fleet.live(hostname).connection == "offline")
        await plant.fleet.set_link(spot, True)
        await until(lambda: house.fleet.live(hostname).connection == "connected")
        assert house.fleet.live(hostname).mission_running
        (run,) = await rows(database)
        assert run["end_us"] is None


async def test_a_restart_of_roundsman_goes_on_with_the_run(site, database, vault, settings_for) -> None:
    plant = await site(pace=4, operators=True)

    async def running() -> bool:
        return any(row["end_us"] is None for row in await rows(database))

    async with House(database, vault, settings_for(plant)) as house:
        await plant.enter(house.registry)
        await until(running)
    (before,) = await rows(database)
    async with House(database, vault, settings_for(plant)) as house:
        hostname = (await house.registry.list())[0].hostname
        await until(lambda: house.fleet.live(hostname).mission_running)
        (after,) = await rows(database)
        assert (after["uuid"], after["end_us"]) == (before["uuid"], None)


async def test_a_run_that_ended_unseen_is_closed_with_what_the_robot_tells(site, database, vault, settings_for) -> None:
    plant = await site(pace=20, operators=True)
    spot = plant.world.robots[0]

    async def running() -> bool:
        return any(row["end_us"] is None for row in await rows(database))

    async with House(database, vault, settings_for(plant)) as house:
        await plant.enter(house.registry)
        await until(running)
    await until(lambda: spot.mission_state().status.name not in {"RUNNING", "PAUSED"}, 90)
    async with House(database, vault, settings_for(plant)):

        async def closed() -> bool:
            return (await rows(database))[0]["end_us"] is not None

        await until(closed)
    assert (await rows(database))[0]["mission_status"] in {"SUCCESS", "UNKNOWN"}


async def test_a_drive_by_hand_becomes_a_teleoperation_run(site, database, vault, settings_for) -> None:
    plant = await site(pace=8)
    spot = plant.world.robots[0]
    async with House(database, vault, settings_for(plant)) as house:
        hostname = await plant.enter(house.registry)
        await until(lambda: house.fleet.live(hostname).connection == "connected")
        plant.world.faults.inject(spot, "driver")

        async def driven() -> bool:
            return any(row["run_type"] == "teleop" and row["end_us"] for row in await rows(database))

        await until(driven, 120)
    run = next(row for row in await rows(database) if row["run_type"] == "teleop")
    assert run["mission_name"] == "Teleop"
    assert "driver" in run["operator_id"]
    assert run["distance_m"] > 0

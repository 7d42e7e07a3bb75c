"""A robot whose clock is wrong by an hour: what is told of it bears our time, and what belongs together is together."""

import pytest
from sqlalchemy import select
from tests.acquisition.conftest import sync_of
from tests.robots.conftest import House, until

from roundsman.captures.tables import run_events
from roundsman.kit.database import Statement
from roundsman.runs.tables import runs

pytestmark = pytest.mark.anyio

HOUR_US = 3_600_000_000
RUNS = Statement(select(runs.c.uuid, runs.c.group_name, runs.c.start_us, runs.c.mission_status))
EVENTS = Statement(select(run_events.c.run_uuid, run_events.c.time_us, run_events.c.robot_time_us))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("skew_us", [HOUR_US, -HOUR_US])
async def test_a_clock_that_is_an_hour_wrong(site, database, blobs, vault, settings_for, skew_us) -> None:
    plant = await site(pace=20, operators=True)
    spot = plant.world.robots[0]
    spot.skew_us = skew_us
    began_us = plant.world.clock.now_us()
    async with House(database, vault, settings_for(plant)) as house:
        hostname = await plant.enter(house.registry)

        async def is_watched() -> bool:
            return bool(await database.all(RUNS))

        await until(is_watched)
        await until(lambda: len(spot.store))
        link = house.fleet.links()[hostname]
        assert link.skew_us == pytest.approx(skew_us, abs=100_000)
        sync = sync_of(link, database, blobs, clock_ahead_us=lambda: link.skew_us)
        await sync.catch_up()
        now_us = house.clock.now_us()
        ((uuid, group_name, start_us, status),) = await database.all(RUNS)
    assert status in {"RUNNING", "PAUSED"}
    assert "~" not in group_name, "its captures are of the run that is watched"
    assert began_us - 2_000_000 <= start_us <= now_us
    events = await database.all(EVENTS)
    assert events
    for run_uuid, time_us, robot_time_us in events:
        assert run_uuid == uuid
        assert start_us - 2_000_000 <= time_us <= now_us + 1_000_000
        assert robot_time_us - time_us == pytest.approx(skew_us, abs=100_000)

"""What a simulated robot has captured can be read: pictures, raw temperatures, documents; twice the same."""

import json

import pytest

from roundsman.simulator.model import StoredCapture
from roundsman.simulator.world.sensors import FISHEYES, THERMAL_RAW_BYTES
from roundsman.simulator.world.world import World

START_US = 1_795_000_000_000_000


class StillClock:
    def now_us(self) -> int:
        return START_US

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nobody waits here")


@pytest.fixture(scope="module")
def world() -> World:
    return World(seed=4, robots=1, pace=1.0, clock=StillClock(), history_days=2.0, fault_rate=0.0)


def one_of_each_sort(world: World) -> list[StoredCapture]:
    stored = {(c.kind, c.channel): c for c in world.robots[0].store.query()}
    return list(stored.values())


def test_contents_of_every_sort_can_be_read_and_are_the_same_when_read_again(world: World) -> None:
    kinds = {"image": 0, "data": 0, "metadata": 0, "alert": 0}
    for capture in one_of_each_sort(world):
        content = capture.make()
        kinds[capture.kind] += 1
        if capture.kind == "image":
            assert content[:3] == b"\xff\xd8\xff"
            assert 5_000 < len(content) < 600_000
        elif capture.file_extension == ".raw":
            assert len(content) == THERMAL_RAW_BYTES
        else:
            assert isinstance(json.loads(content), dict)
        assert capture.make() == content
    assert all(kinds.values())


def test_the_hottest_raw_pixel_is_what_the_alert_speaks_of(world: World) -> None:
    store = world.robots[0].store
    alerts = list(store.query(kinds={"alert"}, channel="spot-cam-ir"))
    assert alerts
    for alert in alerts[:5]:
        raw = next(
            c for c in store.query(kinds={"data"}, action_name=alert.action.action_name) if c.action == alert.action
        )
        pixels = memoryview(raw.make())
        hottest_c = max(pixels[i] << 8 | pixels[i + 1] for i in range(0, len(pixels), 2)) / 10 - 273.15
        assert hottest_c == pytest.approx(json.loads(alert.make())["additional_data"]["value"], abs=4.0)


def test_the_cameras_of_the_body_see_something(world: World) -> None:
    assert tuple(world.robots[0].image_sources()) == FISHEYES
    pictures = {world.robots[0].image(source) for source in FISHEYES}
    assert len(pictures) == len(FISHEYES)
    with pytest.raises(KeyError):
        world.robots[0].image("no_such_camera")

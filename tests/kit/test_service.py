"""Services are started in order, started anew when they fail, and stopped in the reverse order."""

import asyncio

import pytest

from roundsman.kit.clock import SimulatedClock
from roundsman.kit.service import Supervisor

pytestmark = pytest.mark.anyio


class Working:
    """Notes what happens to it and fails as often as it is told."""

    def __init__(self, name: str, notes: list[str], failures: int = 0, stubborn_s: float = 0) -> None:
        self.name = name
        self.notes = notes
        self.failures = failures
        self.stubborn_s = stubborn_s

    async def run(self) -> None:
        self.notes.append(f"{self.name} runs")
        if self.failures:
            self.failures -= 1
            raise ConnectionError(self.name)
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(self.stubborn_s)
            self.notes.append(f"{self.name} stops")


async def test_they_start_in_order_and_stop_in_the_reverse_order() -> None:
    notes: list[str] = []
    async with Supervisor([Working(name, notes) for name in "abc"]) as supervisor:
        assert notes == ["a runs", "b runs", "c runs"]
        assert supervisor.ready
    assert notes[3:] == ["c stops", "b stops", "a stops"]
    assert set(supervisor.states.values()) == {"stopped"}
    assert not supervisor.ready


async def test_who_fails_starts_anew_after_ever_longer_pauses_and_the_others_go_on(clock: SimulatedClock) -> None:
    notes: list[str] = []
    failing, steady = Working("failing", notes, failures=3), Working("steady", notes)
    async with Supervisor([failing, steady], clock=clock, pause_s=1, pause_max_s=60) as supervisor:
        assert supervisor.states == {"failing": "restarting", "steady": "running"}
        assert not supervisor.ready
        for pause_s, starts in ((0.9, 1), (0.4, 2), (1.5, 2), (1.1, 3), (2.9, 3), (2, 4)):
            await clock.advance(pause_s)
            assert notes.count("failing runs") == starts
        assert supervisor.ready
        assert notes.count("steady runs") == 1


async def test_who_has_nothing_left_to_do_is_finished_and_counts_as_ready() -> None:
    class Brief:
        name = "brief"

        async def run(self) -> None:
            return

    async with Supervisor([Brief()]) as supervisor:
        await asyncio.sleep(0)
        assert supervisor.states == {"brief": "finished"}
        assert supervisor.ready


async def test_who_does_not_stop_is_left_behind() -> None:
    notes: list[str] = []
    async with Supervisor([Working("first", notes), Working("deaf", notes, stubborn_s=0.3)], stop_timeout_s=0.02):
        pass
    assert notes == ["first runs", "deaf runs", "first stops"]
    await asyncio.sleep(0.4)

"""The world: one plant, one seed, one clock, many robots. SKELETON."""

from roundsman.kit.clock import Clock
from roundsman.simulator.world.robot import SimulatedSpot


class World:
    """A plant with robots in it."""

    robots: list[SimulatedSpot]

    def __init__(
        self,
        *,
        seed: int,
        robots: int,
        pace: float,
        clock: Clock,
        history_days: float = 3.0,
        fault_rate: float = 1.0,
        operator: bool = True,
        capacity_bytes: int = 50_000_000_000,
    ) -> None:
        raise NotImplementedError

    def step(self, real_s: float) -> None:
        """Moves everything on by `real_s` of the clock, times the pace."""
        raise NotImplementedError

    async def run(self) -> None:
        """Steps until cancelled."""
        raise NotImplementedError

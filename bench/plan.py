"""How long and how much a benchmark measures, and how two things are compared on a machine that others use too."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from bench.report import Report


@dataclass(frozen=True)
class Bench:
    """One run of the benchmarks."""

    report: Report
    folder: Path  # where data sets are kept between runs
    rows: int  # run captures of the large data set
    small_rows: int
    rounds: int
    seconds: float  # of load, in each round and on each side
    values: int  # of each filter that lists are asked for
    requests: int  # for each of them, on each side
    captures: int  # acquired in each round
    files: int  # in the archive
    changes: int  # in the change feed
    deliveries: int  # that wait for webhooks

    @classmethod
    def full(cls, folder: Path, rows: int) -> "Bench":
        """What the figures in docs/benchmarks.md were made with."""
        return cls(Report(), folder, rows, 10_000, 5, 2, 20, 7, 2000, 500, 100_000, 4000)

    @classmethod
    def quick(cls, folder: Path) -> "Bench":
        """Every measurement once, over next to nothing: its figures say nothing."""
        return cls(Report(), folder, 1000, 400, 1, 1, 2, 1, 160, 12, 1000, 80)

    def with_rounds(self, rounds: int) -> "Bench":
        """The same with another number of rounds."""
        return replace(self, rounds=rounds)

    def alternate(self, ours: Callable[[], float], floor: Callable[[], float]) -> list[tuple[float, float]]:
        """Rounds of (ours, floor), one right after the other and each first in turn; a first try is thrown away."""
        if self.rounds > 1:
            ours(), floor()
        found: list[tuple[float, float]] = []
        for number in range(self.rounds):
            if number % 2:
                second = floor()
                found.append((ours(), second))
            else:
                found.append((ours(), floor()))
        return found

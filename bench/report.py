"""What a benchmark found: ratios against floors, as a table for people and as JSON for machines."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Result:
    """One measurement: ours and its floor in the same unit, their ratio, and the ratio it must reach.

    `ratios` are those of the single rounds; what counts is their median. Their spread is the noise of the machine.
    """

    name: str
    ours: float
    floor: float
    unit: str
    target: float
    ratios: tuple[float, ...]
    at_most: bool = False
    note: str = ""

    @classmethod
    def of(
        cls,
        name: str,
        rounds: Sequence[tuple[float, float]],
        unit: str,
        target: float,
        *,
        at_most: bool = False,
        note: str = "",
    ) -> "Result":
        """The result of rounds (ours, floor)."""
        ours, floors = zip(*rounds, strict=True)
        ratios = tuple(one / floor if floor else float("nan") for one, floor in rounds)
        return cls(name, median(ours), median(floors), unit, target, ratios, at_most, note)

    @property
    def ratio(self) -> float:
        """Ours over the floor: the median of the rounds."""
        return median(self.ratios)

    @property
    def reached(self) -> bool:
        """Whether the target is met."""
        return self.ratio <= self.target if self.at_most else self.ratio >= self.target

    @property
    def bound(self) -> str:
        """The target in words."""
        return f"{'≤' if self.at_most else '≥'} {self.target:g}"

    @property
    def noise(self) -> str:
        """The lowest and the highest ratio of a round."""
        return f"{min(self.ratios):.2f} – {max(self.ratios):.2f}" if len(self.ratios) > 1 else ""


@dataclass
class Report:
    """All results of a run."""

    results: list[Result] = field(default_factory=list[Result])
    skipped: dict[str, str] = field(default_factory=dict[str, str])
    details: dict[str, list[Result]] = field(default_factory=dict[str, list[Result]])

    def add(self, result: Result) -> None:
        """Takes one result and shows it at once."""
        self.results.append(result)
        mark = "reached" if result.reached else "MISSED"
        print(f"  {result.name}: {result.ratio:.2f} (to reach: {result.bound}) {mark} {result.note}", flush=True)

    def skip(self, name: str, reason: str) -> None:
        """Notes a measurement that this machine cannot make."""
        self.skipped[name] = reason
        print(f"  {name}: not measured, {reason}", flush=True)

    def show(self) -> None:
        """The table."""
        table = Table(title="Roundsman, each beside its floor of the same run")
        for name in ("measurement", "Roundsman", "floor", "unit", "ratio", "rounds", "to reach", ""):
            table.add_column(name, justify="left" if name in {"measurement", "unit", ""} else "right")
        for result in self.results:
            mark = "[green]reached[/]" if result.reached else "[red]missed[/]"
            table.add_row(
                result.name, f"{result.ours:,.1f}", f"{result.floor:,.1f}", result.unit, f"{result.ratio:.2f}",
                result.noise, result.bound, f"{mark} {result.note}".strip(),
            )  # fmt: skip
        Console(width=170).print(table)

    def write(self, file: Path) -> None:
        """The same as JSON, with the details behind a result that is the worst of many."""
        file.parent.mkdir(parents=True, exist_ok=True)
        machine = {"platform": platform.platform(), "cores": os.cpu_count(), "load": os.getloadavg()[0]}
        found = {
            "machine": machine,
            "results": [_shown(result) for result in self.results],
            "skipped": self.skipped,
            "details": {name: [_shown(result) for result in results] for name, results in self.details.items()},
        }
        file.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n")


def _shown(result: Result) -> dict[str, object]:
    return asdict(result) | {"ratio": result.ratio, "reached": result.reached}

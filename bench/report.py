"""What a benchmark found: ratios against floors, as a table for people and as JSON for machines."""

import json
import platform
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Result:
    """One measurement: ours and its floor in the same unit, their ratio, and the ratio it must reach."""

    name: str
    ours: float
    floor: float
    unit: str
    target: float
    at_most: bool = False
    note: str = ""

    @property
    def ratio(self) -> float:
        """Ours over the floor."""
        return self.ours / self.floor if self.floor else float("nan")

    @property
    def reached(self) -> bool:
        """Whether the target is met."""
        return self.ratio <= self.target if self.at_most else self.ratio >= self.target


@dataclass
class Report:
    """All results of a run."""

    results: list[Result] = field(default_factory=list[Result])

    def add(self, result: Result) -> None:
        """Takes one result and shows it at once."""
        self.results.append(result)
        sign = "≤" if result.at_most else "≥"
        mark = "reached" if result.reached else "MISSED"
        print(f"  {result.name}: {result.ratio:.2f} (to reach: {sign} {result.target}) {mark}", flush=True)

    def show(self) -> None:
        """The table."""
        table = Table(title="Roundsman, each beside its floor of the same run")
        for name in ("measurement", "Roundsman", "floor", "unit", "ratio", "to reach", ""):
            table.add_column(name, justify="left" if name in {"measurement", "unit", ""} else "right")
        for result in self.results:
            bound = f"{'≤' if result.at_most else '≥'} {result.target:g}"
            mark = "[green]reached[/]" if result.reached else "[red]missed[/]"
            note = f" {result.note}" if result.note else ""
            table.add_row(
                result.name, f"{result.ours:,.1f}", f"{result.floor:,.1f}", result.unit, f"{result.ratio:.2f}", bound,
                mark + note,
            )  # fmt: skip
        Console(width=150).print(table)

    def write(self, file: Path) -> None:
        """The same as JSON."""
        file.parent.mkdir(parents=True, exist_ok=True)
        rows = [asdict(r) | {"ratio": r.ratio, "reached": r.reached} for r in self.results]
        file.write_text(json.dumps({"machine": platform.platform(), "results": rows}, indent=2) + "\n")

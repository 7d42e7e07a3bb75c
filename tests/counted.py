"""What the tallies say there is in all: for tests, which compare it with counting."""

from collections.abc import Iterable

from roundsman.kit import tally
from roundsman.kit.database import Reader


async def totals(reader: Reader, series: Iterable[str]) -> dict[str, int]:
    """How many things of each series there are."""
    return {name: await tally.total(reader, name, None, None, _no_edge) for name in series}


async def _no_edge(_start_us: int, _end_us: int) -> int:
    raise AssertionError("all time has no edges")

"""After any life of robots, what was counted while it went on is what counting everything at the end would say."""

import itertools
import json
import random
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Table, select

from roundsman.captures.record import CapturedDocument, CapturedFile, DataId, Origin, Recording, known_ids
from roundsman.captures.tables import run_actions, run_captures, run_events
from roundsman.captures.tallies import count_capture, count_event
from roundsman.kit import tally
from roundsman.kit.blobs import BlobInfo
from roundsman.kit.database import Database, Statement, Transaction, Values
from roundsman.runs.record import RobotIdentity, Watched, change_run, open_runs, open_watched
from roundsman.runs.tables import run_robots, runs
from roundsman.runs.tallies import count_run

pytestmark = pytest.mark.anyio

START_US, MINUTE_US = 1_795_435_200_000_000, 60_000_000
MISSIONS = ("Boiler round", "Pump round", "")
Row = dict[str, Any]

# Each kind of step with how often it is taken and what it may be.
STEPS: dict[str, tuple[int, list[tuple[Any, ...]]]] = {
    "watch": (8, list(itertools.product(MISSIONS, (1, 2, 3)))),
    "end": (5, [("SUCCESS",), ("FAILURE",)]),
    "image": (20, list(itertools.product(range(3), range(6)))),
    "alert": (10, list(itertools.product(range(3), range(5)))),
    "element": (10, list(itertools.product(range(3), ("e-1", "e-2")))),
    "begin": (5, [(mission,) for mission in MISSIONS]),
    "wait": (8, [(1,), (40,), (90,), (60 * 30,)]),
    "rename": (3, list(itertools.product(("10.0.0.3", "10.0.0.4"), ("Spot", "Rex")))),
    "skew": (1, [(0,), (3 * 60,), (-40,)]),
    "upgrade": (1, [()]),
}
_serials = itertools.count()


class Life:
    """One robot, told of step by step as recorder and acquisition would."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._serial = f"spot-{next(_serials)}"
        self._hostname, self._nickname = "10.0.0.3", "Spot"
        self._now_us, self._ahead_us = START_US, 0
        self._mission, self._began_us = MISSIONS[0], START_US
        self._epoch, self._captured = 1, list[CapturedFile | CapturedDocument]()
        self._acted_us: dict[tuple[str, int], int] = {}

    @property
    def _robot(self) -> RobotIdentity:
        return RobotIdentity(self._serial, self._hostname, self._nickname)

    async def step(self, what: str, *how: Any) -> None:
        await getattr(self, f"_{what}")(*how)
        self._now_us += MINUTE_US // 2

    async def _watch(self, mission: str, number: int) -> None:
        watched = Watched(
            run_type="mission", mission_name=mission, robot_mission_id=number, operator_id="ann", action_count=3,
            start_us=self._now_us,
        )  # fmt: skip
        await self._database.write(lambda tx: open_watched(tx, self._robot, watched, self._now_us))

    async def _end(self, status: str) -> None:
        async def work(tx: Transaction) -> None:
            for row in await open_runs(tx, self._serial):
                changes = {"mission_status": status, "end_us": self._now_us, "watched": None}
                await change_run(tx, row["uuid"], changes, self._now_us)

        await self._database.write(work)

    async def _begin(self, mission: str) -> None:
        self._mission, self._began_us = mission, self._now_us

    async def _image(self, action: int, late_min: int) -> None:
        """An action's picture, or another one of it, acquired some minutes after it was made."""
        identifier = self._identifier(action)
        blob = BlobInfo(f"{identifier.data_id:064x}", 10, 1)
        await self._keep(CapturedFile(identifier, "image", identifier.action_time_us + late_min, ".jpg", blob))
        self._now_us += late_min * MINUTE_US

    async def _alert(self, action: int, severity: int) -> None:
        await self._keep(CapturedDocument(self._identifier(action), "alert", "{}", None, severity))

    async def _element(self, action: int, uuid: str) -> None:
        """The robot says late which site element an action was."""
        await self._keep(CapturedDocument(self._identifier(action), "metadata", json.dumps({"element_id": uuid})))

    async def _wait(self, minutes: int) -> None:
        self._now_us += minutes * MINUTE_US

    async def _rename(self, hostname: str, nickname: str) -> None:
        self._hostname, self._nickname = hostname, nickname

    async def _skew(self, minutes: int) -> None:
        self._ahead_us = minutes * MINUTE_US

    async def _upgrade(self) -> None:
        """Everything comes once more, under the numbers of another epoch."""
        self._epoch += 1
        for one in self._captured:
            await self._store([one])

    def _identifier(self, action: int) -> DataId:
        began_us = self._began_us + self._ahead_us
        group = f"{datetime.fromtimestamp(began_us // 1_000_000, UTC):%Y-%m-%dT%H%M%SZ}_{self._mission}"
        at_us = self._acted_us.setdefault((group, action), self._now_us + self._ahead_us)
        return DataId(len(self._captured) + 1, group, f"Action {action}", at_us, "metadata", "")

    async def _keep(self, one: CapturedFile | CapturedDocument) -> None:
        self._captured.append(one)
        await self._store([one, one])

    async def _store(self, these: Sequence[CapturedFile | CapturedDocument]) -> None:
        ids = [one.id.data_id for one in these]
        origin = Origin(self._robot, self._epoch, self._ahead_us)

        async def work(tx: Transaction) -> None:
            known = await known_ids(tx, self._serial, self._epoch, min(ids), max(ids))
            await Recording(tx, origin, self._now_us, known).add_all(these)

        await self._database.write(work)


class Counting:
    """A transaction that only counts."""

    def __init__(self) -> None:
        self.counts: tally.Counts = {}

    async def execute(self, statement: Statement, /, **values: Any) -> int:
        return 0

    async def execute_many(self, statement: Statement, rows: Sequence[Values], /) -> None:
        pass

    async def all(self, statement: Statement, /, **values: Any) -> list[Any]:
        return []

    async def one(self, statement: Statement, /, **values: Any) -> Any:
        return None

    def tally(self, series: str, at_us: int, delta: int = 1) -> None:
        tally.collect(self.counts, series, at_us, delta)


async def rows(database: Database, table: Table) -> list[Row]:
    names = [column.name for column in table.columns]
    return [dict(zip(names, row, strict=True)) for row in await database.all(Statement(select(table)))]


async def counted_anew(database: Database) -> tally.Counts:
    """What all tallies would be, if everything that is there now came for the first time."""
    counting = Counting()
    for run in await rows(database, runs):
        await count_run(counting, run)
    for event in await rows(database, run_events):
        await count_event(counting, event)
    for capture in await rows(database, run_captures):
        count_capture(counting, capture)
    return counting.counts


@pytest.mark.parametrize("seed", range(6))
async def test_counters_are_what_counting_would_say(database: Database, seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(2):
        life = Life(database)
        for what in dice.choices(list(STEPS), [often for often, _ in STEPS.values()], k=100):
            await life.step(what, *dice.choice(STEPS[what][1]))
    kept = {(row["series"], row["bucket"]): row["count"] for row in await rows(database, tally.tallies) if row["count"]}
    assert kept == await counted_anew(database)
    events = await rows(database, run_events)
    for table, borne in ((run_actions, events), (run_robots, [*events, *await rows(database, runs)])):
        names = [column.name for column in table.columns]
        remembered = {tuple(row[name] for name in names) for row in await rows(database, table)}
        needed = {tuple(row[name] for name in names) for row in borne}
        assert remembered >= needed
        assert table is run_robots or remembered == needed

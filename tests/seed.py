"""Fills a database with runs, events and captures as robots would have made them, quickly and the same every time.

The rows are inserted in bulk, but counted by the same functions that count real ones. bench/ uses it too.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import insert

from roundsman.captures.tables import run_captures, run_events
from roundsman.captures.tallies import count_capture, count_event
from roundsman.kit.blobs import BlobInfo
from roundsman.kit.database import Database, Statement, Transaction
from roundsman.runs.tables import runs
from roundsman.runs.tallies import count_run
from roundsman.runs.types import MISSION_STATUSES

START_US = 1_767_225_600_000_000  # 2026-01-01
HOUR_US = 3_600_000_000
Row = dict[str, Any]

INSERT_RUN, INSERT_EVENT, INSERT_CAPTURE = (Statement(insert(table)) for table in (runs, run_events, run_captures))
CHANNELS = ("Spot CAM PTZ", "Thermal", "Gauge reading", "Acoustic")


@dataclass(frozen=True)
class Plan:
    """How much there is, and over which time."""

    runs: int = 20
    events_per_run: int = 25
    captures_per_event: int = 4
    robots: int = 20
    missions: int = 20
    days: float = 182
    seed: int = 1
    alerts: float = 0.02  # of events
    teleop: float = 0.1  # of runs
    blobs: Sequence[BlobInfo] = field(default=(BlobInfo("0" * 64, 0, 0),))


@dataclass(frozen=True)
class Batch:
    """Rows that are stored together."""

    runs: list[Row]
    events: list[Row]
    captures: list[Row]


class Generator:
    """Makes the rows of a plan, in the order in which they were created."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._random = random.Random(plan.seed)
        self._number = 0

    def batches(self, size: int = 50) -> Iterator[Batch]:
        """All of it, `size` runs at a time."""
        step_us = int(self.plan.days * 24 * HOUR_US / max(1, self.plan.runs))
        for first in range(0, self.plan.runs, size):
            batch = Batch([], [], [])
            for index in range(first, min(first + size, self.plan.runs)):
                self._run(batch, START_US + index * step_us, step_us)
            yield batch

    def _run(self, batch: Batch, start_us: int, step_us: int) -> None:
        chance = self._random
        robot = chance.randrange(self.plan.robots)
        mission = chance.randrange(self.plan.missions)
        teleop = chance.random() < self.plan.teleop
        shared = {
            "robot_serial": f"spot-BD-{10_000 + robot:08d}",
            "robot_hostname": f"10.0.0.{robot + 1}",
            "robot_nickname": f"Spot #{robot + 1}",
            "mission_name": "Teleop" if teleop else f"Round {mission + 1} of hall ä",
        }
        run = run_row(self._uuid(start_us), start_us, shared, teleop, chance)
        batch.runs.append(run)
        for place in range(self.plan.events_per_run):
            at_us = start_us + (place + 1) * step_us // (self.plan.events_per_run + 2)
            action = {
                "action_name": f"Gauge {mission + 1}.{place + 1}",
                "action_uuid": str(UUID(int=mission << 16 | place)),
            }
            self._event(batch, run["uuid"], at_us, shared | action)

    def _event(self, batch: Batch, run_uuid: str, at_us: int, shared: Row) -> None:
        chance = self._random
        created_us = at_us + chance.randrange(1_000_000, 30_000_000)
        alerting = chance.random() < self.plan.alerts
        event = {
            "uuid": self._uuid(created_us),
            "run_uuid": run_uuid,
            "event_type": "daq",
            **shared,
            "time_us": at_us,
            "created_us": created_us,
            "modified_us": created_us,
            "robot_time_us": at_us,
            "error": 0,
            "worst_severity": chance.randrange(1, 5) if alerting else 0,
        }
        batch.events.append(event)
        for place in range(self.plan.captures_per_event):
            batch.captures.append(self._capture(event, place))

    def _capture(self, event: Row, place: int) -> Row:
        self._number += 1
        blob = self.plan.blobs[self._number % len(self.plan.blobs)]
        channel = CHANNELS[place % len(CHANNELS)]
        created_us = event["created_us"] + place * 1000
        return {
            "uuid": self._uuid(created_us),
            "run_event_uuid": event["uuid"],
            **{name: event[name] for name in SHARED},
            "channel_name": channel,
            "data_name": "",
            "kind": "image",
            "time_us": event["time_us"] + place * 1000,
            "created_us": created_us,
            "file_name": f"{event['action_name']} {channel}.jpg",
            "media_type": "image/jpeg",
            "blob_sha256": blob.sha256,
            "size_bytes": blob.size_bytes,
            "crc32": blob.crc32,
            "key_results": '[{"name":"Pressure","units":"bar","value":4.5}]' if place == 2 else None,
            "action_channel_run_flag_uuid": str(UUID(int=place + 1)),
            "store_epoch": 1,
            "data_id": self._number,
        }

    def _uuid(self, at_us: int) -> str:
        """A UUID of version 7 made at that time."""
        tail = 0b10 << 62 | self._random.getrandbits(62)
        return str(UUID(int=(at_us // 1000) << 80 | 0x7 << 76 | (at_us % 1000) << 64 | tail))


SHARED = (
    "run_uuid",
    "action_name",
    "action_uuid",
    "mission_name",
    "robot_serial",
    "robot_hostname",
    "robot_nickname",
)


def run_row(uuid: str, start_us: int, shared: Row, teleop: bool, chance: random.Random) -> Row:
    """A row of `runs`; one in fifty is under way."""
    open_ = chance.random() < 0.02
    end_us = start_us + HOUR_US // 2
    return {
        "uuid": uuid,
        "run_type": "teleop" if teleop else "mission",
        "group_name": uuid,
        "mission_status": "RUNNING" if open_ else chance.choice(MISSION_STATUSES),
        "start_us": start_us,
        "end_us": None if open_ else end_us,
        "created_us": start_us,
        "modified_us": end_us + chance.randrange(HOUR_US),
        **shared,
        "operator_id": "operator",
        "action_count": 25,
        "pending_action_count": 0,
        "software_major": 5,
        "software_minor": 1,
        "software_patch": 4,
        "software_git_hash": "3f2a",
        "distance_m": 120.5,
        "motors_on_s": 900.0,
        "moving_s": 600.0,
        "worst_severity": 0,
        "robot_mission_id": None,
        "watched": None,
    }


async def store(database: Database, batch: Batch) -> None:
    """Stores rows in one transaction, counted as real ones are."""

    async def work(tx: Transaction) -> None:
        await tx.execute_many(INSERT_RUN, batch.runs)
        await tx.execute_many(INSERT_EVENT, batch.events)
        await tx.execute_many(INSERT_CAPTURE, batch.captures)
        for run in batch.runs:
            await count_run(tx, run)
        for event in batch.events:
            await count_event(tx, event)
        for capture in batch.captures:
            count_capture(tx, capture)

    await database.write(work)


async def fill(database: Database, plan: Plan, size: int = 50) -> list[Batch]:
    """Stores the whole plan, `size` runs in each transaction."""
    batches: list[Batch] = []
    for batch in Generator(plan).batches(size):
        await store(database, batch)
        batches.append(batch)
    return batches

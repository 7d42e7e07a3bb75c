"""Anomalies read: lists, and one by its uuid."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import bindparam, func, select

from roundsman.anomalies.tables import ANOMALY_FILTERS, ANOMALY_FILTERS_BY_TIME, anomalies
from roundsman.anomalies.types import Anomaly
from roundsman.captures.reading import captures_of_events
from roundsman.kit.database import Reader, Statement
from roundsman.kit.listing import Listed, Order, Window, one_statement, read_page
from roundsman.kit.times import iso
from roundsman.runs.matching import Found, Matching, Point, Ranges, Wanted, find, spread
from roundsman.runs.tallies import series_of

BY_TIME = "anomalies.time"

ANOMALIES = Listed(
    anomalies,
    tuple(column.name for column in anomalies.columns),
    (("uuid",), ("run_event_uuid",), *ANOMALY_FILTERS_BY_TIME, *(chosen for chosen in ANOMALY_FILTERS if chosen)),
)
SOURCES_MAX = 50
_next_source = Statement(select(func.min(anomalies.c.source)).where(anomalies.c.source > bindparam("after")))
_BOUNDED = {"uuid", "run_event_uuid"}

ORDERS: Mapping[str, Order] = {
    f"{sign}{name}": Order((column,), descending=bool(sign))
    for name, column in (
        ("time", "time_us"),
        ("created_at", "created_us"),
        ("status_modified_at", "status_modified_us"),
    )
    for sign in ("", "-")
}


async def find_anomalies(reader: Reader, wanted: Wanted, time: Ranges, order: Order, window: Window) -> Found:
    """A page of anomalies. `wanted`: values of uuid, run_event_uuid, status."""
    return await find(reader, ANOMALIES, match_anomalies(wanted, time), order, window)


def match_anomalies(wanted: Wanted, time: Ranges) -> Matching:
    """What the filters come down to."""
    ends = {"time_us_from": time.from_us, "time_us_until": time.until_us}
    given = {name: value for name, value in ends.items() if value is not None}
    points: list[Point] = [{**point, **given} for point in spread(wanted)]
    if _BOUNDED & wanted.keys():
        return Matching(points, None)
    statuses = wanted.get("status")
    series = [BY_TIME] if statuses is None else [status_series(status) for status in dict.fromkeys(statuses)]
    return Matching(points, series, "time_us", time)


async def newest_anomalies(reader: Reader, point: Point, window: Window) -> list[tuple[Any, ...]]:
    """The newest first. `point`: values of status, severity, source; or of element_id alone. Nothing is counted."""
    return await read_page(reader, ANOMALIES, [point], ORDERS["-time"], window)


async def sources(reader: Reader) -> list[str]:
    """What anomalies came from, in the order of the alphabet: one step into the index for each."""
    found: list[str] = []
    while len(found) < SOURCES_MAX:
        row = await reader.one(_next_source, after=found[-1] if found else "")
        if row is None or row[0] is None:
            break
        found.append(row[0])
    return found


def status_series(status: str) -> str:
    """What anomalies of a status are counted by."""
    return series_of(BY_TIME, "status", status)


async def find_anomaly(reader: Reader, uuid: str) -> Anomaly | None:
    """The anomaly with this uuid."""
    row = await reader.one(one_statement(ANOMALIES), uuid=uuid)
    return (await anomalies_of(reader, [row]))[0] if row else None


async def anomalies_of(reader: Reader, rows: Sequence[tuple[Any, ...]]) -> list[Anomaly]:
    """Rows of `ANOMALIES` as the API shows them, with the captures of their events."""
    named = [dict(zip(ANOMALIES.columns, row, strict=True)) for row in rows]
    captures = await captures_of_events(reader, list(dict.fromkeys(row["run_event_uuid"] for row in named)))
    return [
        Anomaly(
            uuid=row["uuid"], time=iso(row["time_us"]), created_at=iso(row["created_us"]),
            element_id=row["element_id"], asset_id="", name=row["action_name"], severity=row["severity"],
            title=row["title"], source=row["source"], run_uuid=row["run_uuid"],
            run_event_uuid=row["run_event_uuid"], status=row["status"],
            status_modified_at=iso(row["status_modified_us"]) if row["status_modified_us"] else None,
            status_modified_by=row["status_modified_by"] or None, custom_metadata_tags=msgspec.json.decode(row["tags"]),
            action_name=row["action_name"], mission_name=row["mission_name"], channel_name=row["channel_name"],
            robot_nickname=row["robot_nickname"], data_captures=captures[row["run_event_uuid"]],
        )
        for row in named
    ]  # fmt: skip

"""What robots overwrote before it could be fetched: never hidden, though nothing can bring it back."""

from typing import Any

import msgspec
from litestar import Request, get

from roundsman.acquisition.losses import LOST, NEWEST, find_lost, lost_of
from roundsman.api.answers import Json
from roundsman.api.authentication import requires
from roundsman.api.own.collection import Collection, collection, listing
from roundsman.api.parts import Given
from roundsman.api.v0.query import Listing, Query, text
from roundsman.kit.times import iso
from roundsman.runs.aliases import present_uuid

COLUMNS = {"robotSerial": "robot_serial", "runUuid": "run_uuid"}
PARAMETERS = (text("robotSerial", "the robot's serial number"), text("runUuid", "the run that they belong to"))


class LostCaptures(msgspec.Struct, rename="camel"):
    """One capture, or a range of which the robot told no more than its numbers."""

    uuid: str
    robot_serial: str
    first_data_id: int
    last_data_id: int
    run_uuid: str | None
    action_name: str
    channel_name: str
    reason: str
    noticed_at: str


@get(
    "/lost_captures",
    opt=requires("read", "captures"),
    tags=["captures"],
    summary="Captures that were lost",
    operation_class=listing(*PARAMETERS),
)
async def list_lost_captures(parts: Given, request: Request[Any, Any, Any]) -> Json[Collection[LostCaptures]]:
    """The newest first. A robot overwrites its oldest captures when its store is full; what Roundsman had not fetched
    by then stands here. Names are empty and `runUuid` is null where the robot never told them."""
    query = Query(request)
    asked = Listing(parts, query, LOST, {"newest": NEWEST}, "newest")
    wanted = query.texts(COLUMNS)
    if "run_uuid" in wanted:
        wanted["run_uuid"] = [await present_uuid(parts.database, uuid) for uuid in wanted["run_uuid"]]
    found = await find_lost(parts.database, wanted, asked.window)
    return collection(asked, found, [_shown(row) for row in asked.rows(found)])


def _shown(row: tuple[Any, ...]) -> LostCaptures:
    uuid, lost, noticed_us = lost_of(row)
    return LostCaptures(
        uuid, lost.robot_serial, lost.first_data_id, lost.last_data_id, lost.run_uuid, lost.action_name,
        lost.channel_name, lost.reason, iso(noticed_us),
    )  # fmt: skip


routes = [list_lost_captures]

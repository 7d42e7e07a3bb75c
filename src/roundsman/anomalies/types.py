"""Anomalies as the API shows them. Source: scout-api.md §2.16."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from roundsman.captures.types import RunCapture
from roundsman.runs.types import Time

Status = Literal["open", "closed"]
STATUSES: tuple[Status, ...] = ("open", "closed")


class Anomaly(Struct, frozen=True, rename="camel"):
    """What an inspection found wrong. Programs join actionName, status and uuid to text: they are never null."""

    uuid: str
    time: Annotated[Time, Meta(description="when the robot was at the action")]
    created_at: Time
    element_id: Annotated[str | None, Meta(description="the action's uuid: that of its site element where it has one")]
    asset_id: str
    name: Annotated[str, Meta(description="the action's name")]
    severity: Annotated[int, Meta(description="1 info, 2 warning, 3 error, 4 critical; 0 unknown")]
    title: str
    source: str
    run_uuid: str
    run_event_uuid: str
    status: Status
    status_modified_at: Annotated[Time | None, Meta(description="null until somebody changes the status")]
    status_modified_by: str | None
    custom_metadata_tags: list[str]
    action_name: str
    mission_name: str
    channel_name: str
    robot_nickname: str
    data_captures: list[RunCapture]

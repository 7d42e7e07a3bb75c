"""Run events and run captures as the API shows them. Source: scout-api.md §2.10."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from roundsman.runs.types import Time


class RunCapture(Struct, frozen=True, gc=False, rename="camel"):
    """One picture, reading or other file of a run event."""

    time: Time
    uuid: str
    run_event_uuid: str
    data_url: Annotated[str, Meta(description="path of the file on this host, already percent-encoded")]
    created_at: Time
    key_results: Annotated[
        list[dict[str, Any]] | None, Meta(description="readings: name, value and, where it has one, units")
    ]
    channel_name: str
    action_channel_run_flag_uuid: str


class RunEvent(Struct, frozen=True, gc=False, rename="camel"):
    """What a robot did at one action of a run, and what it captured there."""

    uuid: str
    run_uuid: str
    time: Time
    created_at: Time
    action_name: str
    action_run_archive_file_url: Annotated[str, Meta(description="path of a zip archive of data and metadata")]
    error: Annotated[int, Meta(description="0: none")]
    action_uuid: str
    mission_name: str
    metadata_file_url: Annotated[str, Meta(description="path of its metadata.json")]
    event_type: Literal["daq", "screenshot"]
    data_captures: list[RunCapture]

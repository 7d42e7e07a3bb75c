"""What is exported, and what becomes of it."""

from typing import Annotated, Literal, get_args

from msgspec import Meta, Struct

Kind = Literal["runs", "run_events", "run_captures"]
Format = Literal["csv", "jsonl", "parquet", "zip"]
State = Literal["waiting", "running", "done", "failed", "cancelled"]

KINDS: tuple[Kind, ...] = get_args(Kind)
FORMATS: tuple[Format, ...] = get_args(Format)
MEDIA_TYPES: dict[Format, str] = {
    "csv": "text/csv",
    "jsonl": "application/jsonl",
    "parquet": "application/zip",
    "zip": "application/zip",
}
FILTERS = ("robot_serial", "robot_hostname", "robot_nickname", "mission_name", "channel_name")


class Selection(Struct, frozen=True, kw_only=True, rename="camel"):
    """What is exported: everything of a kind that matches every filter which is not null."""

    kind: Kind
    format: Format
    from_us: int | None = None
    until_us: int | None = None
    robot_serial: str | None = None
    robot_hostname: str | None = None
    robot_nickname: str | None = None
    mission_name: str | None = None
    channel_name: str | None = None


class Export(Struct, frozen=True, rename="camel"):
    """One export."""

    uuid: str
    kind: Kind
    format: Format
    start_time: Annotated[str | None, Meta(description="Of what is exported, by its own time; null: from the first.")]
    end_time: Annotated[str | None, Meta(description="Before this.")]
    robot_serial: str | None
    robot_hostname: str | None
    robot_nickname: str | None
    mission_name: str | None
    channel_name: str | None
    state: State
    progress: Annotated[float, Meta(description="0 to 1, by the range of time; 1 when it is done.", ge=0, le=1)]
    rows: Annotated[int, Meta(description="How many were written so far.")]
    created_at: str
    created_by: str
    started_at: str | None
    ended_at: str | None
    expires_at: Annotated[str | None, Meta(description="When it is removed.")]
    size_bytes: int | None
    download_url: Annotated[str | None, Meta(description="The path of the file; null until it is done.")]
    error: Annotated[str | None, Meta(description="Why it failed.")]

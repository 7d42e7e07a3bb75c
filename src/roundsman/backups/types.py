"""What a backup is to its users. Source: scout-api.md §2.17."""

from typing import Literal

import msgspec

Status = Literal["Starting", "Creating database dump", "Creating zip file", "Completed", "Error", "Cancelled"]
STARTING, DUMPING, PACKING, COMPLETED, FAILED, CANCELLED = STATUSES = (
    "Starting", "Creating database dump", "Creating zip file", "Completed", "Error", "Cancelled",
)  # fmt: skip


class BackupParameters(msgspec.Struct, rename="camel", frozen=True):
    """Which files are in a backup, beside the database: those of site walks and maps, those of captures."""

    include_missions: bool = True
    include_captures: bool = True


class BackupTask(msgspec.Struct, rename="camel"):
    """A backup asked for. `error` is empty unless `status` is Error: the official example looks at whether it is."""

    task_id: str
    started_at: str
    status: Status
    filename: str
    size: int
    error: str
    params: BackupParameters


class MadeTask(msgspec.Struct):
    """What asking for a backup answers."""

    data: BackupTask

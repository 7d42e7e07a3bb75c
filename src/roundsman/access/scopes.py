"""What an API token may be limited to: resources, each for reading or for writing."""

from typing import Literal, get_args

Resource = Literal[
    "robots", "runs", "captures", "site", "calendar", "anomalies", "webhooks", "work_orders", "backups",
    "users", "audit", "exports", "changes", "system",
]  # fmt: skip

RESOURCES: tuple[Resource, ...] = get_args(Resource)

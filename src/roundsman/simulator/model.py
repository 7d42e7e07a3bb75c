"""The nouns that the simulated world and its gRPC services share.

The world (`world/`) moves these; the services (`services/`) only read them and call the robot's methods.
Times ending in `_us` are microseconds since 1970 UTC **by the robot's own clock** (wall clock plus the robot's skew),
lengths are metres, angles radians, and poses are in GraphNav's *seed* frame unless a name says otherwise.

`pace` speeds the physics up (walking, batteries, waiting), never the clocks: a robot at pace 10 walks in one minute
what takes ten, and its time stamps stay wall-clock time, so that leases, tokens and time-sync behave as on a robot.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Literal


@dataclass(frozen=True, slots=True)
class Pose:
    """A planar pose: x and y in metres, heading in radians, counter-clockwise from +x."""

    x_m: float
    y_m: float
    heading_rad: float = 0.0


@dataclass(frozen=True, slots=True)
class Waypoint:
    """A place on the site map. `id` is GraphNav's waypoint id, `snapshot_id` the name of its snapshot."""

    id: str
    name: str
    pose: Pose
    snapshot_id: str


@dataclass(frozen=True, slots=True)
class Edge:
    """A path between two waypoints that can be walked both ways."""

    from_id: str
    to_id: str
    length_m: float
    snapshot_id: str


@dataclass(frozen=True, slots=True)
class Dock:
    """A charging station: `dock_id` is its fiducial number (500 and up)."""

    dock_id: int
    waypoint_id: str
    pose: Pose


class MissionStatus(IntEnum):
    """The eight states of bosdyn.api.mission.State.Status, with the numbers of the wire."""

    UNKNOWN = 0
    FAILURE = 1
    RUNNING = 2
    SUCCESS = 3
    PAUSED = 4
    ERROR = 5
    NONE = 6
    STOPPED = 7


class Severity(IntEnum):
    """AlertData.SeverityLevel, with the numbers of the wire."""

    UNKNOWN = 0
    INFO = 1
    WARN = 2
    ERROR = 3
    CRITICAL = 4


CaptureKind = Literal["image", "data", "metadata", "alert"]


@dataclass(frozen=True, slots=True)
class CaptureAction:
    """What a capture belongs to: bosdyn's CaptureActionId, its time by the robot's clock."""

    group_name: str
    action_name: str
    time_us: int


@dataclass(slots=True)
class StoredCapture:
    """One entry of the robot's data-acquisition store.

    `id` grows by one per entry and never repeats before a factory reset. `make` draws or builds the content when it
    is asked for (deterministic, so that two reads give the same bytes) as:
      image    -> encoded JPEG bytes;  data -> raw bytes
      metadata -> JSON object as bytes (AssociatedMetadata.metadata.data)
      alert    -> JSON object {"severity": int, "title": str, "source": str, "additional_data": {...}} as bytes
    `size_bytes` is an estimate before the first `make`, used for eviction. `reference_id` is the id of the capture
    that metadata or an alert speaks of; None means the whole action.
    """

    id: int
    kind: CaptureKind
    action: CaptureAction
    channel: str
    data_name: str
    make: Callable[[], bytes]
    file_extension: str = ""
    size_bytes: int = 0
    reference_id: int | None = None
    stored_us: int = 0


@dataclass(slots=True)
class Faults:
    """What can be made to go wrong with one robot, by hand (`roundsman simulate`), by a test or at random."""

    link_down: bool = False
    """The network to the robot is gone: open streams break, new connections are refused or hang."""
    link_stalled: bool = False
    """The network swallows everything: connections are taken and stay open, but no byte passes."""
    link_delay_s: float = 0.0
    """Added to every answer."""
    stuck: bool = False
    """The robot cannot go on; its mission asks a question and fails when nobody answers."""
    failing_actions: set[str] = field(default_factory=set[str])
    """Names of actions whose capture fails."""
    estopped: bool = False
    mission_unknown: bool = False
    """The mission service cannot say how its mission fares: UNKNOWN."""
    battery_pct: float | None = None
    """Sets the charge once, then is None again."""

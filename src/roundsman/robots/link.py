"""The connection to one robot, in our own words: what every kind of link can say, whatever protocol it speaks."""

from typing import Any, Literal, Protocol

import msgspec

Connection = Literal["connected", "offline", "stale", "unsupported", "unknown"]
"""*connected*: fresh state. *offline*: cannot be reached, the reason says why. *stale*: reached, but its state is old.
*unsupported*: it lacks what we need, or we lack the protocol. *unknown*: not tried yet."""

MissionStatus = Literal["UNKNOWN", "FAILURE", "RUNNING", "SUCCESS", "PAUSED", "ERROR", "NONE", "STOPPED"]
MISSION_STATUSES: tuple[MissionStatus, ...] = (
    "UNKNOWN", "FAILURE", "RUNNING", "SUCCESS", "PAUSED", "ERROR", "NONE", "STOPPED",
)  # fmt: skip
"""By their number on the robot's wire. Source: scout-api.md §3.1."""
UNDER_WAY: frozenset[MissionStatus] = frozenset({"RUNNING", "PAUSED"})


class LinkError(Exception):
    """A robot cannot be used; the text is a sentence for people that says why and what to do."""


class Unreachable(LinkError):
    """Nothing answers, or not in time."""


class Slow(Unreachable):
    """One answer did not come in time; the next one may."""


class WrongPassword(LinkError):
    """The robot refused our user or password."""


class LockedOut(LinkError):
    """The robot takes no password of this user for a minute, not even the right one."""


class Unsupported(LinkError):
    """The robot, or this installation, lacks what is needed."""


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Who a robot is. `software_changeset` and `install_date_us` tell one installation of its software from another."""

    serial: str
    nickname: str
    software_version: tuple[int, int, int]
    software_changeset: str
    install_date_us: int


class Mission(msgspec.Struct, frozen=True, kw_only=True):
    """What the robot's mission service says. `mission_id` is its own number, -1 when nothing is loaded.

    `tick` grows while the mission is played and begins anew when it is restarted. `started_us` and `ticked_us` are
    when it was played first and last, in our clock; None where the robot does not tell.
    """

    status: MissionStatus
    mission_id: int
    tick: int = 0
    started_us: int | None = None
    ticked_us: int | None = None
    text: str = ""
    name: str = ""
    action_names: tuple[str, ...] = ()
    walk_uuid: str = ""


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """One look at a robot. `at_us` is our clock, lengths in metres, `x_m` and `y_m` in its odom frame."""

    hostname: str
    at_us: int
    battery_pct: float | None = None
    charging: bool = False
    motors_on: bool = False
    estopped: bool = False
    docked: bool = False
    dock_id: int | None = None
    x_m: float = 0.0
    y_m: float = 0.0
    heading_rad: float = 0.0
    speed_m_per_s: float = 0.0
    lease_owner: str = ""
    """The client that holds the lease of its body, as the robot names it; empty: nobody."""
    operator: str = ""
    """The user behind that client where the robot knows, else the client."""
    mission: Mission | None = None
    faults: tuple[str, ...] = ()
    distance_m: float | None = None
    """Odometer: metres walked in its life; likewise the two below."""
    motors_on_s: float | None = None
    moving_s: float | None = None


class LiveState(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a robot at this moment, and how well."""

    hostname: str
    connection: Connection = "unknown"
    reason: str = ""
    identity: Identity | None = None
    observation: Observation | None = None
    last_seen_us: int | None = None

    @property
    def mission_running(self) -> bool:
        """Whether a mission is under way, as far as we know."""
        mission = self.observation and self.observation.mission
        return bool(mission) and mission.status in UNDER_WAY

    @property
    def lease_owner(self) -> str:
        """Who holds the lease of its body; empty: nobody."""
        return self.observation.lease_owner if self.observation else ""

    @property
    def battery_pct(self) -> float | None:
        """Charge in percent."""
        return self.observation.battery_pct if self.observation else None


class Link(Protocol):
    """An open connection to one robot."""

    hostname: str
    nickname: str
    identity: Identity

    @property
    def serial(self) -> str:
        """The robot's serial number."""
        ...

    @property
    def skew_us(self) -> int:
        """The robot's clock minus ours."""
        ...

    def robot_time_to_us(self, robot_us: int) -> int:
        """A time of the robot's clock in ours."""
        ...

    def channel(self, service: str) -> Any:
        """The open channel to one of its services, by the directory's name. Raises: Unsupported."""
        ...

    async def observe(self) -> Observation:
        """Looks at it once. Raises: LinkError."""
        ...

    async def close(self) -> None:
        """Ends the connection; the robot does not move because of it."""
        ...

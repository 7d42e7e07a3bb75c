"""One simulated Spot. SKELETON: names and types are fixed, bodies follow."""

from dataclasses import dataclass, field
from typing import Literal

from roundsman.simulator.model import Faults, MissionStatus, Pose, Severity
from roundsman.simulator.world.leases import Lease, LeaseBook
from roundsman.simulator.world.store import CaptureStore

MotorPower = Literal["off", "powering_on", "on", "powering_off"]
DockState = Literal["docked", "docking", "undocked", "undocking"]
Feedback = Literal["processing", "done", "failed", "unknown"]
AcquisitionStatus = Literal["acquiring", "saving", "complete", "cancelled", "data_error", "unknown"]


class RefusedError(Exception):
    """A command that the robot does not carry out.

    `reason`: 'lease', 'estopped', 'not_powered', 'docked', 'expired', 'fault', 'no_mission', 'no_dock', 'not_localized',
    'unknown_waypoint', 'no_route'.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(slots=True)
class Question:
    """What a mission in trouble asks its operator. Options are (answer code, text)."""

    id: int
    source: str
    text: str
    options: tuple[tuple[int, str], ...]
    severity: Severity
    answer: int | None = None


@dataclass(frozen=True, slots=True)
class NodeState:
    """One line of a mission's history: which element had which result (1 failure, 2 running, 3 success) at a tick."""

    tick: int
    time_us: int
    node_id: int
    name: str
    result: int
    error: str = ""


@dataclass(frozen=True, slots=True)
class MissionState:
    """What MissionService.GetState shows. `mission_id` is -1 when none is loaded."""

    status: MissionStatus
    mission_id: int
    tick: int
    active_text: tuple[tuple[str, Severity], ...] = ()
    questions: tuple[Question, ...] = ()
    answered: tuple[Question, ...] = ()
    history: tuple[NodeState, ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class FailedElement:
    """Why an element of an uploaded walk cannot be played."""

    index: int
    errors: tuple[str, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LoadedMission:
    """A walk that was compiled. `node_names` are element names by node id (0 is the root)."""

    mission_id: int
    name: str
    walk_bytes: bytes
    node_names: tuple[str, ...]
    failed_elements: tuple[FailedElement, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether it can be played."""
        return not self.failed_elements


@dataclass(slots=True)
class Acquisition:
    """One AcquireData request under way or done. `saved` are capture ids in the store."""

    request_id: int
    status: AcquisitionStatus
    saved: list[int] = field(default_factory=list[int])
    errors: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """(channel, message)"""


class RobotMap:
    """The GraphNav map on one robot, kept byte for byte as uploaded."""

    graph_bytes: bytes
    waypoint_snapshots: dict[str, bytes]
    edge_snapshots: dict[str, bytes]

    def set_graph(self, graph_bytes: bytes) -> None:
        """Replaces the graph (UploadGraph). Raises: ValueError when it is no Graph."""
        raise NotImplementedError

    def clear(self) -> None:
        """Forgets graph and snapshots."""
        raise NotImplementedError

    def missing_waypoint_snapshots(self) -> list[str]:
        """Snapshot ids that the graph names and the robot does not have."""
        raise NotImplementedError

    def missing_edge_snapshots(self) -> list[str]:
        """Snapshot ids that the graph's edges name and the robot does not have."""
        raise NotImplementedError


class SimulatedSpot:
    """One robot. All commands are plain calls that start something; the world's step loop carries it on.

    Commands raise RefusedError and return a command id for `feedback`.
    """

    serial: str
    nickname: str
    username: str
    password: str
    computer_serial: str
    software_version: tuple[int, int, int]
    software_changeset: str
    install_date_us: int
    skew_us: int
    boot_us: int
    pose: Pose
    odom_pose: Pose
    velocity_x_m_s: float
    velocity_y_m_s: float
    velocity_rot_rad_s: float
    at_waypoint: str | None
    localized: bool
    nearest_waypoint: str | None
    battery_pct: float
    battery_voltage_v: float
    battery_current_a: float
    charging: bool
    motor_power: MotorPower
    standing: bool
    software_estopped: bool
    dock_state: DockState
    dock_id: int | None
    distance_m: float
    motors_on_s: float
    moving_s: float
    faults: Faults
    behavior_faults: list[str]
    system_faults: list[str]
    service_faults: dict[str, str]
    leases: LeaseBook
    store: CaptureStore
    map: RobotMap

    def now_us(self) -> int:
        """The robot's clock."""
        raise NotImplementedError

    @property
    def estopped(self) -> bool:
        """Whether the motors are cut, by the software e-stop or by a fault."""
        raise NotImplementedError

    def factory_reset(self) -> None:
        """A new store epoch: ids start again, install date and changeset change."""
        raise NotImplementedError

    # -- commands of a driver
    def power_on(self, lease: Lease | None = None) -> int:
        """Motors on."""
        raise NotImplementedError

    def power_off(self, lease: Lease | None = None) -> int:
        """Motors off (sits first)."""
        raise NotImplementedError

    def stand(self, lease: Lease | None = None) -> int:
        """Stands up."""
        raise NotImplementedError

    def sit(self, lease: Lease | None = None) -> int:
        """Sits down."""
        raise NotImplementedError

    def self_right(self, lease: Lease | None = None) -> int:
        """Gets on its feet."""
        raise NotImplementedError

    def stop(self, lease: Lease | None = None) -> int:
        """Stops where it is."""
        raise NotImplementedError

    def velocity(self, v_x: float, v_y: float, v_rot: float, until_us: int, lease: Lease | None = None) -> int:
        """Walks with this body velocity until that robot time."""
        raise NotImplementedError

    def dock(self, dock_id: int, lease: Lease | None = None) -> int:
        """Walks onto a dock that is near, then powers off."""
        raise NotImplementedError

    def undock(self, lease: Lease | None = None) -> int:
        """Leaves its dock (powers on first)."""
        raise NotImplementedError

    def navigate_to(self, waypoint_id: str, lease: Lease | None = None) -> int:
        """Walks the map's edges to a waypoint."""
        raise NotImplementedError

    def localize(self, waypoint_id: str | None = None) -> None:
        """Finds itself on the map: at a waypoint, or by fiducials. Raises: RefusedError."""
        raise NotImplementedError

    def feedback(self, command_id: int) -> Feedback:
        """How a command fares."""
        raise NotImplementedError

    # -- missions
    def load_walk(self, walk_bytes: bytes, lease: Lease | None = None) -> LoadedMission:
        """Compiles and loads a bosdyn.api.autowalk.Walk."""
        raise NotImplementedError

    @property
    def loaded(self) -> LoadedMission | None:
        """The mission that is loaded."""
        raise NotImplementedError

    def play(self, lease: Lease | None, pause_time_us: int | None = None) -> None:
        """Plays or goes on; with `pause_time_us` pauses at that robot time unless called again before."""
        raise NotImplementedError

    def pause(self, lease: Lease | None = None) -> None:
        """Pauses. Raises: RefusedError('no_mission') when none is playing."""
        raise NotImplementedError

    def stop_mission(self, lease: Lease | None = None) -> None:
        """Stops for good. Raises: RefusedError('no_mission')."""
        raise NotImplementedError

    def restart(self, lease: Lease | None, pause_time_us: int | None = None) -> None:
        """Plays from the beginning."""
        raise NotImplementedError

    def mission_state(self) -> MissionState:
        """The mission service's state."""
        raise NotImplementedError

    def answer_question(self, question_id: int, code: int) -> None:
        """Answers. Raises: KeyError (no such question), ValueError (no such option), RefusedError('answered')."""
        raise NotImplementedError

    # -- captures outside missions
    def acquire(self, request_bytes: bytes) -> int:
        """Starts a bosdyn.api.AcquireDataRequest; gives the request id."""
        raise NotImplementedError

    def acquisition(self, request_id: int) -> Acquisition | None:
        """How a request fares."""
        raise NotImplementedError

    def cancel_acquisition(self, request_id: int) -> bool:
        """Cancels; False when there is nothing to cancel."""
        raise NotImplementedError

    def image_sources(self) -> list[str]:
        """The names of its image sources."""
        raise NotImplementedError

    def image(self, source: str, quality_pct: int = 75) -> bytes:
        """A JPEG as seen from the present pose. Raises: KeyError."""
        raise NotImplementedError

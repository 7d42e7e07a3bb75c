"""What can be seen of a simulated robot from outside: states of missions, questions, acquisitions, refusals."""

from dataclasses import dataclass, field
from typing import Literal

from roundsman.simulator.model import MissionStatus, Severity

MotorPower = Literal["off", "powering_on", "on", "powering_off"]
DockState = Literal["docked", "docking", "undocked", "undocking"]
Feedback = Literal["processing", "done", "failed", "unknown"]
AcquisitionStatus = Literal["acquiring", "saving", "complete", "cancelled", "data_error"]


class RefusedError(Exception):
    """A command that the robot does not carry out.

    `reason`: 'lease', 'estopped', 'not_powered', 'docked', 'expired', 'battery', 'no_mission', 'no_dock',
    'not_localized', 'unknown_waypoint', 'answered'.
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

    @staticmethod
    def none() -> "MissionState":
        """No mission is loaded."""
        return MissionState(MissionStatus.NONE, -1, 0)


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
        return not any(element.errors for element in self.failed_elements)


@dataclass(slots=True)
class Acquisition:
    """One AcquireData request under way or done. `saved` are capture ids in the store."""

    request_id: int
    status: AcquisitionStatus
    saved: list[int] = field(default_factory=list[int])
    errors: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """(channel, message)"""

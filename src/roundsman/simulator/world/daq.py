"""The data-acquisition service of one robot: turns requests into entries of its store, in the time that takes."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from roundsman.simulator.model import CaptureAction, Faults, Pose
from roundsman.simulator.world.sensors import Draft, Look, Sensors, document, se3_pose
from roundsman.simulator.world.states import Acquisition
from roundsman.simulator.world.store import CaptureStore
from roundsman.simulator.world.walk_protos import AcquisitionRequest

ACQUIRING_S, SAVING_S = 3.0, 1.5
KEPT_REQUESTS = 200


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Where a robot is and who it is, when an action begins. World time is the plant's, robot time the stamps'."""

    world_us: int
    robot_us: int
    pose: Pose
    waypoint_id: str | None
    identity: dict[str, Any]
    seed: int


@dataclass(slots=True)
class _Pending:
    acquisition: Acquisition
    request: AcquisitionRequest
    action: CaptureAction
    drafts: list[Draft]
    left_s: float


@dataclass(slots=True)
class _Late:
    due_us: int
    draft: Draft
    action: CaptureAction
    about_id: int | None


class Daq:
    """Acquisitions under way, and entries that come late. `step` moves them."""

    def __init__(self, store: CaptureStore, sensors: Sensors, faults: Faults) -> None:
        self._store, self._sensors, self._faults = store, sensors, faults
        self._requests: dict[int, Acquisition] = {}
        self._pending: list[_Pending] = []
        self._late: list[_Late] = []
        self._next_id = 1

    def start(self, request: AcquisitionRequest, here: Snapshot) -> Acquisition:
        """Begins to acquire; the pictures show the plant as it is now."""
        acquisition = Acquisition(self._next_id, "acquiring")
        self._next_id += 1
        self._requests[acquisition.request_id] = acquisition
        if len(self._requests) > KEPT_REQUESTS:
            self._requests.pop(next(iter(self._requests)))
        action = CaptureAction(request.group_name, request.action_name, request.time_us or here.robot_us)
        drafts = list(action_drafts(self._sensors, request, here))
        self._pending.append(_Pending(acquisition, request, action, drafts, ACQUIRING_S))
        return acquisition

    def get(self, request_id: int) -> Acquisition | None:
        """An acquisition that was started, if it is not long ago."""
        return self._requests.get(request_id)

    def cancel(self, request_id: int) -> bool:
        """Cancels what is still being acquired."""
        for pending in self._pending:
            if pending.acquisition.request_id == request_id and pending.acquisition.status == "acquiring":
                pending.acquisition.status = "cancelled"
                self._pending.remove(pending)
                return True
        return False

    def step(self, dt_s: float, robot_us: int) -> None:
        """Moves everything on by `dt_s` of simulated time."""
        for pending in list(self._pending):
            pending.left_s -= dt_s
            if pending.left_s <= 0:
                self._advance(pending, robot_us)
        if self._late:
            self._store_late(robot_us)

    def _advance(self, pending: _Pending, robot_us: int) -> None:
        acquisition = pending.acquisition
        if acquisition.status == "saving":
            acquisition.status = "complete"
            self._pending.remove(pending)
        elif self._faults.failing_actions & {pending.request.action_name, "*"}:
            acquisition.status = "data_error"
            acquisition.errors = [
                (sensor, f"{sensor}: no answer from the payload") for sensor in pending.request.sensors
            ]
            self._pending.remove(pending)
        else:
            acquisition.status, pending.left_s = "saving", SAVING_S
            acquisition.saved = self._save(pending, robot_us)

    def _save(self, pending: _Pending, robot_us: int) -> list[int]:
        ids: list[int] = []
        for draft in pending.drafts:
            about_id = ids[draft.about] if draft.about is not None else None
            if draft.delay_s > 0:
                self._late.append(_Late(robot_us + int(draft.delay_s * 1e6), draft, pending.action, about_id))
            else:
                ids.append(store_draft(self._store, draft, pending.action, about_id, robot_us))
        return ids

    def _store_late(self, robot_us: int) -> None:
        due = sorted((late for late in self._late if late.due_us <= robot_us), key=lambda late: late.due_us)
        for late in due:
            store_draft(self._store, late.draft, late.action, late.about_id, robot_us)
            self._late.remove(late)


def store_draft(store: CaptureStore, draft: Draft, action: CaptureAction, about_id: int | None, stored_us: int) -> int:
    """Puts a draft into the store; gives its id."""
    entry = store.add(
        draft.kind,
        action,
        draft.channel,
        draft.data_name,
        draft.make,
        file_extension=draft.file_extension,
        size_bytes=draft.size_bytes,
        reference_id=about_id,
        stored_us=stored_us,
    )
    return entry.id


def action_drafts(sensors: Sensors, request: AcquisitionRequest, here: Snapshot) -> Iterator[Draft]:
    """Everything one action stores: what its sensors give, then what is known of the action as a whole."""
    look = Look(request.action_name, here.pose, here.world_us, here.seed)
    late: list[Draft] = []
    stored = 0
    for name in request.sensors:
        for draft in _counted_from(stored, sensors.look(name, look)):
            if draft.delay_s > 0:
                late.append(draft)
            else:
                stored += 1
                yield draft
    position = {"seed_tform_body": se3_pose(here.pose), "waypoint_id": here.waypoint_id or ""}
    yield _whole_action("metadata", request.metadata)
    yield _whole_action("basic-position-data", position)
    yield _whole_action("robot-id", here.identity)
    yield from late


def _counted_from(first: int, drafts: list[Draft]) -> list[Draft]:
    # `about` counts within one sensor's drafts; in the action it counts from what other sensors stored before.
    return [draft if draft.about is None else replace(draft, about=draft.about + first) for draft in drafts]


def _whole_action(channel: str, value: dict[str, Any]) -> Draft:
    return Draft("metadata", channel, channel, document(value), size_bytes=400)

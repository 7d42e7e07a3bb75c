"""One simulated Spot: a body with a map, leases, a store, and what it is told to do.

Commands are plain calls that start something and give a command id; the world's step loop carries it on. A command that
comes with a lease checks it; one without (`lease=None`) is the world's own.
"""

import random
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from roundsman.kit.clock import Clock
from roundsman.simulator.model import Dock, Faults, MissionStatus
from roundsman.simulator.world import behaviours, drawing, sensors
from roundsman.simulator.world.behaviours import Behaviour, Docks
from roundsman.simulator.world.body import Body
from roundsman.simulator.world.conditions import Conditions
from roundsman.simulator.world.daq import Daq, Snapshot
from roundsman.simulator.world.leases import Lease, LeaseBook, LeaseUse
from roundsman.simulator.world.mission import MissionPlayer, check_walk
from roundsman.simulator.world.navgraph import distance_m
from roundsman.simulator.world.robotmap import RobotMap, SiteBytes
from roundsman.simulator.world.sensors import Sensors
from roundsman.simulator.world.site import Site
from roundsman.simulator.world.states import (
    Acquisition,
    FailedElement,
    Feedback,
    LoadedMission,
    MissionState,
    NodeState,
    Question,
    RefusedError,
)
from roundsman.simulator.world.store import CaptureStore
from roundsman.simulator.world.vitals import Vitals
from roundsman.simulator.world.walk_protos import (
    AcquisitionRequest,
    Step,
    WalkSteps,
    element_request,
    parse_request,
    read_walk,
)

__all__ = [
    "Acquisition",
    "FailedElement",
    "LoadedMission",
    "MissionState",
    "NodeState",
    "Question",
    "RefusedError",
    "RobotMap",
    "SimulatedSpot",
]

NICKNAMES = (
    *("Bramble", "Clover", "Fern", "Heather", "Juniper", "Linden", "Maple", "Nettle", "Olive", "Poppy"),
    *("Rowan", "Sorrel", "Thistle", "Willow", "Yarrow", "Aspen", "Birch", "Cedar", "Elder", "Hazel"),
)
_DAY_US = 86_400_000_000


class SimulatedSpot(Vitals):
    """One robot of a site."""

    def __init__(
        self,
        index: int,
        *,
        seed: int,
        recorded: SiteBytes,
        conditions: Conditions,
        docks: Docks,
        clock: Clock,
        capacity_bytes: int,
    ) -> None:
        dice = random.Random(f"{seed}/robot/{index}")
        self.index, self.seed, self._clock = index, seed, clock
        self.site: Site = recorded.site
        self.docks = docks
        self._name(index, dice)
        self.skew_us = dice.randrange(-2_000_000, 5_000_000)
        self.boot_us = self.now_us() - dice.randrange(_DAY_US)
        self.install_date_us = self.now_us() - dice.randrange(20, 90) * _DAY_US
        self.faults = Faults()
        self.behavior_faults: list[str] = []
        self.system_faults: list[str] = []
        self.service_faults: dict[str, str] = {}
        super().__init__(Body(self._home(index).pose, self.faults, dice), RobotMap(recorded))
        self._park(self._home(index))
        self.leases = LeaseBook(uuid.UUID(int=dice.getrandbits(128), version=4).hex[:16], self.now_us)
        self.store = CaptureStore(self.now_us, capacity_bytes)
        self.sensors = Sensors(self.site, conditions)
        self._daq = Daq(self.store, self.sensors, self.faults)
        self._mission: MissionPlayer | None = None
        self._missions_loaded = self._commands = 0
        self._command: Behaviour | None = None
        self._feedback: dict[int, Feedback] = {}
        self.failure = ""
        """Why the last command failed."""
        self._drive: tuple[float, float, float, int] | None = None
        self._last_start_s = 0

    def _name(self, index: int, dice: random.Random) -> None:
        self.serial = f"spot-BD-{91_230_001 + index}"
        self.computer_serial = f"{dice.getrandbits(40):010X}"
        self.nickname = NICKNAMES[index % len(NICKNAMES)] + (f" {index // len(NICKNAMES) + 1}" if index >= 20 else "")
        self.username = "admin"
        self.password = "".join(dice.choices("abcdefghjkmnpqrstuvwxyz23456789", k=12))
        self.software_version = (5, 2, 0)
        self.software_changeset = f"{dice.getrandbits(48):012x}"

    def _home(self, index: int) -> Dock:
        return self.site.docks[index % len(self.site.docks)]

    def _park(self, dock: Dock) -> None:
        self.docks.claim(dock.dock_id, self.serial)
        self.body.dock_state, self.body.dock_id = "docked", dock.dock_id
        self.body.between = (dock.waypoint_id,)

    # -- what can be seen

    def now_us(self) -> int:
        """The robot's clock."""
        return self._clock.now_us() + self.skew_us

    @property
    def home(self) -> Dock:
        """The dock that is its own."""
        return self._home(self.index)

    @property
    def mission(self) -> MissionPlayer | None:
        """The mission that is loaded."""
        return self._mission

    @property
    def loaded(self) -> LoadedMission | None:
        """The walk that is loaded."""
        return self._mission.loaded if self._mission else None

    @property
    def under_way(self) -> bool:
        """Whether a mission or a command is being carried out."""
        return self._command is not None or (self._mission is not None and self._mission.under_way)

    def identity(self) -> dict[str, Any]:
        """Who it is, as its `robot-id` metadata says."""
        version = ".".join(map(str, self.software_version))
        identity = {"serialNumber": self.serial, "nickname": self.nickname, "species": "spot"}
        return identity | {"version": version, "computerSerialNumber": self.computer_serial}

    # -- a driver's commands

    def power_on(self, lease: Lease | None = None) -> int:
        """Motors on."""
        return self._start(behaviours.power_on(self.body), lease)

    def power_off(self, lease: Lease | None = None) -> int:
        """Sits, then motors off."""
        return self._start(behaviours.power_off(self.body), lease)

    def stand(self, lease: Lease | None = None) -> int:
        """Stands up."""
        return self._start(behaviours.stand(self.body), lease, powered=True)

    def sit(self, lease: Lease | None = None) -> int:
        """Sits down."""
        return self._start(behaviours.sit(self.body), lease, powered=True)

    def self_right(self, lease: Lease | None = None) -> int:
        """Gets on its feet."""
        return self.stand(lease)

    def stop(self, lease: Lease | None = None) -> int:
        """Stops where it is."""
        return self._start(behaviours.wait(self.body, 0.1), lease)

    def velocity(self, v_x: float, v_y: float, v_rot: float, until_us: int, lease: Lease | None = None) -> int:
        """Walks with this velocity of the body until that robot time."""
        if until_us < self.now_us():
            raise RefusedError("expired")
        command = self._start(behaviours.stand(self.body), lease, powered=True, undocked=True)
        self._drive = (v_x, v_y, v_rot, until_us)
        return command

    def dock(self, dock_id: int, lease: Lease | None = None) -> int:
        """Walks to a dock, sits down on it, powers off."""
        return self._start(behaviours.dock(self, dock_id), lease)

    def undock(self, lease: Lease | None = None) -> int:
        """Leaves its dock."""
        return self._start(behaviours.get_ready(self), lease, powered=True)

    def navigate_to(self, waypoint_id: str, lease: Lease | None = None) -> int:
        """Walks the map's edges to a waypoint."""
        if not self.localized:
            raise RefusedError("not_localized")
        if waypoint_id not in self.map.graph.waypoints:
            raise RefusedError("unknown_waypoint")
        return self._start(self._navigate(waypoint_id), lease, powered=True)

    def localize(self, waypoint_id: str | None = None) -> None:
        """Finds itself on the map: at a waypoint, or by what is near. Raises: RefusedError."""
        graph = self.map.graph
        if waypoint_id is not None and waypoint_id not in graph.waypoints:
            raise RefusedError("unknown_waypoint")
        nearest = graph.nearest(self.pose)
        if nearest is None or (waypoint_id is None and distance_m(nearest.pose, self.pose) > 5.0):
            raise RefusedError("not_localized")
        if waypoint_id is not None and waypoint_id not in self.body.between:
            # A foreign map has a frame of its own: from now on the robot is where that map says.
            known = graph.waypoints[waypoint_id]
            if distance_m(known.pose, self.pose) > 5.0 or waypoint_id not in self.site.graph.waypoints:
                self.body.pose, self.body.between = known.pose, (waypoint_id,)
        self._localized_on = self.map.changes

    def carry_home(self) -> None:
        """People carry it to its dock, motors off."""
        self._finish("failed")
        self.body.cut()
        self.docks.free(self.serial)
        self.body.pose = self.home.pose
        self._park(self.home)
        self._localized_on = self.map.changes

    def feedback(self, command_id: int) -> Feedback:
        """How a command fares."""
        return self._feedback.get(command_id, "unknown")

    def _navigate(self, waypoint_id: str) -> Behaviour:
        if failure := (yield from behaviours.get_ready(self)):
            return failure
        return (yield from behaviours.travel(self, waypoint_id))

    def _start(
        self, behaviour: Behaviour, lease: Lease | None, *, powered: bool = False, undocked: bool = False
    ) -> int:
        self.check_lease(lease)
        if refusal := behaviours.unfit(self.body):
            raise RefusedError(refusal)
        if powered and self.motor_power != "on":
            raise RefusedError("not_powered")
        if undocked and self.dock_state != "undocked":
            raise RefusedError("docked")
        self._finish("failed")
        if self._mission is not None and self._mission.status == MissionStatus.RUNNING:
            self._mission.pause("Paused: somebody gave the robot a command")
        self._drive = None
        self._commands += 1
        self._command = behaviour
        self._feedback[self._commands] = "processing"
        self._feedback.pop(self._commands - 50, None)
        return self._commands

    def _finish(self, feedback: Feedback) -> None:
        if self._command is not None:
            self._command.close()
            self._command = None
            self._feedback[self._commands] = feedback

    def check_lease(self, lease: Lease | None) -> None:
        """Raises: RefusedError('lease') when the lease is not good for a command."""
        if lease is not None and self.leases.check(lease) != LeaseUse.OK:
            raise RefusedError("lease")

    # -- missions

    def load_walk(self, walk_bytes: bytes, lease: Lease | None = None) -> LoadedMission:
        """Compiles and loads a bosdyn.api.autowalk.Walk. Raises: ValueError, RefusedError('lease')."""
        self.check_lease(lease)
        walk = read_walk(walk_bytes)
        names = (walk.name, *(step.name for step in walk.steps))
        failed = check_walk(self, walk)
        self._missions_loaded += 1
        loaded = LoadedMission(self._missions_loaded, walk.name, walk_bytes, names, failed)
        if loaded.ok:
            if self._mission is not None:
                self._mission.stop()
            self._mission = MissionPlayer(self, loaded, walk, self._group_name)
        return loaded

    def play(self, lease: Lease | None, pause_time_us: int | None = None) -> None:
        """Plays or goes on; with `pause_time_us` pauses at that robot time unless called again before."""
        mission = self._needs_mission(lease)
        self._finish("failed")
        mission.play(lease.sequence[0] if lease else None, pause_time_us)

    def restart(self, lease: Lease | None, pause_time_us: int | None = None) -> None:
        """Plays from the beginning."""
        mission = self._needs_mission(lease)
        self._finish("failed")
        mission.restart(lease.sequence[0] if lease else None, pause_time_us)

    def pause(self, lease: Lease | None = None) -> None:
        """Pauses. Raises: RefusedError('no_mission') when none is playing."""
        self._needs_playing(lease).pause()

    def stop_mission(self, lease: Lease | None = None) -> None:
        """Stops for good. Raises: RefusedError('no_mission')."""
        self._needs_playing(lease).stop()

    def mission_state(self) -> MissionState:
        """The mission service's state."""
        state = MissionState.none() if self._mission is None else self._mission.state()
        return replace(state, status=MissionStatus.UNKNOWN) if self.faults.mission_unknown else state

    def answer_question(self, question_id: int, code: int) -> None:
        """Answers. Raises: KeyError (no such question), ValueError (no such option), RefusedError('answered')."""
        if self._mission is None:
            raise KeyError(question_id)
        self._mission.answer(question_id, code)

    def _needs_mission(self, lease: Lease | None) -> MissionPlayer:
        self.check_lease(lease)
        if self._mission is None:
            raise RefusedError("no_mission")
        return self._mission

    def _needs_playing(self, lease: Lease | None) -> MissionPlayer:
        mission = self._needs_mission(lease)
        if not mission.under_way:
            raise RefusedError("no_mission")
        return mission

    # -- captures

    def acquire(self, request_bytes: bytes) -> int:
        """Starts a serialized bosdyn.api.AcquireDataRequest; gives the request id."""
        return self.acquire_request(parse_request(request_bytes)).request_id

    def acquire_request(self, request: AcquisitionRequest) -> Acquisition:
        """Starts an acquisition."""
        return self._daq.start(request, self._snapshot())

    def capture(self, walk: WalkSteps, step: Step, group_name: str) -> Acquisition:
        """Begins the data acquisition of an element of a walk."""
        return self.acquire_request(element_request(walk, step, group_name))

    def acquisition(self, request_id: int) -> Acquisition | None:
        """How a request fares."""
        return self._daq.get(request_id)

    def cancel_acquisition(self, request_id: int) -> bool:
        """Cancels; False when there is nothing to cancel."""
        return self._daq.cancel(request_id)

    def image_sources(self) -> list[str]:
        """The names of its image sources."""
        return list(sensors.FISHEYES)

    def image(self, source: str) -> bytes:
        """A JPEG as seen from the present pose. Raises: KeyError."""
        if source not in sensors.FISHEYES:
            raise KeyError(source)
        return drawing.fisheye(source, self.pose, self.seed)()

    def _snapshot(self) -> Snapshot:
        now_us = self._clock.now_us()
        return Snapshot(now_us, now_us + self.skew_us, self.pose, self.at_waypoint, self.identity(), self.seed)

    def _group_name(self, name: str) -> str:
        # Two runs of a name within one second would be one group.
        self._last_start_s = max(self._last_start_s + 1, self.now_us() // 1_000_000)
        return group_name(self._last_start_s, name)

    def start_teleop(self) -> str:
        """The group of captures of a session in which somebody drives by hand."""
        self._last_start_s = max(self._last_start_s + 1, self.now_us() // 1_000_000)
        return f"teleop_{compact_utc(self._last_start_s)}"

    def factory_reset(self) -> None:
        """A new epoch of the store: ids start again, install date and changeset change."""
        self.store.factory_reset()
        self.install_date_us = self.now_us()
        self.software_changeset = f"{random.Random(f'{self.software_changeset}').getrandbits(48):012x}"

    # -- the world's step

    def step(self, dt_s: float) -> None:
        """Moves the robot on by simulated seconds."""
        self.body.begin_step(dt_s)
        if self._command is not None:
            self._step_command(self._command)
        if self._drive is not None:
            self._step_drive(*self._drive)
        if self._mission is not None:
            self._mission.step()
        self._daq.step(dt_s, self.now_us())
        self.body.end_step()

    def _step_command(self, command: Behaviour) -> None:
        try:
            next(command)
        except StopIteration as finished:
            self.failure = finished.value
            self._finish("failed" if self.failure else "done")

    def _step_drive(self, v_x: float, v_y: float, v_rot: float, until_us: int) -> None:
        if self.now_us() > until_us:
            self._drive = None
        else:
            self.body.drive(v_x, v_y, v_rot)


def compact_utc(second: int) -> str:
    """A time as it stands in names of groups, e.g. 2026-11-23T185610Z."""
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H%M%SZ")


def group_name(start_s: int, name: str) -> str:
    """The group of a mission's captures. Source: robot-link.md §4."""
    return f"{compact_utc(start_s)}_{name}"

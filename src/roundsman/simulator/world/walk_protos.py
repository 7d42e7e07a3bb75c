"""The site's walks as bosdyn.api.autowalk.Walk, and any Walk as the plain steps that the mission player plays.

Source: robot-link.md §5.1 (mapping of walks.proto).
"""
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportAttributeAccessIssue=false, reportCallIssue=false

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from bosdyn.api import data_acquisition_pb2
from bosdyn.api.autowalk import walks_pb2
from google.protobuf import json_format

from roundsman.simulator.model import Dock
from roundsman.simulator.world.plant import Item
from roundsman.simulator.world.site import MAP_NAME, Site
from roundsman.simulator.world.walks import SENSORS, WalkPlan

FailureDefault = Literal["safe_power_off", "proceed_if_able", "try_again_later", "return_and_terminate"]
NETWORK_COMPUTE = frozenset({"gauge-reader", "visual-inspection"})
_NAMESPACE = uuid.UUID("6f1d2b4e-5a51-4f0e-9c0b-2d6a6a1f9a10")
_DEFAULTS: dict[str, FailureDefault] = {
    "safe_power_off": "safe_power_off",
    "proceed_if_able": "proceed_if_able",
    "return_to_start_and_try_again_later": "try_again_later",
    "return_to_start_and_terminate": "return_and_terminate",
}


@dataclass(frozen=True, slots=True)
class OnFailure:
    """What to do when a target or an action fails: retry, ask for `prompt_s`, then the default."""

    retries: int
    prompt_s: float
    default: FailureDefault
    try_again_s: float = 60.0


@dataclass(frozen=True, slots=True)
class AcquisitionRequest:
    """What is to be acquired: names of sensors, and the metadata that goes with it."""

    action_name: str
    group_name: str
    time_us: int
    sensors: tuple[str, ...]
    metadata: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Step:
    """One element of a walk. `route` is empty when the robot finds its own way to `waypoint_id`."""

    id: str
    name: str
    waypoint_id: str | None
    route: tuple[str, ...]
    relocalize: bool
    kind: str
    """The action: '' (none), 'sleep', 'data_acquisition', 'remote_grpc', 'execute_choreography', 'node'."""
    request: AcquisitionRequest | None
    sleep_s: float
    on_target_failure: OnFailure
    on_action_failure: OnFailure
    skipped: bool
    battery_start_pct: float
    battery_stop_pct: float


@dataclass(frozen=True, slots=True)
class DockStop:
    """One dock of a walk."""

    dock_id: int
    waypoint_id: str
    disable_end: bool


@dataclass(frozen=True, slots=True)
class WalkSteps:
    """A Walk, ready to be played. `group_name` is the part of the captures' group after the start time."""

    id: str
    name: str
    group_name: str
    steps: tuple[Step, ...]
    docks: tuple[DockStop, ...]
    repetitions: int
    interval_s: float
    """Continuous walks have 0 repetitions: without end."""
    skip_actions: bool
    end_on_dock: bool


def walk_message(plan: WalkPlan, site: Site, dock: Dock) -> Any:
    """One of the site's walks as a Walk that starts and ends on that dock."""
    walk = walks_pb2.Walk(mission_name=plan.name, map_name=MAP_NAME, id=str(uuid.uuid5(_NAMESPACE, plan.name)))
    walk.global_parameters.self_right_attempts = 1
    walk.global_parameters.should_autofocus_ptz = True
    walk.playback_mode.once.SetInParent()
    walk.elements.extend(_element(plan, item, site) for item in plan.items)
    docking = walk.docks.add(dock_id=dock.dock_id, docked_waypoint_id=dock.waypoint_id)
    docking.target_prep_pose.navigate_to.destination_waypoint_id = dock.waypoint_id
    docking.prompt_duration.seconds = 60
    return walk


def walk_bytes(plan: WalkPlan, site: Site, dock: Dock) -> bytes:
    """`walk_message`, serialized."""
    return walk_message(plan, site, dock).SerializeToString(deterministic=True)


def read_walk(content: bytes) -> WalkSteps:
    """An uploaded Walk. Raises: ValueError when the bytes are no Walk."""
    walk = walks_pb2.Walk()
    try:
        walk.ParseFromString(content)
    except Exception as error:  # protobuf raises a DecodeError of its own per implementation
        raise ValueError(f"not a walk: {error}") from error
    mode = walk.playback_mode.WhichOneof("mode")
    periodic = walk.playback_mode.periodic
    docks = tuple(DockStop(d.dock_id, d.docked_waypoint_id, d.disable_end) for d in walk.docks)
    return WalkSteps(
        id=walk.id,
        name=walk.mission_name,
        group_name=walk.global_parameters.group_name or walk.mission_name,
        steps=tuple(_step(element) for element in walk.elements),
        docks=docks,
        repetitions={"periodic": periodic.repetitions, "continuous": 0}.get(mode or "", 1),
        interval_s=_seconds(periodic.interval) if mode == "periodic" else 0.0,
        skip_actions=walk.global_parameters.skip_actions,
        end_on_dock=not all(d.disable_end for d in docks)
        and not (mode == "once" and walk.playback_mode.once.skip_docking_after_completion),
    )


def read_request(request: Any) -> AcquisitionRequest:
    """A bosdyn.api.AcquireDataRequest, reduced to names of sensors."""
    action = request.action_id
    return AcquisitionRequest(
        action_name=action.action_name,
        group_name=action.group_name,
        time_us=action.timestamp.seconds * 1_000_000 + action.timestamp.nanos // 1000,
        sensors=tuple(_sensor_names(request.acquisition_requests)),
        metadata=json_format.MessageToDict(request.metadata.data),
    )


def parse_request(content: bytes) -> AcquisitionRequest:
    """A serialized AcquireDataRequest."""
    return read_request(data_acquisition_pb2.AcquireDataRequest.FromString(content))


def element_request(walk: WalkSteps, step: Step, group_name: str) -> AcquisitionRequest:
    """What an element of a walk acquires, marked with the names by which its captures find back to it."""
    asked = step.request
    marks = {"mission_name": walk.name, "walk_id": walk.id, "element_id": step.id}
    metadata = (asked.metadata if asked else {}) | marks
    return AcquisitionRequest(step.name, group_name, 0, asked.sensors if asked else (), metadata)


def _element(plan: WalkPlan, item: Item, site: Site) -> Any:
    element = walks_pb2.Element(name=item.name, id=str(uuid.uuid5(_NAMESPACE, f"{plan.name}/{item.name}")))
    travel = element.target.navigate_to.travel_params
    travel.max_distance, travel.max_yaw = 0.3, 0.2
    element.target.navigate_to.destination_waypoint_id = site.names[item.place]
    for behaviour in (element.target_failure_behavior, element.action_failure_behavior):
        behaviour.retry_count = 1
        behaviour.prompt_duration.seconds = 60
    # A picture less is no harm, but a place that cannot be reached ends the round.
    element.target_failure_behavior.return_to_start_and_terminate.SetInParent()
    element.action_failure_behavior.proceed_if_able.SetInParent()
    element.battery_monitor.battery_start_threshold = 60.0
    element.battery_monitor.battery_stop_threshold = 15.0
    element.action_duration.seconds = 60
    _acquisition(element.action.data_acquisition, item)
    if item.kind != "acoustic":
        ptz = element.action_wrapper.spot_cam_ptz.ptz_position
        ptz.ptz.name = "mech"
        ptz.pan.value, ptz.tilt.value, ptz.zoom.value = 90.0, -5.0, 2.0
    return element


def _acquisition(action: Any, item: Item) -> None:
    request = action.acquire_data_request
    request.action_id.action_name = item.name
    request.metadata.data.update({"custom_metadata": [item.kind, item.place.rstrip("0123456789 ")]})
    for sensor in SENSORS[item.kind]:
        if sensor in NETWORK_COMPUTE:
            compute = request.acquisition_requests.network_compute_captures.add()
            compute.server_config.service_name = sensor
            compute.input_data.model_name = sensor
            compute.input_data.image_source_and_service.image_source = "ptz"
            compute.input_data.image_source_and_service.image_service = "spot-cam-image"
        else:
            request.acquisition_requests.data_captures.add(name=sensor)


def _step(element: Any) -> Step:
    kind = element.action.WhichOneof("action") or ""
    target = element.target.WhichOneof("target")
    route = tuple(element.target.navigate_route.route.waypoint_id) if target == "navigate_route" else ()
    goal = element.target.navigate_to.destination_waypoint_id if target == "navigate_to" else ""
    if target == "relocalize":
        goal = element.target.relocalize.set_localization_request.initial_guess.waypoint_id
    acquire = element.action.data_acquisition.acquire_data_request if kind == "data_acquisition" else None
    return Step(
        id=element.id,
        name=element.name,
        waypoint_id=goal or (route[-1] if route else None),
        route=route,
        relocalize=target == "relocalize",
        kind=kind,
        request=read_request(acquire) if acquire is not None else None,
        sleep_s=_seconds(element.action.sleep.duration) if kind == "sleep" else 0.0,
        on_target_failure=_on_failure(element.target_failure_behavior),
        on_action_failure=_on_failure(element.action_failure_behavior),
        skipped=element.is_skipped,
        battery_start_pct=element.battery_monitor.battery_start_threshold,
        battery_stop_pct=element.battery_monitor.battery_stop_threshold,
    )


def _on_failure(behaviour: Any) -> OnFailure:
    chosen = behaviour.WhichOneof("default_behavior")
    delay_s = _seconds(behaviour.return_to_start_and_try_again_later.try_again_delay)
    # Without a choice the careful one: a robot that cannot go on powers off where it stands.
    default = _DEFAULTS.get(chosen or "", "safe_power_off")
    return OnFailure(behaviour.retry_count, _seconds(behaviour.prompt_duration), default, delay_s or 60.0)


def _sensor_names(requests: Any) -> Iterator[str]:
    for image in requests.image_captures:
        yield _image_name(image.image_service, image.image_source or image.image_request.image_source_name)
    yield from (capture.name for capture in requests.data_captures)
    yield from (capture.server_config.service_name for capture in requests.network_compute_captures)


def _image_name(service: str, source: str) -> str:
    # The camera on the robot's back answers under its own service; its sources are our plugins.
    return f"spot-cam-{source}" if service == "spot-cam-image" else f"image-{source}"


def _seconds(duration: Any) -> float:
    return duration.seconds + duration.nanos / 1e9

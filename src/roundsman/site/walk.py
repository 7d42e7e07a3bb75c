"""A Walk as a robot or tablet writes it, taken apart into site walk, elements and docks, and put together again.

Taken apart and put together unchanged it is the same to the byte, for the bytes are kept. Where something was edited,
only what differs is replaced in the recorded message, so that fields which this version does not know stay.

Source: scout-api.md §2.4, §3.3; walks.proto of bosdyn-api.
"""
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportAttributeAccessIssue=false, reportMissingTypeStubs=false

import functools
import importlib
import uuid
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import msgspec

from roundsman.kit.longs import whole_number
from roundsman.kit.problem import BadRequest, Problem

Document = dict[str, Any]

_NAMESPACE = uuid.UUID("b6c9e1a6-3f0c-4a57-9d6f-0c2f6d9a7e10")
_DURATION = "google.protobuf.Duration"

# Members of a record that are messages of the walk under the same name in both.
WALK_PARTS = {
    "globalParameters": "global_parameters",
    "playbackMode": "playback_mode",
    "choreographyItems": "choreography_items",
    "interrupts": "interrupts",
}
ELEMENT_PARTS = {
    "target": "target",
    "targetFailureBehavior": "target_failure_behavior",
    "action": "action",
    "actionWrapper": "action_wrapper",
    "actionFailureBehavior": "action_failure_behavior",
    "batteryMonitor": "battery_monitor",
    "actionDuration": "action_duration",
}
DOCK_PARTS = {"targetPrepPose": "target_prep_pose", "promptDuration": "prompt_duration"}


class Records(msgspec.Struct, frozen=True):
    """A walk taken apart, as documents of the API."""

    walk: Document
    elements: list[Document]
    docks: list[Document]


class NeedsSpot(Problem):
    """What reads a robot's own messages is not installed."""

    def __init__(self) -> None:
        super().__init__(
            501, "Not installed", "walks need the robot's protocol: pip install 'roundsman[spot]' on this server"
        )


@functools.cache
def _protocol() -> tuple[Any, Any, Any]:
    """walks_pb2, map_pb2, json_format. Raises: NeedsSpot."""
    names = ("bosdyn.api.autowalk.walks_pb2", "bosdyn.api.graph_nav.map_pb2", "google.protobuf.json_format")
    try:
        walks, maps, json_format = (importlib.import_module(name) for name in names)
    except ImportError:
        raise NeedsSpot from None
    return walks, maps, json_format


def check_map_file(kind: str, name: str, content: bytes) -> None:
    """Raises: BadRequest unless it is a graph, waypoint_snapshot or edge_snapshot."""
    _, maps, _ = _protocol()
    message = {"graph": maps.Graph, "waypoint_snapshot": maps.WaypointSnapshot, "edge_snapshot": maps.EdgeSnapshot}[
        kind
    ]()
    _parsed(message, content, f"{name} is no {kind.replace('_', ' ')}")


def graph_of(content: bytes) -> Any:
    """The Graph in these bytes. Raises: BadRequest."""
    _, maps, _ = _protocol()
    return _parsed(maps.Graph(), content, "graph is no graph")


def map_uuid_of(graph: bytes) -> str:
    """A map's uuid: the same for the same graph."""
    return _made("map", sha256(graph).hexdigest())


def _parsed(message: Any, content: bytes, otherwise: str) -> Any:
    try:
        message.ParseFromString(content)
    except Exception as error:  # the library's DecodeError, which has no importable home of its own
        if type(error).__name__ != "DecodeError":
            raise
        raise BadRequest(None, f"{otherwise}: it is damaged, cut off or something else") from None
    return message


def walk_of(content: bytes, name: str = "the walk") -> Any:
    """The Walk in these bytes. Raises: BadRequest."""
    walks, _, _ = _protocol()
    walk = _parsed(walks.Walk(), content, f"{name} is no walk")
    if not walk.elements and not walk.mission_name and not walk.id:
        raise BadRequest(None, f"{name} is no walk: it has neither name nor elements")
    return walk


def bytes_of_json(document: Mapping[str, Any]) -> bytes:
    """A Walk in JSON as bytes; members that no walk has are refused, for they could not be given back."""
    walks, _, json_format = _protocol()
    walk = walks.Walk()
    try:
        json_format.ParseDict(dict(document), walk)
    except json_format.ParseError as error:
        raise BadRequest(None, f"the body is no Walk in JSON: {error}") from None
    return walk.SerializeToString(deterministic=True)


def json_of(content: bytes) -> Document:
    """A Walk's bytes in JSON."""
    return _dict(walk_of(content))


def records_of(content: bytes, name: str = "the walk") -> Records:
    """A walk taken apart. The same bytes give the same uuids, so that importing twice changes nothing."""
    walk = walk_of(content, name)
    walk_uuid = _uuid(walk.id) or _made("walk", sha256(content).hexdigest())
    taken = {walk_uuid}
    elements = [_element_document(element, walk_uuid, place, taken) for place, element in enumerate(walk.elements)]
    docks = [_dock_document(dock, walk_uuid, place, taken) for place, dock in enumerate(walk.docks)]
    document: Document = {
        "uuid": walk_uuid,
        "name": walk.mission_name,
        "siteElementIds": [element["uuid"] for element in elements],
        "siteDockIds": [dock["uuid"] for dock in docks],
        "mapName": walk.map_name,
        **_parts(walk, WALK_PARTS),
    }
    return Records(document, elements, docks)


def _free(uuid: str, taken: set[str], *otherwise: str) -> str:
    """An id that nothing else of the walk bears: copied elements may bear the id of what they are copied from."""
    free = uuid if uuid and uuid not in taken else _made(*otherwise)
    taken.add(free)
    return free


def _element_document(element: Any, walk_uuid: str, place: int, taken: set[str]) -> Document:
    target = element.target
    navigate = target.navigate_route if target.HasField("navigate_route") else target.navigate_to
    waypoint_ids = list(navigate.route.waypoint_id) if target.HasField("navigate_route") else []
    parts = _parts(element, ELEMENT_PARTS)
    document: Document = {
        "uuid": _free(_uuid(element.id), taken, "element", walk_uuid, str(place)),
        "name": element.name,
        "waypointId": (waypoint_ids[-1] if waypoint_ids else "") or getattr(navigate, "destination_waypoint_id", ""),
        "waypointMaxDistance": navigate.travel_params.max_distance,
        "waypointMaxYaw": navigate.travel_params.max_yaw,
        **parts,
    }
    if target.HasField("relocalize"):
        document["relocalize"] = _dict(target.relocalize)
    if element.is_skipped:
        document["isSkipped"] = True
    return document


def _dock_document(dock: Any, walk_uuid: str, place: int, taken: set[str]) -> Document:
    shared = _made("dock", str(dock.dock_id), dock.docked_waypoint_id)  # by all walks from this dock
    document: Document = {
        "uuid": _free(shared, taken, "dock", walk_uuid, str(place)),
        "name": str(dock.dock_id),
        "dockId": dock.dock_id,
        "dockedWaypointId": dock.docked_waypoint_id,
        **_parts(dock, DOCK_PARTS),
    }
    for name, field in (("disableRecharge", "disable_recharge"), ("disableEnd", "disable_end")):
        if getattr(dock, field):
            document[name] = True
    return document


def bytes_of(original: bytes | None, records: Records) -> bytes:
    """The walk as it is now: the recorded bytes where nothing was edited, else the recorded message with the edits.

    Raises: BadRequest when a member holds what a Walk cannot.
    """
    walks, _, _ = _protocol()
    if original is None:
        walk, before = walks.Walk(), Records({}, [], [])
    else:
        walk, before = walk_of(original), records_of(original)
        if _same(before, records):
            return original
    elements = {document["uuid"]: message for document, message in zip(before.elements, walk.elements, strict=True)}
    docks = {document["uuid"]: message for document, message in zip(before.docks, walk.docks, strict=True)}
    known = {document["uuid"]: document for document in (*before.elements, *before.docks)}
    made = walks.Walk()
    made.CopyFrom(walk)
    _set_walk(made, before.walk, records.walk)
    del made.elements[:]
    for document in records.elements:
        made.elements.append(_element(elements.get(document["uuid"]), known.get(document["uuid"], {}), document))
    del made.docks[:]
    for document in records.docks:
        made.docks.append(_dock(docks.get(document["uuid"]), known.get(document["uuid"], {}), document))
    return made.SerializeToString()


def _set_walk(walk: Any, before: Document, after: Document) -> None:
    walk.mission_name = after.get("name", "")
    walk.map_name = after.get("mapName", "") or walk.map_name
    walk.id = walk.id or after["uuid"]
    _set_parts(walk, WALK_PARTS, before, after)


def _element(recorded: Any, before: Document, after: Document) -> Any:
    walks, _, _ = _protocol()
    element = walks.Element()
    if recorded is not None:
        element.CopyFrom(recorded)
    element.name = after.get("name", "")
    element.id = element.id or after["uuid"]
    element.is_skipped = bool(after.get("isSkipped", False))
    _set_parts(element, ELEMENT_PARTS, before, after)
    target = element.target
    if _changed("waypointId", before, after) and after.get("waypointId"):
        _set_waypoint(target, after["waypointId"])
    way = target.navigate_route if target.HasField("navigate_route") else target.navigate_to
    for name, field in (("waypointMaxDistance", "max_distance"), ("waypointMaxYaw", "max_yaw")):
        if _changed(name, before, after):
            setattr(way.travel_params, field, float(after.get(name) or 0))
    if _changed("relocalize", before, after):
        _set_part(target, "relocalize", after.get("relocalize"), "relocalize", present=bool(after.get("relocalize")))
    return element


def _set_waypoint(target: Any, waypoint_id: str) -> None:
    """Another goal: a recorded route leads to the old one only, so the robot finds its way by itself."""
    if target.HasField("navigate_route"):
        params = target.navigate_route.travel_params.SerializeToString()
        target.navigate_to.travel_params.ParseFromString(params)
    target.navigate_to.destination_waypoint_id = waypoint_id


def _dock(recorded: Any, before: Document, after: Document) -> Any:
    walks, _, _ = _protocol()
    dock = walks.Dock()
    if recorded is not None:
        dock.CopyFrom(recorded)
    dock.dock_id = after["dockId"]
    dock.docked_waypoint_id = after.get("dockedWaypointId", "")
    dock.disable_recharge = bool(after.get("disableRecharge", False))
    dock.disable_end = bool(after.get("disableEnd", False))
    _set_parts(dock, DOCK_PARTS, before, after)
    return dock


def _parts(message: Any, names: Mapping[str, str]) -> Document:
    """Those submessages that are there, as JSON."""
    return {name: _dict(getattr(message, field)) for name, field in names.items() if message.HasField(field)}


def _set_parts(message: Any, names: Mapping[str, str], before: Document, after: Document) -> None:
    for name, field in names.items():
        if _changed(name, before, after):
            present = name in after and after[name] is not None and (bool(after[name]) or name in before)
            _set_part(message, field, after.get(name), name, present=present)


def _set_part(message: Any, field: str, value: Any, name: str, *, present: bool) -> None:
    _, _, json_format = _protocol()
    message.ClearField(field)
    if not present:
        return
    part = getattr(message, field)
    part.SetInParent()
    try:
        _fill(part, value or {})
    except (json_format.ParseError, ValueError, TypeError, AttributeError) as error:
        raise BadRequest(name, f"{name} holds what a walk cannot: {error}") from None


def _changed(name: str, before: Document, after: Document) -> bool:
    """Whether a member says something else. What was not there and is empty says nothing."""
    return (before.get(name) or None) != (after.get(name) or None)


def _same(before: Records, after: Records) -> bool:
    pairs = [(before.walk, after.walk)]
    for one, other in ((before.elements, after.elements), (before.docks, after.docks)):
        if [document["uuid"] for document in one] != [document["uuid"] for document in other]:
            return False
        pairs += list(zip(one, other, strict=True))
    return all(not any(_changed(name, one, other) for name in _SPOKEN & {*one, *other}) for one, other in pairs)


_SPOKEN = {
    "name", "mapName", "siteElementIds", "siteDockIds", "waypointId", "waypointMaxDistance", "waypointMaxYaw",
    "relocalize", "isSkipped", "dockId", "dockedWaypointId", "disableRecharge", "disableEnd",
    *WALK_PARTS, *ELEMENT_PARTS, *DOCK_PARTS,
}  # fmt: skip
"""Members by which a walk is told: any other is only ours."""


def _dict(message: Any) -> Document:
    if message.DESCRIPTOR.full_name == _DURATION:  # JSON has it as "5s", the API as an object
        return {"seconds": message.seconds, "nanos": message.nanos}
    _, _, json_format = _protocol()
    return json_format.MessageToDict(message)


def _fill(part: Any, value: Any) -> None:
    """Raises: the library's ParseError, ValueError."""
    _, _, json_format = _protocol()
    if part.DESCRIPTOR.full_name == _DURATION and isinstance(value, dict):
        part.seconds, part.nanos = whole_number(value.get("seconds") or 0), whole_number(value.get("nanos") or 0)
    else:
        json_format.ParseDict(value, part)


def _uuid(text: str) -> str:
    """An id of a walk, if it can be one of ours."""
    return text if text and len(text) <= 200 and "\0" not in text and "/" not in text else ""


def _made(*names: str) -> str:
    return str(uuid.uuid5(_NAMESPACE, "\x1f".join(names)))


__all__ = [
    "NeedsSpot",
    "Records",
    "bytes_of",
    "bytes_of_json",
    "check_map_file",
    "graph_of",
    "json_of",
    "map_uuid_of",
    "records_of",
]

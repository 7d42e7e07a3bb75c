"""A walk taken apart and put together is the walk: to the byte where unchanged, in all it says where edited."""

import copy
import json
import random

import pytest
from bosdyn.api.autowalk import walks_pb2
from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.site.recorded import walks

from roundsman.kit.problem import BadRequest
from roundsman.site.walk import Records, bytes_of, bytes_of_json, json_of, records_of

UNKNOWN = b"\x9a\xfa\x01\x05hello"  # field 4003, as a later version might write it
FAST = settings(max_examples=60, deadline=None, derandomize=True)


def filled(message, chance: random.Random, depth: int = 0):
    """Any message: each field set or not, with values that are easily lost."""
    for field in message.DESCRIPTOR.fields:
        if chance.random() < (0.45 if depth < 3 else 0.9) or (depth > 4 and field.message_type):
            continue
        if field.message_type and field.message_type.GetOptions().map_entry:
            continue
        for _ in range(chance.randrange(1, 3) if field.is_repeated else 1):
            _set(message, field, chance, depth)
    return message


def _set(message, field, chance: random.Random, depth: int) -> None:
    target = getattr(message, field.name)
    if field.message_type:
        if field.message_type.full_name.startswith(("google.protobuf.Any", "google.protobuf.Struct")):
            return
        part = target.add() if field.is_repeated else target
        if field.message_type.full_name in {"google.protobuf.Duration", "google.protobuf.Timestamp"}:
            part.seconds, part.nanos = chance.randrange(10_000), chance.choice((0, 500_000_000))
        else:
            filled(part, chance, depth + 1)
            part.SetInParent() if not field.is_repeated else None
        return
    value = _value(field, chance)
    target.append(value) if field.is_repeated else setattr(message, field.name, value)


def _value(field, chance: random.Random):
    kinds = FieldDescriptor
    if field.cpp_type == kinds.CPPTYPE_STRING:
        return b"\xff\x00" if field.type == kinds.TYPE_BYTES else chance.choice(("é #1?", "x", "Boiler 1 \U0001f525"))
    if field.cpp_type == kinds.CPPTYPE_BOOL:
        return True
    if field.cpp_type == kinds.CPPTYPE_ENUM:
        return field.enum_type.values[-1].number
    if field.cpp_type in {kinds.CPPTYPE_DOUBLE, kinds.CPPTYPE_FLOAT}:
        return chance.choice((0.5, -2.25, 1e6))
    return 7


def a_walk(seed: int) -> bytes:
    """A walk of anything, with fields that no version knows, at the top and within elements."""
    chance = random.Random(seed)
    walk = filled(walks_pb2.Walk(), chance)
    walk.mission_name = walk.mission_name or "Round"
    del walk.elements[:]
    for place in range(chance.randrange(4)):
        element = filled(walks_pb2.Element(), chance)
        element.id = chance.choice(("", f"element-{seed}-{place}"))
        element.ParseFromString(element.SerializeToString() + UNKNOWN)
        walk.elements.append(element)
    return walk.SerializeToString() + UNKNOWN


@FAST
@given(st.integers(0, 10**9))
def test_unchanged_it_is_the_same_to_the_byte(seed: int) -> None:
    content = a_walk(seed)
    records = records_of(content)
    assert bytes_of(content, through_json(records)) == content
    assert records_of(content) == records


def through_json(records: Records) -> Records:
    """As stored and read again, with members that only the store adds."""
    return Records(
        *json.loads(
            json.dumps([{**records.walk, "createdAt": "x", "entityParams": {}}, records.elements, records.docks])
        )
    )


@FAST
@given(st.integers(0, 10**9))
def test_edited_it_says_the_edit_and_everything_else_as_before(seed: int) -> None:
    content = a_walk(seed)
    records = through_json(records_of(content))
    records.walk["name"] = "Renamed"
    records.elements.reverse()
    for element in records.elements:
        element["name"] += " again"
    made = walks_pb2.Walk.FromString(bytes_of(content, records))
    expected = walks_pb2.Walk.FromString(content)
    expected.mission_name = "Renamed"
    elements = [copy.deepcopy(element) for element in expected.elements][::-1]
    del expected.elements[:]
    for element, document in zip(elements, records.elements, strict=True):
        element.name += " again"
        element.id = element.id or document["uuid"]
        expected.elements.append(element)
    expected.id = expected.id or records.walk["uuid"]
    assert made.SerializeToString(deterministic=True) == expected.SerializeToString(deterministic=True)
    assert made.SerializeToString().count(UNKNOWN) == 1 + len(elements)


@FAST
@given(st.integers(0, 10**9))
def test_records_alone_make_a_walk_that_says_the_same(seed: int) -> None:
    chance = random.Random(seed)
    walk = filled(walks_pb2.Walk(), chance)
    walk.mission_name, walk.id = "Round", f"walk-{seed}"
    for place, element in enumerate(walk.elements):
        element.id = f"element-{seed}-{place}"
    content = walk.SerializeToString(deterministic=True)
    records = through_json(records_of(content))
    made = walks_pb2.Walk.FromString(bytes_of(None, records))
    again = through_json(records_of(made.SerializeToString()))
    assert [*map(said, (again.walk, *again.elements, *again.docks))] == [
        *map(said, (records.walk, *records.elements, *records.docks))
    ]


def said(document: dict[str, object]) -> dict[str, object]:
    """What a record says; a member that is empty says as much as one that is not there."""
    return {name: value for name, value in document.items() if value}


def test_the_plants_walks_go_through_records_and_json() -> None:
    for name, content in walks().items():
        records = records_of(content)
        assert (records.walk["name"], len(records.elements) >= 8, len(records.docks)) == (name, True, 1)
        assert all(element["waypointId"] and element["action"] for element in records.elements)
        assert records.docks[0]["dockId"] == int(records.docks[0]["name"])
        assert bytes_of(content, through_json(records)) == content
        again = walks_pb2.Walk.FromString(bytes_of_json(json_of(content)))
        assert again == walks_pb2.Walk.FromString(content)


def test_another_waypoint_takes_the_place_of_a_recorded_route() -> None:
    walk = walks_pb2.Walk(mission_name="Round")
    element = walk.elements.add(name="One", id="one")
    element.target.navigate_route.route.waypoint_id.extend(["a", "b"])
    element.target.navigate_route.travel_params.max_distance = 0.5
    content = walk.SerializeToString()
    records = through_json(records_of(content))
    assert (records.elements[0]["waypointId"], records.elements[0]["waypointMaxDistance"]) == ("b", 0.5)
    records.elements[0]["waypointId"] = "c"
    target = walks_pb2.Walk.FromString(bytes_of(content, records)).elements[0].target
    assert target.navigate_to.destination_waypoint_id == "c"
    assert target.navigate_to.travel_params.max_distance == 0.5


def test_elements_and_docks_that_bear_one_id_stay_two() -> None:
    walk = walks_pb2.Walk(mission_name="Round", id="one")
    for name in ("a", "b", "c"):
        walk.elements.add(name=name, id="one")
        walk.docks.add(dock_id=520, docked_waypoint_id="w").prompt_duration.seconds = ord(name)
    content = walk.SerializeToString()
    records = through_json(records_of(content))
    uuids = [one["uuid"] for one in (records.walk, *records.elements, *records.docks)]
    assert len(set(uuids)) == len(uuids) == 7
    assert bytes_of(content, records) == content
    records.walk["name"] = "Other"
    made = walks_pb2.Walk.FromString(bytes_of(content, records))
    assert (made.elements, made.docks) == (walk.elements, walk.docks)


@pytest.mark.parametrize(
    ("member", "value"),
    [("action", {"nonsense": 1}), ("actionDuration", {"seconds": "x"}), ("target", {"relocalize": 7})],
)
def test_what_a_walk_cannot_hold_is_named(member: str, value: object) -> None:
    content = walks()["Boiler house round"]
    records = through_json(records_of(content))
    records.elements[0][member] = value
    with pytest.raises(BadRequest, match=member):
        bytes_of(content, records)


@pytest.mark.parametrize("content", [b"", b"\xff\xff\xff", b"hello", walks()["Boiler house round"][:-7]])
def test_what_is_no_walk_is_refused(content: bytes) -> None:
    with pytest.raises(BadRequest, match="no walk"):
        records_of(content)


def test_json_with_members_that_no_walk_has_is_refused() -> None:
    with pytest.raises(BadRequest, match="nonsense"):
        bytes_of_json({"missionName": "x", "nonsense": 1})
    assert (
        json_format.Parse(json.dumps(json_of(bytes_of_json({"missionName": "x"}))), walks_pb2.Walk()).mission_name
        == "x"
    )

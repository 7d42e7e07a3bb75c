"""Walks and captures through the official client: load, play, pause, answer, acquire, synchronise, download."""

import json
import time
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from bosdyn.api import data_acquisition_pb2, data_acquisition_store_pb2, image_pb2
from bosdyn.api.autowalk import walks_pb2
from bosdyn.api.mission import mission_pb2
from bosdyn.client.data_acquisition_helpers import (
    acquire_and_process_request,
    download_data_REST,
    make_time_query_params,
)
from bosdyn.mission.client import NoMissionError
from PIL import Image

from roundsman.kit.clock import WallClock
from roundsman.simulator.services import synthetic
from roundsman.simulator.services.capture_store import PAGE_BYTES
from roundsman.simulator.world.walk_protos import walk_message
from roundsman.simulator.world.walks import WALKS
from roundsman.simulator.world.world import World

Status = mission_pb2.State
Query = data_acquisition_store_pb2.QueryParameters
MEGABYTE = 1_000_000


@pytest.fixture
def walk(driven: Any) -> Any:
    """A short walk from the robot's own dock."""
    walk = walk_message(WALKS[0], driven.spot.site, driven.spot.home)
    del walk.elements[3:]
    return walk


@pytest.fixture
def mission(driven: Any) -> Any:
    return driven.service("robot-mission")


def play(driven: Any, walk: Any, for_s: float = 60.0) -> Any:
    wallet = driven.client.lease_wallet
    loaded = driven.service("autowalk-service").load_autowalk(walk, [wallet.advance()])
    driven.service("robot-mission").play_mission(time.time() + for_s, [wallet.advance()])
    return loaded


def downloaded(store: Any, **query: Any) -> list[Any]:
    """Everything that matches, page by page, as the official example goes on: from the last id plus one."""
    results: list[Any] = []
    while page := store.query_stored_captures(
        Query(captures_from_id=results[-1].data_id.id + 1 if results else 0, **query), timeout=60
    ).results:
        results += page
    return results


class TestMissions:
    def test_a_walk_is_played_to_its_end_and_its_captures_are_there(
        self, driven: Any, walk: Any, mission: Any, eventually: Any
    ) -> None:
        assert mission.get_state().mission_id == -1
        loaded = play(driven, walk)
        running = mission.get_state()
        assert (running.status, running.mission_id) == (Status.STATUS_RUNNING, loaded.mission_id)
        assert eventually(lambda: mission.get_state().active_mission_text)
        eventually(lambda: mission.get_state().status == Status.STATUS_SUCCESS, 40)
        assert mission.get_state().history
        store = driven.service("data-acquisition-store")
        actions = store.list_capture_actions(data_acquisition_store_pb2.DataQueryParams())
        assert {action.action_name for action in actions} == {element.name for element in walk.elements}
        assert all(action.group_name.endswith(f"Z_{walk.mission_name}") for action in actions)

    def test_the_walk_comes_back_out_of_the_mission(self, driven: Any, walk: Any, mission: Any) -> None:
        driven.service("autowalk-service").load_autowalk(walk)
        carried = walks_pb2.Walk()
        info = mission.get_info()
        assert info.root.user_data.source_representation.Unpack(carried)
        assert carried == walk
        assert [child.name for child in info.root.children] == [element.name for element in walk.elements]
        assert mission.get_mission().root.name == walk.mission_name

    def test_a_compiled_walk_can_be_loaded_as_a_mission(self, driven: Any, walk: Any, mission: Any) -> None:
        compiled = driven.service("autowalk-service").compile_autowalk(walk)
        assert len(compiled.root.sequence.children) == len(compiled.element_identifiers) == len(walk.elements)
        assert mission.get_state().mission_id == -1, "compiled is not loaded"
        mission.load_mission_as_chunks2(compiled.root)
        assert mission.get_state().mission_id > 0

    def test_a_waypoint_that_is_not_on_the_map_fails_its_element(self, driven: Any, walk: Any) -> None:
        from bosdyn.client.autowalk import CompilationError

        walk.elements[1].target.navigate_to.destination_waypoint_id = "nowhere"
        with pytest.raises(CompilationError) as error:
            driven.service("autowalk-service").load_autowalk(walk)
        assert list(error.value.response.failed_elements) == [1]

    def test_pause_go_on_stop_restart(self, driven: Any, walk: Any, mission: Any, eventually: Any) -> None:
        wallet = driven.client.lease_wallet
        with pytest.raises(NoMissionError):
            mission.play_mission(time.time() + 10, [wallet.advance()])
        play(driven, walk)
        mission.pause_mission()
        assert mission.get_state().status == Status.STATUS_PAUSED
        mission.play_mission(time.time() + 0.3, [wallet.advance()])
        eventually(lambda: mission.get_state().status == Status.STATUS_PAUSED)
        mission.play_mission(time.time() + 60, [wallet.advance()])
        mission.stop_mission()
        assert mission.get_state().status == Status.STATUS_STOPPED
        mission.restart_mission(time.time() + 60, [wallet.advance()])
        assert mission.get_state().status == Status.STATUS_RUNNING

    def test_a_question_is_asked_and_answered(self, driven: Any, walk: Any, mission: Any, eventually: Any) -> None:
        from bosdyn.mission.client import InvalidAnswerCode, InvalidQuestionId

        for element in walk.elements:
            element.action_failure_behavior.retry_count = 0
            element.action_failure_behavior.prompt_duration.seconds = 3600
        driven.served.call(lambda: driven.spot.faults.failing_actions.add("*"))
        play(driven, walk)
        question = eventually(lambda: mission.get_state().questions)[0]
        assert question.text
        with pytest.raises(InvalidQuestionId):
            mission.answer_question(question.id + 1000, question.options[0].answer_code)
        with pytest.raises(InvalidAnswerCode):
            mission.answer_question(question.id, 4711)
        mission.answer_question(question.id, question.options[0].answer_code)
        eventually(lambda: any(a.question.id == question.id for a in mission.get_state().answered_questions))


class TestAcquisition:
    def test_what_is_asked_for_is_acquired(self, robot: Any) -> None:
        daq = robot.service("data-acquisition")
        capabilities = daq.get_service_info()
        assert "spot-cam-ir" in {source.name for source in capabilities.data_sources}
        requests = data_acquisition_pb2.AcquisitionRequestList()
        requests.data_captures.add(name="spot-cam-ir")
        requests.image_captures.add(image_service="image", image_source="back_fisheye_image")
        assert acquire_and_process_request(daq, requests, "teleop", "look")
        results = downloaded(robot.service("data-acquisition-store"))
        assert {r.data_id.channel for r in results} >= {"spot-cam-ir", "image-back_fisheye_image", "metadata"}
        raw = next(r for r in results if r.WhichOneof("result") == "data")
        assert (len(raw.data.data), raw.data.file_extension) == (640 * 512 * 2, ".raw")
        picture = next(r for r in results if r.WhichOneof("result") == "image")
        assert Image.open(BytesIO(picture.image.image.data)).format == "JPEG"

    def test_cancel_and_unknown(self, robot: Any) -> None:
        from bosdyn.client.data_acquisition import RequestIdDoesNotExistError, UnknownCaptureTypeError

        daq = robot.service("data-acquisition")
        requests = data_acquisition_pb2.AcquisitionRequestList()
        requests.data_captures.add(name="spot-cam-ptz")
        robot.served.call(lambda: setattr(robot.served.fleet.world, "pace", 1.0))
        request_id = daq.acquire_data(requests, "look", "teleop")
        daq.cancel_acquisition(request_id)
        robot.served.call(lambda: setattr(robot.served.fleet.world, "pace", 60.0))
        cancelled = data_acquisition_pb2.GetStatusResponse.STATUS_ACQUISITION_CANCELLED
        assert daq.get_status(request_id).status == cancelled
        with pytest.raises(RequestIdDoesNotExistError):
            daq.get_status(4711)
        requests.data_captures.add(name="nose")
        with pytest.raises(UnknownCaptureTypeError):
            daq.acquire_data(requests, "look", "teleop")


class TestStore:
    @pytest.fixture
    def store(self, robot: Any) -> Any:
        return robot.service("data-acquisition-store")

    def test_pages_follow_each_other_without_gap_or_repetition(self, robot: Any, store: Any) -> None:
        robot.served.call(lambda: synthetic.fill(robot.spot, 60, 200_000))
        page = store.query_stored_captures(Query())
        assert page.ByteSize() <= PAGE_BYTES + 10_000
        assert page.max_capture_id == page.results[-1].data_id.id
        results = downloaded(store)
        assert [r.data_id.id for r in results] == [capture.id for capture in robot.spot.store.query()]
        for result, capture in zip(results, robot.spot.store.query(), strict=True):
            assert result.image.image.data == capture.make()
        assert len({r.image.image.data for r in results}) == 60
        assert store.query_max_capture_id() == results[-1].data_id.id

    def test_a_capture_larger_than_a_page_comes_alone(self, robot: Any, store: Any) -> None:
        robot.served.call(lambda: synthetic.fill(robot.spot, 3, 20 * MEGABYTE, kind="data"))
        page = store.query_stored_captures(Query(), timeout=60)
        assert [len(result.data.data) for result in page.results] == [20 * MEGABYTE]

    def test_large_data_comes_in_parts_to_those_who_ask(self, robot: Any, store: Any) -> None:
        robot.served.call(lambda: synthetic.fill(robot.spot, 1, 1000))
        robot.served.call(lambda: synthetic.fill(robot.spot, 1, 120 * MEGABYTE, kind="data"))
        assert len(downloaded(store)) == 1, "not without being asked"
        parts = store.query_stored_captures(Query(include_large=True), timeout=120).results
        whole = bytearray()
        for part in parts:
            assert part.large_data.offset == len(whole)
            assert part.large_data.chunk.total_size == 120 * MEGABYTE
            whole += part.large_data.chunk.data
        assert bytes(whole) == next(robot.spot.store.query(kinds={"data"})).make()

    def test_filters(self, robot: Any, store: Any) -> None:
        robot.served.call(lambda: synthetic.fill(robot.spot, 8, 1000))
        robot.served.call(lambda: synthetic.fill(robot.spot, 4, 1000, kind="data"))
        assert len(downloaded(store, include_images=True)) == 8
        assert {r.data_id.channel for r in downloaded(store, channels=["bulk"])} == {"bulk"}
        action = next(robot.spot.store.query()).action
        wanted = data_acquisition_pb2.CaptureActionId(action_name=action.action_name)
        assert {r.data_id.action_id.action_name for r in downloaded(store, action_ids=[wanted])} == {action.action_name}
        named = store.query_stored_captures(Query(only_include_identifiers=True)).results
        assert len(named) == 12
        assert not any(result.WhichOneof("result") for result in named)
        back = store.query_stored_captures(Query(order_descending=True, only_include_identifiers=True)).results
        assert [r.data_id.id for r in back] == sorted((r.data_id.id for r in named), reverse=True)

    def test_what_clients_store_comes_back(self, robot: Any, store: Any) -> None:
        from bosdyn.api import alerts_pb2

        action = data_acquisition_pb2.CaptureActionId(action_name="by hand", group_name="teleop")
        action.timestamp.GetCurrentTime()

        def named(channel: str) -> Any:
            return data_acquisition_pb2.DataIdentifier(action_id=action, channel=channel, data_name="one")

        shot = image_pb2.ImageCapture(image=image_pb2.Image(data=b"\xff\xd8picture"))
        picture_id = store.store_image(shot, named("camera")).id
        store.store_data(b"some", named("some"), ".txt")
        store.store_data_as_chunks(b"x" * 9 * MEGABYTE, named("much"), ".bin")
        metadata = data_acquisition_pb2.AssociatedMetadata(reference_id=named("camera"))
        metadata.reference_id.id = picture_id
        metadata.metadata.data.update({"tag": "pump", "value": 3.5})
        store.store_metadata(metadata, named("notes"))
        alert = alerts_pb2.AlertData(severity=alerts_pb2.AlertData.SEVERITY_LEVEL_ERROR, title="hot", source="tests")
        alert.additional_data.update({"limit": 80})
        store.store_alertdata(
            data_acquisition_pb2.AssociatedAlertData(
                reference_id=data_acquisition_pb2.DataIdentifier(action_id=action), alert_data=alert
            ),
            named("alerts"),
        )
        found = {r.data_id.channel: r for r in downloaded(store)}
        assert found["camera"].image.image.data == b"\xff\xd8picture"
        assert (found["some"].data.data, found["some"].data.file_extension) == (b"some", ".txt")
        assert len(found["much"].data.data) == 9 * MEGABYTE
        assert found["notes"].metadata.metadata == metadata.metadata
        assert found["notes"].metadata.reference_id.id == picture_id
        assert found["alerts"].alert_data.alert_data == alert
        assert found["alerts"].alert_data.reference_id.action_id.action_name == "by hand"
        everything = data_acquisition_store_pb2.DataQueryParams()
        for listed, channel in (
            (store.list_stored_images, "camera"),
            (store.list_stored_metadata, "notes"),
            (store.list_stored_alertdata, "alerts"),
        ):
            assert [data_id.channel for data_id in listed(everything)] == [channel]
        assert [data_id.channel for data_id in store.list_stored_data(everything)] == ["some", "much"]

    def test_the_zip_of_a_time_range(self, robot: Any, tmp_path: Path) -> None:
        robot.served.call(lambda: synthetic.fill(robot.spot, 10, 50_000))
        address = f"{robot.address.host}:{robot.address.port}"
        query = make_time_query_params(time.time() - 3600, time.time() + 10, robot.client)
        assert download_data_REST(query, address, robot.client.user_token, str(tmp_path))
        with zipfile.ZipFile(next((tmp_path / "REST").iterdir())) as archive:
            assert archive.testzip() is None
            names = archive.namelist()
            pictures = [name for name in names if name.endswith(".jpg")]
            captures = list(robot.spot.store.query())
            assert {archive.read(name) for name in pictures} == {capture.make() for capture in captures}
            document = json.loads(archive.read(next(name for name in names if name.endswith("/metadata.json"))))
            assert sum(len(c) for action in document["actions"] for c in action["data"].values()) == 10
        assert not download_data_REST(query, address, "wrong", str(tmp_path)), "only with a token"
        before = make_time_query_params(time.time() - 7200, time.time() - 7100, robot.client)
        assert not download_data_REST(before, address, robot.client.user_token, str(tmp_path)), "nothing there"

    def test_a_cut_in_the_middle_of_a_page_is_an_error_and_reading_again_is_the_same(
        self, robot: Any, store: Any
    ) -> None:
        from bosdyn.client.exceptions import RpcError

        robot.served.call(lambda: synthetic.fill(robot.spot, 20, 200_000))
        capture = next(robot.spot.store.query(from_id=5))
        content = capture.make()

        def cut() -> bytes:
            robot.served.run(robot.served.fleet.set_link(robot.spot, False))
            return content

        capture.make = cut
        with pytest.raises(RpcError):
            store.query_stored_captures(Query())
        capture.make = lambda: content
        robot.served.run(robot.served.fleet.set_link(robot.spot, True))
        page = store.query_stored_captures(Query(), wait_for_ready=True)
        assert page.results[4].image.image.data == content


def test_rounds_of_the_past_read_the_same_twice(tmp_path: Path, connect: Any, serving: Any) -> None:
    world = World(seed=3, robots=1, pace=1.0, clock=WallClock(), history_days=0.3, fault_rate=0.0, operators=False)
    with serving(world, tmp_path) as served:
        seen = connect(served, world.robots[0])
        seen.client.authenticate(seen.address.username, seen.address.password)
        store = seen.service("data-acquisition-store")
        first, second = downloaded(store), downloaded(store)
        assert len(first) > 20
        assert first == second
        assert {r.WhichOneof("result") for r in first} >= {"image", "metadata", "data"}

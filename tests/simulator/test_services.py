"""The official client, unmodified, against simulated robots: identity, time, leases, driving, maps, pictures."""

import math
import socket
import ssl
import time
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from bosdyn.api import estop_pb2, image_pb2, robot_state_pb2
from bosdyn.api.docking import docking_pb2
from bosdyn.api.graph_nav import graph_nav_pb2, map_pb2, nav_pb2
from bosdyn.api.keepalive import keepalive_pb2
from bosdyn.api.spot import spot_check_pb2
from bosdyn.client import frame_helpers
from bosdyn.client.auth import InvalidLoginError, InvalidTokenError, TemporarilyLockedOutError
from bosdyn.client.docking import blocking_dock_robot, blocking_undock
from bosdyn.client.estop import EstopEndpoint, EstopKeepAlive
from bosdyn.client.exceptions import LeaseUseError, RpcError, UnauthenticatedError, UnimplementedError
from bosdyn.client.graph_nav_download import download_to_disk
from bosdyn.client.graph_nav_upload import upload_from_disk
from bosdyn.client.lease import LeaseKeepAlive, ResourceAlreadyClaimedError
from bosdyn.client.power import power_on_motors
from bosdyn.client.robot_command import (
    NotPoweredOnError,
    RobotCommandBuilder,
    blocking_sit,
    blocking_stand,
)
from cryptography import x509
from PIL import Image

from roundsman.simulator.services.tls import Authority

DELAY_S = 0.2


class TestIdentity:
    def test_everybody_may_know_who_it_is(self, stranger: Any) -> None:
        identity = stranger.client.get_id()
        assert (identity.serial_number, identity.nickname) == (stranger.spot.serial, stranger.spot.nickname)
        assert identity.species == "spot"
        version = identity.software_release.version
        assert (version.major_version, version.minor_version, version.patch_level) == stranger.spot.software_version
        assert identity.software_release.changeset == stranger.spot.software_changeset

    def test_wrong_passwords_lock_out_even_the_right_one_for_a_minute(self, stranger: Any) -> None:
        for _ in range(6):
            with pytest.raises(InvalidLoginError):
                stranger.client.authenticate(stranger.address.username, "wrong")
        with pytest.raises(TemporarilyLockedOutError):
            stranger.client.authenticate(stranger.address.username, stranger.address.password)
        stranger.served.call(lambda: setattr(stranger.spot, "skew_us", stranger.spot.skew_us + 61_000_000))
        stranger.client.authenticate(stranger.address.username, stranger.address.password)

    def test_nothing_else_without_a_token(self, stranger: Any) -> None:
        stranger.client.authenticate(stranger.address.username, stranger.address.password)
        stranger.client.user_token = "wrong"
        with pytest.raises(UnauthenticatedError):
            stranger.service("robot-state").get_robot_state()

    def test_a_token_gives_the_next_one(self, stranger: Any) -> None:
        auth = stranger.service("auth")
        token = auth.auth(stranger.address.username, stranger.address.password)
        assert auth.auth_with_token(token).count(".") == 2
        with pytest.raises(InvalidTokenError):
            auth.auth_with_token("wrong")

    def test_a_robot_that_forgot_its_tokens_wants_the_password_again(self, robot: Any) -> None:
        robot.served.call(robot.served.fleet.server(robot.spot).tokens.forget)
        with pytest.raises(UnauthenticatedError):
            robot.service("robot-state").get_robot_state()
        robot.client.authenticate(robot.address.username, robot.address.password)
        assert robot.service("robot-state").get_robot_state()

    def test_the_directory_lists_what_the_clients_ask_for(self, robot: Any) -> None:
        entries = {entry.name: entry for entry in robot.client.list_services()}
        assert {"auth", "robot-id", "robot-mission", "data-acquisition-store", "graph-nav-service"} <= entries.keys()
        assert all(entry.authority.endswith(".spot.robot") for entry in entries.values())
        assert not entries["robot-id"].user_token_required
        assert entries["lease"].type == "bosdyn.api.LeaseService"
        assert robot.service("directory").get_entry("lease").authority == entries["lease"].authority

    def test_the_clocks_differ_by_exactly_the_robots_skew(self, robot: Any) -> None:
        skew = robot.client.time_sync.endpoint.clock_skew
        assert abs(skew.ToMicroseconds() - robot.spot.skew_us) < 20_000

    def test_licence(self, robot: Any) -> None:
        assert robot.service("license").get_license_info().robot_serial == robot.spot.serial
        assert robot.service("license").get_feature_enabled(["missions"]) == {"missions": True}

    def test_a_missing_method_is_unimplemented(self, robot: Any) -> None:
        with pytest.raises(UnimplementedError):
            robot.service("power").get_fan_info()


class TestState:
    def test_state_says_what_the_robot_is(self, robot: Any) -> None:
        state = robot.service("robot-state").get_robot_state()
        spot = robot.spot
        assert state.battery_states[0].charge_percentage.value == pytest.approx(spot.battery_pct, abs=2)
        assert state.battery_states[0].status == robot_state_pb2.BatteryState.STATUS_CHARGING
        assert state.power_state.motor_power_state == robot_state_pb2.PowerState.STATE_OFF
        assert {estop.name for estop in state.estop_states} == {"hardware_estop", "payload_estop", "software_estop"}
        assert len(state.kinematic_state.joint_states) == 12
        assert len(state.SerializeToString()) > 2_500, "as heavy as a real one"
        assert not robot.client.has_arm()
        assert not robot.client.is_estopped()

    def test_the_frame_tree_leads_to_the_odometry_pose(self, robot: Any) -> None:
        kinematic = robot.service("robot-state").get_robot_state().kinematic_state
        odom = frame_helpers.get_odom_tform_body(kinematic.transforms_snapshot)
        assert (odom.x, odom.y) == pytest.approx((robot.spot.odom_pose.x_m, robot.spot.odom_pose.y_m), abs=1e-6)
        assert odom.rot.to_yaw() == pytest.approx(robot.spot.odom_pose.heading_rad, abs=1e-6)

    def test_metrics_and_hardware(self, robot: Any) -> None:
        metrics = {m.label: m for m in robot.service("robot-state").get_robot_metrics().metrics}
        assert metrics["distance"].float_value == pytest.approx(robot.spot.distance_m)
        assert metrics["time moving"].duration.ToSeconds() == pytest.approx(robot.spot.moving_s, abs=1)
        hardware = robot.service("robot-state").get_robot_hardware_configuration()
        assert len(hardware.skeleton.links) == 13

    def test_faults_of_services_show_in_the_state(self, robot: Any) -> None:
        from bosdyn.api import service_fault_pb2

        fault_id = service_fault_pb2.ServiceFaultId(fault_name="fleet server lost", service_name="roundsman")
        faults = robot.service("fault")
        faults.trigger_service_fault(service_fault_pb2.ServiceFault(fault_id=fault_id, error_message="gone"))
        shown = robot.service("robot-state").get_robot_state().service_fault_state.faults
        assert [fault.fault_id.fault_name for fault in shown] == ["fleet server lost"]
        faults.clear_service_fault(fault_id)
        assert not robot.service("robot-state").get_robot_state().service_fault_state.faults


class TestLease:
    def test_one_driver_at_a_time(self, robot: Any, connect: Any) -> None:
        other = connect(robot.served, robot.spot)
        other.client.authenticate(robot.address.username, robot.address.password)
        mine = robot.service("lease").acquire()
        with pytest.raises(ResourceAlreadyClaimedError):
            other.service("lease").acquire()
        listed = robot.service("lease").list_leases()[0]
        assert listed.lease_owner.client_name.startswith("tests")
        assert not listed.is_stale
        assert listed.lease_owner.user_name == robot.address.username
        other.service("lease").take()
        with pytest.raises(LeaseUseError):
            robot.service("lease").retain_lease(mine)
        other.service("lease").return_lease(other.client.lease_wallet.get_lease())
        robot.service("lease").acquire()

    def test_a_kept_lease_stays_and_a_silent_owner_goes_stale(self, robot: Any, eventually: Any) -> None:
        leases = robot.service("lease")
        leases.take()
        with LeaseKeepAlive(leases, rpc_interval_seconds=0.2):
            first_us = robot.spot.leases.retained_us
            eventually(lambda: robot.spot.leases.retained_us > first_us)
        robot.served.call(lambda: setattr(robot.spot.leases, "retained_us", robot.spot.now_us() - 11_000_000))
        assert leases.list_leases()[0].is_stale
        leases.acquire()

    def test_no_command_without_a_lease(self, robot: Any) -> None:
        robot.client.lease_wallet.add(robot.service("lease").take())
        robot.served.call(lambda: robot.spot.leases.take("body", "tablet"))
        with pytest.raises(LeaseUseError):
            power_on_motors(robot.service("power"))


class TestDriving:
    def test_power_stand_walk_sit(self, driven: Any, eventually: Any) -> None:
        robot, spot = driven.client, driven.spot
        command = driven.service("robot-command")
        with pytest.raises(NotPoweredOnError):
            command.robot_command(RobotCommandBuilder.synchro_stand_command())
        robot.power_on(timeout_sec=20)
        assert robot.is_powered_on()
        blocking_stand(command, timeout_sec=20)
        blocking_undock(robot, timeout=20)
        before = spot.odom_pose
        walk = RobotCommandBuilder.synchro_velocity_command(v_x=0.5, v_y=0.0, v_rot=0.0)
        command.robot_command(walk, end_time_secs=time.time() + 0.6)
        eventually(lambda: spot.odom_pose.x_m != before.x_m and spot.velocity_x_m_s == 0)
        moved = spot.odom_pose
        heading = math.atan2(moved.y_m - before.y_m, moved.x_m - before.x_m)
        assert math.cos(heading - before.heading_rad) == pytest.approx(1, abs=0.01), "forward is where it looks"
        blocking_sit(command, timeout_sec=20)
        robot.power_off(cut_immediately=False, timeout_sec=20)
        assert not robot.is_powered_on()

    def test_docking(self, driven: Any) -> None:
        robot, docking = driven.client, driven.service("docking")
        home = docking.get_docking_state()
        assert home.status == docking_pb2.DockState.DOCK_STATUS_DOCKED
        ranges = docking.get_docking_config()
        assert any(r.id_start <= home.dock_id <= r.id_end for r in ranges)
        robot.power_on(timeout_sec=20)
        blocking_undock(robot, timeout=20)
        assert docking.get_docking_state().status == docking_pb2.DockState.DOCK_STATUS_UNDOCKED
        blocking_dock_robot(robot, home.dock_id)
        assert docking.get_docking_state().dock_id == home.dock_id
        assert not robot.is_powered_on(), "docking ends with the motors off"

    def test_the_software_estop_cuts_the_motors(self, driven: Any, eventually: Any) -> None:
        robot, spot = driven.client, driven.spot
        endpoint = EstopEndpoint(driven.service("estop"), "tests", 9.0)
        endpoint.force_simple_setup()
        assert spot.motor_power == "off"
        with EstopKeepAlive(endpoint) as keeper:
            eventually(lambda: not robot.is_estopped())
            robot.power_on(timeout_sec=20)
            keeper.stop()
            eventually(lambda: robot.is_estopped() and spot.motor_power == "off")
            assert endpoint.client.get_status().stop_level == estop_pb2.ESTOP_LEVEL_CUT
            keeper.allow()
            eventually(lambda: not robot.is_estopped())

    def test_a_silent_client_loses_its_lease_by_its_own_policy(self, driven: Any, eventually: Any) -> None:
        keepalive = driven.service("keepalive")
        lease = driven.client.lease_wallet.get_lease().lease_proto
        policy = keepalive_pb2.Policy(name="tests", associated_leases=[lease])
        action = policy.actions.add()
        action.after.FromMilliseconds(200)
        action.lease_stale.SetInParent()
        added = keepalive.modify_policy(to_add=policy).added_policy
        assert [live.policy_id for live in keepalive.get_status().status] == [added.policy_id]
        eventually(lambda: driven.spot.leases.owner is None)


class TestMap:
    def test_where_it_is(self, robot: Any) -> None:
        localization = robot.service("graph-nav-service").get_localization_state().localization
        assert localization.waypoint_id == robot.spot.nearest_waypoint
        seed = localization.seed_tform_body.position
        assert (seed.x, seed.y) == pytest.approx((robot.spot.pose.x_m, robot.spot.pose.y_m))

    def test_go_to_a_waypoint(self, driven: Any, eventually: Any) -> None:
        driven.client.power_on(timeout_sec=20)
        graph_nav = driven.service("graph-nav-service")
        graph = graph_nav.download_graph()
        here = driven.spot.nearest_waypoint
        goal = next(w.id for w in reversed(graph.waypoints) if w.id != here)
        command_id = graph_nav.navigate_to(goal, 60.0)
        feedback = graph_nav_pb2.NavigationFeedbackResponse
        eventually(lambda: graph_nav.navigation_feedback(command_id).status == feedback.STATUS_REACHED_GOAL)
        assert graph_nav.get_localization_state().localization.waypoint_id == goal

    def test_a_walk_whose_time_is_over_ends(self, driven: Any, eventually: Any) -> None:
        driven.client.power_on(timeout_sec=20)
        graph_nav = driven.service("graph-nav-service")
        command_id = graph_nav.navigate_to(list(driven.spot.map.graph.waypoints)[-1], 0.1)
        feedback = graph_nav_pb2.NavigationFeedbackResponse
        eventually(lambda: graph_nav.navigation_feedback(command_id).status == feedback.STATUS_COMMAND_TIMED_OUT)

    def test_unknown_waypoint(self, driven: Any) -> None:
        from bosdyn.client.graph_nav import UnknownWaypointError

        with pytest.raises(UnknownWaypointError):
            driven.service("graph-nav-service").navigate_to("nowhere", 10.0)

    def test_a_map_goes_down_and_up_again_and_only_the_unknown_is_asked_for(self, driven: Any, tmp_path: Any) -> None:
        graph_nav = driven.service("graph-nav-service")
        recorded = driven.spot.map
        snapshots, graph = dict(recorded.waypoint_snapshots), graph_nav.download_graph()
        download_to_disk(graph_nav, tmp_path)
        again = graph_nav.upload_graph(graph=graph, replace_graph=True)
        assert not again.unknown_waypoint_snapshot_ids
        assert set(again.loaded_waypoint_snapshot_ids) == snapshots.keys()
        graph_nav.clear_graph()
        assert not graph_nav.download_graph().waypoints
        assert not graph_nav.get_localization_state().localization.waypoint_id
        asked = graph_nav.upload_graph(graph=graph)
        assert set(asked.unknown_waypoint_snapshot_ids) == snapshots.keys()
        upload_from_disk(graph_nav, tmp_path)
        assert recorded.waypoint_snapshots.keys() == snapshots.keys()
        assert not recorded.missing_edge_snapshots()
        assert len(graph_nav.download_graph().waypoints) == len(graph.waypoints)
        graph_nav.set_localization(nav_pb2.Localization(waypoint_id=graph.waypoints[0].id))
        assert graph_nav.get_localization_state().localization.waypoint_id == graph.waypoints[0].id

    def test_one_snapshot_at_a_time(self, driven: Any) -> None:
        graph_nav = driven.service("graph-nav-service")
        snapshot_id, content = next(iter(driven.spot.map.waypoint_snapshots.items()))
        snapshot = graph_nav.download_waypoint_snapshot(snapshot_id)
        assert snapshot.SerializeToString(deterministic=True) == content
        driven.served.call(lambda: driven.spot.map.waypoint_snapshots.pop(snapshot_id))
        graph_nav.upload_waypoint_snapshot(snapshot)
        stored = map_pb2.WaypointSnapshot.FromString(driven.spot.map.waypoint_snapshots[snapshot_id])
        assert stored.SerializeToString(deterministic=True) == content


class TestPictures:
    def test_every_camera_gives_a_jpeg(self, robot: Any) -> None:
        images = robot.service("image")
        names = [source.name for source in images.list_image_sources()]
        assert "frontleft_fisheye_image" in names
        answers = images.get_image_from_sources(names)
        for answer in answers:
            assert answer.shot.image.format == image_pb2.Image.FORMAT_JPEG
            picture = Image.open(BytesIO(answer.shot.image.data))
            assert picture.size == (answer.shot.image.cols, answer.shot.image.rows)

    def test_unknown_camera(self, robot: Any) -> None:
        from bosdyn.client.image import UnknownImageSourceError

        with pytest.raises(UnknownImageSourceError):
            robot.service("image").get_image_from_sources(["nose"])


class TestMinor:
    def test_the_rest_answers(self, robot: Any) -> None:
        assert list(robot.service("payload").list_payloads()) == []
        assert list(robot.service("log-status").get_active_log_statuses().log_statuses) == []
        assert robot.service("auto-return").get_configuration().enabled is False
        assert robot.service("spot-check").spot_check_feedback(spot_check_pb2.SpotCheckFeedbackRequest())

    def test_comments_come_back_from_the_log(self, robot: Any) -> None:
        from bosdyn.api import data_index_pb2

        robot.service("data-buffer").add_operator_comment("a puddle")
        spec = data_index_pb2.EventsCommentsSpec(comments=True)
        found = robot.service("data").get_events_comments(spec).events_comments.operator_comments
        assert [comment.message for comment in found] == ["a puddle"]


class TestLink:
    def test_a_lost_link_refuses_and_comes_back(self, robot: Any) -> None:
        fleet = robot.served.fleet
        robot.served.run(fleet.set_link(robot.spot, False))
        with pytest.raises(RpcError):
            robot.service("robot-state").get_robot_state(timeout=2)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((robot.address.host, robot.address.port), 2)
        robot.served.run(fleet.set_link(robot.spot, True))
        assert robot.service("robot-state").get_robot_state(timeout=5, wait_for_ready=True)

    def test_a_stalled_link_swallows_everything(self, robot: Any) -> None:
        fleet = robot.served.fleet
        robot.served.run(fleet.set_link(robot.spot, False, stalled=True))
        with pytest.raises(RpcError):
            robot.service("robot-state").get_robot_state(timeout=0.5)
        with socket.create_connection((robot.address.host, robot.address.port), 2):
            pass
        robot.served.run(fleet.set_link(robot.spot, True))
        assert robot.service("robot-state").get_robot_state(timeout=5)

    def test_a_fault_takes_the_link_by_itself(self, robot: Any, eventually: Any) -> None:
        front = robot.served.fleet.server(robot.spot).front
        robot.served.call(lambda: setattr(robot.spot.faults, "link_down", True))
        eventually(lambda: not front.is_open)
        robot.served.call(lambda: setattr(robot.spot.faults, "link_down", False))
        eventually(lambda: front.is_open)

    def test_a_slow_link_takes_its_time(self, robot: Any) -> None:
        robot.served.call(lambda: setattr(robot.spot.faults, "link_delay_s", DELAY_S))
        began = time.monotonic()
        robot.service("robot-state").get_robot_state()
        assert time.monotonic() - began >= DELAY_S
        robot.served.call(lambda: setattr(robot.spot.faults, "link_delay_s", 0.0))

    def test_only_the_fleets_own_authority_is_trusted(self, stranger: Any) -> None:
        context = ssl.create_default_context(cafile=str(stranger.served.fleet.ca_file))
        address = (stranger.address.host, stranger.address.port)
        for name in ("api.spot.robot", "localhost", "127.0.0.1"):
            with socket.create_connection(address, 5) as plain, context.wrap_socket(plain, server_hostname=name) as tls:
                assert tls.version() in ("TLSv1.2", "TLSv1.3")
        with socket.create_connection(address, 5) as plain, pytest.raises(ssl.SSLCertVerificationError):
            ssl.create_default_context().wrap_socket(plain, server_hostname="api.spot.robot")

    def test_what_is_not_tls_is_closed(self, stranger: Any) -> None:
        with socket.create_connection((stranger.address.host, stranger.address.port), 5) as plain:
            plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert plain.recv(100) == b""


def test_the_authority_outlives_a_restart_and_its_key_is_nobody_elses(tmp_path: Path) -> None:
    first, again = Authority(tmp_path), Authority(tmp_path)
    assert first.file == again.file
    leaf, second = (x509.load_pem_x509_certificate(a.leaf().chain_pem) for a in (first, again))
    assert leaf.serial_number != second.serial_number
    for certificate in (leaf, second):
        certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(first.file.read_bytes()))
    assert (tmp_path / "robots-ca-key.pem").stat().st_mode & 0o077 == 0

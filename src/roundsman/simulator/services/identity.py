"""`robot-id`, `time-sync` and `license`: who a robot is, what its clock says, what it may do."""
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportAttributeAccessIssue=false, reportCallIssue=false

import uuid
from typing import Any

from bosdyn.api import (
    license_pb2,
    license_service_pb2,
    robot_id_service_pb2,
    time_sync_pb2,
    time_sync_service_pb2,
)

from roundsman.simulator.services.calls import Service, fill_time, time_us_of

API_VERSION = "5.2.0"
_DAY_US = 86_400_000_000


class RobotIdService(Service):
    """Who it is, told to everybody. Source: robot-link.md §3.1 (`robot-id`)."""

    name = "robot-id"
    authority = "id.spot.robot"
    descriptor = robot_id_service_pb2.DESCRIPTOR.services_by_name["RobotIdService"]
    token_required = False

    def GetRobotId(self, request: Any, response: Any) -> None:
        """Serial number, nickname, software."""
        robot, identity = self.robot, response.robot_id
        identity.serial_number, identity.nickname = robot.serial, robot.nickname
        identity.species, identity.version = "spot", "4.1.0"
        identity.computer_serial_number = robot.computer_serial
        release = identity.software_release
        version = release.version
        version.major_version, version.minor_version, version.patch_level = robot.software_version
        release.name = ".".join(map(str, robot.software_version))
        release.type, release.api_version = "release", API_VERSION
        release.changeset = robot.software_changeset
        fill_time(release.changeset_date, robot.install_date_us - 14 * _DAY_US)
        fill_time(release.install_date, robot.install_date_us)


class TimeSyncService(Service):
    """How far the caller's clock is off. Source: robot-link.md §3.1 (`time-sync`)."""

    name = "time-sync"
    descriptor = time_sync_service_pb2.DESCRIPTOR.services_by_name["TimeSyncService"]

    def TimeSyncUpdate(self, request: Any, response: Any) -> None:
        """The first call names the clock, each later one judges the round trip before it."""
        state = response.state
        response.clock_identifier = request.clock_identifier or uuid.uuid4().hex
        fill_time(state.measurement_time, self.robot.now_us())
        if not request.HasField("previous_round_trip"):
            state.status = time_sync_pb2.TimeSyncState.STATUS_MORE_SAMPLES_NEEDED
            return
        trip = request.previous_round_trip
        sent, received = time_us_of(trip.client_tx), time_us_of(trip.server_rx)
        answered, back = time_us_of(trip.server_tx), time_us_of(trip.client_rx)
        for estimate in (response.previous_estimate, state.best_estimate):
            estimate.clock_skew.FromMicroseconds(((received - sent) + (answered - back)) // 2)
            estimate.round_trip_time.FromMicroseconds((back - sent) - (answered - received))
        state.status = time_sync_pb2.TimeSyncState.STATUS_OK


class LicenseService(Service):
    """A licence that is valid for everything that is asked."""

    name = "license"
    descriptor = license_service_pb2.DESCRIPTOR.services_by_name["LicenseService"]

    def GetLicenseInfo(self, request: Any, response: Any) -> None:
        """The licence."""
        licence = response.license
        licence.status = license_pb2.LicenseInfo.STATUS_VALID
        licence.id, licence.robot_serial = f"simulated-{self.robot.serial}", self.robot.serial
        fill_time(licence.not_valid_before, self.robot.install_date_us)
        fill_time(licence.not_valid_after, self.robot.install_date_us + 3650 * _DAY_US)
        licence.licensed_features.extend(("autonomy", "graph_nav", "missions"))

    def GetFeatureEnabled(self, request: Any, response: Any) -> None:
        """Whether features are licensed."""
        for code in request.feature_codes:
            response.feature_enabled[code] = True

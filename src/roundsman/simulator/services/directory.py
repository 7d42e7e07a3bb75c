"""`directory`: which services a robot has, and the list of them all."""
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportAttributeAccessIssue=false, reportCallIssue=false

from typing import Any

from bosdyn.api import directory_pb2, directory_service_pb2

from roundsman.simulator.services import minor
from roundsman.simulator.services.acquisition import DataAcquisitionService
from roundsman.simulator.services.auth import AuthService
from roundsman.simulator.services.calls import Service, fill_time
from roundsman.simulator.services.capture_store import DataAcquisitionStoreService
from roundsman.simulator.services.commands import DockingService, PowerService, RobotCommandService
from roundsman.simulator.services.estop import EstopService
from roundsman.simulator.services.graph_nav import GraphNavService
from roundsman.simulator.services.identity import LicenseService, RobotIdService, TimeSyncService
from roundsman.simulator.services.images import ImageService
from roundsman.simulator.services.keepalive import KeepaliveService
from roundsman.simulator.services.lease import LeaseService
from roundsman.simulator.services.mission import AutowalkService, MissionService
from roundsman.simulator.services.robot_state import RobotStateService
from roundsman.simulator.services.tokens import Tokens
from roundsman.simulator.world.robot import SimulatedSpot

SERVICES: tuple[type[Service], ...] = (
    *(AuthService, RobotIdService, TimeSyncService, LicenseService),
    *(RobotStateService, LeaseService, EstopService, KeepaliveService),
    *(PowerService, RobotCommandService, DockingService),
    *(GraphNavService, AutowalkService, MissionService),
    *(DataAcquisitionService, DataAcquisitionStoreService, ImageService),
    *(minor.FaultService, minor.LogStatusService, minor.PayloadService),
    *(minor.SpotCheckService, minor.AutoReturnService),
)


class DirectoryService(Service):
    """The robot's own list of its services."""

    name = "directory"
    descriptor = directory_service_pb2.DESCRIPTOR.services_by_name["DirectoryService"]
    services: tuple[Service, ...] = ()

    def ListServiceEntries(self, request: Any, response: Any) -> None:
        """All services."""
        for service in self.services:
            self._fill(response.service_entries.add(), service)

    def GetServiceEntry(self, request: Any, response: Any) -> None:
        """One service by name."""
        response.status = directory_pb2.GetServiceEntryResponse.STATUS_NONEXISTENT_SERVICE
        for service in self.services:
            if service.name == request.service_name:
                response.status = directory_pb2.GetServiceEntryResponse.STATUS_OK
                self._fill(response.service_entry, service)

    def _fill(self, entry: Any, service: Service) -> None:
        entry.name, entry.authority = service.name, service.authority
        entry.type = service.descriptor.full_name
        entry.user_token_required = service.token_required
        fill_time(entry.last_update, self.robot.boot_us)


def services_of(robot: SimulatedSpot, tokens: Tokens) -> list[Service]:
    """Every service of one robot, the directory among them."""
    directory = DirectoryService(robot, tokens)
    buffer, data = minor.DataBufferService(robot, tokens), minor.DataService(robot, tokens)
    data.buffer = buffer
    directory.services = (*(kind(robot, tokens) for kind in SERVICES), buffer, data, directory)
    return list(directory.services)

"""`data-acquisition`: takes captures on request. Source: robot-link.md §3.1 (`data-acquisition`)."""
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportAttributeAccessIssue=false, reportCallIssue=false

from typing import Any

from bosdyn.api import data_acquisition_pb2, data_acquisition_service_pb2

from roundsman.simulator.services.calls import Service
from roundsman.simulator.services.captures import fill_identifier

Acquire, Status = data_acquisition_pb2.AcquireDataResponse, data_acquisition_pb2.GetStatusResponse
Cancel, Live = data_acquisition_pb2.CancelAcquisitionResponse, data_acquisition_pb2.LiveDataResponse.CapabilityLiveData
STATUSES = {
    "acquiring": Status.STATUS_ACQUIRING,
    "saving": Status.STATUS_SAVING,
    "complete": Status.STATUS_COMPLETE,
    "cancelled": Status.STATUS_ACQUISITION_CANCELLED,
    "data_error": Status.STATUS_DATA_ERROR,
}
NETWORK_COMPUTE = ("gauge-reader", "visual-inspection")


class DataAcquisitionService(Service):
    """Data acquisition of one robot."""

    name = "data-acquisition"
    authority = "data-acquisition.spot.robot"
    descriptor = data_acquisition_service_pb2.DESCRIPTOR.services_by_name["DataAcquisitionService"]

    def GetServiceInfo(self, request: Any, response: Any) -> None:
        """What can be acquired."""
        capabilities = response.capabilities
        for name in self._plugins():
            capabilities.data_sources.add(name=name, channel_name=name, service_name=f"{name}-service")
        body = capabilities.image_sources.add(service_name="image")
        for source in self.robot.image_sources():
            body.image_source_names.append(source)
            body.image_sources.add(name=source, cols=640, rows=480)
        for name in NETWORK_COMPUTE:
            compute = capabilities.network_compute_sources.add()
            compute.server_config.service_name = name
            compute.models.data.add(model_name=name)

    def AcquireData(self, request: Any, response: Any) -> None:
        """Begins to acquire."""
        asked = request.acquisition_requests
        known = {*self._plugins(), *NETWORK_COMPUTE}
        if any(capture.name not in known for capture in asked.data_captures):
            response.status = Acquire.STATUS_UNKNOWN_CAPTURE_TYPE
            return
        response.request_id = self.robot.acquire(request.SerializeToString())
        response.status = Acquire.STATUS_OK

    def GetStatus(self, request: Any, response: Any) -> None:
        """How an acquisition fares."""
        acquisition = self.robot.acquisition(request.request_id)
        if acquisition is None:
            response.status = Status.STATUS_REQUEST_ID_DOES_NOT_EXIST
            return
        response.status = STATUSES[acquisition.status]
        for capture_id in acquisition.saved:
            capture = self.robot.store.get(capture_id)
            if capture is not None:
                fill_identifier(response.data_saved.add(), capture)
        for channel, message in acquisition.errors:
            error = response.data_errors.add(error_message=message)
            error.data_id.channel = channel

    def CancelAcquisition(self, request: Any, response: Any) -> None:
        """Cancels what is not saved yet."""
        if self.robot.acquisition(request.request_id) is None:
            response.status = Cancel.STATUS_REQUEST_ID_DOES_NOT_EXIST
        else:
            cancelled = self.robot.cancel_acquisition(request.request_id)
            response.status = Cancel.STATUS_OK if cancelled else Cancel.STATUS_FAILED_TO_CANCEL

    def GetLiveData(self, request: Any, response: Any) -> None:
        """No simulated sensor speaks between captures."""
        for capture in request.data_captures:
            response.live_data.add(name=capture.name, status=Live.STATUS_UNKNOWN_CAPTURE_TYPE)

    def _plugins(self) -> list[str]:
        return [name for name in self.robot.sensors.plugins if name not in NETWORK_COMPUTE]

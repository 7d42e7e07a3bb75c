"""Services that answer, and do little more: faults, logs, payloads, checks, auto-return, the data buffer."""
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportAttributeAccessIssue=false, reportCallIssue=false

from collections import deque
from typing import Any

from bosdyn.api import (
    data_buffer_service_pb2,
    data_service_pb2,
    fault_service_pb2,
    payload_service_pb2,
    service_fault_pb2,
)
from bosdyn.api.auto_return import auto_return_pb2, auto_return_service_pb2
from bosdyn.api.log_status import log_status_pb2, log_status_service_pb2
from bosdyn.api.spot import spot_check_pb2, spot_check_service_pb2

from roundsman.simulator.services.calls import Service, time_us_of
from roundsman.simulator.services.tokens import Tokens
from roundsman.simulator.world.robot import SimulatedSpot

Triggered, Cleared = service_fault_pb2.TriggerServiceFaultResponse, service_fault_pb2.ClearServiceFaultResponse
REMEMBERED = 1000


class FaultService(Service):
    """Faults that clients raise about themselves; the robot's state shows them."""

    name = "fault"
    descriptor = fault_service_pb2.DESCRIPTOR.services_by_name["FaultService"]

    def TriggerServiceFault(self, request: Any, response: Any) -> None:
        """Raises one."""
        name = request.fault.fault_id.fault_name
        active = name in self.robot.service_faults
        response.status = Triggered.STATUS_FAULT_ALREADY_ACTIVE if active else Triggered.STATUS_OK
        self.robot.service_faults[name] = request.fault.error_message

    def ClearServiceFault(self, request: Any, response: Any) -> None:
        """Clears one, or all."""
        if request.clear_all_service_faults:
            self.robot.service_faults.clear()
            response.status = Cleared.STATUS_OK
            return
        known = self.robot.service_faults.pop(request.fault_id.fault_name, None) is not None
        response.status = Cleared.STATUS_OK if known else Cleared.STATUS_FAULT_NOT_ACTIVE


class DataBufferService(Service):
    """Takes in what clients record."""

    name = "data-buffer"
    authority = "buffer.spot.robot"
    descriptor = data_buffer_service_pb2.DESCRIPTOR.services_by_name["DataBufferService"]

    def __init__(self, robot: SimulatedSpot, tokens: Tokens) -> None:
        super().__init__(robot, tokens)
        self.events: deque[Any] = deque(maxlen=REMEMBERED)
        self.comments: deque[Any] = deque(maxlen=REMEMBERED)

    def RecordOperatorComments(self, request: Any, response: Any) -> None:
        """Remembered for `data`."""
        self.comments.extend(request.operator_comments)

    def RecordEvents(self, request: Any, response: Any) -> None:
        """Remembered for `data`."""
        self.events.extend(request.events)

    def RecordTextMessages(self, request: Any, response: Any) -> None:
        """Let go."""

    def RecordDataBlobs(self, request: Any, response: Any) -> None:
        """Let go."""

    def RegisterSignalSchema(self, request: Any, response: Any) -> None:
        """Let go."""
        response.schema_id = 1

    def RecordSignalTicks(self, request: Any, response: Any) -> None:
        """Let go."""


class DataService(Service):
    """Hands out the events and comments that were recorded."""

    name = "data"
    authority = "data.spot.robot"
    descriptor = data_service_pb2.DESCRIPTOR.services_by_name["DataService"]
    buffer: DataBufferService | None = None

    def GetEventsComments(self, request: Any, response: Any) -> None:
        """Those of a time range."""
        asked, answer = request.event_comment_request, response.events_comments
        answer.time_range.CopyFrom(asked.time_range)
        if self.buffer is None:
            return
        wanted = {event.type for event in asked.events if event.type}
        for event in self.buffer.events:
            if _within(event.start_time, asked.time_range) and asked.events and (not wanted or event.type in wanted):
                answer.events.add().CopyFrom(event)
        if asked.comments:
            found = (c for c in self.buffer.comments if _within(c.timestamp, asked.time_range))
            answer.operator_comments.extend(found)

    def GetDataIndex(self, request: Any, response: Any) -> None:
        """Nothing is kept in pages."""
        response.data_index.time_range.CopyFrom(request.data_query.time_range)

    def GetDataBufferStatus(self, request: Any, response: Any) -> None:
        """How much is kept."""
        if self.buffer is not None:
            response.data_buffer_status.num_comments = len(self.buffer.comments)
            response.data_buffer_status.num_events = len(self.buffer.events)


def _within(timestamp: Any, time_range: Any) -> bool:
    at_us = time_us_of(timestamp)
    ends = time_range.HasField("end")
    return time_us_of(time_range.start) <= at_us and (not ends or at_us <= time_us_of(time_range.end))


class LogStatusService(Service):
    """No log is being taken."""

    name = "log-status"
    authority = "log.spot.robot"
    descriptor = log_status_service_pb2.DESCRIPTOR.services_by_name["LogStatusService"]

    def GetActiveLogStatuses(self, request: Any, response: Any) -> None:
        """None."""
        response.status = log_status_pb2.GetActiveLogStatusesResponse.STATUS_OK

    def GetLogStatus(self, request: Any, response: Any) -> None:
        """Unknown, whichever."""
        response.status = log_status_pb2.GetLogStatusResponse.STATUS_ID_NOT_FOUND


class PayloadService(Service):
    """No payload is registered."""

    name = "payload"
    authority = "payload.spot.robot"
    descriptor = payload_service_pb2.DESCRIPTOR.services_by_name["PayloadService"]

    def ListPayloads(self, request: Any, response: Any) -> None:
        """None."""


class SpotCheckService(Service):
    """A calibration that was never started."""

    name = "spot-check"
    authority = "spot-check.spot.robot"
    descriptor = spot_check_service_pb2.DESCRIPTOR.services_by_name["SpotCheckService"]

    def SpotCheckFeedback(self, request: Any, response: Any) -> None:
        """Waiting."""
        response.state = spot_check_pb2.SpotCheckFeedbackResponse.STATE_WAITING_FOR_COMMAND
        response.error = spot_check_pb2.SpotCheckFeedbackResponse.ERROR_NONE


class AutoReturnService(Service):
    """Remembers how to walk back when the connection is lost; never does."""

    name = "auto-return"
    authority = "auto-return.spot.robot"
    descriptor = auto_return_service_pb2.DESCRIPTOR.services_by_name["AutoReturnService"]

    def __init__(self, robot: SimulatedSpot, tokens: Tokens) -> None:
        super().__init__(robot, tokens)
        self._configured = auto_return_pb2.ConfigureRequest()

    def Configure(self, request: Any, response: Any) -> None:
        """Remembers."""
        self._configured.CopyFrom(request)
        response.status = auto_return_pb2.ConfigureResponse.STATUS_OK

    def GetConfiguration(self, request: Any, response: Any) -> None:
        """What it remembers."""
        response.request.CopyFrom(self._configured)
        response.enabled = bool(self._configured.leases)

    def Start(self, request: Any, response: Any) -> None:
        """Says yes."""
        response.status = auto_return_pb2.StartResponse.STATUS_OK

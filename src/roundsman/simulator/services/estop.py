"""`estop`: the software e-stop. Its endpoints prove that they are alive by answering challenges.

Without a configured endpoint nothing is stopped, as on a robot whose e-stop is switched off. An endpoint that stays
silent for its timeout cuts the motors' power. Source: robot-link.md §3.1 (`estop`).
"""
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportAttributeAccessIssue=false, reportCallIssue=false

import secrets
from typing import Any

from bosdyn.api import estop_pb2, estop_service_pb2

from roundsman.simulator.services.calls import Service, fill_duration
from roundsman.simulator.services.tokens import Tokens
from roundsman.simulator.world.robot import SimulatedSpot

CheckIn, Register = estop_pb2.EstopCheckInResponse, estop_pb2.RegisterEstopEndpointResponse
Deregister, SetConfig = estop_pb2.DeregisterEstopEndpointResponse, estop_pb2.SetEstopConfigResponse
ALL_BITS = 0xFFFF_FFFF_FFFF_FFFF


class EstopService(Service):
    """The software e-stop of one robot."""

    name = "estop"
    authority = "estop.spot.robot"
    descriptor = estop_service_pb2.DESCRIPTOR.services_by_name["EstopService"]

    def __init__(self, robot: SimulatedSpot, tokens: Tokens) -> None:
        super().__init__(robot, tokens)
        self._config = estop_pb2.EstopConfig(unique_id=secrets.token_hex(8))
        self._challenges: dict[str, int] = {}
        self._levels: dict[str, tuple[int, int]] = {}
        """Stop level and time of the last good check-in, by endpoint."""
        self._settling = False

    def tick(self) -> None:
        """Takes the motors' power when an endpoint is silent for too long, or says so."""
        level = self._level()
        self.robot.software_estopped = level == estop_pb2.ESTOP_LEVEL_CUT
        if level == estop_pb2.ESTOP_LEVEL_SETTLE_THEN_CUT and not self._settling and self.robot.motor_power == "on":
            self.robot.power_off()
        self._settling = level == estop_pb2.ESTOP_LEVEL_SETTLE_THEN_CUT

    def GetEstopConfig(self, request: Any, response: Any) -> None:
        """The endpoints that there should be."""
        response.request.CopyFrom(request)
        response.active_config.CopyFrom(self._config)

    def SetEstopConfig(self, request: Any, response: Any) -> None:
        """Replaces the endpoints."""
        response.request.CopyFrom(request)
        if request.target_config_id and request.target_config_id != self._config.unique_id:
            response.status = SetConfig.STATUS_INVALID_ID
        elif self._would_cut(request.config.endpoints):
            response.status = SetConfig.STATUS_MOTORS_ON
        else:
            self._replace(request.config.endpoints)
            response.status = SetConfig.STATUS_SUCCESS
        response.active_config.CopyFrom(self._config)

    def RegisterEstopEndpoint(self, request: Any, response: Any) -> None:
        """Fills a configured place with an endpoint."""
        response.request.CopyFrom(request)
        response.status = Register.STATUS_ENDPOINT_MISMATCH
        if request.target_config_id != self._config.unique_id:
            response.status = Register.STATUS_CONFIG_MISMATCH
            return
        for endpoint in self._config.endpoints:
            if request.target_endpoint.role == endpoint.role:
                self._forget(endpoint.unique_id)
                endpoint.CopyFrom(request.new_endpoint)
                endpoint.unique_id = secrets.token_hex(8)
                response.new_endpoint.CopyFrom(endpoint)
                response.status = Register.STATUS_SUCCESS
                return

    def DeregisterEstopEndpoint(self, request: Any, response: Any) -> None:
        """Takes an endpoint out."""
        response.request.CopyFrom(request)
        if request.target_config_id != self._config.unique_id:
            response.status = Deregister.STATUS_CONFIG_MISMATCH
            return
        left = [e for e in self._config.endpoints if e.unique_id != request.target_endpoint.unique_id]
        found = len(left) < len(self._config.endpoints)
        self._replace(left)
        response.status = Deregister.STATUS_SUCCESS if found else Deregister.STATUS_ENDPOINT_MISMATCH

    def EstopCheckIn(self, request: Any, response: Any) -> None:
        """The first one is always wrong, as nothing was asked before it."""
        response.request.CopyFrom(request)
        known = request.endpoint.unique_id
        if all(endpoint.unique_id != known for endpoint in self._config.endpoints):
            response.status = CheckIn.STATUS_ENDPOINT_UNKNOWN
            return
        asked = self._challenges.get(known)
        if asked is not None and request.response == asked ^ ALL_BITS:
            self._levels[known] = (request.stop_level, self.robot.now_us())
            response.status = CheckIn.STATUS_OK
        else:
            response.status = CheckIn.STATUS_INCORRECT_CHALLENGE_RESPONSE
        self._challenges[known] = response.challenge = secrets.randbits(64)
        self.tick()

    def GetEstopSystemStatus(self, request: Any, response: Any) -> None:
        """How all endpoints fare."""
        status = response.status
        status.stop_level = self._level()
        for endpoint in self._config.endpoints:
            shown = status.endpoints.add(stop_level=self._level_of(endpoint))
            shown.endpoint.CopyFrom(endpoint)
            if endpoint.unique_id in self._levels:
                silent_us = self.robot.now_us() - self._levels[endpoint.unique_id][1]
                fill_duration(shown.time_since_valid_response, silent_us / 1e6)
        if self.robot.faults.estopped:
            status.stop_level = estop_pb2.ESTOP_LEVEL_CUT
            status.stop_level_details = "The button on the robot is pressed."

    def _level(self) -> int:
        levels = [self._level_of(endpoint) for endpoint in self._config.endpoints]
        return min(levels, default=estop_pb2.ESTOP_LEVEL_NONE)

    def _level_of(self, endpoint: Any) -> int:
        level, seen_us = self._levels.get(endpoint.unique_id, (estop_pb2.ESTOP_LEVEL_CUT, 0))
        silent = self.robot.now_us() - seen_us > endpoint.timeout.ToMicroseconds()
        return estop_pb2.ESTOP_LEVEL_CUT if silent else level

    def _would_cut(self, endpoints: Any) -> bool:
        return bool(endpoints) and self.robot.motor_power == "on"

    def _replace(self, endpoints: Any) -> None:
        self._config = estop_pb2.EstopConfig(endpoints=endpoints, unique_id=secrets.token_hex(8))
        for endpoint in self._config.endpoints:
            endpoint.unique_id = endpoint.unique_id or secrets.token_hex(8)

    def _forget(self, endpoint_id: str) -> None:
        self._challenges.pop(endpoint_id, None)
        self._levels.pop(endpoint_id, None)

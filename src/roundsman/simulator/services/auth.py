"""`auth`: tokens for names and passwords."""
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportAttributeAccessIssue=false, reportCallIssue=false

from typing import Any

from bosdyn.api import auth_pb2, auth_service_pb2

from roundsman.simulator.services.calls import Service
from roundsman.simulator.services.tokens import LockedOutError

Status = auth_pb2.GetAuthTokenResponse


class AuthService(Service):
    """Gives tokens. Source: robot-link.md §2.2."""

    name = "auth"
    authority = "auth.spot.robot"
    descriptor = auth_service_pb2.DESCRIPTOR.services_by_name["AuthService"]
    token_required = False

    def GetAuthToken(self, request: Any, response: Any) -> None:
        """A token for a password, or a fresh one for one that is still good."""
        try:
            if request.token:
                token, wrong = self.tokens.refresh(request.token), Status.STATUS_INVALID_TOKEN
            else:
                token, wrong = self.tokens.login(request.username, request.password), Status.STATUS_INVALID_LOGIN
        except LockedOutError:
            response.status = Status.STATUS_TEMPORARILY_LOCKED_OUT
            return
        response.status = Status.STATUS_OK if token else wrong
        response.token = token or ""

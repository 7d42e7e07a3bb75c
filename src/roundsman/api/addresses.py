"""Where a request comes from."""

import ipaddress
from typing import Any

from litestar import Request

_FORWARDED = ("x-forwarded-for", "forwarded", "x-real-ip")


def address_of(request: Request[Any, Any, Any]) -> str:
    """The other end's address. Headers of proxies are not believed: anybody can send them."""
    return request.client.host if request.client else ""


def agent_of(request: Request[Any, Any, Any]) -> str:
    """What the browser or program calls itself."""
    return request.headers.get("user-agent", "")


def from_this_machine(request: Request[Any, Any, Any]) -> bool:
    """Whether a program on this machine asks, and not a proxy on behalf of somebody else."""
    if any(name in request.headers for name in _FORWARDED):
        return False
    try:
        return ipaddress.ip_address(address_of(request)).is_loopback
    except ValueError:
        return False

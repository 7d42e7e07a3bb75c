"""Version, status and time: what tells a client which server it has found.

Source: scout-api.md §2.1; `version`, `status` and `login` answer without authentication (§0.1).
"""

from functools import cache
from importlib.metadata import version as version_of
from typing import Annotated

import msgspec
from litestar import get
from msgspec import Meta

from roundsman.api.authentication import PUBLIC, requires
from roundsman.api.parts import Given

API_VERSION = "5.2.0"  # the newest whose clients are served


class Version(msgspec.Struct, rename="camel"):
    """Which API this is, and which server."""

    version: Annotated[str, Meta(description="The API's version, as its clients know it.", examples=["5.2.0"])]
    serial: Annotated[str, Meta(description="This installation's own id.")]
    host_environment: str
    roundsman_version: str


class Status(msgspec.Struct):
    """That the server answers."""

    status: str


class SystemTime(msgspec.Struct, rename="camel"):
    """The server's clock."""

    ms_since_epoch: Annotated[int, Meta(description="Milliseconds since 1970 UTC.", examples=[1701098596652])]


@get("/version", opt=PUBLIC, tags=["system"], summary="Which API and server this is")
async def version(parts: Given) -> Version:
    """Answers without a login."""
    return Version(API_VERSION, await parts.access.instance_id(), "physical", _own_version())


@get("/status", opt=PUBLIC, tags=["system"], summary="Whether the server answers")
async def status() -> Status:
    """Answers without a login."""
    return Status("ok")


@get("/settings/system-time", opt=requires("read", "system"), tags=["system"], summary="The server's clock")
async def system_time(parts: Given) -> SystemTime:
    """The clock by which `createdAt` is told."""
    return SystemTime(parts.clock.now_us() // 1000)


@cache
def _own_version() -> str:
    return version_of("roundsman")


routes = [version, status, system_time]

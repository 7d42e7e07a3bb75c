"""The page of backups: ask for one, see how far it is, fetch it, remove it."""

from typing import Any

import msgspec
from litestar import Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect

from roundsman.api.authentication import CSRF, identity_of, requires
from roundsman.api.parts import Given
from roundsman.backups.types import COMPLETED, DUMPING, FAILED, PACKING, STARTING, BackupParameters, BackupTask
from roundsman.kit.times import parse_time
from roundsman.web.forms import fields_of
from roundsman.web.rendering import Moment, moment, page, size
from roundsman.web.visitors import visit

Asked = Request[Any, Any, Any]
PATH = "/backups"
READ = requires("administer", "backups")
CHANGE = {**READ, CSRF: "form"}
# What is under way, in words, and the class of its colour.
_STATES = {
    STARTING: ("waiting", "waiting"),
    DUMPING: ("reading the database", "running"),
    PACKING: ("writing the file", "running"),
    COMPLETED: ("complete", "success"),
    FAILED: ("failed", "failed"),
}


class BackupShown(msgspec.Struct, frozen=True):
    """A backup in the list."""

    uuid: str
    name: str
    asked: Moment
    state: str
    colour: str
    size: str
    content: str
    error: str
    is_there: bool
    is_unfinished: bool


@get(PATH, opt=READ)
async def list_page(parts: Given, request: Asked) -> Response[str]:
    """All of them, the newest first."""
    now_us, seen = parts.clock.now_us(), await visit(parts, request)
    return page(
        "backups.html",
        identity=seen.identity,
        csrf=seen.csrf,
        backups=[_shown(task, now_us) for task in reversed(await parts.backups.list())],
        keep=parts.settings.backups_keep,
        folder=str(parts.backups.folder),
        has_passphrase=bool(parts.backups.source.passphrase),
    )


@post(PATH, opt=CHANGE)
async def make(parts: Given, request: Asked) -> Response[Any]:
    """Asks for one."""
    fields = await fields_of(parts, request)
    identity = identity_of(request)
    parameters = BackupParameters("missions" in fields, "captures" in fields)
    await parts.backups.ask(parameters, identity.name if identity else "")
    return Redirect(PATH, status_code=303)


@post(f"{PATH}/{{uuid:str}}/remove", opt=CHANGE)
async def remove(parts: Given, request: Asked, uuid: FromPath[str]) -> Response[Any]:
    """Removes one, or cancels it while it is made."""
    await fields_of(parts, request)
    await parts.backups.remove(uuid)
    return Redirect(PATH, status_code=303)


def _shown(task: BackupTask, now_us: int) -> BackupShown:
    state, colour = _STATES.get(task.status, (task.status.lower(), "off"))
    files = [name for name, wanted in _files(task.params) if wanted]
    return BackupShown(
        uuid=task.task_id,
        name=task.filename,
        asked=moment(parse_time(task.started_at), now_us),
        state=state,
        colour=colour,
        size=size(task.size) if task.size else "",
        content=", ".join(["database", *files]),
        error=task.error,
        is_there=task.status == COMPLETED,
        is_unfinished=task.status in (STARTING, DUMPING, PACKING),
    )


def _files(parameters: BackupParameters) -> list[tuple[str, bool]]:
    return [("walks and maps", parameters.include_missions), ("captures", parameters.include_captures)]


routes = [list_page, make, remove]

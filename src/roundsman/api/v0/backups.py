"""Backups: asked for, followed, fetched, removed. Source: scout-api.md §2.17."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from litestar import Request, Response, delete, get, post
from litestar.params import FromPath

from roundsman.api.authentication import identity_of, requires
from roundsman.api.bodies import a_flag, an_object, bodied, json_object
from roundsman.api.download import REVALIDATE, Content, Download, downloads
from roundsman.api.parts import Given
from roundsman.backups.types import BackupParameters, BackupTask, MadeTask
from roundsman.kit.problem import BadRequest

ADMINISTER = requires("administer", "backups")
_CHUNK_BYTES = 1 << 20
_PARAMETERS = an_object(
    "Which files are in it, beside the database.",
    (),
    includeMissions=a_flag("files of site walks and maps; left out: true"),
    includeCaptures=a_flag("files of captures; left out: true"),
)


@post(
    "/backup_tasks",
    status_code=200,
    opt=ADMINISTER,
    tags=["backups"],
    summary="Ask for a backup",
    operation_class=bodied(_PARAMETERS),
)
async def post_backup_task(parts: Given, request: Request[Any, Any, Any]) -> MadeTask:
    """It is made in the background: look at its task until `status` is Completed, Cancelled or Error."""
    given = await json_object(request)
    flags = {name: given.get(name, True) for name in ("includeMissions", "includeCaptures")}
    for name, value in flags.items():
        if not isinstance(value, bool):
            raise BadRequest(name, f"{name} must be true or false", ("true", "false"))
    identity = identity_of(request)
    parameters = BackupParameters(flags["includeMissions"], flags["includeCaptures"])
    return MadeTask(await parts.backups.ask(parameters, identity.name if identity else ""))


@get("/backup_tasks", opt=ADMINISTER, tags=["backups"], summary="All backup tasks")
async def list_backup_tasks(parts: Given) -> list[BackupTask]:
    """A bare list, the oldest first."""
    return await parts.backups.list()


@get("/backup_tasks/{uuid:str}", opt=ADMINISTER, tags=["backups"], summary="One backup task")
async def one_backup_task(parts: Given, uuid: FromPath[str]) -> BackupTask:
    """How far it is; 404 when there is none."""
    return await parts.backups.get(uuid)


@get(
    "/backups/{uuid:str}",
    opt=ADMINISTER,
    tags=["backups"],
    summary="The file of a backup",
    operation_class=downloads("application/x-tar"),
)
async def download_backup(parts: Given, uuid: FromPath[str]) -> Download:
    """A tar, as docs/backups.md describes it. Ranges work, so that a download that broke off goes on where it was."""
    path, name, size_bytes, sha256, ended_us = await parts.backups.fetched(uuid)

    def read(start: int, end: int) -> AsyncIterator[bytes]:
        return _read(path, start, end)

    return Download(Content(size_bytes, sha256, ended_us, "application/x-tar", name, REVALIDATE, read, path))


@delete("/backups/{uuid:str}", status_code=200, opt=ADMINISTER, tags=["backups"], summary="Remove a backup")
async def delete_backup(parts: Given, uuid: FromPath[str]) -> Response[dict[str, str]]:
    """With its file; one that waits or is made is cancelled."""
    await parts.backups.remove(uuid)
    return Response({"removed": uuid})


async def _read(path: Path, start: int, end: int) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        file.seek(start)
        while start < end and (chunk := file.read(min(_CHUNK_BYTES, end - start))):
            start += len(chunk)
            yield chunk


routes = [post_backup_task, list_backup_tasks, one_backup_task, download_backup, delete_backup]

"""Everything of a run as one zip archive. Source: scout-api.md §2.11."""

from litestar import get
from litestar.params import FromPath

from roundsman.api.authentication import requires
from roundsman.api.download import Download, downloads
from roundsman.api.files import archive_content
from roundsman.api.parts import Given
from roundsman.captures.archives import archive_of_run
from roundsman.kit.problem import NotFound


@get(
    "/run_archives/{uuid:str}",
    opt=requires("read", "runs"),
    tags=["run archives"],
    summary="A run as an archive",
    operation_class=downloads("application/zip"),
)
async def run_archive(parts: Given, uuid: FromPath[str]) -> Download:
    """The files of a run, its metadata.json and its position tables, stored and not compressed.

    Its length is known before it is sent, and an interrupted download goes on where it stopped (Range, If-Range).
    """
    archive = await archive_of_run(parts.database, uuid)
    if archive is None:
        raise NotFound(f"there is no run {uuid}")
    return Download(archive_content(parts, archive))


routes = [run_archive]

"""Site walks from the command line: recorded walks in and out, also beside a running server."""

import asyncio
import tempfile
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from roundsman.api.parts import Parts
from roundsman.cli.common import Config, Data, settings_of, with_parts
from roundsman.cli.people import show
from roundsman.cli.refusal import Refusal
from roundsman.kit.problem import Problem
from roundsman.kit.stored_zip import read_range
from roundsman.site import imports, store
from roundsman.site.folder import pack

app = typer.Typer(help="Site walks: import, export, list.", no_args_is_help=True)


@app.command("import")
def import_walks(
    paths: Annotated[list[Path], typer.Argument(help="A .walk folder, such a folder as a zip, or a Walk file.")],
    config: Config = None,
    data: Data = None,
) -> None:
    """Bring recorded walks in, with their maps; importing one again changes nothing."""

    missing = [path for path in paths if not path.exists()]
    if missing:
        raise Refusal(f"{missing[0]} does not exist")

    async def work(parts: Parts) -> None:
        for path in paths:
            for walk in await _bring_in(parts, path):
                print(await _told(parts, walk))

    with_parts(settings_of(config, data), work)


async def _bring_in(parts: Parts, path: Path) -> list[store.Document]:
    try:
        with tempfile.TemporaryDirectory(prefix="roundsman-walk-") as folder:
            file = await asyncio.to_thread(_as_file, path, Path(folder))
            return await imports.import_file(parts.database, parts.blobs, parts.clock, file)
    except Problem as problem:
        raise Refusal(f"{path}: {problem.detail or problem.title}") from None


def _as_file(path: Path, temporary: Path) -> Path:
    """A folder becomes a zip, so that it is read with the same care as one from elsewhere."""
    if not path.is_dir():
        return path
    packed = temporary / "walk.zip"
    pack(path, packed)
    return packed


async def _told(parts: Parts, walk: store.Document) -> str:
    elements, docks = (len(store.named(walk, member)) for member in ("siteElementIds", "siteDockIds"))
    mapped = "with its map" if await imports.map_of(parts.database, walk["uuid"]) else "without a map"
    return f"{walk['name']}: {_many(elements, 'action')}, {_many(docks, 'dock')}, {mapped}; {walk['uuid']}"


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


@app.command("export")
def export_walk(
    walk: Annotated[str, typer.Argument(help="Its name, or its uuid.")],
    to: Annotated[
        Path | None,
        typer.Option(help="The file to write; one called .walk gets the Walk alone.", show_default="NAME.walk.zip"),
    ] = None,
    config: Config = None,
    data: Data = None,
) -> None:
    """Write a walk with its map as a zip of its .walk folder."""

    async def work(parts: Parts) -> Path:
        uuid = await _uuid_of(parts, walk)
        laid_out = await imports.archive_of(parts.database, parts.blobs, [uuid])
        target = to or Path(laid_out.name.removesuffix(".zip") + ".zip")
        alone = await imports.export_walk(parts.database, parts.blobs, uuid) if target.suffix == ".walk" else None
        with _new(target) as file:
            if alone is not None:
                file.write(alone)
                return target
            async for chunk in read_range(laid_out.layout, parts.blobs, 0, laid_out.layout.size_bytes):
                file.write(chunk)
        return target

    print(f"{with_parts(settings_of(config, data), work)} is written")


def _new(target: Path) -> BinaryIO:
    try:
        return target.open("xb")
    except FileExistsError:
        raise Refusal(f"{target} is there already; choose another with --to") from None


async def _uuid_of(parts: Parts, named: str) -> str:
    """The uuid of the walk that bears this uuid or, alone, this name. Raises: Refusal."""
    walks = await store.list_decoded(parts.database, "site_walk")
    found = [one["uuid"] for one in walks if one["uuid"] == named] or [
        one["uuid"] for one in walks if one["name"] == named
    ]
    if len(found) == 1:
        return found[0]
    if found:
        raise Refusal(f"{len(found)} walks are called {named}; say which by its uuid: {', '.join(found)}")
    raise Refusal(f"there is no site walk {named}; `roundsman walk list` lists them")


@app.command("list")
def list_walks(config: Config = None, data: Data = None) -> None:
    """List the site walks."""

    async def work(parts: Parts) -> list[list[str]]:
        return [
            [one["uuid"], one["name"], str(len(store.named(one, "siteElementIds"))),
             "yes" if await imports.map_of(parts.database, one["uuid"]) else "no", one["modifiedAt"]]
            for one in await store.list_decoded(parts.database, "site_walk")
        ]  # fmt: skip

    show(["uuid", "name", "actions", "map", "changed"], with_parts(settings_of(config, data), work))

"""`roundsman backup` and `restore`: everything of an installation as one file, and back into an empty one."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

import typer

from roundsman.access.audit import acting, acting_as, record
from roundsman.api.parts import Parts
from roundsman.backups.making import NO_KEY, Source, dump, packed
from roundsman.backups.restoring import restore as restored_from
from roundsman.backups.service import write_file
from roundsman.backups.types import BackupParameters
from roundsman.cli.common import Config, Data, person, settings_of, with_parts
from roundsman.cli.refusal import Refusal
from roundsman.kit.own_folder import own_folder

Passphrase = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file", help="Its first line seals the key of robots' passwords (setting backup_passphrase_file)."
    ),
]


def backup(
    file: Annotated[str, typer.Argument(help="Where to write it; - for the standard output.", metavar="FILE")],
    no_files: Annotated[bool, typer.Option("--no-files", help="The database only, without files of captures.")] = False,
    passphrase_file: Passphrase = None,
    config: Config = None,
    data: Data = None,
) -> None:
    """Write everything to one file, also beside a running server."""
    settings = settings_of(config, data, backup_passphrase_file=passphrase_file)
    if not settings.data_dir.is_dir():
        raise Refusal(f"there is no data folder {settings.data_dir}; name it with --data")
    target = Path(file).absolute()
    if file != "-" and target.exists():
        raise Refusal(f"{file} exists; choose another name, or remove it first")
    parameters = BackupParameters(include_captures=not no_files)

    async def work(parts: Parts) -> None:
        source, now_us, by = parts.backups.source, parts.clock.now_us(), acting()
        with own_folder(settings.data_dir if file == "-" else target.parent, ".roundsman-backup-") as folder:
            rows = await dump(source, parameters, folder, _nothing)
            chunks = packed(source, parameters, rows, now_us)
            if file == "-":
                await _to_output(chunks)
            else:
                await write_file(chunks, folder / "backup", target)
        name = "standard output" if file == "-" else str(target)
        await parts.database.write(lambda tx: record(tx, by, "download", "backup", name, after=parameters))
        count = sum(table.rows for table in rows.tables)
        print(f"{count} rows and {rows.file_count} files are in the backup", file=sys.stderr)
        _say_key(source)

    with_parts(settings, work)


def restore(
    file: Annotated[str, typer.Argument(help="The backup; - for the standard input.", metavar="FILE")],
    passphrase_file: Passphrase = None,
    key_file: Annotated[
        Path | None, typer.Option("--key-file", help="The secret.key of the old installation, instead of a passphrase.")
    ] = None,
    config: Config = None,
    data: Data = None,
) -> None:
    """Bring a backup back into an empty data folder (and an empty database)."""
    settings = settings_of(config, data, backup_passphrase_file=passphrase_file)
    if key_file and not key_file.is_file():
        raise Refusal(f"there is no file {key_file}; --key-file names the secret.key of the old installation")
    key = key_file.read_bytes() if key_file else None
    if key is not None and len(key) != 32:
        raise Refusal(f"{key_file} is no secret.key: those have 32 bytes")
    passphrase = settings.backup_passphrase()

    if file != "-" and not Path(file).is_file():
        raise Refusal(f"there is no file {file}; name the backup to restore")
    with sys.stdin.buffer if file == "-" else Path(file).open("rb") as source, acting_as(person()):
        done = asyncio.run(restored_from(settings, source, passphrase, key))
    manifest = done.manifest
    print(f"restored {done.rows} rows and {done.files} files of {manifest.created_at} into {settings.data_dir}")
    if not (manifest.include_captures and manifest.include_missions):
        print("the backup was made without some files; what it lists of those answers 404")
    if not done.has_key:
        how = "give --passphrase-file or --key-file to an empty folder, or enter" if manifest.secret_key else "enter"
        print(f"robots' passwords and other secrets cannot be read: {how} them anew")


async def _nothing() -> None:
    """Nobody waits to hear how far it is."""


async def _to_output(chunks: AsyncIterator[bytes]) -> None:
    async for chunk in chunks:
        await asyncio.to_thread(sys.stdout.buffer.write, chunk)
    await asyncio.to_thread(sys.stdout.buffer.flush)


def _say_key(source: Source) -> None:
    if not source.passphrase:
        print(f"{NO_KEY} (or keep secret.key in another place, and give it to restore)", file=sys.stderr)

"""What tests of backups share: a filled installation and the source of its backups."""

from pathlib import Path

import pytest
from tests import seed

from roundsman.backups.making import Source
from roundsman.backups.service import Backups
from roundsman.kit.blobs import Blobs
from roundsman.kit.clock import SimulatedClock
from roundsman.kit.crypto import Vault
from roundsman.kit.database import Database
from roundsman.migrations import head, tables

PASSPHRASE = "correct horse battery"


@pytest.fixture
async def filled(database: Database, blobs: Blobs) -> list[bytes]:
    """Runs with captures of three files, one of them empty and one larger than a chunk."""
    contents = [b"a gauge", b"a pump" * 300_000, b""]
    infos = [await blobs.put(content) for content in contents]
    plan = seed.Plan(runs=5, events_per_run=3, captures_per_event=2, robots=2, missions=2, days=1, blobs=infos)
    await seed.fill(database, plan)
    return contents


@pytest.fixture
def source(database: Database, blobs: Blobs, tmp_path: Path) -> Source:
    Vault.open_file(tmp_path / "secret.key")
    key = (tmp_path / "secret.key").read_bytes()
    return Source(database=database, blobs=blobs, tables=tables(), revision=head(), key=key, passphrase=PASSPHRASE)


@pytest.fixture
def backups(source: Source, clock: SimulatedClock, tmp_path: Path) -> Backups:
    return Backups(source=source, folder=tmp_path / "backups", clock=clock, reserve_bytes=0, keep=3)

"""The database's tables and how they come to be: one chain of migrations for SQLite and PostgreSQL.

`await upgrade(url)` at every start. A change of tables is a new file in versions/, as Alembic autogenerates it
(docs/architecture.md says how). Until the first release there is one only, and
`python -m roundsman.migrations.regenerate` writes it anew from the tables.
"""

import asyncio
import importlib
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, inspect

from roundsman.kit.engine import in_locked_transaction
from roundsman.kit.problem import Problem
from roundsman.kit.schema import metadata

FOLDER = Path(__file__).parent

# Every module that declares tables.
TABLES = (
    "roundsman.kit.idempotency",
    "roundsman.kit.outbox",
    "roundsman.kit.outbox_reader",
    "roundsman.kit.tally",
    "roundsman.access.tables",
    "roundsman.robots.tables",
    "roundsman.site.tables",
    "roundsman.runs.tables",
    "roundsman.captures.tables",
    "roundsman.acquisition.tables",
    "roundsman.calendar.tables",
    "roundsman.exports.tables",
    "roundsman.anomalies.tables",
    "roundsman.webhooks.tables",
    "roundsman.workorders.tables",
    "roundsman.backups.tables",
)


class NewerDatabase(Problem):
    """The database was made by a newer Roundsman than this one. Its text is one line for people."""

    def __init__(self, current: str, known: str | None) -> None:
        super().__init__(
            503,
            "Newer database",
            f"the database is of a newer Roundsman (its tables are {current}, this version's {known}); "
            "start that version, or restore a backup made with this one",
        )


class StrangeDatabase(Problem):
    """Tables that bear our names and are not ours stand in the database."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(
            503,
            "Strange database",
            f"the database belongs to another program: it has tables named {', '.join(names[:3])} that Roundsman "
            "did not make; name an empty one",
        )


def tables() -> MetaData:
    """All tables of Roundsman."""
    for module in TABLES:
        importlib.import_module(module)
    return metadata


async def upgrade(url: str) -> None:
    """Brings the database at `url` to this version's tables; two processes at once wait for each other.

    Raises: NewerDatabase or StrangeDatabase, with nothing changed; DatabaseUnreachable, DatabaseDamaged, DiskFull.
    """
    await asyncio.to_thread(upgrade_blocking, url)


def upgrade_blocking(url: str) -> None:
    """`upgrade` without an event loop."""
    in_locked_transaction(url, _upgrade)


def head() -> str:
    """The revision of this version's tables."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    return ScriptDirectory.from_config(config).get_current_head() or ""


def create_all(url: str) -> None:
    """Makes all tables in an empty database without migrations: for tests, which compare both ways once."""
    in_locked_transaction(url, tables().create_all)


def configuration(connection: Connection) -> Config:
    """Alembic's settings for this folder and an open connection."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.attributes["connection"] = connection
    return config


def _upgrade(connection: Connection) -> None:
    config = configuration(connection)
    known = ScriptDirectory.from_config(config)
    current = MigrationContext.configure(connection).get_current_revision()
    if current is None and (strange := sorted(set(inspect(connection).get_table_names()) & set(tables().tables))):
        raise StrangeDatabase(strange)
    if current is not None and current not in {script.revision for script in known.walk_revisions()}:
        raise NewerDatabase(current, known.get_current_head())
    command.upgrade(config, "head")

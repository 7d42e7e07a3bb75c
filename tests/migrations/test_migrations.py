"""The chain of migrations makes exactly the tables that the code declares, on both databases, once."""

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, text

from roundsman import migrations
from roundsman.kit.engine import in_locked_transaction

COLUMNS = """
    SELECT table_name, column_name, data_type, is_nullable, collation_name, column_default
    FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'alembic_version' ORDER BY 1, 2
"""
INDEXES = "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version' ORDER BY 1"


def differences(connection: Connection) -> list[object]:
    return list(compare_metadata(MigrationContext.configure(connection), migrations.tables()))


def clauses(sql: str) -> str:
    """A table's columns and constraints in an order of their own: Alembic sorts constraints otherwise."""
    return "\n".join(sorted(line.strip(" \t,") for line in sql.splitlines()))


def sqlite_schema(file: Path) -> list[str]:
    query = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name <> 'alembic_version' ORDER BY type, name"
    connection = sqlite3.connect(file)
    try:
        return [clauses(sql) for (sql,) in connection.execute(query)]
    finally:
        connection.close()


def postgresql_schema(connection: Connection) -> list[tuple[object, ...]]:
    return [tuple(row) for query in (COLUMNS, INDEXES) for row in connection.execute(text(query))]


def test_on_sqlite_it_is_what_the_code_declares(tmp_path: Path) -> None:
    migrated, declared = tmp_path / "migrated.sqlite3", tmp_path / "declared.sqlite3"
    migrations.upgrade_blocking(f"sqlite:///{migrated}")
    migrations.create_all(f"sqlite:///{declared}")
    assert sqlite_schema(migrated) == sqlite_schema(declared)
    assert len(sqlite_schema(migrated)) > 20
    assert in_locked_transaction(f"sqlite:///{migrated}", differences) == []


def test_on_postgresql_it_is_what_the_code_declares(
    empty_postgresql_url: str, postgresql_server: str, postgresql_template: str
) -> None:
    declared = postgresql_server.replace("/postgres?", f"/{postgresql_template}?")
    migrations.upgrade_blocking(empty_postgresql_url)
    found = in_locked_transaction(empty_postgresql_url, postgresql_schema)
    assert found == in_locked_transaction(declared, postgresql_schema)
    assert len(found) > 100
    assert in_locked_transaction(empty_postgresql_url, differences) == []


def at_once(count: int, action: Callable[[], None]) -> list[BaseException]:
    """Runs `action` in threads at the same time and answers what failed."""
    failures: list[BaseException] = []

    def attempt() -> None:
        try:
            action()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=attempt) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures


def test_several_processes_that_start_at_once_wait_for_each_other(tmp_path: Path, empty_postgresql_url: str) -> None:
    for url in (f"sqlite:///{tmp_path / 'new' / 'shared.sqlite3'}", empty_postgresql_url):
        assert at_once(4, lambda url=url: migrations.upgrade_blocking(url)) == []


def test_a_second_start_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "again.sqlite3"
    migrations.upgrade_blocking(f"sqlite:///{file}")
    before = sqlite_schema(file)
    migrations.upgrade_blocking(f"sqlite:///{file}")
    assert sqlite_schema(file) == before


def test_a_database_of_a_newer_version_is_refused_in_one_line_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "newer.sqlite3"
    migrations.upgrade_blocking(f"sqlite:///{file}")
    connection = sqlite3.connect(file)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    before = sqlite_schema(file)
    with pytest.raises(
        migrations.NewerDatabase, match=r"newer Roundsman \(its tables are 9999, .*\); start"
    ) as refused:
        migrations.upgrade_blocking(f"sqlite:///{file}")
    assert "\n" not in str(refused.value)
    assert sqlite_schema(file) == before


def test_a_migration_that_fails_leaves_nothing(tmp_path: Path) -> None:
    file = tmp_path / "half.sqlite3"

    def half(connection: Connection) -> None:
        migrations.tables().create_all(connection)
        raise KeyError("in the middle")

    with pytest.raises(KeyError):
        in_locked_transaction(f"sqlite:///{file}", half)
    assert sqlite_schema(file) == []

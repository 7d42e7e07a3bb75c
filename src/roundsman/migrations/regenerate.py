"""`python -m roundsman.migrations.regenerate`: the one migration anew from the tables, until a release has it."""

import subprocess
import sys

from alembic import command

from roundsman.kit.engine import in_locked_transaction
from roundsman.migrations import FOLDER, configuration


def main() -> None:
    """Replaces versions/0001_*.py by one that makes every table there is."""
    versions = FOLDER / "versions"
    versions.mkdir(exist_ok=True)
    for old in versions.glob("0001_*.py"):
        old.unlink()
    in_locked_transaction(
        "sqlite:///:memory:",
        lambda connection: command.revision(
            configuration(connection), "The first tables", autogenerate=True, rev_id="0001"
        ),
    )
    for tool in ("check --fix --silent --exit-zero", "format --silent"):
        subprocess.run([sys.executable, "-m", "ruff", *tool.split(), str(versions)], check=True)  # noqa: S603


if __name__ == "__main__":
    main()

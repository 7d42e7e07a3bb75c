"""What Alembic runs: the connection comes from roundsman.migrations, which holds the lock and the transaction."""

from alembic import context

from roundsman.migrations import tables

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=tables(),
    compare_type=True,
)
context.run_migrations()

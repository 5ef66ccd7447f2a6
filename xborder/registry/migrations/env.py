"""Run by Alembic: migrates on the connection that ``database.migrate`` hands in."""

from alembic import context

from xborder.registry.exchange_tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
)
with context.begin_transaction():
    context.run_migrations()

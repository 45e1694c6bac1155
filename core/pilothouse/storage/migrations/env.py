"""How Alembic runs inside Pilothouse: on the connection that the opening workspace hands in."""

from alembic import context

from pilothouse.storage.tables import Table

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Table.metadata,
    render_as_batch=True,
)
context.run_migrations()

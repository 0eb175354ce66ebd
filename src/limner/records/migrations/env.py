"""What Alembic runs for every command, on the connection that `records.engine.migrate` hands over."""

from alembic import context

from limner.records.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()

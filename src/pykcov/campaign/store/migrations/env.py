"""What Alembic runs: the migrations of the store, on the connection that it is given (store/database.py)."""

from alembic import context

from pykcov.campaign.store.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()

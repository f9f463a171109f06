"""Runs migrations on the connection, and within the transaction, that `offpeakd db` opened."""

from alembic import context

from offpeakd.adapters.sql.tables import metadata

connection = context.config.attributes.get("connection")
if connection is None:
    raise SystemExit("Migrations are run by `offpeakd db upgrade`, which makes a backup first.")

# No transaction is begun here: the caller's is around all migrations together, so that one that
# fails leaves nothing behind, on SQLite too.
context.configure(connection=connection, target_metadata=metadata, transactional_ddl=True)
context.run_migrations()

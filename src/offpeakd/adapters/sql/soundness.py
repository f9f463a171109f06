"""Whether a database is sound, and its schema as this program makes it. Read by a check alone."""

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from offpeakd.adapters.sql.follow_up import VIEW
from offpeakd.adapters.sql.hint_triggers import missing_hints
from offpeakd.adapters.sql.tables import metadata
from offpeakd.adapters.sql.tally import miscounts, missing_triggers


def faults_of(connection: sa.Connection) -> tuple[str, ...]:
    """What is wrong with the database, a sentence each."""
    return (*_damage(connection), *_drift(connection), *miscounts(connection))


def _damage(connection: sa.Connection) -> list[str]:
    if connection.dialect.name != "sqlite":
        return []
    words = connection.execute(sa.text("PRAGMA quick_check")).scalars()
    found = [f"SQLite says: {word}" for word in words if word != "ok"]
    strays = connection.execute(sa.text("PRAGMA foreign_key_check")).all()
    return found + [f"row {row[1]} of {row[0]} refers to a {row[2]} that is gone" for row in strays]


def _drift(connection: sa.Connection) -> list[str]:
    found = [
        f"the schema differs: {difference}"
        for difference in compare_metadata(MigrationContext.configure(connection), metadata)
    ]
    if VIEW not in sa.inspect(connection).get_view_names():
        found.append(f"the view {VIEW} is missing")
    missing = (*missing_triggers(connection), *missing_hints(connection))
    found.extend(f"the trigger {name} is missing" for name in missing)
    return found

"""Whether a database is sound, and its schema as this program makes it. Read by a check alone."""

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from offpeakd.adapters.sql.conditions import IS_FINAL
from offpeakd.adapters.sql.follow_up import VIEW
from offpeakd.adapters.sql.hint_triggers import missing_hints
from offpeakd.adapters.sql.tables import END_TRIGGERS, metadata
from offpeakd.adapters.sql.tally import miscounts, missing_triggers


def faults_of(connection: sa.Connection) -> tuple[str, ...]:
    """What is wrong with the database, a sentence each."""
    return (
        *_damage(connection),
        *_drift(connection),
        *miscounts(connection),
        *_without_end(connection),
    )


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
    return [*found, *_missing_rule(connection)]


def _missing_rule(connection: sa.Connection) -> list[str]:
    """What keeps an end from a live request."""
    if connection.dialect.name != "sqlite":
        checks = sa.inspect(connection).get_check_constraints("request")
        has_it = any(one["name"] == "ck_request_end" for one in checks)
        return [] if has_it else ["the check ck_request_end is missing"]
    wanted = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    there = set(connection.execute(sa.text(wanted)).scalars())
    return [f"the trigger {name} is missing" for name in END_TRIGGERS if name not in there]


def _without_end(connection: sa.Connection) -> list[str]:
    """They would stand in the way of another request for their instance."""
    wanted = f"SELECT count(*) FROM request WHERE {IS_FINAL} AND finished_at IS NULL"  # noqa: S608  # our own words
    number = connection.execute(sa.text(wanted)).scalar_one()
    return [f"{number} final requests have no finished_at"] if number else []

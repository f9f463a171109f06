"""All that the schema is, in one piece: tables, triggers and a view.

Databases are made by migrations, step by step; this is what they have to come to.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import sqlalchemy as sa
from sqlalchemy.event import listen, listens_for

from offpeakd.adapters.sql import follow_up, hint_triggers, tally
from offpeakd.adapters.sql.tables import END_TRIGGERS, metadata

_DEFINITIONS: Final[Mapping[str, Sequence[str]]] = {
    "sqlite": (
        *END_TRIGGERS.values(),
        *tally.definitions("sqlite"),
        follow_up.definition("sqlite"),
    ),
    "postgresql": (
        *tally.definitions("postgresql"),
        *hint_triggers.DEFINITIONS,
        follow_up.definition("postgresql"),
    ),
}


def make_all(connection: sa.Connection) -> None:
    """Make the schema in an empty database, within a transaction, as if there were no migrations."""
    metadata.create_all(connection)


@listens_for(metadata, "before_create")
def _name_the_conditions_to_postgresql(
    _metadata: sa.MetaData, connection: sa.Connection, **_: object
) -> None:
    """Not where the indexes are defined: the toolkit would load the dialect to look them over."""
    if connection.dialect.name == "postgresql":
        for table in metadata.tables.values():
            for index in table.indexes:
                index.dialect_kwargs["postgresql_where"] = index.dialect_kwargs["sqlite_where"]


def _ddl(statement: str) -> sa.DDL:
    # DDL() fills in %-codes, so that those of strftime have to be doubled.
    return sa.DDL(statement.replace("%", "%%"))  # type: ignore[no-untyped-call]  # its constructor has no annotations


for _dialect, _statements in _DEFINITIONS.items():
    for _statement in _statements:
        listen(metadata, "after_create", _ddl(_statement).execute_if(dialect=_dialect))

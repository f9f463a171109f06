"""What the toolkit knows of one kind of database only, imported where that kind is used.

The toolkit's PostgreSQL part takes as long to import as a tenth of a daemon's start, and a daemon
on SQLite never needs it.
"""

# ruff: noqa: PLC0415 - that they are imported late is what this module is for

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.types import TypeEngine

if TYPE_CHECKING:
    from offpeakd.adapters.sql.transactions import Database


def insert(database: "Database", table: sa.Table) -> Any:
    """An INSERT that can say what happens on a conflict."""
    if database.is_sqlite:
        return insert_on_sqlite(table)
    from sqlalchemy.dialects import postgresql

    return postgresql.insert(table)


def insert_on_sqlite(table: sa.Table) -> Any:
    """The same on SQLite."""
    from sqlalchemy.dialects import sqlite

    return sqlite.insert(table)


def bound_jsonb() -> TypeEngine[Any]:
    """`jsonb` whose values are bound as text, and arrive as text already."""
    from offpeakd.adapters.sql.jsonb import BoundJsonb

    return BoundJsonb()

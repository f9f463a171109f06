"""Several statements of PostgreSQL as one message.

A message there and back is most of what a short statement costs. One with values may hold a single
statement, unless the values are written into its text, which is what this cursor of the driver's
does; it needs nothing of the server that a pooler could not give.
"""

# ruff: noqa: PLC0415 - the driver takes longer to load than SQLite takes to open

from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any

import sqlalchemy as sa


def sent_together(
    connection: sa.Connection, texts: Sequence[str], values: Mapping[str, Any]
) -> list[list[tuple[Any, ...]]]:
    """Send statements as one message.

    Args:
        connection: to PostgreSQL.
        texts: the statements. Where one fails, those behind it are not run.
        values: of all of them, by name.

    Returns:
        the rows of each statement that has rows, in order.
    """
    import psycopg

    driver: Any = connection.connection.driver_connection
    found: list[list[tuple[Any, ...]]] = []
    with closing(psycopg.ClientCursor(driver)) as cursor:
        cursor.execute("; ".join(texts).encode(), values)
        while True:
            if cursor.description is not None:
                found.append(cursor.fetchall())
            if not cursor.nextset():
                return found

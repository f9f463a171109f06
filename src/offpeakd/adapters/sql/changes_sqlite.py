"""New values for many requests by one statement of SQLite.

Each statement costs SQLite as much as a row or two. This one is the driver's own: the library would
put its text together anew for every number of rows.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from offpeakd.adapters.sql.connection import Connection

_AT_ONCE: Final = 50
"""Rows of one statement: its text is kept for each number of rows."""


def update_requests(
    connection: Connection,
    news: Mapping[str, str],
    conditions: str,
    names: Sequence[str],
    rows: Sequence[Mapping[str, Any]],
) -> int:
    """Give each request of a list its values, if it meets the conditions.

    Args:
        connection: within a transaction.
        news: expressions of the new values by column; `{name}` in them is a value of the row.
        conditions: beside the id, written likewise.
        names: values of a row; the first is the id.
        rows: the values, as the driver takes them.

    Returns:
        how many requests were changed; one that is listed twice counts once.
    """
    done = 0
    sets = ", ".join(f"{column} = {value}" for column, value in news.items())
    cursor = connection.cursor()
    for start in range(0, len(rows), _AT_ONCE):
        some = rows[start : start + _AT_ONCE]
        text = _statement(sets, conditions, tuple(names), len(some))
        cursor.execute(text, [row[name] for row in some for name in names])
        done += cursor.rowcount
    return done


@lru_cache(maxsize=256)
def _statement(sets: str, conditions: str, names: tuple[str, ...], size: int) -> str:
    places = {name: f"given.column{place}" for place, name in enumerate(names, 1)}
    row = f"({', '.join('?' * len(names))})"
    return (
        f"UPDATE request SET {sets.format(**places)}"  # noqa: S608  # names of our own columns
        f" FROM (VALUES {', '.join([row] * size)}) AS given"
        f" WHERE request.id = {places[names[0]]} AND {conditions.format(**places)}"
    )

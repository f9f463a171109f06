"""Many rows by one statement of PostgreSQL, where the library would send one a row.

What came of a call is written while everybody waits for it. A statement a row costs PostgreSQL
a message and a round of triggers for each; arrays bring all rows in one.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa

from offpeakd.adapters.sql.columns import Instant
from offpeakd.adapters.sql.tables import attempt, request
from offpeakd.adapters.sql.transactions import cursor_of


def update_requests(
    connection: sa.Connection, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]
) -> int:
    """Give requests new values, where they still stand in the state and under the attempt read.

    They are locked in the order of their ids: two writers then never wait for each other.

    Args:
        connection: within a transaction.
        columns: which to write.
        rows: values of these, and `id`, `was_state` and `was_attempt_id`.

    Returns:
        how many stood so.
    """
    known = {
        "id": request.c.id,
        "was_state": request.c.state,
        "was_attempt_id": request.c.attempt_id,
        **{f"new_{name}": request.c[name] for name in columns},
    }
    news = ", ".join(f"{name} = member.new_{name}" for name in columns)
    statement = (
        f"WITH member AS ({_member(known)}), standing AS ("  # noqa: S608  # names of our own columns
        " SELECT request.id FROM request JOIN member ON member.id = request.id"
        " WHERE state = was_state AND attempt_id IS NOT DISTINCT FROM was_attempt_id"
        " ORDER BY request.id FOR NO KEY UPDATE OF request)"
        f" UPDATE request SET {news} FROM member"
        " WHERE request.id = member.id AND request.id IN (SELECT id FROM standing)"
    )
    given = [{**row, **{f"new_{name}": row[name] for name in columns}} for row in rows]
    return _run(connection, statement, known, given)


def update_attempts(
    connection: sa.Connection, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]
) -> None:
    """Add to what is known of attempts; what is not given stays as it was.

    Args:
        connection: within a transaction, which has the attempts' requests locked.
        columns: which to write.
        rows: values of these, and `id`.
    """
    known = {"id": attempt.c.id, **{f"new_{name}": attempt.c[name] for name in columns}}
    news = ", ".join(f"{name} = coalesce(member.new_{name}, {name})" for name in columns)
    statement = (
        f"WITH member AS ({_member(known)})"  # noqa: S608  # names of our own columns
        f" UPDATE attempt SET {news} FROM member WHERE attempt.id = member.id"
    )
    _run(
        connection,
        statement,
        known,
        [{"id": row["id"], **{f"new_{name}": row[name] for name in columns}} for row in rows],
    )


def _member(known: Mapping[str, sa.Column[Any]]) -> str:
    lists = ", ".join(f"%({name})s::{_type_of(column)}[]" for name, column in known.items())
    return f"SELECT * FROM unnest({lists}) AS m ({', '.join(known)})"  # noqa: S608  # as above


_TYPES: Final[Mapping[type[Any], str]] = {
    sa.Text: "text",
    sa.Integer: "integer",
    sa.BigInteger: "bigint",
}


def _type_of(column: sa.Column[Any]) -> str:
    return "timestamptz" if isinstance(column.type, Instant) else _TYPES[type(column.type)]


def _run(
    connection: sa.Connection,
    statement: str,
    known: Mapping[str, sa.Column[Any]],
    rows: Sequence[Mapping[str, Any]],
) -> int:
    lists = {name: [row[name] for row in rows] for name in known}
    with cursor_of(connection) as cursor:
        cursor.execute(statement, lists)
        return cursor.rowcount

"""Deletes requests that ended long ago, some at a time."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from offpeakd.adapters.sql.conditions import IS_FINAL
from offpeakd.adapters.sql.connection import Connection
from offpeakd.adapters.sql.prepared import Prepared, Rows, one_of, prepared
from offpeakd.adapters.sql.transactions import Database

_AT_ONCE: Final = 1000

_DOOMED: Final = Prepared(
    f"SELECT id FROM request WHERE {IS_FINAL} AND finished_at < :before"  # noqa: S608  # our own words
    " AND (state <> 'failed' OR acknowledged_by IS NOT NULL)"
    " ORDER BY finished_at, id LIMIT :limit"
)


def forget_finished(database: Database, before: datetime, limit: int) -> int:
    """See `ports.Controls`."""
    with database.driver_write() as connection:
        rows = _DOOMED.rows(connection, {"before": before, "limit": limit})
        ids = [number for (number,) in rows]
        for start in range(0, len(ids), _AT_ONCE):
            _forget(connection, ids[start : start + _AT_ONCE])
    return len(ids)


def _forget(connection: Connection, ids: Sequence[int]) -> None:
    """Delete requests with their attempts and events, and batches that nothing is left of."""
    batches = "SELECT DISTINCT batch_id FROM attempt WHERE"
    named = {one for (one,) in _of(f"{batches} request_id", connection, ids)}
    _of("DELETE FROM request WHERE id", connection, ids)
    left = {one for (one,) in _of(f"{batches} batch_id", connection, sorted(named))}
    _of("DELETE FROM batch WHERE id", connection, sorted(named - left))


def _of(words: str, connection: Connection, values: Sequence[Any]) -> Rows:
    """Run a statement for whatever has one of the values; the rows it gives."""
    if not values:
        return []
    words, _, column = words.rpartition(" ")
    which = one_of(column, values)
    statement = prepared(f"{words} {which.text}")
    if words.startswith("SELECT"):
        return statement.rows(connection, which.values)
    statement.run(connection, which.values)
    return []

"""Stops, and the highest time ever seen, which stands beside them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from offpeakd.adapters.sql.changes import INSERT_EVENT
from offpeakd.adapters.sql.conditions import HIGH_WATER
from offpeakd.adapters.sql.connection import Connection
from offpeakd.adapters.sql.dialects import Dialect
from offpeakd.adapters.sql.kinds import instant_text
from offpeakd.adapters.sql.prepared import Prepared, one_of, prepared
from offpeakd.adapters.sql.rows import STOP_COLUMNS, stop_of
from offpeakd.adapters.sql.transactions import Database
from offpeakd.core.lane import Stop

# The gate asks before each call.
_STOPS: Final = Prepared(
    f"SELECT {', '.join(STOP_COLUMNS)} FROM control WHERE kind <> '{HIGH_WATER}'"  # noqa: S608  # our own words
    " ORDER BY scope, kind",
    gives=STOP_COLUMNS,
)


def _upsert(since: str) -> str:
    return (
        f"INSERT INTO control ({', '.join(STOP_COLUMNS)})"  # noqa: S608  # our own names
        f" VALUES ({', '.join(f':{name}' for name in STOP_COLUMNS)})"
        f" ON CONFLICT (scope, kind) DO UPDATE SET since = {since},"
        " reason = excluded.reason, actor = excluded.actor, until = excluded.until,"
        " count = excluded.count"
    )


_PUT: Final = Prepared(_upsert("excluded.since"))
_HIGHER: Final = (
    "CASE WHEN control.since < excluded.since THEN excluded.since ELSE control.since END"
)
# With each sign of life, however idle a daemon is.
_RAISE: Final = Prepared(f"{_upsert(_HIGHER)} RETURNING since", gives=("since",))

_NOW: Final = {
    Dialect.SQLITE: Prepared("SELECT strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')", gives=("at",)),
    Dialect.POSTGRESQL: Prepared("SELECT now()", gives=("at",)),
}


def stops(database: Database) -> tuple[Stop, ...]:
    """See `ports.Controls`."""
    [rows] = database.ask([(_STOPS, {})])
    return tuple(map(stop_of, rows))


def put_stop(database: Database, stop: Stop) -> None:
    """See `ports.Controls`."""
    facts = _facts(stop)
    detail = {name: facts[name] for name in ("scope", "kind", "reason", "count")}
    detail["until"] = None if stop.until is None else instant_text(stop.until)
    with database.driver_write() as connection:
        _PUT.run(connection, facts)
        _append(connection, stop.since, "stopped", stop.actor, detail)


def lift_stop(
    database: Database,
    scope: str,
    kinds: Sequence[str],
    actor: str,
    reason: str,
    at: datetime | None,
) -> int:
    """See `ports.Controls`; `at` is by the database's own clock unless told."""
    if not kinds:
        return 0
    which = one_of("kind", kinds)
    lifting = prepared(f"DELETE FROM control WHERE scope = :scope AND {which.text} RETURNING kind")  # noqa: S608  # our own words
    with database.driver_write() as connection:
        rows = lifting.rows(connection, {"scope": scope, **which.values})
        found = sorted(kind for (kind,) in rows)
        if found:
            detail = {"scope": scope, "kinds": ", ".join(found), "reason": reason}
            _append(connection, at or _time_of(connection), "lifted", actor, detail)
    return len(found)


def raise_mark(database: Database, now: datetime) -> datetime:
    """See `ports.Controls.high_water`."""
    mark = Stop("*", HIGH_WATER, "the latest time seen", "offpeakd", now)
    with database.driver_write() as connection:
        [(seen,)] = _RAISE.rows(connection, _facts(mark))
    found: datetime = seen
    return found


def _facts(stop: Stop) -> dict[str, Any]:
    return {name: getattr(stop, name) for name in STOP_COLUMNS}


def _time_of(connection: Connection) -> datetime:
    [(now,)] = _NOW[connection.dialect].rows(connection, {})
    found: datetime = now
    return found


def _append(
    connection: Connection, at: datetime, kind: str, actor: str, detail: Mapping[str, Any]
) -> None:
    """Append an event that belongs to no request."""
    event = {"request_id": None, "state": None, "detail": dict(detail)}
    INSERT_EVENT.run(connection, {**event, "at": at, "kind": kind, "actor": actor})

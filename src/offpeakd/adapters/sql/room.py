"""What a target may bear, all daemons together: upgrades in flight, and calls in any minute.

Calls are numbered in each target. There is room for one more when the call that lies as many
numbers back as a minute may hold is a minute old: two looks into an index, whatever the limit,
and true across a change of it. A call that is no longer kept was older than that.
"""

from datetime import timedelta
from typing import Final

import sqlalchemy as sa

from offpeakd.adapters.sql.tables import IS_IN_FLIGHT
from offpeakd.adapters.sql.term import Term
from offpeakd.adapters.sql.transactions import Database, Prepared
from offpeakd.ports import Claim, Claimed, Limits

SPAN: Final = timedelta(seconds=60)
"""The length of a minute of calls."""

_LOCKS: Final = 0x6F66_7065
"""First half of the numbers of the advisory locks of targets; they end with their transaction."""

_NEXT: Final = "(SELECT coalesce(max(number), 0) + 1 AS number FROM call WHERE target = :target)"
_THEN: Final = "call WHERE target = :target AND number = next.number - :per_minute"
_SQLITE_ROOM: Final = Prepared(
    sa.text(
        "SELECT next.number,"  # noqa: S608  # our own words
        f" (SELECT (julianday(at) - julianday('now')) * 86400 + 60 FROM {_THEN}),"
        " (SELECT coalesce(sum(number), 0) FROM tally WHERE target = :target AND part = 0"
        f" AND {IS_IN_FLIGHT}), 1"
        f" FROM {_NEXT} AS next"
    )
)
# Only as many are counted as matter: what is beyond the limit is as full as the limit.
# Another start means another server, or this one anew: either may have lost what was committed.
_SERVER: Final = "CAST(extract(epoch FROM pg_postmaster_start_time()) AS text)"
_WHICH_SERVER: Final = Prepared(sa.text(f"SELECT {_SERVER}"))
_POSTGRESQL_ROOM: Final = Prepared(
    sa.text(
        "SELECT next.number,"  # noqa: S608  # our own words
        f" (SELECT CAST(extract(epoch FROM at - clock_timestamp()) AS float8) + 60 FROM {_THEN}),"
        " (SELECT count(*) FROM (SELECT 1 FROM request WHERE target = :target"
        f" AND {IS_IN_FLIGHT} LIMIT :in_flight) AS counted),"
        " (SELECT :epoch = 0 OR EXISTS (SELECT 1 FROM lease WHERE owner = :owner"
        " AND epoch = :epoch"
        f" AND {_SERVER} = CAST(:server AS text)"
        " AND renewed_at > clock_timestamp() - CAST(:ttl AS float8) * interval '1 second'))"
        f" FROM {_NEXT} AS next"
    )
)
_LOCK: Final = Prepared(sa.text(f"SELECT pg_advisory_xact_lock({_LOCKS}, hashtext(:target))"))

_SQLITE_SPEND: Final = Prepared(
    sa.text(
        "INSERT INTO call (target, number, at)"
        " VALUES (:target, :number, strftime('%Y-%m-%dT%H:%M:%f000Z', 'now'))"
    )
)
_SQLITE_FORGET: Final = Prepared(
    sa.text(
        "DELETE FROM call WHERE target = :target AND number <= :number - :per_minute"
        " AND at < strftime('%Y-%m-%dT%H:%M:%f000Z', 'now', '-61 seconds')"
    )
)
_POSTGRESQL_SPEND: Final = Prepared(
    sa.text(
        "WITH old AS (DELETE FROM call WHERE target = :target"
        " AND number <= CAST(:number AS bigint) - :per_minute"
        " AND at < clock_timestamp() - interval '61 seconds')"
        " INSERT INTO call (target, number, at)"
        " VALUES (:target, CAST(:number AS bigint), clock_timestamp())"
    )
)


def take_room(
    database: Database,
    connection: sa.Connection,
    target: str,
    size: int,
    limits: Limits | None,
    term: Term,
) -> Claim:
    """Take room for a call within the transaction of its claim.

    On PostgreSQL, claims of one target wait for each other from here to their end; where neither
    limits nor a lease have to be looked at, nobody waits.

    Args:
        database: whose transaction it is.
        connection: that writes.
        target: where the call goes.
        size: upgrades in the call.
        limits: of the target; None where nothing limits it.
        term: of the daemon's lease.
    """
    if limits is None and not term.epoch:
        return Claim(Claimed.TAKEN)
    bounds = limits or Limits(in_flight=size, calls_per_minute=1)
    number, wait, in_flight, holds_lease = _look(database, connection, target, bounds, term)
    if not holds_lease:
        return Claim(Claimed.LEASE_LOST)
    if limits is None:
        return Claim(Claimed.TAKEN)
    if in_flight + size > limits.in_flight:
        return Claim(Claimed.TARGET_FULL)
    return _take_call(database, connection, target, limits.calls_per_minute, number, wait)


def server_of(database: Database, connection: sa.Connection) -> str:
    """Names the run of the server that answers; nothing on SQLite, which has none."""
    if database.is_sqlite:
        return ""
    [(started,)] = _WHICH_SERVER.rows(connection, {})
    return str(started)


def take_call(
    database: Database, connection: sa.Connection, target: str, per_minute: int
) -> timedelta | None:
    """Count one call; None when it may be made now, else how long until it may."""
    limits = Limits(in_flight=1, calls_per_minute=per_minute)
    number, wait, _, _ = _look(database, connection, target, limits, Term("", timedelta(0)))
    return _take_call(database, connection, target, per_minute, number, wait).room_in


def _look(
    database: Database, connection: sa.Connection, target: str, limits: Limits, term: Term
) -> tuple[int, float | None, int, bool]:
    asked = {"target": target, "per_minute": limits.calls_per_minute}
    if database.is_sqlite:
        [(number, wait, in_flight, _)] = _SQLITE_ROOM.rows(connection, asked)
        return number, wait, in_flight, True
    _LOCK.rows(connection, {"target": target})
    asked |= {
        "in_flight": limits.in_flight,
        "owner": term.owner,
        "epoch": term.epoch,
        "server": term.server,
        "ttl": term.ttl.total_seconds(),
    }
    [(number, wait, in_flight, holds_lease)] = _POSTGRESQL_ROOM.rows(connection, asked)
    return number, wait, in_flight, holds_lease


def _take_call(
    database: Database,
    connection: sa.Connection,
    target: str,
    per_minute: int,
    number: int,
    wait: float | None,
) -> Claim:
    # A call that lies ahead by the clock was counted before the clock was set back.
    if wait is not None and 0 < wait <= SPAN.total_seconds():
        return Claim(Claimed.CALLS_SPENT, timedelta(seconds=wait))
    spent = {"target": target, "number": number}
    if database.is_sqlite:
        _SQLITE_SPEND.run(connection, spent)
        _SQLITE_FORGET.run(connection, {**spent, "per_minute": per_minute})
    else:
        _POSTGRESQL_SPEND.run(connection, {**spent, "per_minute": per_minute})
    return Claim(Claimed.TAKEN)

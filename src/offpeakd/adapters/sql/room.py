"""What a target may bear, all daemons together: upgrades in flight, and calls in any minute.

Calls are numbered in each target. There is room for one more when the call that lies as many
numbers back as a minute may hold is a minute old: two looks into an index, whatever the limit,
and true across a change of it. A call that is no longer kept was older than that.
"""

from datetime import timedelta
from typing import Any, Final
from zlib import crc32

from offpeakd.adapters.sql.conditions import IS_IN_FLIGHT
from offpeakd.adapters.sql.connection import Connection
from offpeakd.adapters.sql.prepared import Prepared
from offpeakd.adapters.sql.term import Term
from offpeakd.adapters.sql.transactions import Database
from offpeakd.ports import Claim, Claimed, Limits

SPAN: Final = timedelta(seconds=60)
"""The length of a minute of calls."""

_LOCKS: Final = 0x6F66_7065
"""First half of the numbers of the advisory locks of targets; they end with their transaction."""

_IN_FLIGHT: Final = "SELECT coalesce(sum(number), 0) FROM tally WHERE target = {target}"
_NEXT: Final = "(SELECT coalesce(max(number), 0) + 1 AS number FROM call WHERE target = :target)"
_THEN: Final = "call WHERE target = :target AND number = next.number - :per_minute"
_SQLITE_ROOM: Final = Prepared(
    "SELECT next.number,"  # noqa: S608  # our own words
    f" (SELECT (julianday(at) - julianday('now')) * 86400 + 60 FROM {_THEN}),"
    f" ({_IN_FLIGHT.format(target=':target')} AND part = 0 AND {IS_IN_FLIGHT})"
    f" FROM {_NEXT} AS next"
)
# Another start means another server, or this one anew: either may have lost what was committed.
_SERVER: Final = "CAST(extract(epoch FROM pg_postmaster_start_time()) AS text)"
_WHICH_SERVER: Final = Prepared(f"SELECT {_SERVER}")

POSTGRESQL_ROOM: Final = f"""next AS (
  SELECT coalesce(max(number), 0) + 1 AS number FROM call WHERE target = %(target)s
), room AS (
  SELECT next.number,
    (SELECT CAST(extract(epoch FROM at - clock_timestamp()) AS float8) + 60 FROM call
     WHERE target = %(target)s AND number = next.number - %(per_minute)s::bigint) AS wait,
    ({_IN_FLIGHT.format(target="%(target)s")} AND {IS_IN_FLIGHT}) AS in_flight,
    (%(epoch)s = 0 OR EXISTS (
      SELECT 1 FROM lease WHERE owner = %(owner)s AND epoch = %(epoch)s AND {_SERVER} = %(server)s
        AND renewed_at > clock_timestamp() - %(ttl)s::float8 * interval '1 second'
    )) AS holds_lease
  FROM next
)"""  # noqa: S608  # our own words
"""What a claim has to know of its target, as part of its statement; `room_values` are its values.

The requests in flight are not counted but read off the tally: a call to a target that has
thousands of them must not wait until they are counted.
"""

# Counted as in a claim, by one statement: nothing is where there is no room.
_POSTGRESQL_CALL: Final = """
WITH next AS (
  SELECT coalesce(max(number), 0) + 1 AS number FROM call WHERE target = %(target)s
), room AS (
  SELECT next.number,
    (SELECT CAST(extract(epoch FROM at - clock_timestamp()) AS float8) + 60 FROM call
     WHERE target = %(target)s AND number = next.number - %(per_minute)s::bigint) AS wait
  FROM next
), borne AS (
  SELECT number FROM room WHERE wait IS NULL OR wait <= 0 OR wait > 60
), spent AS (
  INSERT INTO call (target, number, at) SELECT %(target)s, number, clock_timestamp() FROM borne
), forgotten AS (
  DELETE FROM call WHERE target = %(target)s
    AND number <= (SELECT number FROM borne) - %(per_minute)s::bigint
    AND at < clock_timestamp() - interval '61 seconds'
)
SELECT wait FROM room
"""

_SQLITE_SPEND: Final = Prepared(
    "INSERT INTO call (target, number, at)"
    " VALUES (:target, :number, strftime('%Y-%m-%dT%H:%M:%f000Z', 'now'))"
)
_SQLITE_FORGET: Final = Prepared(
    "DELETE FROM call WHERE target = :target AND number <= :number - :per_minute"
    " AND at < strftime('%Y-%m-%dT%H:%M:%f000Z', 'now', '-61 seconds')"
)


def lock_of(target: str) -> str:
    """The statement by which the writers of calls of a target wait for each other, to their end."""
    half = crc32(target.encode()) - 2**31
    return f"SELECT pg_advisory_xact_lock({_LOCKS}, {half})"


def room_values(target: str, limits: Limits | None, term: Term) -> dict[str, Any]:
    """Values of `POSTGRESQL_ROOM`, but for the owner."""
    return {
        "target": target,
        "per_minute": None if limits is None else limits.calls_per_minute,
        "in_flight": None if limits is None else limits.in_flight,
        "epoch": term.epoch,
        "server": term.server,
        "ttl": term.ttl.total_seconds(),
    }


def verdict(
    wait: float | None, in_flight: int, size: int, limits: Limits | None, *, holds_lease: bool
) -> Claim:
    """What a claim is told that finds this.

    Args:
        wait: seconds until the call is a minute old that has to be.
        in_flight: upgrades of the target.
        size: upgrades in the call.
        limits: of the target; None where nothing limits it.
        holds_lease: whether the daemon's lease stands.
    """
    if not holds_lease:
        return Claim(Claimed.LEASE_LOST)
    if limits is None:
        return Claim(Claimed.TAKEN)
    if in_flight + size > limits.in_flight:
        return Claim(Claimed.TARGET_FULL)
    return _borne(wait)


def take_room(connection: Connection, target: str, size: int, limits: Limits | None) -> Claim:
    """Take room for a call within the transaction of its claim, on SQLite.

    Args:
        connection: that writes.
        target: where the call goes.
        size: upgrades in the call.
        limits: of the target; None where nothing limits it.
    """
    if limits is None:
        return Claim(Claimed.TAKEN)
    asked = {"target": target, "per_minute": limits.calls_per_minute}
    [(number, wait, in_flight)] = _SQLITE_ROOM.rows(connection, asked)
    claim = verdict(wait, in_flight, size, limits, holds_lease=True)
    if claim:
        _spend_on_sqlite(connection, {**asked, "number": number})
    return claim


def server_of(database: Database, connection: Connection) -> str:
    """Names the run of the server that answers; nothing on SQLite, which has none."""
    if database.is_sqlite:
        return ""
    [(started,)] = _WHICH_SERVER.rows(connection, {})
    return str(started)


def take_call(database: Database, target: str, per_minute: int) -> timedelta | None:
    """Count one call on PostgreSQL; None when it may be made now, else how long until it may.

    A crash of the server may forget the last few: they are read calls, and nothing but the cloud's
    patience depends on their number.
    """
    asked = {"target": target, "per_minute": per_minute}
    [(wait,)] = database.write_whole([_POSTGRESQL_CALL], asked, lock_of(target), lasting=False)
    return _borne(wait).room_in


def _borne(wait: float | None) -> Claim:
    # A call that lies ahead by the clock was counted before the clock was set back.
    if wait is not None and 0 < wait <= SPAN.total_seconds():
        return Claim(Claimed.CALLS_SPENT, timedelta(seconds=wait))
    return Claim(Claimed.TAKEN)


def _spend_on_sqlite(connection: Connection, spent: dict[str, Any]) -> None:
    _SQLITE_SPEND.run(connection, {name: spent[name] for name in ("target", "number")})
    _SQLITE_FORGET.run(connection, spent)

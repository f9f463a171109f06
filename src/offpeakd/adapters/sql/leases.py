"""Daemons' signs of life: what they say of themselves, and under which term they write."""

from datetime import timedelta
from typing import Any, Final

from offpeakd.adapters.sql.connection import Connection
from offpeakd.adapters.sql.dialects import Dialect
from offpeakd.adapters.sql.kinds import instant_text
from offpeakd.adapters.sql.prepared import Prepared
from offpeakd.adapters.sql.room import server_of
from offpeakd.adapters.sql.rows import DAEMON_COLUMNS
from offpeakd.adapters.sql.schema import refuse_newer
from offpeakd.adapters.sql.term import Term
from offpeakd.adapters.sql.transactions import Database
from offpeakd.adapters.sql.turns import leave_turns
from offpeakd.ports import DaemonRow

FORGET_SILENT_AFTER: Final = timedelta(days=1)
"""A daemon that has not been heard of for so long is no longer listed."""

# Terms are counted by the server's clock, which all daemons share; SQLite has one daemon.
_NOW: Final = {Dialect.SQLITE: ":beat_at", Dialect.POSTGRESQL: "now()"}
_LAPSED: Final = {
    Dialect.SQLITE: ":lapsed",
    Dialect.POSTGRESQL: "now() - :ttl * interval '1 second'",
}
_SILENT: Final = {
    Dialect.SQLITE: ":silent",
    Dialect.POSTGRESQL: f"now() - interval '{FORGET_SILENT_AFTER // timedelta(seconds=1)} seconds'",
}


def _beat(dialect: Dialect, epoch: str) -> Prepared:
    names = (*DAEMON_COLUMNS, "renewed_at", "epoch")
    given = {"renewed_at": _NOW[dialect], "epoch": ":next"}
    news = (f"{name} = excluded.{name}" for name in names if name not in {"owner", "epoch"})
    return Prepared(
        f"INSERT INTO lease ({', '.join(names)})"  # noqa: S608  # our own names
        f" VALUES ({', '.join(given.get(name, f':{name}') for name in names)})"
        f" ON CONFLICT (owner) DO UPDATE SET {', '.join(news)}, epoch = {epoch} RETURNING epoch"
    )


# A term's number is higher than any that the daemon or its row knows.
_NEW_TERM: Final = {
    dialect: _beat(
        dialect, "CASE WHEN lease.epoch >= :next THEN lease.epoch + 1 ELSE excluded.epoch END"
    )
    for dialect in Dialect
}
_SAME_TERM: Final = {
    dialect: _beat(
        dialect,
        f"CASE WHEN lease.renewed_at < {_LAPSED[dialect]} THEN lease.epoch + 1"
        " ELSE lease.epoch END",
    )
    for dialect in Dialect
}
_FORGET: Final = {
    dialect: Prepared(f"DELETE FROM lease WHERE renewed_at < {silent}")  # noqa: S608  # our own words
    for dialect, silent in _SILENT.items()
}
_TOLD_AT: Final = Prepared("SELECT beat_at FROM lease WHERE owner = :owner", gives=("beat_at",))
_LEAVE: Final = Prepared("DELETE FROM lease WHERE owner = :owner")


def beat(database: Database, term: Term, row: DaemonRow, *, new_term: bool) -> bool:
    """See `ports.Controls`; the term is brought up to date."""
    values = {name: getattr(row, name) for name in DAEMON_COLUMNS} | {
        "passes": {target: instant_text(at) for target, at in row.passes.items()},
        "holds": dict(row.holds),
        "next": term.epoch + 1,
        "ttl": term.ttl,
        "lapsed": row.beat_at - term.ttl,
        "silent": row.beat_at - FORGET_SILENT_AFTER,
    }
    with database.driver_write() as connection:
        refuse_newer(database, connection)
        server = server_of(database, connection)
        if not new_term and not _stands(connection, term, row.owner, server):
            return False
        statement = (_NEW_TERM if new_term else _SAME_TERM)[database.dialect]
        [(epoch,)] = statement.rows(connection, values)
        _FORGET[database.dialect].run(connection, values)
    term.epoch, term.server = epoch, server
    term.told_at = row.beat_at if row.owner == term.owner else None
    return True


def leave(database: Database, term: Term, owner: str) -> None:
    """See `ports.Controls`."""
    with database.driver_write() as connection:
        _LEAVE.run(connection, {"owner": owner})
        leave_turns(connection, owner)
    term.told_at = None


def _stands(connection: Connection, term: Term, owner: str, server: str) -> bool:
    """Whether the last sign of life is still there, on the server that took it."""
    if term.told_at is None or owner != term.owner:
        return True
    told: list[tuple[Any, ...]] = _TOLD_AT.rows(connection, {"owner": owner})
    return [(*row, server) for row in told] == [(term.told_at, term.server)]

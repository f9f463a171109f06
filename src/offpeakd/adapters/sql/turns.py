"""Chores that one daemon does for all: rows with an end, by the server's clock.

Rows and not the server's session locks: behind a pooler a session belongs to nobody.
"""

from datetime import timedelta
from typing import Final

from offpeakd.adapters.sql.connection import Connection
from offpeakd.adapters.sql.prepared import Prepared
from offpeakd.adapters.sql.transactions import Database

_STANDING: Final = Prepared(
    "SELECT owner, until > now(), until > now() + :half * interval '1 second'"
    " FROM turn WHERE name = :name"
)
# It may have been taken between the look and this.
_TAKE: Final = Prepared(
    "INSERT INTO turn (name, owner, epoch, until)"
    " VALUES (:name, :owner, 1, now() + :length * interval '1 second')"
    " ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, until = excluded.until,"
    " epoch = turn.epoch + CASE WHEN turn.owner = excluded.owner THEN 0 ELSE 1 END"
    " WHERE turn.owner = excluded.owner OR turn.until <= now() RETURNING epoch"
)
_LEAVE: Final = Prepared("DELETE FROM turn WHERE owner = :owner")


def take_turn(database: Database, name: str, owner: str, length: timedelta) -> bool:
    """Whether the chore is this daemon's to do; see `ports.Controls`.

    SQLite has one daemon, whose turn it always is. A turn is written anew when half of it has
    passed, so that most of the asking only reads.
    """
    if database.is_sqlite:
        return True
    with database.driver_read() as connection:
        standing = _STANDING.rows(connection, {"name": name, "half": length / 2})
    for holder, is_held, is_fresh in standing:
        if is_held and (holder != owner or is_fresh):
            return bool(holder == owner)
    with database.driver_write() as connection:
        return bool(_TAKE.rows(connection, {"name": name, "owner": owner, "length": length}))


def leave_turns(connection: Connection, owner: str) -> None:
    """Give every turn of a daemon back, so that another takes over at once."""
    _LEAVE.run(connection, {"owner": owner})

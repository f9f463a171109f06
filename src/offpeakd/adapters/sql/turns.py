"""Chores that one daemon does for all: rows with an end, by the server's clock.

Rows and not the server's session locks: behind a pooler a session belongs to nobody.
"""

from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from offpeakd.adapters.sql.dialects import insert
from offpeakd.adapters.sql.tables import turn
from offpeakd.adapters.sql.transactions import Database


def take_turn(database: Database, name: str, owner: str, length: timedelta) -> bool:
    """Whether the chore is this daemon's to do; see `ports.Controls`.

    SQLite has one daemon, whose turn it always is. A turn is written anew when half of it has
    passed, so that most of the asking only reads.
    """
    if database.is_sqlite:
        return True
    with database.read() as connection:
        standing = connection.execute(_standing(name, length)).one_or_none()
    if standing is not None and standing.held:
        if standing.owner != owner:
            return False
        if standing.fresh:
            return True
    with database.write() as connection:
        return connection.execute(_take(database, name, owner, length)).one_or_none() is not None


def leave_turns(database: Database, connection: sa.Connection, owner: str) -> None:
    """Give every turn of a daemon back, so that another takes over at once."""
    if not database.is_sqlite:
        connection.execute(sa.delete(turn).where(turn.c.owner == owner))


def _standing(name: str, length: timedelta) -> sa.Select[*tuple[Any, ...]]:
    now = sa.func.now()
    return sa.select(
        turn.c.owner,
        (turn.c.until > now).label("held"),
        (turn.c.until > now + sa.literal(length / 2, sa.Interval)).label("fresh"),
    ).where(turn.c.name == name)


def _take(database: Database, name: str, owner: str, length: timedelta) -> Any:
    until = sa.func.now() + sa.literal(length, sa.Interval)
    statement = insert(database, turn).values(name=name, owner=owner, epoch=1, until=until)
    new = statement.excluded
    return statement.on_conflict_do_update(
        index_elements=[turn.c.name],
        set_={
            "owner": new.owner,
            "until": new.until,
            "epoch": turn.c.epoch + sa.case((turn.c.owner == new.owner, 0), else_=1),
        },
        # It may have been taken between the look and this.
        where=(turn.c.owner == new.owner) | (turn.c.until <= sa.func.now()),
    ).returning(turn.c.epoch)

"""The configured database: opening it, and its schema."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from offpeakd.ports import Store

if TYPE_CHECKING:
    from offpeakd.adapters.sql.schema import Schema, Upgraded
    from offpeakd.settings.load import Loaded


def open_store(loaded: "Loaded", environ: Mapping[str, str]) -> Store:
    """Open the database for a command, creating it on first use.

    Args:
        loaded: the configuration.
        environ: for where a password file lies.

    Raises:
        DatabaseError: it can't be reached or read, or has another schema.
    """
    from offpeakd.settings.references import database_place

    url = database_place(loaded, environ).address()
    return open_store_at(url, "command", loaded.settings.lease.ttl)


def open_store_at(url: str, owner: str, lease_ttl: timedelta) -> Store:
    """Open the database, creating it on first use.

    Args:
        url: its address, with its password.
        owner: random id of a daemon's run; commands claim nothing, and it names them.
        lease_ttl: how long a silent daemon keeps its claims, on PostgreSQL.

    Raises:
        DatabaseError: it can't be reached or read, or has another schema.
    """
    from offpeakd.adapters.sql.schema import ensured
    from offpeakd.adapters.sql.store import SqlStore

    return SqlStore(url, owner, lease_ttl=lease_ttl, database=ensured(url))


def upgrade_database(loaded: "Loaded", environ: Mapping[str, str], now: datetime) -> "Upgraded":
    """Bring the database's schema up to date; a SQLite file is saved first.

    Raises:
        DaemonRunningError: a daemon works on that SQLite file.
        DatabaseError: it can't be used, or was written by something else.
    """
    from offpeakd.adapters.sql.lock import DatabaseLock
    from offpeakd.adapters.sql.schema import upgrade
    from offpeakd.settings.references import database_place

    url = database_place(loaded, environ).address()
    with DatabaseLock(url):
        return upgrade(url, now)


def database_schema(loaded: "Loaded", environ: Mapping[str, str]) -> "Schema":
    """Which schema the database has; changes nothing.

    Raises:
        DatabaseError: it can't be reached or read.
    """
    from offpeakd.adapters.sql.schema import current
    from offpeakd.settings.references import database_place

    return current(database_place(loaded, environ).address())


def check_database(loaded: "Loaded", environ: Mapping[str, str]) -> tuple[str, ...]:
    """What is wrong with the database, a sentence each.

    Raises:
        DatabaseError: it can't be reached or read, or has another schema.
    """
    from offpeakd.adapters.sql.schema import check
    from offpeakd.settings.references import database_place

    return check(database_place(loaded, environ).address())

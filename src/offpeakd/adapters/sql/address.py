"""Where the database is: its address, read once."""

from dataclasses import field
from pathlib import Path
from typing import Final

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from offpeakd.core.errors import DatabaseError
from offpeakd.core.values import value

_FIX: Final = (
    "Set database.url to sqlite:////absolute/path/offpeakd.db"
    " or postgresql+psycopg://user@host/database"
)
_POSTGRESQL: Final = frozenset({"postgres", "postgresql", "postgresql+psycopg"})
_SQLITE: Final = frozenset({"sqlite", "sqlite+pysqlite"})


@value
class Address:
    """A database's address.

    Attributes:
        url: for SQLAlchemy; may hold a password.
        shown: for people: the file's path, or the address without its password.
        file: SQLite's file; None for PostgreSQL.
    """

    url: URL = field(repr=False)
    shown: str
    file: Path | None


def address_of(text: str) -> Address:
    """Read the text of `database.url`.

    Raises:
        DatabaseError: it names no database that this program can use.
    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        # The text is not shown: a misplaced sign may have made a password part of anything.
        raise DatabaseError("database.url isn't the address of a database", fix=_FIX) from None
    if url.drivername in _POSTGRESQL:
        url = url.set(drivername="postgresql+psycopg")
        return Address(url, _without_password(url), None)
    if url.drivername not in _SQLITE:
        raise DatabaseError(f"database.url is of an unknown kind: {url.drivername}", fix=_FIX)
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise DatabaseError("database.url names no file", fix=_FIX)
    return Address(url, url.database, Path(url.database))


def _without_password(url: URL) -> str:
    """The address as people may see it; a password can also stand in the query part."""
    secret = {key for key in url.query if "pass" in key.lower()}
    return url.difference_update_query(secret).render_as_string(hide_password=True)

"""Turns what a database driver raises into an error a person can act on."""

import sqlite3
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from offpeakd.adapters.sql.address import Address
from offpeakd.core.errors import (
    DatabaseConflictError,
    DatabaseError,
    DatabaseUntrustedError,
)

if TYPE_CHECKING:
    import psycopg
    from sqlalchemy.exc import SQLAlchemyError


class ConnectionsInUseError(Exception):
    """All connections that one process may have are in use for too long."""


def library_errors() -> tuple[type[Exception], ...]:
    """Everything that may come out of the library or of a driver in use.

    What takes long to load is left to those who use it, and raises nothing before its errors are
    there. Nothing is imported here: another thread may be in the midst of that.
    """
    return (sqlite3.Error, ConnectionsInUseError, *_postgresql_errors(), *_errors_of_the_library())


def _postgresql_errors() -> "tuple[type[psycopg.Error], ...]":
    error: type[psycopg.Error] | None = getattr(sys.modules.get("psycopg.errors"), "Error", None)
    return () if error is None else (error,)


def _errors_of_the_library() -> "tuple[type[SQLAlchemyError], ...]":
    error: type[SQLAlchemyError] | None = getattr(
        sys.modules.get("sqlalchemy.exc"), "SQLAlchemyError", None
    )
    return () if error is None else (error,)


_SQLITE: Final[tuple[tuple[str, str, str], ...]] = (
    (
        "SQLITE_NOTADB",
        "is not a SQLite database, or is encrypted or damaged",
        "Point database.url at the right file, or put a backup in its place",
    ),
    (
        "SQLITE_CORRUPT",
        "is damaged",
        "Stop the daemon, keep a copy of the file, and put a backup in its place",
    ),
    (
        "SQLITE_BUSY",
        "is locked by another program",
        "Close the program that holds it open, such as a sqlite3 shell or a backup, and try again",
    ),
    (
        "SQLITE_LOCKED",
        "is locked by another program",
        "Close the program that holds it open, and try again",
    ),
    ("SQLITE_FULL", "can't grow: the disk is full", "Free some space; nothing was half written"),
    (
        "SQLITE_READONLY_DBMOVED",
        "was moved or replaced while it was in use",
        "Stop the daemon before a backup is put in its place; start it again now",
    ),
    (
        "SQLITE_READONLY",
        "can't be written",
        "Run the command as the user that owns the file, and see that the file system is writable",
    ),
    (
        "SQLITE_CANTOPEN",
        "can't be opened, or its journal can't be made beside it",
        "Create its folder, and give the user of the daemon the right to write in it",
    ),
    ("SQLITE_PERM", "can't be opened", "Run the command as the user that owns the file"),
    (
        "SQLITE_IOERR_FSYNC",
        "could not be put safely on the disk, which is failing",
        "Look at the kernel's log and replace the disk; start the daemon again on a sound one",
    ),
    (
        # What SQLite meets first where the file is gone and its journal is there.
        "SQLITE_IOERR_FSTAT",
        "is gone, or on a disk that is failing",
        "Put it back while the daemon is stopped, or look at the kernel's log; then start it again",
    ),
    (
        # Also where only the journal can't be opened for writing: SQLite then opens it to read.
        "SQLITE_IOERR_WRITE",
        "can't be written: the disk is full, failing or read-only, or the journal is another user's",
        "Look at the free space, at the kernel's log, and at who owns what lies beside the file",
    ),
    (
        "SQLITE_CONSTRAINT",
        "had two writers in each other's way",
        "Try again",
    ),
    (
        "SQLITE_IOERR",
        "can't be read or written: the disk is full or failing",
        "Look at the free space and at the kernel's log",
    ),
)

_PAST_TRUSTING: Final = (
    "SQLITE_CORRUPT",
    "SQLITE_NOTADB",
    "SQLITE_READONLY_DBMOVED",
    "SQLITE_IOERR_FSYNC",
    "SQLITE_IOERR_DIR_FSYNC",
    "SQLITE_IOERR_FSTAT",
    "SQLITE_IOERR_CORRUPTFS",
    "SQLITE_IOERR_DATA",
    "SQLITE_IOERR_VNODE",
)
"""After these a retry on what is open proves nothing.

A kernel that failed to sync a page may drop it and report success the next time (PostgreSQL wiki,
"Fsync Errors"), and a file that was moved or damaged is not the one that was opened (SQLite,
"Result and Error Codes"). Whatever else fails, such as a full disk, SQLite rolls back.
"""

_POSTGRESQL: Final[tuple[tuple[str, str, str], ...]] = (
    (
        "28",
        "refuses the user or the password",
        "Correct database.url, or the server's pg_hba.conf",
    ),
    ("3D", "has no such database", "Create it: createdb, or CREATE DATABASE"),
    ("42501", "denies permission", "Grant the user the right to create and change tables"),
    (
        "25006",
        "is read-only, such as a standby",
        "Point database.url at the primary, or add target_session_attrs=read-write",
    ),
    ("53100", "has a full disk", "Free some space on the server"),
    (
        "53",
        "has no room for another connection",
        "Raise max_connections, or put a pooler before it",
    ),
    ("55P03", "keeps a row locked for too long", "Look for long transactions in pg_stat_activity"),
    ("57014", "took too long over a statement", "Look at the server's load, and try again"),
    ("57P", "is starting or stopping", "Try again when it is up"),
    ("40", "had two writers in each other's way", "Try again"),
    ("23", "had two writers in each other's way", "Try again"),
)

_CONFLICT: Final = ("SQLITE_CONSTRAINT", "23", "40", "55P03")
"""Nothing is wrong with the database: the transaction was taken back, and may be tried again."""


def translate(error: Exception, address: Address) -> DatabaseError:
    """The error a person reads.

    Args:
        error: one of `library_errors()`.
        address: of the database; shown without its password.
    """
    # The library wraps what the driver raises.
    cause = getattr(error, "orig", None) or error
    if isinstance(cause, sqlite3.Error):
        return _of_sqlite(cause, address)
    if isinstance(cause, _postgresql_errors()):
        return _of_postgresql(cause, address)
    return DatabaseError(f"the database {address.shown} failed: {_first_line(cause)}")


def _of_sqlite(error: sqlite3.Error, address: Address) -> DatabaseError:
    name = getattr(error, "sqlite_errorname", "")
    found = _look_up(_SQLITE, name.startswith)
    if found is None:
        return DatabaseError(f"the database {address.shown} failed: {_first_line(error)}")
    what, fix = found
    return _kind(name)(f"the database {address.shown} {what} ({name})", fix=f"{fix}.")


def _of_postgresql(error: "psycopg.Error", address: Address) -> DatabaseError:
    state = error.sqlstate or ""
    found = _look_up(_POSTGRESQL, state.startswith)
    if found is not None:
        what, fix = found
        return _kind(state)(
            f"the database {address.shown} {what} (SQLSTATE {state})", fix=f"{fix}."
        )
    import psycopg  # noqa: PLC0415  # loaded already

    if isinstance(error, psycopg.OperationalError):
        return DatabaseError(
            f"the database {address.shown} can't be reached: {_first_line(error)}",
            fix="See that the server is up and that database.url names its host and port.",
        )
    return DatabaseError(f"the database {address.shown} failed: {_first_line(error)}")


def _kind(code: str) -> type[DatabaseError]:
    if code.startswith(_PAST_TRUSTING):
        return DatabaseUntrustedError
    return DatabaseConflictError if code.startswith(_CONFLICT) else DatabaseError


def _look_up(
    table: tuple[tuple[str, str, str], ...], starts_with: Callable[[str], bool]
) -> tuple[str, str] | None:
    return next(((what, fix) for code, what, fix in table if starts_with(code)), None)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")

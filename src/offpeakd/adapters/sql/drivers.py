"""Opens connections by the drivers, each set up the same way; and the file of SQLite."""

import os
import sqlite3
import stat
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from offpeakd.adapters.sql.address import Address
from offpeakd.adapters.sql.connection import Connection
from offpeakd.adapters.sql.dialects import Dialect
from offpeakd.core.errors import DatabaseError

if TYPE_CHECKING:
    import psycopg

LOCK_PATIENCE: Final = timedelta(seconds=5)
"""How long a writer waits for another one."""

_OLDEST_SQLITE: Final = (3, 35, 0)
"""The first with RETURNING (SQLite release notes, 2021-03-12)."""

_PAGE_SIZE: Final = 8192
"""Bytes, of a file that is made anew. A claim changes some forty pages of 4096 in twenty tables and
indexes, and each is written to the journal as well: larger ones are fewer."""

_JOURNAL_KEPT: Final = 4 * 2**20
"""Bytes of the journal that stay when a transaction ends. A call's transactions write a third of a
megabyte, those of a chore for hundreds of requests up to some four: they find their room and change
nothing else of the file system. Adding a hundred thousand requests takes more, and gives it back.
"""

_CONNECT_SECONDS: Final = 10
_KEEPALIVE: Final = {
    "keepalives": 1,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""libpq's names (PostgreSQL manual, 34.1.2): a dead connection is noticed within a minute."""


def connect(address: Address, lock_patience: timedelta = LOCK_PATIENCE) -> Connection:
    """A new connection, whose transactions `transactions.Database` begins.

    Args:
        address: of the database.
        lock_patience: how long a writer waits for another one.

    Raises:
        DatabaseError: this machine's SQLite is too old.
        Exception: one of `faults.library_errors()`.
    """
    if address.file is None:
        return Connection(Dialect.POSTGRESQL, connect_to_server(address))
    return Connection(Dialect.SQLITE, _opened(address.file, lock_patience))


def check_folder(file: Path) -> None:
    """See that a file's folder exists, and that not everybody may replace what is in it.

    Raises:
        DatabaseError: it doesn't, or everybody may.
    """
    folder = file.parent
    try:
        mode = folder.stat().st_mode
    except OSError as error:
        raise DatabaseError(
            f"the folder {folder} of the database can't be looked into: {error.strerror}",
            fix=f"Create it: install -d -m 0700 {folder}.",
        ) from error
    if mode & stat.S_IWOTH:
        raise DatabaseError(
            f"everybody may write in {folder}, so anybody could replace {file.name} there",
            fix=f"Put the database in a folder of its own, or: chmod o-w {folder}.",
        )


def prepare_file(file: Path) -> None:
    """Make SQLite's file, readable and writable by its owner alone, if there is none yet.

    SQLite gives its journal the same permissions, and where root makes it, the same owner.

    Raises:
        DatabaseError: its folder is missing, not writable, or open to everybody.
    """
    check_folder(file)
    try:
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise DatabaseError(
            f"the database {file} can't be opened: {error.strerror}",
            fix="Run the command as the user that owns the file, on a writable file system.",
        ) from error


def _opened(file: Path, lock_patience: timedelta) -> sqlite3.Connection:
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise DatabaseError(
            f"SQLite {sqlite3.sqlite_version} is too old; 3.35 or later is needed",
            fix="Use a newer Python, or PostgreSQL.",
        )
    connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    # What a statement puts aside goes to memory: with files, SQLite takes and gives back the pages
    # of a cache for each, which cost as much as the statements of a claim.
    pragmas = (
        f"busy_timeout = {lock_patience // timedelta(milliseconds=1)}",
        f"page_size = {_PAGE_SIZE}",
        "journal_mode = PERSIST",
        f"journal_size_limit = {_JOURNAL_KEPT}",
        "synchronous = EXTRA",
        "foreign_keys = ON",
        "mmap_size = 0",
        "temp_store = MEMORY",
        "trusted_schema = OFF",
    )
    try:
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection


def load_postgresql() -> None:
    """Load PostgreSQL's driver ahead of the first connection."""
    import_module("psycopg")


def connect_to_server(address: Address) -> "psycopg.Connection[Any]":
    """The driver's own connection to PostgreSQL.

    A pooler in transaction mode hands each transaction to another server connection: the driver
    may prepare nothing (`planned.py` does), and time limits are set within each transaction.

    Raises:
        DatabaseError: the address has an option that libpq doesn't know.
        psycopg.Error: there is no connection to be had.
    """
    import psycopg  # noqa: PLC0415 - it takes longer to load than SQLite takes to open
    from psycopg.conninfo import make_conninfo  # noqa: PLC0415 - likewise

    options: dict[str, Any] = {
        # A database without an encoding of its own would hand out bytes.
        "client_encoding": "utf8",
        "connect_timeout": _CONNECT_SECONDS,
        "application_name": "offpeakd",
        **_KEEPALIVE,
        **address.parameters,
    }
    try:
        # As text, so that libpq's options are taken and none of the driver's own.
        text = make_conninfo(**options)
    except psycopg.ProgrammingError as error:
        raise DatabaseError(
            f"the database {address.shown} can't be asked for: {str(error).strip()}",
            fix="Take it out of database.url: options there are libpq's (PostgreSQL manual, 34.1.2).",
        ) from None
    return psycopg.connect(text, autocommit=True, prepare_threshold=None)

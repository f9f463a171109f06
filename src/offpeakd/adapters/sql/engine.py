"""Connections, set up the same way each time."""

import os
import sqlite3
import stat
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import event

from offpeakd.adapters.sql.address import Address
from offpeakd.core.errors import DatabaseError

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


def make_engine(address: Address, lock_patience: timedelta = LOCK_PATIENCE) -> sa.Engine:
    """An engine that keeps no connections, and whose transactions `transactions.Database` begins.

    Args:
        address: of the database.
        lock_patience: how long a writer waits for another one.

    Raises:
        DatabaseError: this machine's SQLite is too old.
    """
    if address.file is None:
        return _postgresql_engine(address)
    return _sqlite_engine(address, lock_patience)


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


def _sqlite_engine(address: Address, lock_patience: timedelta) -> sa.Engine:
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise DatabaseError(
            f"SQLite {sqlite3.sqlite_version} is too old; 3.35 or later is needed",
            fix="Use a newer Python, or PostgreSQL.",
        )
    engine = sa.create_engine(
        address.url,
        isolation_level="AUTOCOMMIT",
        paramstyle="named",
        poolclass=sa.NullPool,
        hide_parameters=True,
    )
    # What a statement puts aside goes to memory: with files, SQLite takes and gives back the pages
    # of a cache for each, which cost as much as the statements of a claim.
    pragmas = (
        f"PRAGMA busy_timeout = {lock_patience // timedelta(milliseconds=1)}",
        f"PRAGMA page_size = {_PAGE_SIZE}",
        "PRAGMA journal_mode = PERSIST",
        f"PRAGMA journal_size_limit = {_JOURNAL_KEPT}",
        "PRAGMA synchronous = EXTRA",
        "PRAGMA foreign_keys = ON",
        "PRAGMA mmap_size = 0",
        "PRAGMA temp_store = MEMORY",
        "PRAGMA trusted_schema = OFF",
    )

    def set_up(connection: Any, _record: object) -> None:
        for pragma in pragmas:
            connection.execute(pragma)

    event.listen(engine, "connect", set_up)
    return engine


def _postgresql_engine(address: Address) -> sa.Engine:
    # A pooler in transaction mode hands each transaction to another server connection: the driver
    # may prepare nothing (`planned.py` does), and time limits are set within each transaction.
    options: dict[str, Any] = {
        # A database without an encoding of its own would hand out bytes.
        "client_encoding": "utf8",
        "connect_timeout": _CONNECT_SECONDS,
        "application_name": "offpeakd",
        **_KEEPALIVE,
    }
    own_choice = set(address.url.query)
    return sa.create_engine(
        address.url,
        isolation_level="AUTOCOMMIT",
        poolclass=sa.NullPool,
        hide_parameters=True,
        use_native_hstore=False,
        connect_args={
            "prepare_threshold": None,
            **{name: value for name, value in options.items() if name not in own_choice},
        },
    )

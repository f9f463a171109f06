"""Explicit transactions on one database."""

import sqlite3
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from offpeakd.adapters.sql.address import Address
from offpeakd.adapters.sql.connection import Connection
from offpeakd.adapters.sql.connections import Connections
from offpeakd.adapters.sql.core import Core
from offpeakd.adapters.sql.dialects import Dialect
from offpeakd.adapters.sql.drivers import LOCK_PATIENCE, connect
from offpeakd.adapters.sql.faults import library_errors, translate
from offpeakd.adapters.sql.messages import Row, set_local
from offpeakd.adapters.sql.opened_file import OpenedFile
from offpeakd.adapters.sql.prepared import Prepared
from offpeakd.adapters.sql.single_messages import (
    BEGIN_READ,
    KEYS_ALONE,
    Ahead,
    Begun,
    Hear,
    SingleMessages,
)
from offpeakd.adapters.sql.turnstile import Turnstile

if TYPE_CHECKING:
    import sqlalchemy as sa

Question = tuple[Prepared, Mapping[str, Any]]
"""A statement that reads, with its values."""

STATEMENT_PATIENCE: Final = timedelta(seconds=30)


_SERVER_KEEPALIVE: Final = {
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
}
"""Lets the server notice within a minute that nobody is there any more (PostgreSQL manual, 19.3.2).

It counts no idle time in the middle of a message, and a network may be cut between two packets.
"""


BY_KEY: Final = set_local(KEYS_ALONE)
"""What a transaction says at its beginning that writes few rows; see `KEYS_ALONE`."""


class Database:
    """Hands out transactions on one database; safe to share between threads.

    Each ends before its `with` does: committed, or rolled back when an error passes. Whatever the
    driver raises leaves as `DatabaseError`. An error at the commit of a write leaves open whether
    it was written: nothing may be sent then.
    """

    def __init__(
        self,
        address: Address,
        *,
        lock_patience: timedelta = LOCK_PATIENCE,
        statement_patience: timedelta = STATEMENT_PATIENCE,
    ) -> None:
        self.address = address
        self._core = Core(address.dialect)
        self._connections = Connections(partial(connect, address, lock_patience))
        self._file = None if address.file is None else OpenedFile(address.file)
        self._writers = None if address.file is None else Turnstile(lock_patience)
        self._begin_write, self._begin_read = "BEGIN IMMEDIATE", "BEGIN"
        limits = _limits(lock_patience, statement_patience)
        self._messages = SingleMessages(self._connections, limits)
        if not self.is_sqlite:
            self._begin_write = f"BEGIN; {set_local(limits)}"
            self._begin_read = f"{BEGIN_READ}; {set_local(limits)}"

    @property
    def is_sqlite(self) -> bool:
        """Whether this is SQLite."""
        return self.address.file is not None

    @property
    def dialect(self) -> Dialect:
        """Which kind of database this is."""
        return self.address.dialect

    @contextmanager
    def write(self) -> Generator["sa.Connection"]:
        """A transaction that writes, for the library; see `driver_write`."""
        with self.driver_write(core=True) as connection:
            yield self._core.of(connection)

    @contextmanager
    def read(self) -> Generator["sa.Connection"]:
        """A transaction that only reads, for the library; see `driver_read`."""
        with self.driver_read(core=True) as connection:
            yield self._core.of(connection)

    @contextmanager
    def driver_write(self, first: str = "", *, core: bool = False) -> Generator[Connection]:
        """A transaction that writes. SQLite admits one at a time, from its beginning on.

        Writers of this process take turns before they ask SQLite, which keeps no order among
        those who wait and lets them sleep up to 100 ms at a time. Where another process holds the
        database as well, a writer waits for both: twice as long as for one at most.

        Args:
            first: on PostgreSQL, statements without values that are sent with its beginning.
            core: whether the library has to know the connection before it begins.
        """
        begin = f"{self._begin_write}; {first}" if first else self._begin_write
        with (
            self._translated(),
            self._in_turn(),
            self._transaction(begin, core=core) as connection,
        ):
            if self._file is not None:
                self._file.check()
            yield connection

    @contextmanager
    def driver_read(self, *, core: bool = False) -> Generator[Connection]:
        """A transaction that only reads, and sees one moment. Keep it short.

        Args:
            core: whether the library has to know the connection before it begins.
        """
        with self._translated(), self._transaction(self._begin_read, core=core) as connection:
            yield connection

    def ask(self, questions: Sequence[Question], *, locks: bool = False) -> list[list[Row]]:
        """Read by a few statements at the price of one: to PostgreSQL they are one message.

        Args:
            questions: each with its values; what has the same name has the same value in all.
            locks: whether they lock rows, which is taken back at the end. They see one moment
                where they don't.

        Returns:
            the rows of each.
        """
        if not self.is_sqlite:
            return self._ask_in_one(questions, locks=locks)
        # To SQLite a single statement is a transaction by itself.
        begin, end = ("", "") if len(questions) == 1 else (self._begin_read, "COMMIT")
        with self._translated(), self._transaction(begin, end) as connection:
            return [statement.rows(connection, values) for statement, values in questions]

    def _ask_in_one(self, questions: Sequence[Question], *, locks: bool) -> list[list[Row]]:
        texts, values = self._said(questions)
        with self._translated():
            found = self._messages.ask(texts, values, locks=locks)
        return self._read(questions, found)

    def _said(self, questions: Sequence[Question]) -> tuple[list[str], dict[str, Any]]:
        values: dict[str, Any] = {}
        for _, given in questions:
            values |= self.dialect.into(given)
        return [statement.text(self.dialect) for statement, _ in questions], values

    def _read(
        self, questions: Sequence[Question], found: Sequence[Sequence[Row]]
    ) -> list[list[Row]]:
        return [
            statement.read(self.dialect, rows)
            for (statement, _), rows in zip(questions, found, strict=True)
        ]

    def write_whole(
        self,
        texts: Sequence[str],
        values: Mapping[str, Any],
        lock: str = "",
        begun: Begun | None = None,
        *,
        lasting: bool = True,
    ) -> list[Row]:
        """Write all or nothing on PostgreSQL; see `SingleMessages.write`."""
        with self._translated():
            return self._messages.write(texts, values, lock, begun, lasting=lasting).rows

    def write_and_ask(
        self,
        texts: Sequence[str],
        values: Mapping[str, Any],
        lock: str,
        begun: Begun | None,
        *parts: Sequence[Question],
    ) -> tuple[list[Row], tuple[Hear, ...]]:
        """Write all or nothing on PostgreSQL, and read right after that; see `SingleMessages.write`.

        Returns:
            the row of each statement; what reads each part, to be called in this order.
        """
        said = [self._said(questions) for questions in parts]
        given = {name: value for _, values in said for name, value in values.items()}
        ahead = Ahead([texts for texts, _ in said], given)
        with self._translated():
            rows, hear = self._messages.write(texts, values, lock, begun, ahead=ahead)
        return rows, tuple(partial(self._heard, hear, questions) for questions in parts)

    def _heard(self, hear: Hear, questions: Sequence[Question]) -> list[list[Row]] | None:
        """What was asked ahead; None where it couldn't be read. Whoever reads it alone is told why."""
        with suppress(ValueError, *library_errors()):
            found = hear()
            return None if found is None else self._read(questions, found)
        return None

    def begin_whole(self, texts: Sequence[str], values: Mapping[str, Any]) -> Begun | None:
        """Begin to write on PostgreSQL; see `SingleMessages.begin`."""
        with self._translated():
            return self._messages.begin(texts, values)

    def close(self) -> None:
        """Close every connection."""
        self._connections.discard()

    @contextmanager
    def _translated(self) -> Generator[None]:
        try:
            yield
        except library_errors() as error:
            if self.is_sqlite:
                # SQLite opens a file read-only where it must, and then stays so when the file
                # system has become writable again: the next transaction opens it anew.
                self._connections.discard()
            raise translate(error, self.address) from error

    @contextmanager
    def _in_turn(self) -> Generator[None]:
        if self._writers is None:
            yield
            return
        if not self._writers.enter():
            raise _busy()
        try:
            yield
        finally:
            self._writers.leave()

    @contextmanager
    def _transaction(
        self, begin: str, end: str = "COMMIT", *, core: bool = False
    ) -> Generator[Connection]:
        def start(connection: Connection) -> None:
            if core:
                self._core.of(connection)
            connection.say(begin)

        connection, _ = self._connections.begun(start)
        with self._connections.kept(connection):
            yield connection
            connection.say(end)


def _limits(lock_patience: timedelta, statement_patience: timedelta) -> dict[str, str]:
    limits = {
        "lock_timeout": lock_patience,
        "statement_timeout": statement_patience,
        # Who was cut off or frozen in the middle of a transaction loses it, and its locks, before
        # another gives up waiting for them.
        "idle_in_transaction_session_timeout": lock_patience * 0.8,
    }
    milliseconds = {
        name: f"{patience // timedelta(milliseconds=1)}" for name, patience in limits.items()
    }
    return {**milliseconds, **_SERVER_KEEPALIVE}


def _busy() -> sqlite3.OperationalError:
    """What SQLite itself says to a writer who has waited for too long."""
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorcode = sqlite3.SQLITE_BUSY
    error.sqlite_errorname = "SQLITE_BUSY"
    return error

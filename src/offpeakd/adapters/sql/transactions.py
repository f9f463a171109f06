"""Explicit transactions on one database."""

import sqlite3
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final, TypeVar

import sqlalchemy as sa

from offpeakd.adapters.sql.address import Address
from offpeakd.adapters.sql.connections import Connections
from offpeakd.adapters.sql.engine import LOCK_PATIENCE, make_engine
from offpeakd.adapters.sql.faults import library_errors, translate
from offpeakd.adapters.sql.messages import exchanged, is_quiet, words
from offpeakd.adapters.sql.opened_file import OpenedFile
from offpeakd.adapters.sql.planned import Planned
from offpeakd.adapters.sql.prepared import Prepared, cursor_of
from offpeakd.adapters.sql.turnstile import Turnstile

_Said = TypeVar("_Said")

STATEMENT_PATIENCE: Final = timedelta(seconds=30)

_BEGIN_READ: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

_BY_INDEX: Final = {"enable_seqscan": "off"}
"""Keeps PostgreSQL from planning, once for many times, to read a table that is empty just now."""

_BY_KEY: Final = {**_BY_INDEX, "enable_hashjoin": "off", "enable_mergejoin": "off"}


def _set_local(settings: Mapping[str, str]) -> str:
    """Statements of PostgreSQL that set something until the transaction ends."""
    return "; ".join(f"SET LOCAL {name} = {value}" for name, value in settings.items())


BY_KEY: Final = _set_local(_BY_KEY)
"""Makes PostgreSQL find the few rows that a transaction writes by their keys.

Of a queue that was filled just now it has no statistics yet, and would read all of it for ten rows.
"""


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
        self._engine = make_engine(address, lock_patience)
        self._connections = Connections(self._engine)
        self._planned = Planned()
        self._file = None if address.file is None else OpenedFile(address.file)
        self._writers = None if address.file is None else Turnstile(lock_patience)
        self._begin_write, self._begin_read = "BEGIN IMMEDIATE", "BEGIN"
        limits = _limits(lock_patience, statement_patience)
        self._set_to_ask = _set_config(limits | _BY_INDEX)
        self._set_to_write = _set_config(limits | _BY_KEY)
        if not self.is_sqlite:
            self._begin_write = f"BEGIN; {_set_local(limits)}"
            self._begin_read = f"{_BEGIN_READ}; {_set_local(limits)}"

    @property
    def is_sqlite(self) -> bool:
        """Whether this is SQLite."""
        return self.address.file is not None

    @property
    def dialect(self) -> sa.Dialect:
        """What the library knows of this kind of database; its name is `sqlite` or `postgresql`."""
        return self._engine.dialect

    @contextmanager
    def write(self, first: str = "") -> Generator[sa.Connection]:
        """A transaction that writes. SQLite admits one at a time, from its beginning on.

        Writers of this process take turns before they ask SQLite, which keeps no order among
        those who wait and lets them sleep up to 100 ms at a time. Where another process holds the
        database as well, a writer waits for both: twice as long as for one at most.

        Args:
            first: on PostgreSQL, statements without values that are sent with its beginning.
        """
        with (
            self._translated(),
            self._in_turn(),
            self._transaction(
                f"{self._begin_write}; {first}" if first else self._begin_write
            ) as connection,
        ):
            if self._file is not None:
                self._file.check()
            yield connection

    @contextmanager
    def read(self) -> Generator[sa.Connection]:
        """A transaction that only reads, and sees one moment. Keep it short."""
        with self._translated(), self._transaction(self._begin_read) as connection:
            yield connection

    def ask(
        self, statements: Sequence[tuple[Prepared, Mapping[str, Any]]], *, locks: bool = False
    ) -> list[list[tuple[Any, ...]]]:
        """Read by a few statements at the price of one: to PostgreSQL they are one message.

        Args:
            statements: each with its values; what has the same name has the same value in all.
            locks: whether they lock rows, which is taken back at the end. They see one moment
                where they don't.

        Returns:
            the rows of each.
        """
        if not self.is_sqlite:
            return self._ask_in_one(statements, "BEGIN" if locks else _BEGIN_READ)
        # To SQLite a single statement is a transaction by itself.
        begin, end = ("", "") if len(statements) == 1 else (self._begin_read, "COMMIT")
        with self._translated(), self._transaction(begin, end) as connection:
            return [statement.rows(connection, values) for statement, values in statements]

    def _ask_in_one(
        self, statements: Sequence[tuple[Prepared, Mapping[str, Any]]], begin: str
    ) -> list[list[tuple[Any, ...]]]:
        dialect = self.dialect
        texts = [self._set_to_ask, *(statement.text(dialect) for statement, _ in statements)]
        bound: dict[str, Any] = {}
        for statement, values in statements:
            bound |= statement.bound(dialect, values)

        def say(connection: sa.Connection) -> list[list[tuple[Any, ...]]]:
            steps = self._planned.steps(connection, texts, bound)
            return exchanged(connection, (words(begin), *steps, words("ROLLBACK")))

        with self._translated():
            connection, (_, *found) = self._in_full_if_need_be(lambda: self._begun(say))
            self._connections.put_back(connection)
        return [
            statement.read(dialect, rows)
            for (statement, _), rows in zip(statements, found, strict=True)
        ]

    def write_whole(
        self, texts: Sequence[str], values: Mapping[str, Any], lock: str = ""
    ) -> list[tuple[Any, ...]]:
        """Statements of PostgreSQL that write all or nothing, as one message with their COMMIT.

        It is never sent twice. Rows are found by their keys, as with `BY_KEY`.

        Args:
            texts: one statement each, which returns one row.
            values: of all, by name.
            lock: the statement that takes a lock first; those behind it see what came before it.

        Returns:
            those rows.
        """

        def send() -> list[list[tuple[Any, ...]]]:
            with self._quiet() as connection:
                set_up, *steps = self._planned.steps(
                    connection, [self._set_to_write, *texts], values
                )
                locks = [words(lock)] if lock else []
                message = (words("BEGIN"), set_up, *locks, *steps, words("COMMIT"))
                return exchanged(connection, message)

        with self._translated():
            _, *found = self._in_full_if_need_be(send)
            return [row for [row] in found]

    def close(self) -> None:
        """Close every connection."""
        self._connections.discard()

    def _in_full_if_need_be(self, send: Callable[[], _Said]) -> _Said:
        """A transaction of one message; once more where the server didn't know a name in it."""
        try:
            return send()
        except library_errors() as error:
            if not self._planned.give_up(error):
                raise
        return send()

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
    def _transaction(self, begin: str, end: str = "COMMIT") -> Generator[sa.Connection]:
        connection, _ = self._begun(lambda one: _say(one, begin))
        try:
            yield connection
            _say(connection, end)
        except BaseException:
            _give_up(connection)
            raise
        finally:
            self._connections.put_back(connection)

    @contextmanager
    def _quiet(self) -> Generator[sa.Connection]:
        """A connection to PostgreSQL for a message that can't be sent twice.

        One that was kept may have died since it was used last, and its fellows with it.
        """
        connection = self._connections.take()
        if not is_quiet(connection):
            self._drop(connection)
            self._connections.discard()
            connection = self._connections.take()
        try:
            yield connection
        except BaseException:
            _give_up(connection)
            raise
        finally:
            self._connections.put_back(connection)

    def _begun(self, first: Callable[[sa.Connection], _Said]) -> tuple[sa.Connection, _Said]:
        """A connection, and what came of the first words on it.

        One that was kept may have died since it was used last, and its fellows with it. The first
        words write nothing, so they are said once more on a fresh one.
        """
        connection = self._connections.take()
        try:
            return connection, first(connection)
        except BaseException as error:
            stale = isinstance(error, library_errors()) and _is_dead(connection)
            self._drop(connection)
            if not stale:
                raise
        self._connections.discard()
        connection = self._connections.take()
        try:
            return connection, first(connection)
        except BaseException:
            self._drop(connection)
            raise

    def _drop(self, connection: sa.Connection) -> None:
        _give_up(connection)
        self._connections.put_back(connection)


def _limits(lock_patience: timedelta, statement_patience: timedelta) -> dict[str, str]:
    limits = {
        "lock_timeout": lock_patience,
        "statement_timeout": statement_patience,
        # Who was cut off or frozen in the middle of a transaction loses it, and its locks, before
        # another gives up waiting for them.
        "idle_in_transaction_session_timeout": lock_patience * 0.8,
    }
    return {name: f"{patience // timedelta(milliseconds=1)}" for name, patience in limits.items()}


def _set_config(settings: Mapping[str, str]) -> str:
    """The same as `_set_local`, as one statement that can have a plan."""
    calls = (f"set_config('{name}', '{value}', true)" for name, value in settings.items())
    return f"SELECT {', '.join(calls)}"


def _say(connection: sa.Connection, words: str) -> None:
    """Begin or end a transaction, past the library, which believes the driver to commit."""
    if words:
        cursor_of(connection).execute(words)


def _is_dead(connection: sa.Connection) -> bool:
    return bool(getattr(connection.connection.driver_connection, "closed", False))


def _busy() -> sqlite3.OperationalError:
    """What SQLite itself says to a writer who has waited for too long."""
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorcode = sqlite3.SQLITE_BUSY
    error.sqlite_errorname = "SQLITE_BUSY"
    return error


def _give_up(connection: sa.Connection) -> None:
    """Roll back; where even that fails, throw the connection away."""
    try:
        _say(connection, "ROLLBACK")
    except library_errors():
        connection.invalidate()

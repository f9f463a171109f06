"""Explicit transactions, and statements compiled once for the two hot paths."""

import sqlite3
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import timedelta
from typing import Any, Final, cast

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import DBAPICursor

from offpeakd.adapters.sql.address import Address
from offpeakd.adapters.sql.connections import Connections
from offpeakd.adapters.sql.engine import LOCK_PATIENCE, make_engine
from offpeakd.adapters.sql.faults import library_errors, translate
from offpeakd.adapters.sql.opened_file import OpenedFile
from offpeakd.adapters.sql.turnstile import Turnstile

_GIVEN: Final = "given_"
"""The library keeps bare column names for itself; compiling takes this prefix off again."""

STATEMENT_PATIENCE: Final = timedelta(seconds=30)

BY_KEY: Final = "SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off"
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
        self._file = None if address.file is None else OpenedFile(address.file)
        self._writers = None if address.file is None else Turnstile(lock_patience)
        self._begin_write, self._begin_read = "BEGIN IMMEDIATE", "BEGIN"
        if not self.is_sqlite:
            limits = _limits(lock_patience, statement_patience)
            self._begin_write = f"BEGIN; {limits}"
            self._begin_read = f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {limits}"

    @property
    def is_sqlite(self) -> bool:
        """Whether this is SQLite."""
        return self.address.file is not None

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._engine.dialect.name

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

    @contextmanager
    def read_once(self) -> Generator[sa.Connection]:
        """As `read`, for a single statement: to SQLite that is a transaction by itself."""
        begin, end = ("", "") if self.is_sqlite else (self._begin_read, "COMMIT")
        with self._translated(), self._transaction(begin, end) as connection:
            yield connection

    @contextmanager
    def glance(self) -> Generator[sa.Connection]:
        """A transaction that may lock rows for a moment, and writes nothing: it is taken back."""
        with (
            self._translated(),
            self._in_turn(),
            self._transaction(self._begin_write, "ROLLBACK") as connection,
        ):
            yield connection

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
    def _transaction(self, begin: str, end: str = "COMMIT") -> Generator[sa.Connection]:
        connection = self._begun(begin)
        try:
            yield connection
            _say(connection, end)
        except BaseException:
            _give_up(connection)
            raise
        finally:
            self._connections.put_back(connection)

    def _begun(self, begin: str) -> sa.Connection:
        """A connection with a transaction begun on it.

        A pooled connection may have died since it was used last, and its fellows with it.
        Nothing has happened in the transaction yet, so a fresh one is tried once.
        """
        connection = self._connections.take()
        try:
            _say(connection, begin)
        except library_errors():
            stale = _is_dead(connection)
            _give_up(connection)
            self._connections.put_back(connection)
            if not stale:
                raise
        else:
            return connection
        self._connections.discard()
        connection = self._connections.take()
        try:
            _say(connection, begin)
        except library_errors():
            _give_up(connection)
            self._connections.put_back(connection)
            raise
        return connection


def given(column: sa.Column[Any], name: str = "") -> sa.BindParameter[Any]:
    """A parameter of a prepared statement, with a column's type.

    Args:
        column: whose type converts the value.
        name: the parameter's; the column's name by default.
    """
    return sa.bindparam(f"{_GIVEN}{name or column.name}", type_=column.type)


class Prepared:
    """A statement compiled once for each database, and run on the driver's own cursor.

    The two transactions around each call are the hot path: the general way of running a statement
    costs there about as much as the statement itself (`docs/decisions/002-core-not-orm.md`).
    Every parameter is named, and its column's type converts it.
    """

    def __init__(self, statement: sa.Executable) -> None:
        self._statement = statement
        self._compiled: dict[str, _Compiled] = {}

    def rows(self, connection: sa.Connection, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Run a statement that returns rows."""
        compiled = self._for(connection)
        with cursor_of(connection) as cursor:
            cursor.execute(compiled.text, compiled.bind(values))
            return [compiled.read(row) for row in cursor.fetchall()]

    def run(self, connection: sa.Connection, values: Mapping[str, Any]) -> int:
        """Run a statement once; returns how many rows it wrote."""
        compiled = self._for(connection)
        with cursor_of(connection) as cursor:
            cursor.execute(compiled.text, compiled.bind(values))
            return cursor.rowcount

    def each(self, connection: sa.Connection, values: Sequence[Mapping[str, Any]]) -> int:
        """Run a statement for each set of values; returns how many rows all of them wrote."""
        compiled = self._for(connection)
        with cursor_of(connection) as cursor:
            cursor.executemany(compiled.text, [compiled.bind(one) for one in values])
            return cursor.rowcount

    def each_like(
        self,
        connection: sa.Connection,
        common: Mapping[str, Any],
        rows: Sequence[Mapping[str, Any]],
    ) -> int:
        """Run a statement for each row; returns how many rows all of them wrote.

        Args:
            connection: that writes.
            common: values of every parameter, of which a row may replace some.
            rows: values of one row each, as the driver takes them.
        """
        compiled = self._for(connection)
        bound = compiled.bind(common)
        with cursor_of(connection) as cursor:
            cursor.executemany(compiled.text, [{**bound, **row} for row in rows])
            return cursor.rowcount

    def bound(self, connection: sa.Connection, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values as the driver takes them."""
        return self._for(connection).bind(values)

    def _for(self, connection: sa.Connection) -> "_Compiled":
        found = self._compiled.get(connection.dialect.name)
        if found is None:
            found = _Compiled(self._statement, connection.dialect)
            self._compiled[connection.dialect.name] = found
        return found


class _Compiled:
    def __init__(self, statement: sa.Executable, dialect: sa.Dialect) -> None:
        compiled = cast("Any", statement).compile(dialect=dialect)
        self.text = str(compiled).replace(_GIVEN, "")
        names: dict[sa.BindParameter[Any], str] = compiled.bind_names
        binds = {name.removeprefix(_GIVEN): bind for bind, name in names.items()}
        self._fixed: dict[str, Any] = {
            name: bind.value for name, bind in binds.items() if not bind.required
        }
        self._into = [
            (name, convert)
            for name, bind in binds.items()
            if (convert := bind.type.dialect_impl(dialect).bind_processor(dialect)) is not None
        ]
        selected = statement.selected_columns if isinstance(statement, sa.Select) else ()
        self._out_of = [
            (place, convert)
            for place, column in enumerate(selected)
            if (convert := column.type.dialect_impl(dialect).result_processor(dialect, None))
        ]

    def bind(self, values: Mapping[str, Any]) -> dict[str, Any]:
        bound = {**self._fixed, **values}
        for name, convert in self._into:
            if bound[name] is not None:
                bound[name] = convert(bound[name])
        return bound

    def read(self, row: Sequence[Any]) -> tuple[Any, ...]:
        values = list(row)
        for place, convert in self._out_of:
            if values[place] is not None:
                values[place] = convert(values[place])
        return tuple(values)


def _limits(lock_patience: timedelta, statement_patience: timedelta) -> str:
    limits = {
        "lock_timeout": lock_patience,
        "statement_timeout": statement_patience,
        # Who was cut off or frozen in the middle of a transaction loses it, and its locks, before
        # another gives up waiting for them.
        "idle_in_transaction_session_timeout": lock_patience * 0.8,
    }
    return "; ".join(
        f"SET LOCAL {name} = {patience // timedelta(milliseconds=1)}"
        for name, patience in limits.items()
    )


def cursor_of(connection: sa.Connection) -> closing[DBAPICursor]:
    """The driver's own cursor."""
    return closing(connection.connection.cursor())


def _say(connection: sa.Connection, words: str) -> None:
    """Begin or end a transaction, past the library, which believes the driver to commit."""
    if words:
        with cursor_of(connection) as cursor:
            cursor.execute(words)


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

"""The open connections of one database, kept from one transaction to the next."""

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Final, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import TimeoutError as SQLAlchemyTimeoutError

from offpeakd.adapters.sql.faults import library_errors
from offpeakd.adapters.sql.messages import is_quiet
from offpeakd.adapters.sql.prepared import cursor_of

_Said = TypeVar("_Said")

MOST: Final = 15
"""Connections of one process at once."""

_MOST_IDLE: Final = 5
_PATIENCE: Final = timedelta(seconds=30)


class Connections:
    """Hands out connections, that which was used last first; safe to share between threads.

    The library's own pool hands out the one that has been idle for longest, of whose pages SQLite
    must read every one again, and its checking in and out costs as much as a statement.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._room = threading.BoundedSemaphore(MOST)
        self._changing = threading.Lock()
        self._sound: set[sa.Connection] = set()
        self._idle: list[sa.Connection] = []

    def take(self) -> sa.Connection:
        """A connection, for `put_back` to take again.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: none can be opened, or all are in use for too long.
        """
        if not self._room.acquire(timeout=_PATIENCE.total_seconds()):
            raise SQLAlchemyTimeoutError(f"all {MOST} connections are in use")
        try:
            return self._idle.pop()
        except IndexError:
            return self._opened()

    def put_back(self, connection: sa.Connection) -> None:
        """Keep a connection for the next, or close it where it is one too many or not sound."""
        try:
            if not connection.invalidated and _is_dead(connection):
                connection.invalidate()
            if connection.in_transaction():
                connection.rollback()
            if not self._kept(connection):
                connection.close()
        finally:
            self._room.release()

    def begun(self, first: Callable[[sa.Connection], _Said]) -> tuple[sa.Connection, _Said]:
        """A connection, and what came of the first words on it.

        One that was kept may have died since it was used last, and its fellows with it. The first
        words write nothing, so they are said once more on a fresh one.
        """
        connection = self.take()
        try:
            return connection, first(connection)
        except BaseException as error:
            stale = isinstance(error, library_errors()) and _is_dead(connection)
            self.drop(connection)
            if not stale:
                raise
        self.discard()
        connection = self.take()
        try:
            return connection, first(connection)
        except BaseException:
            self.drop(connection)
            raise

    def quiet(self) -> sa.Connection:
        """A connection to PostgreSQL for what can't be said twice, with no sign of being dead."""
        connection = self.take()
        if not _is_dead(connection) and is_quiet(connection):
            return connection
        self.drop(connection)
        self.discard()
        return self.take()

    @contextmanager
    def kept(self, connection: sa.Connection) -> Generator[None]:
        """Put a connection back in the end; rolled back, where something fails."""
        try:
            yield
        except BaseException:
            _give_up(connection)
            raise
        finally:
            self.put_back(connection)

    def discard(self) -> None:
        """Close every connection: the idle now, those in use when they are put back."""
        with self._changing:
            idle, self._idle, self._sound = self._idle, [], set()
        for connection in idle:
            with suppress(*library_errors()):
                connection.close()

    def drop(self, connection: sa.Connection) -> None:
        """Put back a connection on which something failed."""
        _give_up(connection)
        self.put_back(connection)

    def _kept(self, connection: sa.Connection) -> bool:
        with self._changing:
            sound = connection in self._sound and not connection.invalidated
            keep = sound and len(self._idle) < _MOST_IDLE
            if keep:
                self._idle.append(connection)
            else:
                self._sound.discard(connection)
        return keep

    def _opened(self) -> sa.Connection:
        try:
            connection = self._engine.connect()
        except BaseException:
            self._room.release()
            raise
        self._sound.add(connection)
        return connection


def say(connection: sa.Connection, words: str) -> None:
    """Begin or end a transaction, past the library, which believes the driver to commit."""
    if words:
        cursor_of(connection).execute(words)


def _is_dead(connection: sa.Connection) -> bool:
    return bool(getattr(connection.connection.driver_connection, "closed", False))


def _give_up(connection: sa.Connection) -> None:
    """Roll back; where even that fails, throw the connection away."""
    try:
        say(connection, "ROLLBACK")
    except library_errors():
        connection.invalidate()

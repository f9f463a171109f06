"""The open connections of one database, kept from one transaction to the next."""

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final, TypeVar

from offpeakd.adapters.sql.connection import Connection
from offpeakd.adapters.sql.faults import ConnectionsInUseError, library_errors
from offpeakd.adapters.sql.messages import is_quiet

_Said = TypeVar("_Said")

MOST: Final = 15
"""Connections of one process at once."""

_MOST_IDLE: Final = 5
_PATIENCE: Final = timedelta(seconds=30)


class Connections:
    """Hands out connections, that which was used last first; safe to share between threads.

    The library's own pool hands out the one that has been idle for longest, of whose pages SQLite
    must read every one again, and its checking in and out costs as much as a statement.

    Args:
        connect: opens one more.
    """

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._room = threading.BoundedSemaphore(MOST)
        self._changing = threading.Lock()
        self._sound: set[Connection] = set()
        self._idle: list[Connection] = []

    def take(self) -> Connection:
        """A connection, for `put_back` to take again.

        Raises:
            ConnectionsInUseError: all are in use for too long.
            Exception: none can be opened; one of `library_errors()`.
        """
        if not self._room.acquire(timeout=_PATIENCE.total_seconds()):
            raise ConnectionsInUseError(f"all {MOST} connections are in use")
        try:
            return self._idle.pop()
        except IndexError:
            return self._opened()

    def put_back(self, connection: Connection) -> None:
        """Keep a connection for the next, or close it where it is one too many or not sound."""
        try:
            if not connection.is_dead:
                connection.rest()
            if not self._kept(connection):
                connection.close()
        finally:
            self._room.release()

    def begun(self, first: Callable[[Connection], _Said]) -> tuple[Connection, _Said]:
        """A connection, and what came of the first words on it.

        One that was kept may have died since it was used last, and its fellows with it. The first
        words write nothing, so they are said once more on a fresh one.
        """
        connection = self.take()
        try:
            return connection, first(connection)
        except BaseException as error:
            stale = isinstance(error, library_errors()) and connection.is_dead
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

    def quiet(self) -> Connection:
        """A connection to PostgreSQL for what can't be said twice, with no sign of being dead."""
        connection = self.take()
        if not connection.is_dead and is_quiet(connection):
            return connection
        self.drop(connection)
        self.discard()
        return self.take()

    @contextmanager
    def kept(self, connection: Connection) -> Generator[None]:
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
            connection.close()

    def drop(self, connection: Connection) -> None:
        """Put back a connection on which something failed."""
        _give_up(connection)
        self.put_back(connection)

    def _kept(self, connection: Connection) -> bool:
        with self._changing:
            sound = connection in self._sound and not connection.is_dead
            keep = sound and len(self._idle) < _MOST_IDLE
            if keep:
                self._idle.append(connection)
            else:
                self._sound.discard(connection)
        return keep

    def _opened(self) -> Connection:
        try:
            connection = self._connect()
        except BaseException:
            self._room.release()
            raise
        self._sound.add(connection)
        return connection


def _give_up(connection: Connection) -> None:
    """Roll back; where even that fails, throw the connection away."""
    try:
        connection.say("ROLLBACK")
    except library_errors():
        connection.close()

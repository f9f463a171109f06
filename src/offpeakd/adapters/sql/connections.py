"""The open connections of one database, kept from one transaction to the next."""

import threading
from contextlib import suppress
from datetime import timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.exc import TimeoutError as SQLAlchemyTimeoutError

from offpeakd.adapters.sql.faults import library_errors

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
            if connection.in_transaction():
                connection.rollback()
            if not self._kept(connection):
                connection.close()
        finally:
            self._room.release()

    def discard(self) -> None:
        """Close every connection: the idle now, those in use when they are put back."""
        with self._changing:
            idle, self._idle, self._sound = self._idle, [], set()
        for connection in idle:
            with suppress(*library_errors()):
                connection.close()

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

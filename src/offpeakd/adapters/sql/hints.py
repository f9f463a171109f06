"""Hears from PostgreSQL that a target may have something to do."""

import os
import selectors
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import structlog
from typing_extensions import override

from offpeakd.adapters.sql.address import address_of
from offpeakd.adapters.sql.drivers import connect_to_server
from offpeakd.adapters.sql.faults import library_errors, translate
from offpeakd.adapters.sql.hint_triggers import CHANNEL, EVERY_TARGET
from offpeakd.ports import Clock, Hints

if TYPE_CHECKING:
    import psycopg

FIRST_PASSES: Final = timedelta(milliseconds=250)
"""What the first passes have to themselves: they look at everything, and to connect takes as much of
the processor as one of them."""

GATHER: Final = timedelta(milliseconds=50)
"""For how long hints are gathered before they are passed on, each target once."""

RENEWAL: Final = timedelta(minutes=10)
"""How long a connection serves. Keepalives notice a server that is gone within a minute, but not
one behind a relay that lives on; nothing is deaf for longer than this."""

FIRST_PAUSE: Final = timedelta(seconds=1)
LONGEST_PAUSE: Final = timedelta(minutes=1)
_LEAVE: Final = timedelta(seconds=2)
_log = structlog.get_logger("hints")


def hints_of(url: str, clock: Clock) -> Hints | None:
    """What tells of work on this database; None on SQLite, where nobody does.

    Args:
        url: as configured in `database.url`.
        clock: for when a connection has served long enough.
    """
    return PostgresHints(url, clock) if address_of(url).file is None else None


class PostgresHints(Hints):
    """Listens on one connection of its own, beside those that the work is done on.

    Args:
        url: as configured in `database.url`.
        clock: for when a connection has served long enough.
        renewal: how long one serves.
    """

    def __init__(self, url: str, clock: Clock, renewal: timedelta = RENEWAL) -> None:
        self._address = address_of(url)
        self._clock = clock
        self._renewal = renewal
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._bell, self._rope = -1, -1

    @override
    def start(self, wake: Callable[[str], None]) -> None:
        self._bell, self._rope = os.pipe2(os.O_CLOEXEC)
        self._thread = threading.Thread(target=self._run, args=(wake,), name="hints", daemon=True)
        self._thread.start()

    @override
    def stop(self) -> None:
        if self._thread is None:
            return
        self._stopping.set()
        os.close(self._rope)
        # It may be within an attempt to connect, which ends by itself.
        self._thread.join(_LEAVE.total_seconds())
        self._thread = None

    def _run(self, wake: Callable[[str], None]) -> None:
        """Listen on one connection after another, with pauses where there is none to be had."""
        pause, lost = FIRST_PAUSE, False
        try:
            self._stopping.wait(FIRST_PASSES.total_seconds())
            while not self._stopping.is_set():
                try:
                    with closing(connect_to_server(self._address)) as connection:
                        if _is_pooled(connection):
                            _log.info("no_hints", why="a pooler is between: the queue is polled")
                            return
                        connection.execute(f"LISTEN {CHANNEL}")
                        if lost:
                            _log.info("hints_are_back")
                        pause, lost = FIRST_PAUSE, False
                        # Whatever was said before that, nobody has heard.
                        wake(EVERY_TARGET)
                        self._hear(connection, wake)
                except library_errors() as error:
                    if not lost:
                        why = translate(error, self._address).message
                        _log.info("hints_lost", why=why, instead="the queue is polled")
                    lost = True
                    self._stopping.wait(pause.total_seconds())
                    pause = min(2 * pause, LONGEST_PAUSE)
        finally:
            os.close(self._bell)

    def _hear(
        self, connection: "psycopg.Connection[tuple[object, ...]]", wake: Callable[[str], None]
    ) -> None:
        """Pass hints on until it is time to stop, or to connect anew."""
        until = self._clock.boottime() + self._renewal
        with selectors.DefaultSelector() as waiting:
            waiting.register(self._bell, selectors.EVENT_READ)
            waiting.register(connection, selectors.EVENT_READ)
            while not self._stopping.is_set():
                left = until - self._clock.boottime()
                if left <= timedelta(0):
                    return
                waiting.select(left.total_seconds())
                if self._stopping.is_set():
                    return
                heard = connection.notifies(timeout=GATHER.total_seconds())
                for target in {one.payload for one in heard}:
                    wake(target)


def _is_pooled(connection: "psycopg.Connection[tuple[object, ...]]") -> bool:
    """Whether somebody else stands between, who may hand each statement to another session.

    A pooler makes up the number of the process that it answers for. Listening there would leave
    a session listening that belongs to nobody.
    """
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    return row is None or row[0] != connection.info.backend_pid

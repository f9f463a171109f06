"""Releases stop while the store can't be relied on, and go on once it takes a write again."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import structlog

from offpeakd.core.errors import DatabaseError, DatabaseUntrustedError
from offpeakd.ports import Clock, Store
from offpeakd.service.holds import Vitals

FIRST_PAUSE: Final = timedelta(seconds=1)
LONGEST_PAUSE: Final = timedelta(seconds=15)
"""Between two tries to write; it doubles while the store goes back and forth."""

SOUND_AGAIN: Final = timedelta(minutes=1)
"""A store that has worked for so long begins with the first pause again."""

_log = structlog.get_logger("storage")


@dataclass(slots=True, eq=False, repr=False)
class Storage:
    """Latches on the first error of the store, and lets go when a write is proved to succeed.

    Attributes:
        store: the database.
        clock: `boottime` counts pauses.
        vitals: where the fault stands for every lane to see.
        begin_anew: done while the fault still stands, once a write has succeeded; where the store
            fails it, the fault goes on.
    """

    store: Store
    clock: Clock
    vitals: Vitals
    begin_anew: Callable[[], object] = lambda: None
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _pause: timedelta = field(default=FIRST_PAUSE, init=False)
    _probe_at: timedelta = field(default=timedelta(0), init=False)
    _since: timedelta = field(default=timedelta(0), init=False)
    _sound_since: timedelta | None = field(default=None, init=False)

    def troubled(self, work: str, error: DatabaseError) -> bool:
        """Take note of an error; it is logged where it is the first.

        Args:
            work: name of the pass that met it.
            error: what it met.

        Returns:
            whether the store was sound until now.
        """
        with self._lock:
            now = self.clock.boottime()
            if self.vitals.fault is not None:
                return False
            sound_for = None if self._sound_since is None else now - self._sound_since
            relapse = sound_for is not None and sound_for < SOUND_AGAIN
            self._pause = min(LONGEST_PAUSE, 2 * self._pause) if relapse else FIRST_PAUSE
            self._since, self._probe_at = now, now + self._pause
            self.vitals.fault = error.message
        _log.error(
            "storage_fault",
            work=work,
            error=str(error),
            effect="no call and no claim is made until the store takes a write again",
        )
        return True

    def probe(self) -> datetime | None:
        """Try a write, where one is due.

        Returns:
            when to try again; None when the store is sound.

        Raises:
            DatabaseUntrustedError: trying again is of no use.
        """
        if self.vitals.fault is None:
            return None
        boottime, now = self.clock.boottime(), self.clock.now()
        if boottime < self._probe_at:
            return now + (self._probe_at - boottime)
        try:
            self.store.high_water(now)
            self.begin_anew()
        except DatabaseUntrustedError:
            raise
        except DatabaseError as error:
            self.vitals.fault = error.message
            self._pause = min(LONGEST_PAUSE, 2 * self._pause)
            self._probe_at = self.clock.boottime() + self._pause
            return now + self._pause
        with self._lock:
            self.vitals.fault = None
            self._sound_since = self.clock.boottime()
        seconds = (self._sound_since - self._since).total_seconds()
        _log.info("storage_sound", after_seconds=round(seconds, 1))
        return None

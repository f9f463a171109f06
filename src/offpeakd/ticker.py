"""Wakes the daemon's work: APScheduler as a ticker, never as the queue.

Every pass reads the clock and decides for itself, so that a wake-up that comes early, late or
twice is harmless.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

import structlog

from offpeakd.core.errors import (
    DatabaseConflictError,
    DatabaseError,
    DatabaseUntrustedError,
    SchemaError,
)
from offpeakd.ports import Clock
from offpeakd.service.progress import Progress

if TYPE_CHECKING:
    from offpeakd.clockwork import Clockwork

AT_MOST: Final = timedelta(seconds=15)
"""The longest time without a look at the clock, however far the next edge is."""

CHORE_AT_MOST: Final = timedelta(minutes=10)
"""The same for work that waits for no edge: it is woken anyway when the clock is set."""

FIRST_PASSES: Final = timedelta(milliseconds=250)
"""What the first passes have to themselves at the start, before what wakes later ones is loaded.

The library looks through every installed package for plugins, which takes about as long as a first
pass; a wake-up that comes meanwhile is kept until then.
"""

AFTER_ERROR: Final = timedelta(seconds=15)
AFTER_CONFLICT: Final = timedelta(seconds=1)
_SOONEST: Final = timedelta(milliseconds=1)
_log = structlog.get_logger("ticker")

Work = Callable[[], datetime]
"""One pass; answers when the next is due."""


class Adding(Protocol):
    """Has a piece of work done now and then; see `Ticker.add`."""

    def __call__(self, name: str, work: Work, at_most: timedelta = AT_MOST) -> None:
        """Add it."""


def due_at(asked: datetime, now: datetime, at_most: timedelta) -> datetime:
    """When a pass is due that asked for an instant: ahead of now, and not too far."""
    return max(min(asked, now + at_most), now + _SOONEST)


@dataclass(slots=True, eq=False, repr=False)
class _Planned:
    """A piece of work, and when it is due."""

    work: Work
    at_most: timedelta
    due: datetime


class Ticker:
    """Runs each piece of work in a thread of its own, never twice at once.

    None waits for another to end, however many a reload adds.

    Attributes:
        clock: for when a failed pass is tried again.
        stopping: no pass starts once it is set.
        troubled: told of a pass that the store failed; its work is tried again.
        progress: whether passes get anywhere.
    """

    def __init__(
        self,
        clock: Clock,
        stopping: threading.Event,
        troubled: Callable[[str, DatabaseError], None],
        progress: Progress,
    ) -> None:
        self.clock = clock
        self.stopping = stopping
        self.troubled = troubled
        self.progress = progress
        self._planned: dict[str, _Planned] = {}
        self._busy: dict[str, int] = {}
        self._again: set[str] = set()
        self._guard = threading.Lock()
        self._failures: list[Exception] = []
        self._beginning: list[threading.Thread] = []
        self._clockwork: Clockwork | None = None

    def add(
        self,
        name: str,
        work: Work,
        at_most: timedelta = AT_MOST,
        first: datetime | None = None,
    ) -> None:
        """Run a piece of work now, and then whenever it asks to be woken.

        Args:
            name: of it.
            work: one pass.
            at_most: it isn't left waiting for longer, whatever it asks for.
            first: when its first pass is due; at once unless told.
        """
        planned = _Planned(work, at_most, first or self.clock.now())
        with self._guard:
            self._planned[name] = planned
            if self._clockwork is not None and not self.stopping.is_set():
                self._clockwork.add(name, partial(self._run, name, work), planned.due)

    def remove(self, name: str) -> None:
        """Run it no more; a pass under way ends by itself."""
        with self._guard:
            del self._planned[name]
            if self._clockwork is not None and not self.stopping.is_set():
                self._clockwork.remove(name)

    def start(self) -> None:
        """Begin, with what is due at once."""
        now = self.clock.now()
        with self._guard:
            due = [(name, one.work) for name, one in self._planned.items() if one.due <= now]
        calls: list[Callable[[], None]] = [partial(self._run, name, work) for name, work in due]
        for call in (*calls, self._wind_up):
            thread = threading.Thread(target=call, name="first pass", daemon=True)
            self._beginning.append(thread)
            thread.start()

    def wake(self, name: str) -> None:
        """Run it soon, whatever it asked for; once more, if it runs just now."""
        with self._guard:
            if name in self._busy:
                self._again.add(name)
            else:
                self._set_due(name, self.clock.now())

    def wake_all(self) -> None:
        """After a step of the clock or a reload: every due time may be wrong."""
        for name in tuple(self._planned):
            self.wake(name)

    def stop(self) -> None:
        """Start no pass any more, and wait for those under way."""
        self.stopping.set()
        with self._guard:
            # Whoever was about to set a due time has done so: from here on the library holds the
            # lock that this takes, while it waits for passes.
            pass
        for thread in self._beginning:
            thread.join()
        if self._clockwork is not None:
            self._clockwork.stop()

    def longest_silence(self) -> timedelta:
        """How long the pass that is stuck the longest has not got anywhere."""
        silences = map(self.progress.silence, tuple(self._busy.values()))
        return max(silences, default=timedelta(0))

    def failure(self) -> Exception | None:
        """What the daemon ends with: the first defect, or a database past trusting."""
        return self._failures[0] if self._failures else None

    def fail(self, error: Exception) -> None:
        """End the daemon with this error, once the passes under way are done."""
        self._failures.append(error)
        self.stopping.set()

    def _wind_up(self) -> None:
        """Load what wakes the work from now on, and tell it what is planned."""
        try:
            if self.stopping.wait(FIRST_PASSES.total_seconds()):
                return
            from offpeakd.clockwork import Clockwork  # noqa: PLC0415  # see FIRST_PASSES

            clockwork = Clockwork(AT_MOST)
            with self._guard:
                if self.stopping.is_set():
                    return
                for name, planned in self._planned.items():
                    clockwork.add(name, partial(self._run, name, planned.work), planned.due)
                clockwork.start()
                self._clockwork = clockwork
        except Exception as error:  # noqa: BLE001 - without it, nothing would ever run again
            _log.exception("defect", work="ticker")
            self.fail(error)

    def _run(self, name: str, work: Work) -> None:
        self.progress.step()
        if not self._begin(name):
            return
        due = self._pass(name, work)
        while not self._end(name, due):
            due = self._pass(name, work)

    def _begin(self, name: str) -> bool:
        with self._guard:
            if self.stopping.is_set() or name in self._busy:
                return False
            self._busy[name] = threading.get_ident()
            return True

    def _end(self, name: str, due: datetime) -> bool:
        """Whether it is over; not when it was woken meanwhile, and may have looked too early."""
        with self._guard:
            if name in self._again and not self.stopping.is_set():
                self._again.discard(name)
                return False
            del self._busy[name]
            self._set_due(name, due)
            return True

    def _pass(self, name: str, work: Work) -> datetime:
        """Run it once; answers when the next pass is due."""
        self.progress.step()
        due = self.clock.now() + AFTER_ERROR
        try:
            due = work()
        except (DatabaseUntrustedError, SchemaError) as error:
            _log.error("database_untrusted", work=name, error=str(error))
            self.fail(error)
        except DatabaseConflictError as error:
            _log.warning("taken_back", work=name, error=error.message)
            due = self.clock.now() + AFTER_CONFLICT
        except DatabaseError as error:
            self.troubled(name, error)
        except Exception as error:  # noqa: BLE001 - a defect ends the daemon, not its thread alone
            _log.exception("defect", work=name)
            self.fail(error)
        return due

    def _set_due(self, name: str, due: datetime) -> None:
        planned = self._planned.get(name)
        if planned is not None and not self.stopping.is_set():
            longest = self.clock.now() + AT_MOST
            planned.due = due_at(due, longest - AT_MOST, planned.at_most)
            # It is woken by then anyway; each new time that is set costs a wake-up of its own.
            if self._clockwork is not None and planned.due != longest:
                self._clockwork.set_due(name, planned.due)

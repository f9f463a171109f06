"""Wakes the daemon's work: APScheduler as a ticker, never as the queue.

Every pass reads the clock and decides for itself, so that a wake-up that comes early, late or
twice is harmless.
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

from offpeakd.core.errors import (
    DatabaseConflictError,
    DatabaseError,
    DatabaseUntrustedError,
    SchemaError,
)
from offpeakd.ports import Clock
from offpeakd.service.progress import Progress

AT_MOST: Final = timedelta(seconds=15)
"""The longest time without a look at the clock, however far the next edge is."""

CHORE_AT_MOST: Final = timedelta(minutes=10)
"""The same for work that waits for no edge: it is woken anyway when the clock is set."""

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


class Wake(BaseTrigger):
    """Fires at once, and then at least every `AT_MOST`; a pass that ends asks for less.

    Its next time always lies ahead of now, so that a clock that jumps makes one pass, not one
    for each that was missed, and a pass that takes long is not asked for again and again.
    """

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        """Now, or after the longest wait."""
        return now if previous_fire_time is None else now + AT_MOST


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
        self._names: set[str] = set()
        self._at_most: dict[str, timedelta] = {}
        self._threads: set[str] = set()
        self._busy: dict[str, int] = {}
        self._again: set[str] = set()
        self._guard = threading.Lock()
        self._failures: list[Exception] = []
        self._scheduler = BackgroundScheduler(
            # The library counts a pass as running for a moment after its end, and would drop a
            # wake-up that falls into it. That no two run at once is seen to in `_begin`.
            job_defaults={"coalesce": True, "max_instances": 2, "misfire_grace_time": None},
            timezone=UTC,
        )

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
        self._names.add(name)
        self._at_most[name] = at_most
        if name not in self._threads:
            self._threads.add(name)
            # The second thread does no more than find the first at work.
            self._scheduler.add_executor(ThreadPoolExecutor(2), alias=name)
        self._scheduler.add_job(
            lambda: self._run(name, work),
            Wake(),
            id=name,
            executor=name,
            next_run_time=first or self.clock.now(),
        )

    def remove(self, name: str) -> None:
        """Run it no more; a pass under way ends by itself."""
        self._names.discard(name)
        self._scheduler.remove_job(name)

    def start(self) -> None:
        """Begin."""
        self._scheduler.start()

    def wake(self, name: str) -> None:
        """Run it soon, whatever it asked for; once more, if it runs just now."""
        with self._guard:
            if name in self._busy:
                self._again.add(name)
            else:
                self._set_due(name, self.clock.now())

    def wake_all(self) -> None:
        """After a step of the clock or a reload: every due time may be wrong."""
        for name in tuple(self._names):
            self.wake(name)

    def stop(self) -> None:
        """Start no pass any more, and wait for those under way."""
        self.stopping.set()
        with self._guard:
            # Whoever was about to set a due time has done so: from here on the library holds the
            # lock that this takes, while it waits for passes.
            pass
        self._scheduler.shutdown(wait=True)

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
        if name in self._names and not self.stopping.is_set():
            now = self.clock.now()
            at = due_at(due, now, self._at_most[name])
            # It may be removed at this moment, by another thread.
            with suppress(JobLookupError):
                self._scheduler.modify_job(name, next_run_time=at)

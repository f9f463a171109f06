"""The daemon: order of start and stop, signals, reload, and what runs when."""

import os
import signal
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Final

import structlog

from offpeakd import __version__
from offpeakd.core.errors import DatabaseError, OffpeakdError
from offpeakd.core.plan import notices
from offpeakd.core.values import value
from offpeakd.lanes import Lanes, TargetLane
from offpeakd.ports import Clock, DaemonRow, Hints, Notifier, Store
from offpeakd.service.expiry import Expiry
from offpeakd.service.holds import Vitals
from offpeakd.service.idle import Idle
from offpeakd.service.progress import Progress
from offpeakd.service.recover import Recover
from offpeakd.service.retention import Retention
from offpeakd.service.rules import CurrentRules, Rules
from offpeakd.service.sign_of_life import SignOfLife
from offpeakd.service.storage import Storage
from offpeakd.service.witness import Witness
from offpeakd.signals import Signals
from offpeakd.ticker import AT_MOST, CHORE_AT_MOST, Ticker, Work

HOUSEKEEPING: Final = timedelta(seconds=10)
RETENTION: Final = timedelta(hours=1)
CHORES_AFTER: Final = timedelta(milliseconds=250)
"""What the daemon's own chores leave to its lanes at the start: they would only take turns with them
at the database and the processor, while what a start has to settle first is settled already."""

STUCK: Final = timedelta(minutes=5)
"""A pass that gets nowhere for so long hangs: a read waits a minute for its turn at the most, and
the longest call times out well before."""

CLOCK_STEP: Final = timedelta(seconds=2)
LOOK: Final = 1.0
"""Seconds between the main thread's looks at signals, clock and watchdog."""

_log = structlog.get_logger("daemon")


class Exit(IntEnum):
    """How `run` ends."""

    DONE = 0
    WAITING = 3
    INTERRUPTED = 130
    TERMINATED = 143


@value
class Configured:
    """What a configuration makes of the daemon.

    Attributes:
        rules: that decide.
        lanes: by target; those whose identity did not change are the ones that run already.
    """

    rules: Rules
    lanes: Mapping[str, TargetLane]


@dataclass(slots=True, eq=False, repr=False)
class Daemon:
    """Runs until it is told to stop.

    Attributes:
        owner: random id of this run.
        store: the database.
        clock: the clocks.
        notifier: tells the service manager.
        rules: the configuration in force, shared with every service.
        lanes: the targets' services at the start.
        reload: reads the configuration anew, given the lanes that run.
        stopping: shared with every service.
        vitals: of this run, shared with every lane.
        progress: of this run, shared with every lane.
        until_idle: stop when nothing is left to do.
        hints: when there may be something to do; None where nobody tells.
    """

    owner: str
    store: Store
    clock: Clock
    notifier: Notifier
    rules: CurrentRules
    lanes: Mapping[str, TargetLane]
    reload: Callable[[Mapping[str, TargetLane]], Configured]
    stopping: threading.Event
    vitals: Vitals
    progress: Progress
    until_idle: bool = False
    hints: Hints | None = None
    _signals: Signals = field(default_factory=Signals, init=False)
    _storage: Storage = field(init=False)
    _life: SignOfLife = field(init=False)
    _ticker: Ticker = field(init=False)
    _lanes: Lanes = field(init=False)

    def run(self) -> Exit:
        """Work until a signal, idleness or a defect ends it.

        Returns:
            how it ended.

        Raises:
            DatabaseError: the store can't be read or written at the start.
        """
        self._ticker = Ticker(self.clock, self.stopping, self._troubled, self.progress)
        self._lanes = Lanes(
            self.owner,
            self.store,
            self.clock,
            self.rules,
            self.stopping,
            self.progress,
            self._ticker,
            self._add,
            dict(self.lanes),
        )
        self._life = self._sign_of_life()
        self._storage = Storage(self.store, self.clock, self.vitals, self._life.begin_term)
        with self._signals.caught():
            return self._run()

    # ------------------------------------------------------------------ life

    def _run(self) -> Exit:
        Recover(self.owner, self.store, self.clock).run_once()
        beat = self._life.begin()
        ticker = self._ticker
        self._lanes.start()
        later = self.clock.now() + CHORES_AFTER
        self._add("housekeeping", self._housekeeping, first=later)
        self._add("retention", self._retention, CHORE_AT_MOST, later)
        ticker.add("beat", self._life.give, first=beat)
        ticker.add("storage", self._probe)
        ticker.start()
        if self.hints is not None:
            self.hints.start(self._wake_release)
        self.notifier.ready(self._life.status())
        _log.info(
            "started", version=__version__, targets=sorted(self._lanes.running), owner=self.owner
        )
        try:
            ending = self._watch(ticker)
        finally:
            self.notifier.stopping()
            if self.hints is not None:
                self.hints.stop()
            self._stop(ticker)
            self._lanes.store_last_answers()
            self._life.leave()
            self._lanes.close()
        failure = ticker.failure()
        if failure is not None:
            raise failure
        _log.info("stopped", exit=int(ending))
        return ending

    def _stop(self, ticker: Ticker) -> None:
        """Wait for what is under way, unless asked to stop a second time."""
        self.stopping.set()
        finished = threading.Event()

        def wait_for_passes() -> None:
            ticker.stop()
            finished.set()
            self._signals.wake()

        threading.Thread(target=wait_for_passes, name="stop", daemon=True).start()
        while not finished.is_set():
            number = self._signals.next(LOOK)
            if number is not None and number is not signal.SIGHUP:
                _log.warning("stopped_at_once", why="asked twice: what was under way is unknown")
                os._exit(128 + number)

    def _watch(self, ticker: Ticker) -> Exit:
        """The main thread's part: signals, clock steps, watchdog, idleness."""
        offset = self._clock_offset()
        idle = Idle(self.store, self.clock, self.rules, self._lanes.holds)
        while True:
            number = self._signals.next(LOOK)
            ending = self._obey(number) if number is not None else None
            if ending is not None:
                return ending
            if self.stopping.is_set():
                return Exit.DONE
            self.vitals.see(self.clock.now())
            step = self._clock_offset() - offset
            if abs(step) > CLOCK_STEP:
                offset += step
                _log.warning("clock_step", seconds=round(step.total_seconds(), 1))
                ticker.wake_all()
            if ticker.longest_silence() < STUCK:
                self.notifier.alive()
            if self.until_idle and self._idle(idle):
                return Exit.WAITING if idle.left() else Exit.DONE

    def _idle(self, idle: Idle) -> bool:
        try:
            return idle.reached()
        except DatabaseError as error:
            _log.warning("idle_unknown", error=error.message)
            return False

    def _clock_offset(self) -> timedelta:
        return self.clock.now() - datetime.fromtimestamp(0, tz=UTC) - self.clock.boottime()

    # ------------------------------------------------------------------ signals

    def _obey(self, number: signal.Signals) -> Exit | None:
        match number:
            case signal.SIGTERM:
                _log.info("stopping", why="SIGTERM: the call in flight is finished first")
                return Exit.DONE
            case signal.SIGINT:
                _log.info("stopping", why="interrupted: the call in flight is finished first")
                return Exit.INTERRUPTED
            case _:
                self._reload()
                return None

    def _reload(self) -> None:
        """Take a new configuration whole, or keep the old one whole."""
        self.notifier.reloading()
        now = self.clock.now()
        old = self.rules()
        try:
            configured = self.reload(self._lanes.running)
        except OffpeakdError as error:
            _log.error("reload_refused", error=str(error))
            self._life.give_with(config_error=str(error))
            self.notifier.ready(f"configuration refused, the old one stays: {error.message[:200]}")
            return
        # First, so that no lane of the old configuration decides by the new one.
        self._lanes.retire(configured.lanes)
        groups = tuple(dict.fromkeys((*old.groups, *configured.rules.groups)))
        new = configured.rules
        self.rules.rules = replace(
            new,
            notices=notices(
                old.calendar,
                new.calendar,
                groups,
                now,
                new.policy.min_notice,
                old.notices,
                guards=(old.policy.guard, new.policy.guard),
            ),
        )
        self._lanes.take_in(configured.lanes)
        self._lanes.lift_mended()
        _log.info("reloaded", config=new.config_hash, targets=sorted(self._lanes.running))
        self._life.give_with(config_error=None)
        self.notifier.ready(self._life.status())
        self._ticker.wake_all()

    # ------------------------------------------------------------------ work

    def _add(
        self, name: str, work: Work, at_most: timedelta = AT_MOST, first: datetime | None = None
    ) -> None:
        """Run a piece of work now and then, while the store is sound."""

        def while_sound() -> datetime:
            return work() if self.vitals.fault is None else self.clock.now() + AT_MOST

        self._ticker.add(name, while_sound, at_most, first)

    def _wake_release(self, target: str) -> None:
        """There may be something to send: in a target, or in every one."""
        for name in tuple(self._lanes.running) if target == "*" else (target,):
            self._ticker.wake(f"release {name}")

    def _housekeeping(self) -> datetime:
        # Before what they answer is given up.
        self._lanes.store_answers()
        # Whoever looks first: a daemon that fell silent may have left claims behind.
        Recover(self.owner, self.store, self.clock).run_once()
        if self._lanes.has_turn("expiry", HOUSEKEEPING):
            Expiry(self.store, self.clock, self._witness().doubt_about).run_once()
        return self.clock.now() + HOUSEKEEPING

    def _retention(self) -> datetime:
        done: int | None = 0
        if self._lanes.has_turn("retention", RETENTION):
            done = Retention(self.store, self.clock, self.rules, self._witness().doubt).run_once()
        return self.clock.now() + (HOUSEKEEPING if done is None else RETENTION)

    def _witness(self) -> Witness:
        return Witness(self._lanes.holds)

    # ------------------------------------------------------------------ the store's health

    def _troubled(self, work: str, error: DatabaseError) -> None:
        if self._storage.troubled(work, error):
            self.notifier.status(self._life.status())
            self._ticker.wake("storage")

    def _probe(self) -> datetime:
        faulty = self.vitals.fault is not None
        due = self._storage.probe()
        if due is not None:
            return due
        if faulty:
            self.notifier.status(self._life.status())
            self._ticker.wake_all()
        return self.clock.now() + AT_MOST

    def _sign_of_life(self) -> SignOfLife:
        now = self.clock.now()
        row = DaemonRow(
            owner=self.owner,
            host=socket.gethostname(),
            pid=os.getpid(),
            version=__version__,
            targets=tuple(sorted(self._lanes.running)),
            started_at=now,
            beat_at=now,
            config_hash=self.rules().config_hash,
        )
        return SignOfLife(
            row,
            self.store,
            self.clock,
            self.vitals,
            self.notifier,
            self.rules,
            self._lanes.holds,
            self._lanes.passes,
            self._lanes.distrust,
        )

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
from offpeakd.core.stops import MENDED_BY_HAND
from offpeakd.core.verdicts import Code
from offpeakd.ports import Clock, DaemonRow, Notifier, Store
from offpeakd.service.expiry import Expiry
from offpeakd.service.follow_up import FollowUp
from offpeakd.service.holds import Holds, Vitals
from offpeakd.service.idle import Idle
from offpeakd.service.reconcile import Reconcile
from offpeakd.service.recover import Recover
from offpeakd.service.release import Release
from offpeakd.service.retention import Retention
from offpeakd.service.rules import CurrentRules, Rules
from offpeakd.service.sign_of_life import SignOfLife
from offpeakd.service.storage import Storage
from offpeakd.service.witness import Witness
from offpeakd.signals import Signals
from offpeakd.ticker import AT_MOST, Ticker, Work

HOUSEKEEPING: Final = timedelta(seconds=10)
RETENTION: Final = timedelta(hours=1)
STUCK: Final = timedelta(minutes=5)
"""A pass that takes longer hangs: its longest call times out well before."""

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


@dataclass(frozen=True, slots=True)
class TargetLane:
    """The services of one target.

    Attributes:
        name: of the target.
        identity: what it was built from; a reload keeps a lane whose identity is the same.
        release: sends.
        follow_up: asks after jobs.
        reconcile: finds out what became of unknown attempts.
        holds: the daemon's own reasons to release nothing there.
        close: closes its connections.
    """

    name: str
    identity: object
    release: Release
    follow_up: FollowUp
    reconcile: Reconcile
    holds: Holds
    close: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Configured:
    """What a configuration makes of the daemon.

    Attributes:
        rules: that decide.
        lanes: by target; those whose identity did not change are the ones that run already.
    """

    rules: Rules
    lanes: Mapping[str, TargetLane]


@dataclass(slots=True)
class Daemon:
    """Runs until it is told to stop.

    Attributes:
        owner: random id of this run.
        store: the database.
        clock: the clocks.
        notifier: tells the service manager.
        rules: the configuration in force, shared with every service.
        lanes: the targets' services.
        reload: reads the configuration anew, given the lanes that run.
        stopping: shared with every service.
        vitals: of this run, shared with every lane.
        until_idle: stop when nothing is left to do.
    """

    owner: str
    store: Store
    clock: Clock
    notifier: Notifier
    rules: CurrentRules
    lanes: dict[str, TargetLane]
    reload: Callable[[Mapping[str, TargetLane]], Configured]
    stopping: threading.Event
    vitals: Vitals
    until_idle: bool = False
    _signals: Signals = field(default_factory=Signals, init=False)
    _retired: list[TargetLane] = field(default_factory=list[TargetLane], init=False)
    _turns: dict[str, threading.Lock] = field(default_factory=dict[str, threading.Lock], init=False)
    _held: dict[str, frozenset[Code]] = field(
        default_factory=dict[str, frozenset[Code]], init=False
    )
    _storage: Storage = field(init=False)
    _life: SignOfLife = field(init=False)
    _ticker: Ticker | None = field(default=None, init=False)

    def run(self) -> Exit:
        """Work until a signal, idleness or a defect ends it.

        Returns:
            how it ended.

        Raises:
            DatabaseError: the store can't be read or written at the start.
        """
        self._storage = Storage(self.store, self.clock, self.vitals)
        self._life = self._sign_of_life()
        with self._signals.caught():
            return self._run()

    # ------------------------------------------------------------------ life

    def _run(self) -> Exit:
        Recover(self.owner, self.store, self.clock).run_once()
        self._life.read_high_water()
        self._life.give()
        ticker = Ticker(self.clock, self.stopping, 3 * len(self.lanes) + 5, self._troubled)
        self._ticker = ticker
        for lane in self.lanes.values():
            self._add_lane(lane)
        self._add("housekeeping", self._housekeeping)
        self._add("retention", self._retention)
        ticker.add("beat", self._life.give)
        ticker.add("storage", self._probe)
        ticker.start()
        self.notifier.ready(self._life.status())
        _log.info("started", version=__version__, targets=sorted(self.lanes), owner=self.owner)
        try:
            ending = self._watch(ticker)
        finally:
            self.notifier.stopping()
            self._stop(ticker)
            self._store_last_answers()
            self._life.leave()
            for lane in (*self.lanes.values(), *self._retired):
                lane.close()
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

    def _store_last_answers(self) -> None:
        """One more try for what the store refused; their jobs are in the log, if it fails."""
        for lane in (*self.lanes.values(), *self._retired):
            try:
                lane.release.answers.store_what_is_left()
            except DatabaseError as error:
                _log.error("answers_left_unstored", target=lane.name, error=error.message)

    def _watch(self, ticker: Ticker) -> Exit:
        """The main thread's part: signals, clock steps, watchdog, idleness."""
        offset = self._clock_offset()
        idle = Idle(self.store, self.clock, self.rules)
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
            if ticker.longest_pass() < STUCK:
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
            configured = self.reload(self.lanes)
        except OffpeakdError as error:
            _log.error("reload_refused", error=str(error))
            self._life.give_with(config_error=str(error))
            self.notifier.ready(f"configuration refused, the old one stays: {error.message[:200]}")
            return
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
        self._swap_lanes(configured.lanes)
        self._lift_mended()
        _log.info("reloaded", config=new.config_hash, targets=sorted(self.lanes))
        self._life.give_with(config_error=None)
        self.notifier.ready(self._life.status())
        if self._ticker is not None:
            self._ticker.wake_all()

    def _lift_mended(self) -> None:
        try:
            for name in self.lanes:
                reason = "the configuration was reloaded"
                self.store.lift_stop(name, MENDED_BY_HAND, "offpeakd", reason)
        except DatabaseError as error:
            _log.warning("stops_not_lifted", error=str(error))

    def _swap_lanes(self, lanes: Mapping[str, TargetLane]) -> None:
        for name, lane in tuple(self.lanes.items()):
            if lanes.get(name) is not lane:
                self._remove_lane(name)
        for name, lane in lanes.items():
            if name not in self.lanes:
                self.lanes[name] = lane
                self._add_lane(lane)

    # ------------------------------------------------------------------ work

    def _add_lane(self, lane: TargetLane) -> None:
        self._add(f"release {lane.name}", lambda: self._release(lane))
        self._add(f"follow-up {lane.name}", lambda: self._follow_up(lane))
        self._add(f"reconcile {lane.name}", lambda: self._reconcile(lane))

    def _add(self, name: str, work: Work) -> None:
        """Run a piece of work now and then, while the store is sound."""

        def while_sound() -> datetime:
            return work() if self.vitals.fault is None else self.clock.now() + AT_MOST

        if self._ticker is not None:
            self._ticker.add(name, while_sound)

    def _remove_lane(self, name: str) -> None:
        lane = self.lanes.pop(name)
        if self._ticker is not None:
            self._ticker.remove(f"release {name}")
            self._ticker.remove(f"follow-up {name}")
            self._ticker.remove(f"reconcile {name}")
        # A call may be under way in it: its connections close when the daemon ends.
        self._retired.append(lane)

    def _release(self, lane: TargetLane) -> datetime:
        """Release batch after batch; each is a new decision with a new `now`."""
        with self._turns.setdefault(lane.name, threading.Lock()):
            while not self.stopping.is_set():
                lane.holds.look()
                done = lane.release.run_once()
                self._life.passes[lane.name] = self.clock.now()
                self._mind_holds(lane)
                if done.wake_at > self.clock.now():
                    return done.wake_at
        return self.clock.now()

    def _mind_holds(self, lane: TargetLane) -> None:
        """Tell at once where a hold begins or ends, not with the next sign of life."""
        standing = {one.code: one for one in lane.holds.standing()}
        before = self._held.get(lane.name, frozenset())
        self._held[lane.name] = frozenset(standing)
        for code in before - standing.keys():
            _log.info("hold_over", target=lane.name, code=code.value)
        for code in standing.keys() - before:
            _log.warning("held", target=lane.name, code=code.value, why=standing[code].sentence)
        if before != standing.keys() and self._ticker is not None:
            self._ticker.wake("beat")

    def _has_turn(self, chore: str, every: timedelta) -> bool:
        """Whether this daemon does a chore that one does for all."""
        length = max(2 * every, self.rules().policy.lease_ttl)
        return self.store.take_turn(chore, self.owner, length)

    def _follow_up(self, lane: TargetLane) -> datetime:
        every = self.rules().policy.follow_up_every
        if self._has_turn(f"follow-up {lane.name}", every):
            followed = lane.follow_up.run_once()
            if followed.finished and self._ticker is not None:
                self._ticker.wake(f"release {lane.name}")
        return self.clock.now() + every

    def _reconcile(self, lane: TargetLane) -> datetime:
        every = self.rules().policy.reconcile_every
        if self._has_turn(f"reconcile {lane.name}", every):
            reconciled = lane.reconcile.run_once()
            moved = any(ruling.change.event for ruling in reconciled.rulings)
            if moved and self._ticker is not None:
                self._ticker.wake(f"release {lane.name}")
        return self.clock.now() + every

    def _housekeeping(self) -> datetime:
        # Whoever looks first: a daemon that fell silent may have left claims behind.
        Recover(self.owner, self.store, self.clock).run_once()
        if self._has_turn("expiry", HOUSEKEEPING):
            Expiry(self.store, self.clock, self._witness().doubt_about).run_once()
        return self.clock.now() + HOUSEKEEPING

    def _retention(self) -> datetime:
        done: int | None = 0
        if self._has_turn("retention", RETENTION):
            done = Retention(self.store, self.clock, self.rules, self._witness().doubt).run_once()
        return self.clock.now() + (HOUSEKEEPING if done is None else RETENTION)

    def _witness(self) -> Witness:
        return Witness(lambda: {name: lane.holds for name, lane in tuple(self.lanes.items())})

    # ------------------------------------------------------------------ the store's health

    def _troubled(self, work: str, error: DatabaseError) -> None:
        if self._storage.troubled(work, error) and self._ticker is not None:
            self.notifier.status(self._life.status())
            self._ticker.wake("storage")

    def _probe(self) -> datetime:
        faulty = self.vitals.fault is not None
        due = self._storage.probe()
        if due is not None:
            return due
        if faulty and self._ticker is not None:
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
            targets=tuple(sorted(self.lanes)),
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
            lambda: {name: lane.holds for name, lane in tuple(self.lanes.items())},
        )

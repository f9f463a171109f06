"""The daemon's lanes: what it does for each target, and what becomes of a lane at a reload."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from offpeakd.core.errors import DatabaseError
from offpeakd.core.stops import MENDED_BY_HAND
from offpeakd.core.verdicts import Code
from offpeakd.ports import Clock, Store
from offpeakd.service.follow_up import FollowUp
from offpeakd.service.holds import Holds
from offpeakd.service.progress import Progress
from offpeakd.service.reconcile import Reconcile
from offpeakd.service.release import Release
from offpeakd.service.rules import CurrentRules
from offpeakd.ticker import CHORE_AT_MOST, Adding, Ticker

_log = structlog.get_logger("lanes")


@dataclass(frozen=True, slots=True, eq=False)
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
        turn: whoever releases there, or stores the answers, has it.
    """

    name: str
    identity: object
    release: Release
    follow_up: FollowUp
    reconcile: Reconcile
    holds: Holds
    close: Callable[[], None]
    turn: threading.Lock = field(default_factory=threading.Lock, init=False)


@dataclass(slots=True, eq=False, repr=False)
class Lanes:
    """Every lane of a daemon, those that run and those that a reload has retired.

    Attributes:
        owner: random id of this run.
        store: the database.
        clock: the clocks.
        rules: the configuration in force.
        stopping: set when the daemon stops.
        progress: where a pass tells that it gets somewhere.
        ticker: wakes the passes.
        add: has a piece of work done now and then, while the store is sound.
        running: by target.
        passes: when each target was last passed over.
    """

    owner: str
    store: Store
    clock: Clock
    rules: CurrentRules
    stopping: threading.Event
    progress: Progress
    ticker: Ticker
    add: Adding
    running: dict[str, TargetLane] = field(default_factory=dict[str, TargetLane])
    passes: dict[str, datetime] = field(default_factory=dict[str, datetime], init=False)
    _retired: list[TargetLane] = field(default_factory=list[TargetLane], init=False)
    _held: dict[str, frozenset[Code]] = field(
        default_factory=dict[str, frozenset[Code]], init=False
    )

    # ------------------------------------------------------------------ which there are

    def start(self) -> None:
        """Let every lane run."""
        for lane in self.running.values():
            self._start(lane)

    def retire(self, new: Mapping[str, TargetLane]) -> None:
        """Take out the lanes that are not among the new ones; a call under way is finished."""
        for name, lane in tuple(self.running.items()):
            if new.get(name) is not lane:
                del self.running[name]
                lane.release.retired.set()
                self._retired.append(lane)
                for work in ("release", "follow-up", "reconcile"):
                    self.ticker.remove(f"{work} {name}")

    def take_in(self, new: Mapping[str, TargetLane]) -> None:
        """Let those of the new lanes run that don't yet."""
        for name, lane in new.items():
            if name not in self.running:
                self.running[name] = lane
                self._start(lane)

    def holds(self) -> Mapping[str, Holds]:
        """The holds of every target that is served."""
        return {name: lane.holds for name, lane in tuple(self.running.items())}

    def close(self) -> None:
        """Close every connection: a retired lane's too, in which a call may have been under way."""
        for lane in self._all():
            lane.close()

    def _start(self, lane: TargetLane) -> None:
        self.add(f"release {lane.name}", lambda: self._release(lane))
        self.add(f"follow-up {lane.name}", lambda: self._follow_up(lane), CHORE_AT_MOST)
        self.add(f"reconcile {lane.name}", lambda: self._reconcile(lane), CHORE_AT_MOST)

    def _all(self) -> tuple[TargetLane, ...]:
        return (*tuple(self.running.values()), *self._retired)

    # ------------------------------------------------------------------ the store

    def distrust(self) -> None:
        """The store may have lost what was committed: what was read or chosen before is void."""
        for lane in self._all():
            lane.release.strays.distrust()

    def store_answers(self) -> None:
        """Store the answers that wait for it; a lane that is at work stores its own.

        Raises:
            DatabaseError: the store can't be written.
        """
        for lane in self._all():
            if lane.turn.acquire(blocking=False):
                try:
                    lane.release.answers.store_what_is_left()
                finally:
                    lane.turn.release()

    def store_last_answers(self) -> None:
        """One more try for what the store refused; their jobs are in the log, if it fails."""
        for lane in self._all():
            try:
                lane.release.answers.store_last()
                lane.release.answers.store_what_is_left()
            except DatabaseError as error:
                _log.error("answers_left_unstored", target=lane.name, error=error.message)

    def lift_mended(self) -> None:
        """Lift the stops that a person mends by changing the configuration."""
        try:
            for name in self.running:
                reason = "the configuration was reloaded"
                self.store.lift_stop(name, MENDED_BY_HAND, "offpeakd", reason)
        except DatabaseError as error:
            _log.warning("stops_not_lifted", error=str(error))

    def has_turn(self, chore: str, every: timedelta) -> bool:
        """Whether this daemon does a chore that one does for all.

        Raises:
            DatabaseError: the store can't be read or written.
        """
        length = max(2 * every, self.rules().policy.lease_ttl)
        return self.store.take_turn(chore, self.owner, length)

    # ------------------------------------------------------------------ passes

    def _release(self, lane: TargetLane) -> datetime:
        """Release batch after batch; each is a new decision with a new `now`."""
        with lane.turn:
            try:
                while not self.stopping.is_set() and not lane.release.retired.is_set():
                    self.progress.step()
                    lane.holds.look()
                    done = lane.release.run_once(goes_on=True)
                    self.passes[lane.name] = self.clock.now()
                    self._mind_holds(lane)
                    if done.wake_at > self.clock.now():
                        return done.wake_at
            finally:
                lane.release.answers.store_last()
                lane.release.remember()
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
        if before != standing.keys():
            self.ticker.wake("beat")

    def _follow_up(self, lane: TargetLane) -> datetime:
        every = self.rules().policy.follow_up_every
        if self.has_turn(f"follow-up {lane.name}", every):
            followed = lane.follow_up.run_once()
            if followed.finished:
                self.ticker.wake(f"release {lane.name}")
        return self.clock.now() + every

    def _reconcile(self, lane: TargetLane) -> datetime:
        every = self.rules().policy.reconcile_every
        if self.has_turn(f"reconcile {lane.name}", every):
            reconciled = lane.reconcile.run_once()
            if any(ruling.change.event for ruling in reconciled.rulings):
                self.ticker.wake(f"release {lane.name}")
        return self.clock.now() + every

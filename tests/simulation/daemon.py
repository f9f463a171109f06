"""One daemon: the real services, woken as the real one wakes them, over simulated ports."""

import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from offpeakd.core.calendar import Calendar
from offpeakd.core.errors import DatabaseError
from offpeakd.core.plan import notices
from offpeakd.ports import DaemonRow, Store
from offpeakd.service.expiry import Expiry
from offpeakd.service.follow_up import FollowUp
from offpeakd.service.holds import Holds, Vitals
from offpeakd.service.reconcile import Reconcile
from offpeakd.service.rules import CurrentRules, Rules
from offpeakd.service.storage import Storage
from offpeakd.service.witness import Witness
from simulation.baton import MINUTE, SECOND, Actor, Timeline, instant, span
from simulation.client import SimulatedCloud
from simulation.cloud import CloudWorld
from simulation.database import Database, SimulatedStore, watched
from simulation.host import CrashedError, Process
from simulation.installation import TARGET, calendar_of, policy_of
from simulation.protections import Protections
from simulation.records import Records

if TYPE_CHECKING:
    from offpeakd.service.release import Release

TICK: Final = 2 * MINUTE
"""The longest sleep: whatever would need a shorter one wakes its sleepers."""

AFTER_ERROR: Final = timedelta(seconds=15)
IDLE: Final = 4 * MINUTE
"""Between two passes that can have nothing to do; keeps long simulated hours cheap."""


@dataclass
class Surroundings:
    """What every daemon of one simulation shares."""

    timeline: Timeline
    world: CloudWorld
    database: Database
    records: Records
    protections: Protections


@dataclass(eq=False)
class Run:
    """One run of a daemon: from its start to its crash or its stop.

    Attributes:
        host: the process.
        around: what it shares with others.
        frozen: freezes that the configuration has.
        owner: random id in life; a telling one here.
        ended: what follows when it has stopped in order.
    """

    host: Process
    around: Surroundings
    frozen: tuple[tuple[int, int], ...]
    owner: str
    ended: Callable[[], None]
    stopping: threading.Event = field(default_factory=threading.Event)
    notice_until: int = 0
    _actors: list[Actor] = field(default_factory=list, init=False)
    _asleep: dict[Actor, None] = field(default_factory=dict, init=False)

    def start(self) -> None:
        """Begin, as `offpeakd run` does."""
        self.host.on_stop = self.stop
        self._spawn("main", self._main)

    def stop(self) -> None:
        """SIGTERM."""
        self.stopping.set()
        self.wake()

    def wake(self) -> None:
        """Every due time may be wrong, as after a step of the clock or a reload."""
        for actor in tuple(self._asleep):
            self.host.timeline.wake(actor, self.host.timeline.now + SECOND)

    def reload(self, frozen: tuple[tuple[int, int], ...]) -> None:
        """SIGHUP, with other freezes in the configuration."""
        if not self.host.alive or self.host.timeline.now < self.host.thaws or not self._set_up:
            return
        old, now = self._rules(), self.host.now()
        calendar = calendar_of(self.host.fate.traits.openings, frozen)
        until = notices(
            old.calendar,
            calendar,
            old.groups,
            now,
            old.policy.min_notice,
            old.notices,
            guards=(old.policy.guard, old.policy.guard),
        )
        self._rules.rules = self._rules_of(calendar)
        object.__setattr__(self._rules.rules, "notices", until)
        self.frozen = frozen
        self.notice_until = span(max(until.values(), default=instant(0)) - instant(0))
        self.wake()

    # ------------------------------------------------------------------ life

    _set_up: bool = field(default=False, init=False)

    def _spawn(self, name: str, body: Callable[[], None]) -> None:
        def live() -> None:
            try:
                body()
            except CrashedError:
                return
            except DatabaseError:
                self.stopping.set()
            except Exception:  # noqa: BLE001 - a defect: the checker tells it
                self.around.records.defects.append(traceback.format_exc())
                self.stopping.set()
            finally:
                self._actors.remove(actor)
            if self.host.alive and self.stopping.is_set() and not self._actors:
                self._leave()

        actor = self.host.timeline.start(f"{self.owner} {name}", live)
        self._actors.append(actor)

    def _leave(self) -> None:
        self.host.tell("stopped in order")
        self.host.alive = False
        self.around.database.rows.daemons.pop(self.owner, None)
        self.ended()

    def _main(self) -> None:
        self._put_together()
        self.around.protections.recover(self.owner, self.store, self.host).run_once()
        self.vitals.see(self.store.high_water(self.host.now()))
        self._beat()
        self._set_up = True
        self._keep_doing("beat", self._beat, always=True)
        self._keep_doing("storage", self._probe, always=True)
        self._keep_doing("release", self._release)
        self._keep_doing("follow-up", self._follow_up)
        self._keep_doing("reconcile", self._reconcile)
        self._keep_doing("chores", self._chores)

    def _put_together(self) -> None:
        """As the composition root does."""
        parts, host, around = self.around.protections, self.host, self.around
        bare = SimulatedStore(around.database, self.owner, around.records)
        self.store: Store = watched(parts.store(bare), host)
        self._rules = CurrentRules(
            self._rules_of(calendar_of(host.fate.traits.openings, self.frozen))
        )
        client = SimulatedCloud(around.world, host, around.records, self._standing)
        cloud = parts.cloud(client, host)
        self.vitals = Vitals(host.now())
        self.storage = Storage(self.store, host, self.vitals)
        inventory = parts.inventory(TARGET, cloud, self.store, host)
        self.holds = Holds(TARGET, self.vitals, self.store, cloud, inventory, host, self._rules)
        self._witness = Witness(lambda: {TARGET: self.holds})
        self.release: Release = parts.release(
            TARGET,
            self.owner,
            self.store,
            cloud,
            inventory,
            host,
            self._rules,
            parts.holds(self.holds),
            self.stopping,
        )
        self.follow_up = FollowUp(TARGET, self.store, cloud, host, self._rules)
        self.reconcile = Reconcile(TARGET, self.store, cloud, host, self._rules)

    def _rules_of(self, calendar: Calendar) -> Rules:
        policy = self.around.protections.policy(policy_of(self.host.fate.traits))
        return Rules(calendar, policy, {TARGET: 30}, "config", "tzdata")

    def _standing(self) -> tuple[tuple[tuple[int, int], ...], int]:
        return self.frozen, self.notice_until

    # ------------------------------------------------------------------ passes

    def _keep_doing(self, name: str, work: Callable[[], int], *, always: bool = False) -> None:
        def keep_doing() -> None:
            while not self.stopping.is_set():
                length = self._pass(name, work, always=always)
                if not self.stopping.is_set():
                    self._sleep(max(length, SECOND // 1000))

        self._spawn(name, keep_doing)

    def _sleep(self, length: int) -> None:
        me = self.host.timeline.running
        assert me is not None
        self._asleep[me] = None
        try:
            self.host.pause(length)
        finally:
            del self._asleep[me]

    def _pass(self, name: str, work: Callable[[], int], *, always: bool) -> int:
        """One pass; says how long to sleep."""
        if self.vitals.fault is not None and not always:
            return 15 * SECOND
        try:
            return min(work(), TICK if name != "chores" else IDLE)
        except DatabaseError as error:
            self.storage.troubled(name, error)
            return span(AFTER_ERROR)

    def _release(self) -> int:
        try:
            while not self.stopping.is_set():
                self.holds.look()
                done = self.release.run_once(goes_on=True)
                left = span(done.wake_at - self.host.now())
                if left > 0:
                    return left
        finally:
            self.release.answers.store_last()
        return 0

    def _follow_up(self) -> int:
        self.follow_up.run_once()
        return span(self._rules().policy.follow_up_every)

    def _reconcile(self) -> int:
        if not self._anything_unknown():
            return 30 * SECOND
        self.reconcile.run_once()
        return span(self._rules().policy.reconcile_every)

    def _anything_unknown(self) -> bool:
        """A pass that would find nothing is left out: it would only take time to simulate."""
        live = self.around.database.rows
        found = (live.requests[number] for number in live.live.values())
        return any(one.state.value in {"unknown", "running"} and not one.job_id for one in found)

    def _chores(self) -> int:
        Expiry(self.store, self.host, self._witness.doubt_about).run_once()
        if self.around.database.shared:
            self.around.protections.recover(self.owner, self.store, self.host).run_once()
            return MINUTE
        return IDLE

    def _probe(self) -> int:
        due = self.storage.probe()
        return IDLE if due is None else span(due - self.host.now())

    def _beat(self) -> int:
        set_out, now = self.host.boottime(), self.host.now()
        row = DaemonRow(self.owner, self.host.machine.name, 1, "0", (TARGET,), now, now, "config")
        if not self.store.beat(row):
            self.release.strays.distrust()
            self.store.beat(row, new_term=True)
        self.vitals.beaten_at = set_out
        self.vitals.see(self.store.high_water(now))
        return span(self._rules().policy.lease_ttl) // 4

"""One seed: an installation, its troubles, their end, and what the checker says."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

import structlog
from structlog.testing import capture_logs

from offpeakd.core.model import LIVE, Request, State
from simulation.baton import HOUR, MINUTE, SECOND, EndedError, Timeline
from simulation.cloud import CloudWorld
from simulation.daemon import Run, Surroundings
from simulation.database import Database, SimulatedStore, watched
from simulation.fate import TROUBLE, Fate
from simulation.host import CrashedError, Machine, Process
from simulation.people import WHO, Person
from simulation.protections import EVERYTHING, Protections
from simulation.records import Records

LONGEST: Final = 22 * HOUR
STEPS: Final = 400_000
"""More steps than any run needs: somebody goes round in circles."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended.

    Attributes:
        seed: that chose everything.
        fate: what it chose.
        world: the cloud.
        records: what happened.
        requests: as they stand, by number.
        jobs_of_history: that attempts and events name.
        failure: what broke the simulation itself; None when nothing did.
    """

    seed: int
    fate: Fate
    world: CloudWorld
    records: Records
    requests: Mapping[int, Request]
    jobs_of_history: frozenset[str]
    failure: BaseException | None


def simulate(seed: int, protections: Protections = EVERYTHING) -> Ended:
    """Run one seed."""
    with capture_logs() as logged:
        return _Simulation(seed, protections, logged).run()


class _Simulation:
    def __init__(
        self, seed: int, protections: Protections, logged: list[structlog.typing.EventDict]
    ) -> None:
        self.fate = fate = Fate(seed)
        self.timeline = timeline = Timeline(fate.chance)
        self.world = CloudWorld(timeline, fate)
        self.records = Records(timeline)
        self.logged = logged
        shared = fate.traits.replicas
        self.database = Database(timeline, shared=shared, rows=protections.rows())
        self.around = Surroundings(timeline, self.world, self.database, self.records, protections)
        self.machines = [
            Machine(name, booted=-fate.between(0, 90 * 24 * HOUR))
            for name in (("alfa", "bravo") if shared else ("alfa",))
        ]
        self.runs: dict[str, Run] = {}
        self.frozen: tuple[tuple[int, int], ...] = ()
        self._numbers = 0
        desk = Process(Machine("desk", trouble=False), timeline, fate, self.records)
        store = SimulatedStore(self.database, WHO, self.records)
        self.person = Person(desk, watched(store, desk), self.records, self._reload, self._started)

    def run(self) -> Ended:
        for machine in self.machines:
            machine.offset = self.fate.between(-2 * SECOND, 2 * SECOND)
            self._at(self.fate.between(0, 2 * MINUTE), partial(self._start, machine))
        self.timeline.start(WHO, self.person.work)
        self._plan_weather()
        self._plan_others()
        self._plan_steps()
        self._plan_restore()
        self._at(TROUBLE, self._end_trouble)
        self.timeline.run(LONGEST)
        self.records.logged.extend(dict(line) for line in self.logged)
        failure = self.timeline.failure
        if isinstance(failure, (EndedError, CrashedError)):
            failure = None
        rows = self.database.rows
        jobs = frozenset(
            str(job)
            for job in (
                *(one.result.job_id for one in rows.attempts.values()),
                *(one.detail.get("job_id") for one in rows.events),
            )
            if job
        )
        return Ended(
            self.fate.seed, self.fate, self.world, self.records, dict(rows.requests), jobs, failure
        )

    # ------------------------------------------------------------------ daemons

    def _at(self, at: int, what: Callable[[], None]) -> None:
        self.timeline.call_at(at, what)

    def _start(self, machine: Machine) -> None:
        before = self.runs.get(machine.name)
        if before is not None and before.host.alive:
            return
        self._numbers += 1
        owner = f"{machine.name}-{self._numbers}"
        again = partial(self._restart_later, machine)
        host = Process(machine, self.timeline, self.fate, self.records, on_crash=again)
        self.runs[machine.name] = Run(host, self.around, self.frozen, owner, again)
        self.records.tell(owner, "STARTS")
        self.runs[machine.name].start()

    def _restart_later(self, machine: Machine) -> None:
        pause = self.fate.between(2 * SECOND, 3 * MINUTE)
        if self.fate.happens(0.25):
            pause = self.fate.between(3 * MINUTE, 40 * MINUTE)
        if not machine.trouble:
            pause = 10 * SECOND
        self._at(self.timeline.now + pause, partial(self._start, machine))

    def _reload(self, frozen: tuple[tuple[int, int], ...]) -> None:
        self.frozen = frozen
        for run in self.runs.values():
            run.reload(frozen)

    # ------------------------------------------------------------------ what goes wrong

    def _plan_weather(self) -> None:
        for kind in ("bad_key", "throttled", "unreachable", "jobs_denied"):
            if self.fate.happens(0.25 if self.fate.traits.trouble else 0):
                at = self.fate.between(0, TROUBLE - 20 * MINUTE)
                until = at + self.fate.between(10 * SECOND, 20 * MINUTE)
                self._at(at, partial(self._worsen, kind, until))
        at = self.fate.between(MINUTE, 6 * MINUTE)
        while self.fate.traits.stale and at < TROUBLE:
            self._at(at, self.world.fall_behind)
            at += self.fate.between(2 * MINUTE, 5 * MINUTE)

    def _worsen(self, kind: str, until: int) -> None:
        setattr(self.world.weather, kind, until)
        self.records.tell("cloud", f"{kind} until {until / SECOND:.0f}")

    def _plan_others(self) -> None:
        """Somebody else upgrades instances at the console."""
        for machine in self.world.machines.values():
            if self.fate.happens(0.3):
                at = self.fate.between(0, TROUBLE)
                self._at(at, partial(self._upgrade_elsewhere, machine.id))

    def _upgrade_elsewhere(self, instance_id: str) -> None:
        machine = self.world.machines[instance_id]
        if machine.running(self.timeline.now) is None:
            job = self.world.begin(machine, None)
            self.records.tell("console", f"upgrades {instance_id}: {job.job_id}")

    def _plan_steps(self) -> None:
        for machine in self.machines:
            at = self.fate.between(MINUTE, 40 * MINUTE)
            while self.fate.traits.steps and at < TROUBLE:
                self._at(at, partial(self._step_clock, machine))
                at += self.fate.between(5 * MINUTE, 60 * MINUTE)

    def _step_clock(self, machine: Machine) -> None:
        least, most = self.fate.one_of(
            ((3 * SECOND, 40 * SECOND), (MINUTE, 20 * MINUTE), (20 * MINUTE, 3 * HOUR))
        )
        step = self.fate.between(least, most) * self.fate.one_of((1, -1))
        right = self.fate.happens(0.4)
        machine.offset = self.fate.between(-SECOND, SECOND) if right else step
        machine.stepped_at = self.timeline.now
        words = f"WALL CLOCK is now {machine.offset / SECOND:+.1f} s off"
        self.records.tell(machine.name, words)
        if machine.name in self.runs:
            self.runs[machine.name].wake()

    def _plan_restore(self) -> None:
        if self.fate.traits.restored:
            saved = self.fate.between(MINUTE, 100 * MINUTE)
            restored = saved + self.fate.between(MINUTE, 60 * MINUTE)
            self._at(saved, self._save)
            self._at(restored, self._restore)

    def _save(self) -> None:
        self.records.tell("database", "is saved")
        self.database.save(self.records)

    def _restore(self) -> None:
        """The daemons are ended first: a file that is swapped under one is another matter."""
        self.records.tell("database", "IS PUT BACK AS IT WAS")
        for run in self.runs.values():
            if run.host.alive:
                run.host.alive = False
                self._restart_later(run.host.machine)
        self.database.restore(self.records)
        self.records.end_pause()
        self.records.known_at_retry.clear()

    # ------------------------------------------------------------------ and its end

    def _end_trouble(self) -> None:
        self.records.tell("world", "THE TROUBLE IS OVER")
        for machine in self.machines:
            machine.trouble = False
            machine.offset = 0
        weather = self.world.weather
        weather.bad_key = weather.throttled = weather.unreachable = 0
        weather.jobs_denied = weather.stale = 0
        self._at(TROUBLE + MINUTE, self._mend)
        for run in self.runs.values():
            run.host.thaw()
            run.wake()
            if not run.host.alive:
                self._at(self.timeline.now + SECOND, partial(self._start, run.host.machine))
        self._at(TROUBLE + 30 * MINUTE, self._note_the_unresolved)
        self._at(TROUBLE + 31 * MINUTE, self._end_when_done)

    def _mend(self) -> None:
        self.timeline.start(f"{WHO} mends", self.person.make_amends)

    def _started(self, one: Request) -> str | None:
        call = self.records.call_of(one.attempt_id or "")
        found = (
            start.job_id
            for start in self.world.upgrades
            if start.call == call and start.instance_id == one.instance_id
        )
        return next(found, None)

    def _note_the_unresolved(self) -> None:
        for one in self.database.rows.requests.values():
            if one.state in {State.SUBMITTING, State.UNKNOWN}:
                self.records.unresolved.append(one)

    def _end_when_done(self) -> None:
        requests = self.database.rows.requests.values()
        open_ones = [one for one in requests if one.state in LIVE]
        if any(one.state is State.NEEDS_REVIEW for one in open_ones):
            self.timeline.start(f"{WHO} reviews", self.person.review)
        running = any(one.ends > self.timeline.now for one in self.world.upgrades)
        if not open_ones and not running:
            self.timeline.over = True
        if len(self.records.lines) > STEPS:
            self.timeline.failure = AssertionError("somebody goes round in circles")
            self.timeline.over = True
        self._at(self.timeline.now + 10 * MINUTE, self._end_when_done)

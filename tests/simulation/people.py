"""Somebody who adds, cancels, holds, retries, pauses and reloads while everything goes wrong."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final

from fakes.builders import an_id
from offpeakd.core.intake import Decision, Wish, cancel, hold, retry, unhold
from offpeakd.core.model import Request, State
from offpeakd.core.resolve import Resolution, resolve
from offpeakd.core.tally import Tally
from offpeakd.ports import Store
from offpeakd.service.decide import decide
from offpeakd.service.intake import Intake
from offpeakd.service.stops import EVERYTHING, pause, resume
from simulation.baton import MINUTE, SECOND, instant
from simulation.fate import TROUBLE
from simulation.host import Process
from simulation.installation import TARGET
from simulation.records import Pause, Records

WHO: Final = "kim"
LONG_ENOUGH: Final = timedelta(hours=1)


@dataclass(eq=False)
class Person:
    """Works with the command line, on a machine with a right clock.

    Attributes:
        host: that machine.
        store: the database.
        records: for the checker.
        reload: gives every daemon another set of freezes.
        started: the job that an attempt's call started, as the console shows it.
    """

    host: Process
    store: Store
    records: Records
    reload: Callable[[tuple[tuple[int, int], ...]], None]
    started: Callable[[Request], str | None]

    def work(self) -> None:
        """Ask for upgrades, then meddle until the trouble is over."""
        fate = self.host.fate
        for number in range(1, fate.traits.instances + 1):
            if fate.happens(0.4):
                self._add(number)
        while self.host.timeline.now < TROUBLE:
            self.host.pause(fate.between(20 * SECOND, 6 * MINUTE))
            if self.host.timeline.now < TROUBLE:
                fate.one_of(self._deeds())()

    def make_amends(self) -> None:
        """Whatever was held or stopped goes on."""
        held = [one for one in self._requests() if one.held_reason is not None]
        self._decide(unhold, held)
        resume(self.store, EVERYTHING, WHO, "it is over")
        self._ended_pause()
        self.reload(())

    def review(self) -> None:
        """Look at the console, long after anything can still arrive, and say what became of it."""
        now = self.host.timeline.now
        for one in self._requests():
            since = one.unknown_since or one.changed_at
            if one.state is not State.NEEDS_REVIEW or since is None:
                continue
            if instant(now) - since > LONG_ENOUGH:
                self._resolve(one)

    def _resolve(self, one: Request) -> None:
        job_id = self.started(one)
        how = Resolution.NOT_STARTED if job_id is None else Resolution.STARTED
        named = job_id if self.host.fate.happens(0.5) else None
        tally = Tally()

        def rule(request: Request) -> Decision:
            return resolve(request, how, self.host.now(), WHO, "seen", tally, named)

        decide(self.store, [str(one.id)], rule)

    def _deeds(self) -> tuple[Callable[[], None], ...]:
        return (
            self._add_one,
            self._add_one,
            self._add_one,
            self._add_one,
            partial(self._decide_one, cancel, State.QUEUED),
            partial(self._decide_one, hold, State.QUEUED),
            partial(self._decide_one, unhold, State.QUEUED),
            partial(self._decide_one, retry, State.FAILED),
            partial(self._decide_one, retry, State.FAILED),
            partial(self._decide_one, retry, State.EXPIRED),
            self._pause,
            self._freeze,
        )

    def _add_one(self) -> None:
        self._add(self.host.fate.chance.randint(1, self.host.fate.traits.instances + 1))

    def _add(self, number: int) -> None:
        fate = self.host.fate
        now = self.host.timeline.now
        deadline = not_before = None
        if fate.happens(0.1):
            not_before = instant(now + fate.between(MINUTE, 60 * MINUTE))
        if fate.happens(0.1):
            deadline = instant(now + fate.between(61 * MINUTE, 150 * MINUTE))
        wish = Wish(TARGET, an_id(number), not_before=not_before, deadline=deadline)
        Intake(self.store, self.host).add([wish], WHO)

    def _requests(self) -> list[Request]:
        latest = (self.store.latest(an_id(n)) for n in range(self.host.fate.traits.instances + 2))
        return [one for one in latest if one is not None]

    def _decide_one(self, what: Callable[..., Decision], state: State) -> None:
        found = [one for one in self._requests() if one.state is state]
        if found:
            self._decide(what, [self.host.fate.one_of(found)])

    def _decide(self, what: Callable[..., Decision], found: list[Request]) -> None:
        """Look first, think for a while, then decide: the request may have moved meanwhile."""
        now = self.host.now()

        def rule(request: Request) -> Decision:
            self.host.pause(self.host.fate.between(0, 2 * SECOND))
            return what(request, now=now, actor=WHO, reason="because")

        for one in found:
            decide(self.store, [str(one.id)], rule)

    def _pause(self) -> None:
        pause(self.store, EVERYTHING, WHO, "billing run", self.host.now())
        self.records.pauses.append(Pause(self.host.timeline.now))
        self.records.tell(WHO, "pauses everything")
        self.host.pause(self.host.fate.between(10 * SECOND, 12 * MINUTE))
        resume(self.store, EVERYTHING, WHO, "billing is done")
        self._ended_pause()

    def _ended_pause(self) -> None:
        self.records.tell(WHO, "resumes")
        self.records.end_pause()

    def _freeze(self) -> None:
        """Freeze whole minutes, from now on or soon."""
        now, fate = self.host.timeline.now, self.host.fate
        start = now - now % MINUTE + fate.one_of((0, 0, MINUTE, 10 * MINUTE))
        end = start + fate.chance.randint(1, 40) * MINUTE
        self.records.tell(WHO, f"freezes from {instant(start):%H:%M} to {instant(end):%H:%M}")
        self.reload(((start, end),))

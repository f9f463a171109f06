"""One process on one machine: its clocks, and what may happen at each of its steps."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from typing_extensions import override

from offpeakd.core.errors import DatabaseError
from offpeakd.ports import Clock
from simulation.baton import SECOND, Actor, Timeline, instant
from simulation.fate import Fate
from simulation.records import Records


class CrashedError(BaseException):
    """The process is gone: unwinds a thread, past every `except Exception`."""


@dataclass(eq=False)
class Machine:
    """What outlives a process.

    Attributes:
        name: for the trace.
        offset: the wall clock less the right time.
        booted: when it was, so that boot times of two machines differ.
        stepped_at: when the wall clock was set last.
        trouble: whether anything goes wrong on it.
    """

    name: str
    offset: int = 0
    booted: int = 0
    stepped_at: int = -1
    trouble: bool = True


@dataclass(eq=False)
class Process(Clock):
    """One run of a program on a machine.

    Attributes:
        machine: where it runs.
        timeline: simulated time.
        fate: what happens when.
        records: the trace.
        alive: whether it runs.
        thaws: it stands still until then.
        on_crash: what follows a crash.
        on_stop: tells the daemon to stop in order.
        releasing: from a signature to the stored answer, when more happens.
    """

    machine: Machine
    timeline: Timeline
    fate: Fate
    records: Records
    alive: bool = True
    thaws: int = 0
    on_crash: Callable[[], None] = lambda: None
    on_stop: Callable[[], None] = lambda: None
    releasing: bool = field(default=False, init=False)
    _frozen: list[Actor] = field(default_factory=list, init=False)
    _gate_of: Actor | None = field(default=None, init=False)

    # ------------------------------------------------------------------ clocks

    @override
    def now(self) -> datetime:
        if self._gate_of is not None and self._gate_of is self.timeline.running:
            self.step("clock: wall")
        return instant(self.timeline.now + self.machine.offset)

    @override
    def boottime(self) -> timedelta:
        if self._gate_of is not None and self._gate_of is self.timeline.running:
            self.step("clock: boot")
        return timedelta(microseconds=self.timeline.now - self.machine.booted)

    @contextmanager
    def watching_clock(self) -> Iterator[None]:
        """While the gate looks, even reading a clock is a step; a reading is fresh after it."""
        self._gate_of = self.timeline.running
        try:
            yield
        finally:
            self._gate_of = None

    # ------------------------------------------------------------------ steps

    def step(self, what: str) -> None:
        """One call of a port: go on, crash, freeze, or be told to stop.

        Raises:
            CrashedError: the process is gone.
        """
        if not self.alive:
            raise CrashedError
        self.tell(what)
        self._thaw()
        if not self.machine.trouble:
            return
        fate, traits = self.fate, self.fate.traits
        share = 1.0 if self.releasing else 0.005
        chance = fate.chance.random()
        if chance < traits.crash * share:
            self.crash()
        elif chance < (traits.crash + traits.freeze) * share:
            self._freeze()
        elif chance < (traits.crash + traits.freeze + traits.crash / 10) * share:
            self.tell("told to stop")
            self.on_stop()

    def crash(self) -> None:
        """End the process here.

        Raises:
            CrashedError: always.
        """
        self.tell("CRASH")
        self.alive = False
        self.on_crash()
        raise CrashedError

    def _freeze(self) -> None:
        """A slow call, or the whole process stopped. Reading a clock is never slow by itself."""
        length = self.fate.freeze()
        whole = self.fate.happens(0.5) or self._gate_of is self.timeline.running
        self.tell(f"{'whole process' if whole else 'thread'} FROZEN for {length / SECOND:.1f} s")
        if whole:
            self.thaws = max(self.thaws, self.timeline.now + length)
        self._stand_still(length)
        self._thaw()
        if not self.alive:
            raise CrashedError

    def _stand_still(self, length: int) -> None:
        me = self.timeline.running
        assert me is not None
        self._frozen.append(me)
        try:
            self.timeline.wait(length)
        finally:
            self._frozen.remove(me)

    def thaw(self) -> None:
        """Whatever stands still goes on."""
        self.thaws = min(self.thaws, self.timeline.now)
        for actor in self._frozen:
            self.timeline.wake(actor, self.timeline.now)

    def pause(self, length: int) -> None:
        """Wait; a process that is gone or frozen does not notice the end of it.

        Raises:
            CrashedError: the process is gone.
        """
        self.timeline.wait(length)
        self._thaw()
        if not self.alive:
            raise CrashedError

    def _thaw(self) -> None:
        while self.alive and self.timeline.now < self.thaws:
            self._stand_still(self.thaws - self.timeline.now)

    def store_fails(self, what: str) -> None:
        """At times a write of the store fails.

        Raises:
            DatabaseError: now is such a time.
        """
        traits = self.fate.traits
        if self.machine.trouble and traits.faulty_store:
            share = 0.03 if self.releasing else 0.003
            if self.fate.happens(share):
                self.tell(f"{what}: DATABASE ERROR")
                raise DatabaseError("the disk is full")

    def tell(self, what: str) -> None:
        """Put a line into the trace."""
        self.records.tell(self.machine.name, what)

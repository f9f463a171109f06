"""Whether passes get anywhere: what the watchdog goes by."""

import threading
from dataclasses import dataclass, field
from datetime import timedelta

from offpeakd.ports import Clock


@dataclass(slots=True, eq=False, repr=False)
class Progress:
    """When each thread last got somewhere.

    A pass may take long and be healthy: a target of a few calls a minute makes each read wait for
    its turn. One that hangs gets nowhere at all.

    Attributes:
        clock: `boottime` counts.
    """

    clock: Clock
    _at: dict[int, timedelta] = field(default_factory=dict[int, timedelta], init=False)

    def step(self) -> None:
        """The calling thread got somewhere."""
        self._at[threading.get_ident()] = self.clock.boottime()

    def silence(self, thread: int) -> timedelta:
        """How long ago a thread, by its `ident`, last got somewhere; nothing where it never did."""
        now = self.clock.boottime()
        return now - self._at.get(thread, now)

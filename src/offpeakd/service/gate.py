"""The last look before the first byte: asked when the connection stands."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from offpeakd.core import stops
from offpeakd.core.errors import DatabaseError
from offpeakd.core.lane import Stop
from offpeakd.core.plan import admits
from offpeakd.core.verdicts import Situation, Verdict
from offpeakd.ports import Clock, Controls
from offpeakd.service.rules import Rules

DECISION_AGE: Final = timedelta(seconds=10)
"""A decision older than this at the first byte is vetoed: the program was frozen between."""


@dataclass(slots=True, eq=False, repr=False)
class Gate:
    """Decides at the first byte of one call, on the configuration in force then.

    Attributes:
        target: where the call goes.
        group: whose windows admit it.
        decided_at: boot time of the decision to send.
        clock: wall clock for the window, boot time for the decision's age.
        controls: where a pause, and what the cloud's refusals stopped, stand.
        rules: the configuration in force.
        holds: the daemon's own reasons to release nothing.
        stopping: set when the daemon stops.
        void: why the decision no longer stands, whatever else is so; None while it does.
        just_read: the stops of the target and of all, where they were read at this moment.
        veto: why the call was stopped; None when it was not.
    """

    target: str
    group: str
    decided_at: timedelta
    clock: Clock
    controls: Controls
    rules: Callable[[], Rules]
    holds: Callable[[], tuple[Verdict, ...]]
    stopping: threading.Event
    void: Callable[[], str | None] = lambda: None
    just_read: Callable[[], tuple[Stop, ...] | None] = lambda: None
    veto: str | None = field(default=None, init=False)

    def __call__(self) -> str | None:
        """The reason against writing the first byte; None to go on."""
        self.veto = self._look()
        return self.veto

    def _look(self) -> str | None:
        if self.stopping.is_set():
            return "the daemon is stopping"
        void = self.void()
        if void is not None:
            return void
        stopped = self._stopped()
        if stopped is not None:
            return stopped
        held = self.holds()
        if held:
            return held[0].sentence
        rules = self.rules()
        now = self.clock.now()
        situation = Situation(now, rules.calendar, rules.policy, notices=rules.notices)
        against = admits(self.group, situation)
        # Read last, so that a freeze while the gate itself looks is seen: all else may be old then.
        age = self.clock.boottime() - self.decided_at
        if age > DECISION_AGE:
            return f"the decision to send is {age.total_seconds():.0f} s old"
        return None if against is None else against.sentence

    def _stopped(self) -> str | None:
        try:
            standing = self.just_read()
            if standing is None:
                standing = self.controls.stops()
        except DatabaseError as error:
            return f"the database can't be read: {error.message}"
        mine = tuple(stop for stop in standing if stop.scope in ("*", self.target))
        stop = stops.in_force(mine, stops.ALL, self.clock.now())
        if stop is None:
            return None
        if stop.kind == "pause":
            return f"paused by {stop.actor}: {stop.reason}"
        return f"the target is stopped ({stop.kind}): {stop.reason}"

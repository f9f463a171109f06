"""Whether anything is left to do without a person: what `run --until-idle` waits for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from offpeakd.core import stops
from offpeakd.core.lane import Lane, Stop
from offpeakd.core.model import State
from offpeakd.core.plan import next_edge
from offpeakd.core.verdicts import Code, Kind, Situation, group_blockers
from offpeakd.ports import Clock, Store
from offpeakd.service.holds import Holds
from offpeakd.service.rules import CurrentRules

HELD: Final = timedelta(minutes=5)
"""How long the daemon's own reason to release nothing has to last before a person is needed.

A database's fail-over and the setting of a clock take less.
"""

REFUSALS: Final = 2
"""Of a key, a permission or an address, before a person is needed: a single one may pass."""

_MOVES = (State.SUBMITTING, State.UNKNOWN, State.RUNNING)
"""States that the daemon itself brings to an end, in the worst case in a person's hands."""

_OPEN = (State.QUEUED, State.SUBMITTING, State.UNKNOWN, State.RUNNING, State.NEEDS_REVIEW)


@dataclass(slots=True, eq=False, repr=False)
class Idle:
    """Looks at every target's lane.

    Attributes:
        store: the database.
        clock: the clocks.
        rules: the configuration in force.
        holds: the daemon's own reasons to release nothing, by target.
    """

    store: Store
    clock: Clock
    rules: CurrentRules
    holds: Callable[[], Mapping[str, Holds]]
    _found: frozenset[Stop] | None = field(default=None, init=False)
    _held_since: dict[str, dict[Code, timedelta]] = field(
        default_factory=dict[str, dict[Code, timedelta]], init=False
    )

    def reached(self) -> bool:
        """Whether nothing runs, and nothing waits that time alone would release.

        Raises:
            DatabaseError: the store can't be read.
        """
        if self._found is None:
            self._found = frozenset(self.store.stops())
        counts = self.store.counts()
        # Every target is looked at, so that each hold is seen from its beginning.
        busy = [
            self._is_busy(target, moving=any(counts.get((target, state)) for state in _MOVES))
            for target in self.rules().in_flight
        ]
        return not any(busy)

    def left(self) -> int:
        """Requests that are not finished, without those of targets that other daemons serve.

        Raises:
            DatabaseError: the store can't be read.
        """
        elsewhere = self.rules().elsewhere
        counts = self.store.counts()
        return sum(
            number
            for (target, state), number in counts.items()
            if state in _OPEN and target not in elsewhere
        )

    def _is_busy(self, target: str, *, moving: bool) -> bool:
        now = self.clock.now()
        lane = self.store.lane(target, None)
        held = self._held(target)
        stopped = frozenset(stop.kind for stop in lane.stops if self._needs_a_person(stop, now))
        if Code.STORAGE_FAULT in held or stopped & stops.ALL_CALLS:
            # Not even what runs can be followed.
            return False
        return moving or (not stopped and self._waits(lane, now, doubted=bool(held)))

    def _needs_a_person(self, stop: Stop, now: datetime) -> bool:
        """A stop that was there before this run has to be confirmed by a try of this run."""
        if stop.until is None:
            return True
        return (
            stop.kind in stops.MENDED_BY_HAND
            and stop.count >= REFUSALS
            and stops.stands(stop, now)
            and stop not in (self._found or ())
        )

    def _held(self, target: str) -> frozenset[Code]:
        """Reasons of the daemon that have stood for long."""
        boot = self.clock.boottime()
        holds = self.holds().get(target)
        standing = () if holds is None else holds.standing()
        codes = [one.code for one in standing if one.kind is Kind.PERSON]
        before = self._held_since.get(target, {})
        since = {code: before.get(code, boot) for code in codes}
        self._held_since[target] = since
        return frozenset(code for code, at in since.items() if boot - at >= HELD)

    def _waits(self, lane: Lane, now: datetime, *, doubted: bool) -> bool:
        rules = self.rules()
        edge = next_edge(rules.calendar, rules.groups, now)
        if doubted and edge == now:
            # Where no window is open the clock is not asked about, and may be right by then.
            return False
        if lane.next_ready_at is not None and (edge is not None or lane.next_ready_at > now):
            return True
        situation = Situation(now, rules.calendar, rules.policy, notices=rules.notices)
        return any(
            all(found.kind is Kind.WAIT for found in group_blockers(situation, group))
            for group in lane.ready_groups
        )

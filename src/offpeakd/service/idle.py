"""Whether anything is left to do without a person: what `run --until-idle` waits for."""

from dataclasses import dataclass

from offpeakd.core.model import State
from offpeakd.core.verdicts import Kind, LaneFacts, Situation, group_blockers, lane_blockers
from offpeakd.ports import Clock, Store
from offpeakd.service.rules import CurrentRules

_MOVES = (State.SUBMITTING, State.UNKNOWN, State.RUNNING)
"""States that the daemon itself brings to an end, in the worst case in a person's hands."""

_OPEN = (State.QUEUED, State.SUBMITTING, State.UNKNOWN, State.RUNNING, State.NEEDS_REVIEW)


@dataclass(frozen=True, slots=True)
class Idle:
    """Looks at every target's lane."""

    store: Store
    clock: Clock
    rules: CurrentRules

    def reached(self) -> bool:
        """Whether nothing runs, and nothing waits that time alone would release."""
        counts = self.store.counts()
        return not any(
            any(counts.get((target, state)) for state in _MOVES) or self._waits(target)
            for target in self.rules().in_flight
        )

    def left(self) -> int:
        """Requests that are not finished."""
        counts = self.store.counts()
        return sum(number for (_, state), number in counts.items() if state in _OPEN)

    def _waits(self, target: str) -> bool:
        rules = self.rules()
        now = self.clock.now()
        lane = self.store.lane(target, now)
        situation = Situation(now, rules.calendar, rules.policy, notices=rules.notices)
        facts = LaneFacts(lane.in_flight, rules.in_flight[target], lane.stops)
        stopped = lane_blockers(situation, facts)
        if any(found.kind is Kind.PERSON and found.until is None for found in stopped):
            return False
        if lane.next_ready_at is not None:
            return True
        return any(
            all(found.kind is Kind.WAIT for found in group_blockers(situation, group))
            for group in lane.ready_groups
        )

"""How things stand for requests that wait, as a reader sees it: nothing here writes."""

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime

from offpeakd.core.lane import Lane
from offpeakd.core.model import IN_FLIGHT, Request, State
from offpeakd.core.plan import plan
from offpeakd.core.policy import Policy
from offpeakd.core.values import value
from offpeakd.core.verdicts import (
    LaneFacts,
    Situation,
    Verdict,
    group_blockers,
    hold_of,
    verdict,
)
from offpeakd.ports import DaemonRow, Store
from offpeakd.service.rules import Rules


@value
class Outlook:
    """Answers why requests wait, for many of them at one instant.

    Attributes:
        situation: what the answers follow from.
    """

    situation: Situation
    _shared: dict[tuple[str, str], Verdict | None] = field(
        default_factory=dict[tuple[str, str], Verdict | None], repr=False
    )

    def verdict(self, request: Request) -> Verdict | None:
        """Why the request waits; None for one that doesn't wait.

        Requests of one target and group that have no reason of their own share one answer.
        """
        if request.state is not State.QUEUED:
            return None
        lane = self.situation.lanes.get(request.target)
        own = request.held_reason is not None or request.wait_until is not None
        if own or lane is None or request.id in lane.next_ids:
            return verdict(request, self.situation)
        key = (request.target, request.group)
        if key not in self._shared:
            self._shared[key] = verdict(request, self.situation)
        return self._shared[key]


def outlook(store: Store, rules: Rules, now: datetime) -> Outlook:
    """Read what verdicts follow from.

    Args:
        store: read only.
        rules: the configuration.
        now: the instant the verdicts are about.
    """
    bare = Situation(now, rules.calendar, rules.policy, notices=rules.notices)
    running = _running(store)
    stops = store.stops()
    alive = [row for row in store.daemons() if is_alive(row, now, rules.policy)]
    lanes: dict[str, LaneFacts] = {}
    for target, limit in rules.in_flight.items():
        mine = tuple(stop for stop in stops if stop.scope in {"*", target})
        holds = _holds(target, alive, now)
        facts = LaneFacts(running.get(target, 0), limit, mine, holds)
        next_ids = _next_ids(store, target, facts, bare, rules)
        lanes[target] = replace(facts, next_ids=next_ids)
    situation = Situation(
        now,
        rules.calendar,
        rules.policy,
        lanes=lanes,
        daemon_alive=bool(alive),
        notices=rules.notices,
    )
    return Outlook(situation)


def is_alive(row: DaemonRow, now: datetime, policy: Policy) -> bool:
    """Whether a daemon gave a sign of life within the time its claims last."""
    return now - row.beat_at <= policy.lease_ttl


def _holds(target: str, alive: Sequence[DaemonRow], now: datetime) -> tuple[Verdict, ...]:
    """What holds a target: where several daemons serve it, what is over first of what holds all."""
    told = [holds_of(row, now).get(target) for row in alive if target in row.targets]
    found = [hold for hold in told if hold is not None]
    if not found or len(found) < len(told):
        return ()
    return (min(found, key=lambda one: (one.until is None, one.until or now)),)


def holds_of(row: DaemonRow, now: datetime) -> Mapping[str, Verdict]:
    """Why a daemon releases nothing, by target; without what is over since it told."""
    told = {target: hold_of(text) for target, text in row.holds.items()}
    return {target: one for target, one in told.items() if one.until is None or now < one.until}


def _running(store: Store) -> Mapping[str, int]:
    running: dict[str, int] = {}
    for (target, state), number in store.counts().items():
        if state in IN_FLIGHT:
            running[target] = running.get(target, 0) + number
    return running


def _next_ids(
    store: Store, target: str, facts: LaneFacts, situation: Situation, rules: Rules
) -> frozenset[int]:
    """The requests that the next batch would take at this instant."""
    first = {
        group: store.ready(target, group, rules.policy.batch_size)
        for group in rules.groups
        if not group_blockers(situation, group)
    }
    ready = tuple(group for group, requests in first.items() if requests)
    lane = Lane(target, ready, None, facts.in_flight, facts.stops)
    take = plan(lane, facts, situation).take
    if take is None:
        return frozenset()
    return frozenset(request.id for request in first[take.group][: take.size])

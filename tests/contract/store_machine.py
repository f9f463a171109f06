"""Two daemons and a person do whatever hypothesis thinks of, to a store and to its model."""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Final

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
)

from contract import store_moves as moves
from contract.store_model import StoreModel, Told, told
from fakes.wishes import NOON, OpenStore, batch_of
from offpeakd.core.batch import Batch, as_claimed
from offpeakd.core.change import Change
from offpeakd.core.lane import Stop
from offpeakd.core.model import ALLOWED, LIVE, Request, State
from offpeakd.core.outcomes import Outcome
from offpeakd.core.policy import Policy
from offpeakd.core.settle import settle, settle_abandoned, settle_expired
from offpeakd.ports import Claimed, DaemonRow, Filter, Limits, Settled

EVERYTHING: Final = 10_000


@dataclass(frozen=True)
class Ground:
    """An empty database.

    Attributes:
        open_store: opens a store on it.
        refusal: what is raised when a second live request would come about.
        lapse: lets a daemon's lease run out; None where claims have none.
    """

    open_store: OpenStore
    refusal: type[Exception]
    lapse: Callable[[str], None] | None = None


OpenGround = Callable[[], AbstractContextManager[Ground]]


class StoreMachine(RuleBasedStateMachine):
    """Two daemons and a person at a command line, on one database."""

    seen = Bundle("seen")
    """Requests as somebody read them; meanwhile they may have moved on."""

    sent = Bundle("sent")
    """Batches that somebody claimed."""

    def __init__(self, open_ground: OpenGround) -> None:
        super().__init__()
        self.closing = ExitStack()
        self.ground = self.closing.enter_context(open_ground())
        callers = moves.DAEMONS + moves.PEOPLE
        self.stores = {who: self.ground.open_store(who) for who in callers}
        self.model = StoreModel(leases=self.ground.lapse is not None)
        self.now = NOON
        self.high_water = datetime.min.replace(tzinfo=UTC)
        self.batches = 0
        self.observed: dict[int, State] = {}
        self.histories: dict[int, tuple[Told, ...]] = {}
        self.touched: set[int] = set()

    def teardown(self) -> None:
        try:
            self.touched.update(self.model.requests)
            self.histories_only_grow()
        finally:
            self.closing.close()

    @initialize(target=seen)
    def some_are_asked_for(self) -> Any:
        return multiple(*self.add("command", moves.FIRST))

    @initialize(target=sent)
    def others_are_under_way(self) -> Any:
        return self.claim("one", self.add("one", moves.UNDER_WAY), None)

    # ------------------------------------------------------------------ people ask

    @rule(target=seen, who=moves.callers, drafts=st.lists(moves.drafts, min_size=1, max_size=4))
    def ask_for(self, who: str, drafts: list[moves.Draft]) -> Any:
        return multiple(*self.add(who, drafts))

    @rule(target=seen, who=moves.callers, view=seen)
    def ask_once_more(self, who: str, view: Request) -> Any:
        return multiple(*self.add(who, [moves.like(view)]))

    @rule(target=seen, who=moves.callers, view=seen)
    def look_again(self, who: str, view: Request) -> Any:
        now = self.stores[who].get(view.id)
        assert now == self.model.requests.get(view.id)
        return multiple() if now is None else now

    @rule(target=seen, who=moves.callers, view=seen, choice=moves.choices)
    def decide(self, who: str, view: Request, choice: int) -> Any:
        return self.one_of(who, moves.decisions(view, self.now, who), choice)

    # ------------------------------------------------------------------ daemons release

    @rule(
        target=sent,
        owner=moves.daemons,
        views=st.lists(seen, min_size=1, max_size=3),
        limits=moves.bounds,
    )
    def claim_what_was_read(self, owner: str, views: list[Request], limits: Limits | None) -> Any:
        queued = [view for view in views if view.state is State.QUEUED]
        if not queued:
            return multiple()
        first = queued[0]
        together = {
            view.instance_id: view
            for view in queued
            if (view.target, view.group) == (first.target, first.group)
        }
        return self.claim(owner, list(together.values()), limits)

    @rule(
        target=sent,
        owner=moves.daemons,
        target_name=moves.targets,
        group=moves.groups,
        limit=moves.limits,
        limits=moves.bounds,
    )
    def claim_what_is_ready(
        self, owner: str, target_name: str, group: str, limit: int, limits: Limits | None
    ) -> Any:
        ready = self.stores[owner].ready(target_name, group, limit)
        assert list(ready) == self.model.ready(target_name, group)[:limit]
        return self.claim(owner, ready, limits) if ready else multiple()

    @rule(
        target=seen,
        batch=sent,
        named=sent,
        fates=st.lists(moves.outcomes, min_size=5, max_size=5),
        answered=st.booleans(),
        cohort=st.none() | st.just("suspects"),
    )
    def record(
        self,
        batch: Batch,
        named: Batch,
        fates: list[Outcome],
        answered: bool,
        cohort: str | None,
    ) -> Any:
        """Now and then again, late, after somebody else, or under another batch's name."""
        settled = self.settled(batch, named, fates, cohort, answered=answered)
        result, changes = settled.result, settled.changes
        if answered:
            self.stores[batch.owner].begin_record(settled)
        lost = self.stores[batch.owner].record(named.id, result, changes)
        assert sorted(lost) == list(self.model.write(changes, result))
        self.touched.update(change.before.id for change in changes)
        return multiple(*(change.after for change in changes))

    @rule(
        target=sent,
        batch=sent,
        named=sent,
        fates=st.lists(moves.outcomes, min_size=5, max_size=5),
        answered=st.booleans(),
        group=moves.groups,
        limits=moves.bounds,
    )
    def record_with_the_next_claim(
        self,
        batch: Batch,
        named: Batch,
        fates: list[Outcome],
        answered: bool,
        group: str,
        limits: Limits | None,
    ) -> Any:
        """Written together as a rule; where somebody was first with either, one by one."""
        ready = self.stores[batch.owner].ready(batch.target, group, len(fates))
        if not ready:
            return multiple()
        settled = self.settled(batch, named, fates, None, answered=answered)
        self.touched.update(change.before.id for change in settled.changes)
        if answered:
            self.stores[batch.owner].begin_record(settled)
        return self.claim(batch.owner, ready, limits, settled)

    @rule(target=seen, owner=moves.daemons, limit=moves.limits)
    def recover(self, owner: str, limit: int) -> Any:
        found = self.stores[owner].abandoned(owner, limit)
        assert list(found) == self.model.abandoned(owner)[:limit]
        return self.write(owner, [settle_abandoned(one, self.now) for one in found])

    @rule(target=seen, owner=moves.daemons, limit=moves.limits)
    def expire(self, owner: str, limit: int) -> Any:
        late = self.stores[owner].overdue_requests(self.now, limit)
        assert list(late) == self.model.overdue(self.now)[:limit]
        return self.write(owner, [settle_expired(one, self.now) for one in late])

    @rule(target=seen, owner=moves.daemons, view=seen, choice=moves.choices)
    def learn_more(self, owner: str, view: Request, choice: int) -> Any:
        return self.one_of(owner, moves.news(view, self.now), choice)

    @rule(
        target=seen,
        who=moves.callers,
        kind=moves.choices,
        which=moves.choices,
        choice=moves.choices,
    )
    def go_through_a_list(self, who: str, kind: int, which: int, choice: int) -> Any:
        """What was just read is as a rule as it was read; every state has its turn."""
        states = sorted({one.state for one in self.model.requests.values()})
        if not states:
            return multiple()
        listed = self.stores[who].page(
            Filter(states=frozenset({states[kind % len(states)]})), 0, EVERYTHING
        )
        view = listed[which % len(listed)]
        possible = moves.news(view, self.now) + moves.decisions(view, self.now, who)
        return self.one_of(who, possible, choice)

    # ------------------------------------------------------------------ everybody looks

    @rule(who=moves.callers, target_name=moves.targets)
    def look_at_a_lane(self, who: str, target_name: str) -> None:
        lane = self.stores[who].lane(target_name, self.now)
        self.model.make_ready(target_name, self.now)
        assert lane == self.model.lane(target_name)

    @rule(who=moves.callers, which=moves.filters, states=moves.flights, limit=moves.limits)
    def look_around(self, who: str, which: Filter, states: frozenset[State], limit: int) -> None:
        store, model = self.stores[who], self.model
        found: list[Request] = []
        while page := store.page(which, found[-1].id if found else 0, limit):
            assert len(page) <= limit
            found.extend(page)
        assert found == model.passing(which)
        assert store.counts() == model.counts()
        for one in moves.INSTANCES:
            assert store.latest(one) == model.latest(one)
        for target in moves.TARGETS:
            flying = store.in_flight(target, states, 0, EVERYTHING)
            assert list(flying) == model.in_states(target, states)
            known = store.known_jobs(target, moves.INSTANCES)
            assert known == model.known_jobs(target, moves.INSTANCES)
        for request in model.in_order():
            assert store.ahead_of(request) == len(model.ahead_of(request))

    # ------------------------------------------------------------------ stops, leases, time

    @rule(who=moves.callers, stop=moves.stops, lifted=st.booleans())
    def stop_or_lift(self, who: str, stop: Stop, lifted: bool) -> None:
        key = stop.scope, stop.kind
        if not lifted:
            self.stores[who].put_stop(stop)
            self.model.stops[key] = stop
            return
        gone = self.stores[who].lift_stop(stop.scope, frozenset({stop.kind}), who, "done")
        assert gone == (self.model.stops.pop(key, None) is not None)

    @rule(owner=moves.daemons, what=st.sampled_from(["beat", "beat", "fall silent", "leave"]))
    def live_or_die(self, owner: str, what: str) -> None:
        if what == "beat":
            row = DaemonRow(owner, "host", 1, "1.0", moves.TARGETS, NOON, self.now, "c0ffee")
            self.stores[owner].beat(row)
            self.model.beat(row)
        elif what == "leave":
            self.stores[owner].leave(owner)
            self.model.leave(owner)
        elif self.ground.lapse is not None:
            self.ground.lapse(owner)
            self.model.fall_silent(owner)
        assert self.stores["command"].daemons() == self.model.listed_daemons()
        for chore in ("retention", "follow-up prod"):
            has_it = self.stores[owner].take_turn(chore, owner, 60 * moves.MINUTE)
            assert has_it == self.model.take_turn(chore, owner)

    @rule(who=moves.callers, by=moves.minutes, back=moves.minutes)
    def time_passes(self, who: str, by: int, back: int) -> None:
        self.now += by * moves.MINUTE
        seen = self.now - back * moves.MINUTE
        self.high_water = max(self.high_water, seen)
        assert self.stores[who].high_water(seen) == self.high_water

    @rule(who=moves.callers, back=moves.minutes, limit=moves.limits)
    def forget(self, who: str, back: int, limit: int) -> None:
        before = self.now - back * moves.MINUTE
        doomed = self.model.doomed(before)[:limit]
        assert self.stores[who].forget_finished(before, limit) == len(doomed)
        for number in doomed:
            self.model.forget(number)
            assert self.observed.pop(number) not in LIVE
            assert self.stores[who].events(number) == ()
            assert self.stores[who].attempts(number) == ()

    # ------------------------------------------------------------------ always

    @invariant()
    def all_is_well(self) -> None:
        found = self.stores["command"].page(Filter(), 0, EVERYTHING)
        assert list(found) == self.model.in_order()
        self.states_follow_each_other_as_allowed(found)
        self.an_instance_has_one_live_request_and_one_open_attempt(found)
        self.what_has_an_end_is_final(found)
        self.histories_only_grow()

    def states_follow_each_other_as_allowed(self, found: Sequence[Request]) -> None:
        states = {one.id: one.state for one in found}
        assert self.observed.keys() <= states.keys(), "a request was lost"
        for number, before in self.observed.items():
            assert states[number] is before or states[number] in ALLOWED[before]
        self.observed = states

    def an_instance_has_one_live_request_and_one_open_attempt(
        self, found: Sequence[Request]
    ) -> None:
        live = Counter((one.target, one.instance_id) for one in found if one.state in LIVE)
        assert {*live.values()} <= {1}
        open_attempts = Counter(
            (one.target, one.instance_id)
            for one in found
            for attempt in self.model.attempts_of(one.id)
            if attempt.result.outcome is None
        )
        assert {*open_attempts.values()} <= {1}

    def what_has_an_end_is_final(self, found: Sequence[Request]) -> None:
        assert all((one.finished_at is None) == (one.state in LIVE) for one in found)

    def histories_only_grow(self) -> None:
        store = self.stores["command"]
        for number in self.touched & self.model.requests.keys():
            history = store.events(number)
            told_now = tuple(told(event) for event in history)
            before = self.histories.get(number, ())
            assert told_now[: len(before)] == before
            assert told_now == tuple(self.model.events[number])
            assert all(older.id < newer.id for older, newer in pairwise(history))
            own = [event.detail for event in history if event.kind != "submitting"]
            assert own == self.model.details[number]
            assert list(store.attempts(number)) == self.model.attempts_of(number)
            self.histories[number] = told_now
        self.touched.clear()

    # ------------------------------------------------------------------ inside

    def add(self, who: str, drafts: Sequence[moves.Draft]) -> list[Request]:
        wishes = [moves.asked_for(draft, self.now) for draft in drafts]
        answers = self.stores[who].add(wishes, who)
        self.model.take_in(wishes, answers, who)
        self.touched.update(answer.request.id for answer in answers)
        return [answer.request for answer in answers]

    def settled(
        self,
        batch: Batch,
        named: Batch,
        fates: Sequence[Outcome],
        cohort: str | None,
        *,
        answered: bool,
    ) -> Settled:
        result = moves.result_at(self.now, answered=answered)
        changes = [
            settle(request, fate, result, Policy(retry_attempts=2), cohort)
            for request, fate in zip(as_claimed(batch), fates, strict=False)
        ]
        return Settled(named.id, result, changes)

    def claim(
        self,
        owner: str,
        members: Sequence[Request],
        limits: Limits | None,
        settled: Settled | None = None,
    ) -> Any:
        self.batches += 1
        batch = replace(batch_of(members, f"b{self.batches}", owner), signed_at=self.now)
        lost = self.model.write(settled.changes, settled.result) if settled else ()
        against = self.model.against(batch, limits)
        answer = self.stores[owner].claim(batch, limits, settled)
        assert sorted(answer.lost) == list(lost)
        assert answer.standing in (against or {Claimed.TAKEN})
        assert bool(answer) == (not against)
        self.touched.update(view.id for view in members)
        if against:
            return multiple()
        self.model.take(batch)
        return batch

    def one_of(self, who: str, changes: Sequence[Change], choice: int) -> Any:
        return self.write(who, [changes[choice % len(changes)]]) if changes else multiple()

    def write(self, who: str, changes: Sequence[Change]) -> Any:
        """Apply changes; those that met their request are what was last seen of it."""
        if any(self.makes_a_rival(change) for change in changes):
            with pytest.raises(self.ground.refusal):
                self.stores[who].apply(changes)
            return multiple()
        lost = self.stores[who].apply(changes)
        assert sorted(lost) == list(self.model.write(changes))
        self.touched.update(change.before.id for change in changes)
        return multiple(*(one.after for one in changes if one.before.id not in lost))

    def makes_a_rival(self, change: Change) -> bool:
        before, after = change.before, change.after
        if before.state in LIVE or after.state not in LIVE or not self.model.stands(before):
            return False
        return self.model.live_one(before.target, before.instance_id) is not None

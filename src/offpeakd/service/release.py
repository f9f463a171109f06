"""Releases one target's requests: decide, look, write down, call, write down what came of it."""

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import structlog

from offpeakd.core import stops
from offpeakd.core.batch import Batch, BatchResult, as_claimed
from offpeakd.core.errors import CloudError, CredentialsError, DatabaseError
from offpeakd.core.lane import Lane
from offpeakd.core.model import State
from offpeakd.core.outcomes import NotSent
from offpeakd.core.plan import Take, next_edge, plan
from offpeakd.core.settle import concerns_one, settle, settle_cleared
from offpeakd.core.values import value
from offpeakd.core.verdicts import Code, LaneFacts, Situation, Verdict
from offpeakd.ports import Claim, Claimed, Clock, Cloud, Settled, Store, UpgradeAnswer
from offpeakd.service.ahead import Ahead
from offpeakd.service.answers import Answer, Answers
from offpeakd.service.batches import batch_for
from offpeakd.service.choice import MOST, Choice, Chosen
from offpeakd.service.cloud_stops import CloudStops
from offpeakd.service.gate import Gate
from offpeakd.service.inventory import Inventory
from offpeakd.service.order import Order
from offpeakd.service.room import next_look, why_no_room
from offpeakd.service.rules import Rules
from offpeakd.service.strays import Strays

_FAR: Final = timedelta(days=366)
_log = structlog.get_logger("release")


@value
class Pass:
    """What one pass did.

    Attributes:
        sent: instances in the call that was made; 0 when none was.
        passed_over: requests that the look before sending sorted out.
        wake_at: when to pass again.
        blockers: why nothing more was sent.
    """

    sent: int
    passed_over: int
    wake_at: datetime
    blockers: tuple[Verdict, ...] = ()


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Release:
    """One target's lane.

    Attributes:
        target: its name.
        owner: random id of this run of the daemon.
        store: the queue.
        cloud: where the calls go.
        inventory: the look before each call.
        clock: wall clock for windows, boot time for ages.
        rules: the configuration in force.
        holds: the daemon's own reasons to release nothing.
        stopping: set when the daemon stops.
        answers: what came of calls, on its way into the store.
        strays: what the cloud has started and the store may have forgotten.
        cloud_stops: what the cloud's answers stop.
        ahead: what the last claim showed of the queue.
        order: in which the groups go.
        retired: set when a reload put another lane in its place, or none.
    """

    target: str
    owner: str
    store: Store
    cloud: Cloud
    inventory: Inventory
    clock: Clock
    rules: Callable[[], Rules]
    holds: Callable[[], tuple[Verdict, ...]]
    stopping: threading.Event
    answers: Answers = field(init=False)
    strays: Strays = field(init=False)
    cloud_stops: CloudStops = field(init=False)
    ahead: Ahead = field(init=False)
    order: Order = field(default_factory=Order, init=False)
    retired: threading.Event = field(default_factory=threading.Event, init=False)

    def __post_init__(self) -> None:
        """These are this lane's own."""
        answers = Answers(self.target, self.store, self.rules)
        strays = Strays(self.target, self.store, self.cloud, self.clock, self.rules)
        # A look may take seconds: what is known by then is written down before it.
        self.inventory.before_looking = strays.before_looking = answers.store_last
        object.__setattr__(self, "answers", answers)
        object.__setattr__(self, "strays", strays)
        object.__setattr__(self, "cloud_stops", CloudStops(self.target, self.store))
        object.__setattr__(self, "ahead", Ahead(self.clock))

    def run_once(self, *, goes_on: bool = False) -> Pass:
        """Make at most one call.

        Args:
            goes_on: whether the caller passes again at once after a call. What came of it may
                then be stored together with the next claim; `answers.store_last` ends that. What
                was seen of instances may wait as well.

        Raises:
            DatabaseError: the store can't be read or written; nothing is lost.
        """
        try:
            done = self._pass()
            if not (goes_on and done.sent) or self.inventory.is_overdue():
                self.answers.store_last()
                self.remember()
        except DatabaseError:
            # A fail-over may have lost what was committed last.
            self.strays.distrust()
            raise
        return done

    def remember(self) -> None:
        """Store what was seen of instances. Nothing that is released hangs on it."""
        try:
            self.inventory.remember()
        except DatabaseError as error:
            _log.warning("instances_not_stored", target=self.target, error=error.message)

    def _pass(self) -> Pass:
        self.answers.store_what_is_left()
        rules = self.rules()
        now = self.clock.now()
        if self.target not in rules.in_flight:
            return Pass(0, 0, now + _FAR)
        groups = self.order.open(rules, now, self.clock.boottime())
        if not groups:
            edge = next_edge(rules.calendar, rules.groups, now)
            if edge is None:
                return Pass(0, 0, now + _FAR)
            if edge > now:
                return self._before_opening(edge, now, rules)
        doubts = self.strays.doubts
        known = self.ahead.lane(groups, now, doubts)
        lane = known or self._open_lane(now, groups)
        facts = self._facts(lane, rules)
        decision = plan(
            lane,
            facts,
            Situation(now, rules.calendar, rules.policy, notices=rules.notices),
        )
        if decision.take is None:
            return Pass(0, 0, decision.wake_at, decision.blockers)
        try:
            return self._take(decision.take, lane, rules, doubts, looked=known is None)
        except (CloudError, CredentialsError) as error:
            self.cloud_stops.after_error(error, lane, self.clock.now())
            return Pass(0, 0, self.clock.now())

    def _open_lane(self, now: datetime, groups: Sequence[str]) -> Lane:
        """The queue, with the first group that has something ready and may release.

        Where none has, with every group that has: some may be in no configuration any more, and
        the others' windows say how long to wait.
        """
        lane = self._lane(now, groups)
        if not lane.ready_groups:
            self.order.found(len(groups), self.clock.boottime())
            return self._lane(now)
        self.order.found(groups.index(lane.ready_groups[0]), self.clock.boottime())
        return lane

    def _lane(self, now: datetime, groups: Sequence[str] | None = None) -> Lane:
        """The queue; what waits for its time is made ready by a clock that can be trusted only."""
        doubted = any(one.code is Code.CLOCK_SKEW for one in self.holds())
        trusted = None if doubted else now
        return self.store.lane(self.target, trusted, groups, MOST)

    # ------------------------------------------------------------------ before the opening

    def _before_opening(self, edge: datetime, now: datetime, rules: Rules) -> Pass:
        """Look at the cloud shortly before an opening, so that its first call goes at once."""
        lead = rules.policy.preflight / 2
        if now < edge - lead:
            return Pass(0, 0, edge - lead)
        age, preflight = self.inventory.age(), rules.policy.preflight
        if age is None or age + (edge - now) > preflight:
            self._warm_up(now, preflight)
        return Pass(0, 0, edge)

    def _warm_up(self, now: datetime, preflight: timedelta) -> None:
        lane = self._lane(now)
        if not lane.ready_groups or stops.in_force(lane.stops, stops.ALL_CALLS, now):
            return
        try:
            # One that takes long would not be over when the window opens.
            if not self.inventory.takes_long(preflight):
                self.inventory.look()
            self.strays.prepare()
        except (CloudError, CredentialsError) as error:
            self.cloud_stops.after_error(error, lane, self.clock.now())

    # ------------------------------------------------------------------ one batch

    def _take(self, take: Take, lane: Lane, rules: Rules, doubts: int, *, looked: bool) -> Pass:
        chosen = self._choice().fill(take, rules, lane.first)
        if not chosen.fit:
            return Pass(0, chosen.passed_over, self._after_none(chosen, rules))
        decided_at = self.clock.boottime()
        call = self.cloud.sign_upgrade([request.instance_id for request, _ in chosen.fit])
        held = self.holds()
        if held or self._void(doubts) is not None:
            return Pass(0, chosen.passed_over, self.clock.now(), held)
        batch = batch_for(self.target, self.owner, take, chosen.fit, call, rules)
        claim = self._claim(batch, rules)
        if not claim:
            return self._refused(claim, chosen.passed_over, rules, looked=looked)
        gate = Gate(
            self.target,
            take.group,
            decided_at,
            self.clock,
            self.store,
            self.rules,
            self.holds,
            self.stopping,
            lambda: self._void(doubts),
            self.ahead.stops,
        )
        try:
            answer = self.cloud.send(call, gate, self.ahead.read)
        finally:
            self.ahead.read()
            self.inventory.called(call.instance_ids)
        self._write_down(batch, answer, chosen, rules)
        self.cloud_stops.after_call(answer, lane, vetoed=gate.veto is not None)
        return Pass(len(chosen.fit), chosen.passed_over, self.clock.now())

    def _refused(self, claim: Claim, passed_over: int, rules: Rules, *, looked: bool) -> Pass:
        now = self.clock.now()
        if claim.standing is Claimed.NOT_AS_READ and not looked:
            self.ahead.rest()
            return Pass(0, passed_over, now)
        blockers = why_no_room(claim, rules.limits(self.target), now)
        return Pass(0, passed_over, next_look(claim, now, rules.policy.poll), blockers)

    def _void(self, doubts: int) -> str | None:
        """Why what was chosen after so many doubts may not be sent any more."""
        if self.retired.is_set():
            return "a reload has taken this lane's target away, or given it another lane"
        if self.strays.doubts != doubts:
            return "the database may have lost what was sent since these were chosen"
        return None

    def _after_none(self, chosen: Chosen, rules: Rules) -> datetime:
        """Where nothing was even looked at, others have those that are ready at this moment."""
        now = self.clock.now()
        if chosen.passed_over:
            return now
        settles_in = self.strays.settles_in()
        return now + (min(rules.policy.poll, settles_in) if settles_in else rules.policy.poll)

    def _choice(self) -> Choice:
        # What was begun is ended first: what it has locked must not wait for what is written now.
        return Choice(
            self.target,
            self.store,
            self.inventory,
            self.strays,
            self.clock,
            self.stopping,
            self.answers.store_last,
        )

    # ------------------------------------------------------------------ what came of it

    def _write_down(
        self, batch: Batch, answer: UpgradeAnswer, chosen: Chosen, rules: Rules
    ) -> None:
        claimed = as_claimed(batch)
        split = batch.id if len(claimed) > 1 and concerns_one(answer.problem) else None
        changes = [
            settle(
                request, answer.outcomes[request.instance_id], answer.result, rules.policy, split
            )
            for request in claimed
        ]
        outcomes = {request.id: answer.outcomes[request.instance_id] for request in claimed}
        came_of_it = Answer(batch.id, answer.result, tuple(changes), outcomes, split)
        if all(change.after.state is State.RUNNING for change in changes):
            # What the next decision looks at is the same whether this is stored or not.
            self.answers.hold(came_of_it)
        else:
            self.ahead.forget()
            self.answers.record(came_of_it)
        if concerns_one(answer.problem) and chosen.suspects:
            self.store.apply(
                [settle_cleared(one, answer.result.finished_at) for one in chosen.suspects]
            )
        _log.info(
            "batch",
            target=self.target,
            batch=batch.id,
            windows=",".join(batch.windows),
            outcome=answer.result.outcome,
            status=answer.result.http_status,
            cloud_request=answer.result.cloud_request_id,
            message=answer.result.message,
            **Counter(change.event for change in changes),
        )
        if answer.foreign_ids:
            _log.warning("foreign_ids", target=self.target, ids=answer.foreign_ids)

    # ------------------------------------------------------------------ when the store fails

    def _claim(self, batch: Batch, rules: Rules) -> Claim:
        began, doubts = self.clock.boottime(), self.strays.doubts
        limits = rules.limits(self.target)

        def claim(settled: Settled | None) -> Claim:
            claimed = self.store.claim(batch, limits, settled, MOST)
            self.ahead.see(claimed.behind, began, doubts)
            return claimed

        try:
            return self.answers.take_along(claim)
        except DatabaseError as error:
            self.ahead.forget()
            # Whether it was committed is not known, so it is not sent; if it was, take it back.
            unsent = NotSent(f"the batch could not be written down: {error.message}")
            result = BatchResult("not_sent", self.clock.now(), message=unsent.why)
            changes = tuple(settle(one, unsent, result, rules.policy) for one in as_claimed(batch))
            outcomes = dict.fromkeys((one.id for one in batch.requests), unsent)
            self.answers.keep(Answer(batch.id, result, changes, outcomes))
            raise

    def _facts(self, lane: Lane, rules: Rules) -> LaneFacts:
        return LaneFacts(
            in_flight=lane.in_flight,
            limit=rules.in_flight[self.target],
            stops=lane.stops,
            holds=self.holds(),
        )

"""What a store has to say, kept in plain lists and worked out the long way round."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime

from offpeakd.core.batch import Batch, BatchResult
from offpeakd.core.change import AttemptResult, Change, Detail
from offpeakd.core.lane import Lane, Stop
from offpeakd.core.model import IN_FLIGHT, LIVE, Request, State
from offpeakd.ports import Added, AttemptRecord, Claimed, DaemonRow, Event, Filter, Limits

Told = tuple[str, str, State | None, datetime]
"""What of an event is the same in every store: kind, actor, state, when."""


def told(event: Event) -> Told:
    return event.kind, event.actor, event.state, event.at


@dataclass
class StoreModel:
    """Beside a real store, the simplest thing that gives the same answers.

    Attributes:
        leases: whether a daemon holds its claims by a lease, or else by being this very run.
        terms: the epoch that each daemon believes in.
        standing: the epoch of each lease that stands or has run out, and whether it stands.
        epochs: under which epoch each attempt was made.
        turns: who has which chore.
    """

    leases: bool
    requests: dict[int, Request] = field(default_factory=dict)
    attempts: dict[str, AttemptRecord] = field(default_factory=dict)
    events: dict[int, list[Told]] = field(default_factory=dict)
    details: dict[int, list[Detail]] = field(default_factory=dict)
    stops: dict[tuple[str, str], Stop] = field(default_factory=dict)
    daemons: dict[str, DaemonRow] = field(default_factory=dict)
    terms: dict[str, int] = field(default_factory=dict)
    standing: dict[str, tuple[int, bool]] = field(default_factory=dict)
    epochs: dict[str, int] = field(default_factory=dict)
    turns: dict[str, str] = field(default_factory=dict)
    highest_id: int = 0
    forgotten: set[int] = field(default_factory=set)

    # ------------------------------------------------------------------ questions

    def stands(self, view: Request) -> bool:
        now = self.requests.get(view.id)
        return now is not None and (now.state, now.attempt_id) == (view.state, view.attempt_id)

    def live_one(self, target: str, instance_id: str) -> Request | None:
        found = [
            one
            for one in self.requests.values()
            if (one.target, one.instance_id) == (target, instance_id) and one.state in LIVE
        ]
        assert len(found) <= 1
        return found[0] if found else None

    def against(self, batch: Batch, limits: Limits | None) -> set[Claimed]:
        """Every reason against a claim; any of them may be the one that is named."""
        reasons: set[Claimed] = set()
        if not all(self._stands_ready(batch, view) for view in batch.requests):
            reasons.add(Claimed.NOT_AS_READ)
        if limits and self.lane(batch.target).in_flight + len(batch.requests) > limits.in_flight:
            reasons.add(Claimed.TARGET_FULL)
        if self.leases and batch.owner in self.terms:
            believed = self.terms[batch.owner]
            if self.standing.get(batch.owner) != (believed, True):
                reasons.add(Claimed.LEASE_LOST)
        return reasons

    def ready(self, target: str, group: str) -> list[Request]:
        mine = (one for one in self._in(target) if one.group == group and is_ready(one))
        return sorted(mine, key=lambda one: (one.priority, one.id))

    def ahead_of(self, request: Request) -> list[Request]:
        place = request.priority, request.id
        queue = self.ready(request.target, request.group)
        return [one for one in queue if (one.priority, one.id) < place]

    def lane(self, target: str) -> Lane:
        here = self._in(target)
        waits = [one.wait_until for one in here if is_waiting(one) and one.wait_until is not None]
        return Lane(
            target,
            tuple(sorted({one.group for one in here if is_ready(one)})),
            min(waits, default=None),
            sum(one.state in IN_FLIGHT for one in here),
            tuple(
                stop for (scope, _), stop in sorted(self.stops.items()) if scope in {"*", target}
            ),
        )

    def in_states(self, target: str, states: Iterable[State]) -> list[Request]:
        wanted = set(states) & IN_FLIGHT
        return [one for one in self._in(target) if one.state in wanted]

    def abandoned(self, owner: str) -> list[Request]:
        return [
            one
            for one in self.in_order()
            if one.state is State.SUBMITTING and self._is_dead(one, owner)
        ]

    def overdue(self, now: datetime) -> list[Request]:
        late = [
            (one.deadline, one.id)
            for one in self.requests.values()
            if one.state is State.QUEUED and one.deadline is not None and one.deadline <= now
        ]
        return [self.requests[number] for _, number in sorted(late)]

    def latest(self, instance_id: str) -> Request | None:
        mine = [one for one in self.in_order() if one.instance_id == instance_id]
        found = [one for one in mine if one.state in LIVE] or mine
        return found[-1] if found else None

    def known_jobs(self, target: str, instance_ids: Sequence[str]) -> dict[str, set[str]]:
        named = [(one, one.job_id) for one in self._in(target)]
        named += [
            (self.requests[attempt.request_id], attempt.result.job_id)
            for attempt in self.attempts.values()
            if self.requests[attempt.request_id].target == target
        ]
        known: dict[str, set[str]] = {}
        for one, job_id in named:
            if job_id is not None and one.instance_id in instance_ids:
                known.setdefault(one.instance_id, set()).add(job_id)
        return known

    def counts(self) -> Mapping[tuple[str, State], int]:
        return Counter((one.target, one.state) for one in self.requests.values())

    def passing(self, which: Filter) -> list[Request]:
        return [
            one
            for one in self.in_order()
            if (not which.states or one.state in which.states)
            and (not which.targets or one.target in which.targets)
            and (not which.groups or one.group in which.groups)
            and which.instance_id in {None, one.instance_id}
        ]

    def attempts_of(self, number: int) -> list[AttemptRecord]:
        mine = [one for one in self.attempts.values() if one.request_id == number]
        return sorted(mine, key=lambda one: (one.signed_at, one.id))

    def in_order(self) -> list[Request]:
        return [self.requests[number] for number in sorted(self.requests)]

    # ------------------------------------------------------------------ what is done to it

    def take_in(self, wishes: Sequence[Request], answers: Sequence[Added], actor: str) -> None:
        """Check what `add` answered, and remember it."""
        assert len(answers) == len(wishes)
        before = self.highest_id
        for wish, answer in zip(wishes, answers, strict=True):
            standing = self.live_one(wish.target, wish.instance_id)
            assert answer.new == (standing is None)
            if standing is not None:
                assert answer.request == standing
                continue
            number = answer.request.id
            assert number > before, "a number was given twice"
            assert number not in self.requests
            assert answer.request == replace(wish, id=number)
            self.highest_id = max(self.highest_id, number)
            self.requests[number] = answer.request
            self.events[number] = [("added", actor, wish.state, wish.requested_at)]
            self.details[number] = [{}]

    def make_ready(self, target: str, now: datetime) -> None:
        for one in self._in(target):
            if is_waiting(one) and one.wait_until is not None and one.wait_until <= now:
                self.requests[one.id] = replace(
                    one, wait_until=None, wait_reason=None, wait_detail=None
                )

    def take(self, batch: Batch) -> None:
        members = zip(batch.requests, batch.attempt_ids, batch.instance_versions, strict=True)
        for view, attempt_id, version in members:
            now = self.requests[view.id]
            self.requests[view.id] = replace(
                now,
                state=State.SUBMITTING,
                attempt_id=attempt_id,
                batch_id=batch.id,
                attempts=now.attempts + 1,
                changed_at=batch.signed_at,
            )
            self.epochs[attempt_id] = self.terms.get(batch.owner, 1)
            self.attempts[attempt_id] = AttemptRecord(
                attempt_id,
                batch.id,
                view.id,
                view.instance_id,
                batch.owner,
                batch.signed_at,
                batch.fenced,
                version,
                None,
                None,
                None,
                None,
                AttemptResult(None),
            )
            self.events[view.id].append(
                ("submitting", "offpeakd", State.SUBMITTING, batch.signed_at)
            )

    def write(
        self, changes: Sequence[Change], result: BatchResult | None = None
    ) -> tuple[int, ...]:
        """Write what still stands; returns, in order, the requests that don't."""
        lost = []
        for change in sorted(changes, key=lambda one: one.before.id):
            if self.stands(change.before):
                self._write(change, result)
            else:
                lost.append(change.before.id)
        return tuple(lost)

    def beat(self, row: DaemonRow) -> None:
        standing, renewed = self.standing.get(row.owner, (self.terms.get(row.owner, 0), False))
        self.terms[row.owner] = standing if renewed else standing + 1
        self.standing[row.owner] = self.terms[row.owner], True
        self.daemons[row.owner] = row

    def fall_silent(self, owner: str) -> None:
        if owner in self.standing:
            self.standing[owner] = self.standing[owner][0], False

    def leave(self, owner: str) -> None:
        self.daemons.pop(owner, None)
        self.standing.pop(owner, None)
        self.turns = {name: holder for name, holder in self.turns.items() if holder != owner}

    def listed_daemons(self) -> tuple[DaemonRow, ...]:
        by_name = sorted(self.daemons.values(), key=lambda row: row.owner)
        return tuple(sorted(by_name, key=lambda row: row.beat_at, reverse=True))

    def take_turn(self, name: str, owner: str) -> bool:
        return not self.leases or self.turns.setdefault(name, owner) == owner

    def doomed(self, before: datetime) -> list[int]:
        """What `forget_finished` may delete, the first to go first."""
        old = [
            (one.finished_at, one.id)
            for one in self.requests.values()
            if one.state not in LIVE
            and one.finished_at is not None
            and one.finished_at < before
            and not (one.state is State.FAILED and one.acknowledged_by is None)
        ]
        return [number for _, number in sorted(old)]

    def forget(self, number: int) -> None:
        self.forgotten.add(number)
        del self.requests[number], self.events[number], self.details[number]
        self.attempts = {key: one for key, one in self.attempts.items() if one.request_id != number}

    # ------------------------------------------------------------------ inside

    def _in(self, target: str) -> list[Request]:
        return [one for one in self.in_order() if one.target == target]

    def _stands_ready(self, batch: Batch, view: Request) -> bool:
        if not self.stands(view):
            return False
        now = self.requests[view.id]
        return is_ready(now) and (now.target, now.group) == (batch.target, view.group)

    def _is_dead(self, one: Request, asker: str) -> bool:
        assert one.attempt_id is not None
        owner, epoch = self.attempts[one.attempt_id].owner, self.epochs[one.attempt_id]
        if not self.leases:
            return owner != asker
        standing, renewed = self.standing.get(owner, (0, False))
        if standing == epoch and (renewed or owner == asker):
            return False
        return owner != asker or epoch < self.terms.get(asker, 0)

    def _write(self, change: Change, result: BatchResult | None) -> None:
        number = change.before.id
        altered = {
            one.name: getattr(change.after, one.name)
            for one in fields(Request)
            if getattr(change.before, one.name) != getattr(change.after, one.name)
        }
        self.requests[number] = after = replace(self.requests[number], **altered)
        at = change.after.changed_at or change.after.requested_at
        if change.attempt is not None and change.before.attempt_id is not None:
            self._learn(change.before.attempt_id, change.attempt, result, at)
        if change.event:
            self.events[number].append((change.event, change.actor, after.state, at))
            self.details[number].append(dict(change.detail))

    def _learn(
        self, attempt_id: str, news: AttemptResult, result: BatchResult | None, at: datetime
    ) -> None:
        old = self.attempts[attempt_id]
        known = {
            one.name: getattr(old.result, one.name)
            if getattr(news, one.name) is None
            else getattr(news, one.name)
            for one in fields(AttemptResult)
        }
        new = replace(old, result=AttemptResult(**known))
        if news.outcome is not None:
            new = replace(new, finished_at=at)
        if result is not None:
            new = replace(
                new,
                sent_at=result.sent_at or old.sent_at,
                http_status=result.http_status or old.http_status,
                cloud_request_id=result.cloud_request_id or old.cloud_request_id,
            )
        self.attempts[attempt_id] = new


def is_ready(one: Request) -> bool:
    return one.state is State.QUEUED and one.wait_until is None and one.held_reason is None


def is_waiting(one: Request) -> bool:
    return one.state is State.QUEUED and one.wait_until is not None and one.held_reason is None

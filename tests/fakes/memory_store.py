"""A store in memory: the behaviour of the real ones, without their cost."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice

from typing_extensions import override

from fakes.memory_rows import Rows, is_ready
from offpeakd.core.batch import Batch, BatchResult, as_claimed
from offpeakd.core.change import AttemptResult, Change
from offpeakd.core.earliest import CLOCK_AHEAD, waiting_for_its_time
from offpeakd.core.lane import Lane, Stop
from offpeakd.core.model import IN_FLIGHT, LIVE, Request, State
from offpeakd.core.seen import Instance
from offpeakd.ports import (
    Added,
    AttemptRecord,
    Behind,
    Claim,
    Claimed,
    DaemonRow,
    Event,
    Filter,
    Limits,
    Settled,
    Store,
)

_DAY = timedelta(days=1)


class MemoryStore(Store):
    """`ports.Store` in memory, for any number of threads.

    Args:
        owner: random id of a daemon's run.
        rows: those of another store, to stand on the same database.
        look_at: what time it is for the follow-up list; None leaves out what takes too long.
    """

    def __init__(
        self,
        owner: str = "me",
        rows: Rows | None = None,
        look_at: Callable[[], datetime] | None = None,
    ) -> None:
        self.owner = owner
        self.rows = rows or Rows()
        self._look_at = look_at
        self._term = 1
        self._told: DaemonRow | None = None

    # ------------------------------------------------------------------ Queue

    @override
    def lane(
        self,
        target: str,
        now: datetime | None,
        groups: Sequence[str] | None = None,
        first: int = 1,
    ) -> Lane:
        with self.rows.lock:
            for one in self._waiting(target):
                if now is not None and one.wait_until is not None and one.wait_until <= now:
                    self.rows.put(replace(one, wait_until=None, wait_reason=None, wait_detail=None))
            found = sorted(
                group for (where, group), ids in self.rows.queued.items() if where == target and ids
            )
            if groups is not None:
                found = [group for group in groups if group in found][:1]
            next_ready_at = min(
                (one.wait_until for one in self._waiting(target) if one.wait_until is not None),
                default=None,
            )
            in_flight = len(self.in_flight(target, IN_FLIGHT, 0, len(self.rows.live)))
            stops = tuple(stop for stop in self.stops() if stop.scope in {"*", target})
            ready = None
            if groups is not None:
                ready = self.ready(target, found[0], first) if found else ()
        return Lane(target, tuple(found), next_ready_at, in_flight, stops, ready)

    @override
    def ready(self, target: str, group: str, limit: int) -> tuple[Request, ...]:
        with self.rows.lock:
            order = self.rows.queued.get((target, group), [])
            return tuple(self.rows.requests[number] for _, number in order[:limit])

    @override
    def overdue_requests(self, now: datetime, limit: int) -> tuple[Request, ...]:
        with self.rows.lock:
            late = [
                (one.deadline, one.id, one)
                for one in self._live(frozenset({State.QUEUED}))
                if one.deadline is not None and one.deadline <= now
            ]
        return tuple(one for _, _, one in sorted(late)[:limit])

    @override
    def claim(
        self,
        batch: Batch,
        limits: Limits | None = None,
        settled: Settled | None = None,
        ahead: int = 0,
    ) -> Claim:
        with self.rows.lock:
            lost: tuple[int, ...] = ()
            if settled is not None:
                lost = self.record(settled.batch_id, settled.result, settled.changes)
            claim = self._claim(batch, limits)
            behind = None
            if claim and ahead:
                lane = self.lane(batch.target, None, [batch.group], ahead)
                behind = Behind(lane.stops, lambda: lane)
            return replace(claim, lost=lost, behind=behind)

    def _claim(self, batch: Batch, limits: Limits | None) -> Claim:
        if not all(self._stands_ready(batch, one) for one in batch.requests):
            return Claim(Claimed.NOT_AS_READ)
        room = self._room(batch, limits)
        if not room:
            return room
        for one in batch.requests:
            key = (batch.target, one.instance_id)
            assert key not in self.rows.open_attempts, "two open attempts"
        self.rows.batches[batch.id] = (batch, None)
        members = zip(as_claimed(batch), batch.instance_versions, strict=True)
        for claimed, whole_version in sorted(members, key=lambda member: member[0].id):
            self._take(batch, claimed, whole_version)
        self.rows.calls.setdefault(batch.target, []).append(batch.signed_at)
        return Claim(Claimed.TAKEN)

    @override
    def begin_record(self, settled: Settled) -> None:
        """There is nobody here who could begin."""

    @override
    def record(
        self, batch_id: str, result: BatchResult, changes: Sequence[Change]
    ) -> tuple[int, ...]:
        with self.rows.lock:
            if batch_id in self.rows.batches:
                self.rows.batches[batch_id] = (self.rows.batches[batch_id][0], result)
            return self._write(changes, result)

    @override
    def apply(self, changes: Sequence[Change]) -> tuple[int, ...]:
        with self.rows.lock:
            return self._write(changes, None)

    @override
    def in_flight(
        self, target: str, states: frozenset[State], after_id: int, limit: int
    ) -> tuple[Request, ...]:
        with self.rows.lock:
            found = [
                one
                for one in self._live(states & IN_FLIGHT)
                if one.target == target and one.id > after_id
            ]
        return tuple(sorted(found, key=lambda one: one.id)[:limit])

    @override
    def abandoned(self, owner: str, limit: int) -> tuple[Request, ...]:
        with self.rows.lock:
            found = [
                one
                for one in self._live(frozenset({State.SUBMITTING}))
                if one.attempt_id and self._is_dead(one.attempt_id, owner)
            ]
        return tuple(sorted(found, key=lambda one: one.id)[:limit])

    @override
    def batch_of(self, attempt_id: str) -> AttemptRecord | None:
        with self.rows.lock:
            return self.rows.attempts.get(attempt_id)

    @override
    def known_jobs(self, target: str, instance_ids: Sequence[str]) -> Mapping[str, frozenset[str]]:
        with self.rows.lock:
            requests = [
                one
                for one in self.rows.requests.values()
                if one.target == target and one.instance_id in instance_ids
            ]
            ids = {one.id for one in requests}
            named = [(one.instance_id, one.job_id) for one in requests] + [
                (one.instance_id, one.result.job_id)
                for one in self.rows.attempts.values()
                if one.request_id in ids
            ]
            named += [
                (self.rows.requests[one.request_id].instance_id, str(one.detail["job_id"]))
                for one in self.rows.events
                if one.kind == "retried" and one.request_id in ids and one.detail.get("job_id")
            ]
        return {
            instance_id: frozenset(job for of, job in named if of == instance_id and job)
            for instance_id in {of for of, job in named if job}
        }

    # ------------------------------------------------------------------ Ledger

    @override
    def add(
        self,
        requests: Sequence[Request],
        actor: str,
        progress: Callable[[int], None] | None = None,
    ) -> tuple[Added, ...]:
        added: list[Added] = []
        with self.rows.lock:
            for one in requests:
                if one.requested_at.tzinfo is None:
                    raise ValueError(f"{one.requested_at.isoformat()} names no zone")
            for one in requests:
                standing = self.rows.live.get((one.target, one.instance_id))
                if standing is not None:
                    added.append(Added(self.rows.requests[standing], new=False))
                    continue
                self.rows.last_request += 1
                asked_at = one.requested_at.astimezone(UTC)
                new = self._fenced(replace(one, id=self.rows.last_request, requested_at=asked_at))
                self.rows.put(new)
                self.rows.append(one.requested_at, "added", actor, {}, new)
                added.append(Added(new, new=True))
        return tuple(added)

    def _fenced(self, new: Request) -> Request:
        """It waits for calls of earlier requests that may still reach the cloud."""
        fences = [
            one.fenced_until
            for one in self.rows.requests.values()
            if (one.target, one.instance_id) == (new.target, new.instance_id)
            and one.fenced_until is not None
            and one.fenced_until > new.requested_at - CLOCK_AHEAD
        ]
        if not fences:
            return new
        return waiting_for_its_time(replace(new, fenced_until=max(fences)), new.requested_at)

    @override
    def get(self, request_id: int) -> Request | None:
        with self.rows.lock:
            return self.rows.requests.get(request_id)

    @override
    def latest(self, instance_id: str) -> Request | None:
        with self.rows.lock:
            found = [one for one in self.rows.requests.values() if one.instance_id == instance_id]
        return max(found, key=lambda one: (one.state in LIVE, one.id), default=None)

    @override
    def page(self, which: Filter, after_id: int, limit: int) -> tuple[Request, ...]:
        with self.rows.lock:
            found = sorted(self.rows.requests.items())
        passed = (one for number, one in found if number > after_id and self._passes(which, one))
        return tuple(islice(passed, limit))

    @override
    def counts(self) -> Mapping[tuple[str, State], int]:
        with self.rows.lock:
            return dict(Counter((one.target, one.state) for one in self.rows.requests.values()))

    @override
    def ahead_of(self, request: Request) -> int:
        with self.rows.lock:
            order = self.rows.queued.get((request.target, request.group), [])
            return sum(place < (request.priority, request.id) for place in order)

    @override
    def events(self, request_id: int) -> tuple[Event, ...]:
        with self.rows.lock:
            return tuple(one for one in self.rows.events if one.request_id == request_id)

    @override
    def attempts(self, request_id: int) -> tuple[AttemptRecord, ...]:
        with self.rows.lock:
            found = [one for one in self.rows.attempts.values() if one.request_id == request_id]
        return tuple(sorted(found, key=lambda one: (one.signed_at, one.id)))

    # ------------------------------------------------------------------ Controls

    @override
    def stops(self) -> tuple[Stop, ...]:
        with self.rows.lock:
            return tuple(stop for _, stop in sorted(self.rows.stops.items()))

    @override
    def put_stop(self, stop: Stop) -> None:
        detail = {"scope": stop.scope, "kind": stop.kind, "reason": stop.reason}
        with self.rows.lock:
            self.rows.stops[stop.scope, stop.kind] = stop
            self.rows.append(stop.since, "stopped", stop.actor, detail)

    @override
    def lift_stop(self, scope: str, kinds: frozenset[str], actor: str, reason: str) -> int:
        with self.rows.lock:
            found = [stop for stop in self.stops() if stop.scope == scope and stop.kind in kinds]
            for stop in found:
                del self.rows.stops[stop.scope, stop.kind]
            if found:
                detail = {"scope": scope, "reason": reason}
                self.rows.append(found[0].since, "lifted", actor, detail)
        return len(found)

    @override
    def beat(self, row: DaemonRow, *, new_term: bool = False) -> bool:
        with self.rows.lock:
            if new_term:
                self._term += 1
            elif self._told is not None and self.rows.daemons.get(self.owner) != self._told:
                return False
            self.rows.daemons[row.owner] = row
            self._told = row if row.owner == self.owner else None
            for owner, other in list(self.rows.daemons.items()):
                if other.beat_at < row.beat_at - _DAY:
                    del self.rows.daemons[owner]
        return True

    @override
    def leave(self, owner: str) -> None:
        with self.rows.lock:
            self.rows.daemons.pop(owner, None)
        self._told = None

    @override
    def take_turn(self, name: str, owner: str, length: timedelta) -> bool:
        """Always: as with one daemon. Chores compare before they write."""
        return True

    @override
    def take_call(self, target: str, per_minute: int) -> timedelta | None:
        """At once: as with one daemon, which counts its calls itself."""
        return None

    @override
    def daemons(self) -> tuple[DaemonRow, ...]:
        with self.rows.lock:
            found = sorted(self.rows.daemons.values(), key=lambda row: row.owner)
        return tuple(sorted(found, key=lambda row: row.beat_at, reverse=True))

    @override
    def see_instances(self, target: str, instances: Sequence[Instance]) -> None:
        with self.rows.lock:
            for one in instances:
                known = self.rows.instances.get((target, one.id))
                later = timedelta(0) if known is None else known.seen_at - one.seen_at
                if not timedelta(0) < later <= timedelta(minutes=10):
                    self.rows.instances[target, one.id] = one

    @override
    def instance(self, target: str, instance_id: str) -> Instance | None:
        with self.rows.lock:
            return self.rows.instances.get((target, instance_id))

    @override
    def high_water(self, now: datetime) -> datetime:
        with self.rows.lock:
            self.rows.high_water = max(now, self.rows.high_water or now)
            return self.rows.high_water

    @override
    def forget_finished(self, before: datetime, limit: int) -> int:
        with self.rows.lock:
            old = [
                (one.finished_at, one.id, one)
                for one in self.rows.requests.values()
                if one.state not in LIVE
                and one.finished_at is not None
                and one.finished_at < before
                and (one.state is not State.FAILED or one.acknowledged_by is not None)
            ]
            return self.rows.forget(one for _, _, one in sorted(old)[:limit])

    @override
    def close(self) -> None:
        """Nothing is open."""

    # ------------------------------------------------------------------ inside

    def _stands_ready(self, batch: Batch, one: Request) -> bool:
        now = self.rows.requests.get(one.id)
        if now is None or not self.rows.stands(one) or not is_ready(now):
            return False
        return now.target == batch.target and now.group == one.group

    def _room(self, batch: Batch, limits: Limits | None) -> Claim:
        if limits is None:
            return Claim(Claimed.TAKEN)
        in_flight = len(self.in_flight(batch.target, IN_FLIGHT, 0, len(self.rows.live)))
        if in_flight + len(batch.requests) > limits.in_flight:
            return Claim(Claimed.TARGET_FULL)
        calls = self.rows.calls.get(batch.target, [])
        if len(calls) >= limits.calls_per_minute:
            wait = calls[-limits.calls_per_minute] + timedelta(minutes=1) - batch.signed_at
            if timedelta(0) < wait <= timedelta(minutes=1):
                return Claim(Claimed.CALLS_SPENT, wait)
        return Claim(Claimed.TAKEN)

    def _is_dead(self, attempt_id: str, owner: str) -> bool:
        if self.rows.attempts[attempt_id].owner != owner:
            return True
        return self.rows.terms.get(attempt_id, self._term) < self._term

    def _live(self, states: frozenset[State]) -> Iterator[Request]:
        for number in self.rows.live.values():
            one = self.rows.requests[number]
            if one.state in states:
                yield one

    def _waiting(self, target: str) -> list[Request]:
        return [
            one
            for one in self._live(frozenset({State.QUEUED}))
            if one.target == target and one.wait_until is not None and one.held_reason is None
        ]

    def _write(self, changes: Sequence[Change], result: BatchResult | None) -> tuple[int, ...]:
        in_order = sorted(changes, key=lambda one: one.before.id)
        return tuple(one.before.id for one in in_order if not self.rows.change(one, result))

    def _take(self, batch: Batch, claimed: Request, whole_version: str | None) -> None:
        assert claimed.attempt_id is not None
        now = self.rows.requests[claimed.id]
        taken = replace(
            now,
            state=claimed.state,
            attempt_id=claimed.attempt_id,
            batch_id=batch.id,
            attempts=now.attempts + 1,
            changed_at=batch.signed_at,
        )
        self.rows.put(taken)
        self.rows.terms[claimed.attempt_id] = self._term
        self.rows.attempts[claimed.attempt_id] = AttemptRecord(
            claimed.attempt_id,
            batch.id,
            claimed.id,
            claimed.instance_id,
            batch.owner,
            batch.signed_at,
            batch.fenced,
            whole_version,
            sent_at=None,
            finished_at=None,
            http_status=None,
            cloud_request_id=None,
            result=AttemptResult(None),
        )
        self.rows.open_attempts[batch.target, claimed.instance_id] = claimed.attempt_id
        detail = {
            "batch_id": batch.id,
            "windows": ", ".join(batch.windows),
            "config_hash": batch.config_hash,
            "tzdata_version": batch.tzdata_version,
        }
        self.rows.append(batch.signed_at, "submitting", "offpeakd", detail, taken)

    def _passes(self, which: Filter, one: Request) -> bool:
        return (
            (not which.states or one.state in which.states)
            and (not which.targets or one.target in which.targets)
            and (not which.groups or one.group in which.groups)
            and which.instance_id in {None, one.instance_id}
            and (not which.follow_up or self._needs_a_person(one))
        )

    def _needs_a_person(self, one: Request) -> bool:
        if one.state is State.FAILED:
            return one.acknowledged_by is None
        now = None if self._look_at is None else self._look_at()
        if one.state is State.UNKNOWN and now is not None and one.unknown_since is not None:
            return one.unknown_since < now - timedelta(minutes=30)
        if one.state is State.RUNNING and now is not None and one.submitted_at is not None:
            return one.submitted_at < now - timedelta(hours=4)
        return one.state is State.NEEDS_REVIEW

"""Reads the record of a run against what is promised: never twice, never outside, never lost."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from offpeakd.core.model import ALLOWED, BATCH_LIMIT, Request, State
from simulation.baton import DAY, MINUTE, SECOND, span
from simulation.cloud import Upgrade
from simulation.fate import TROUBLE
from simulation.records import FirstByte, Move
from simulation.simulation import Ended

GUARD: Final = 10 * SECOND
DECISION_AGE: Final = 10 * SECOND
TRUSTED: Final = 32 * SECOND
"""A wall clock may be 30 s off before anybody notices, and `Date` counts whole seconds."""

FINISHED: Final = {State.SUCCEEDED, State.FAILED, State.CANCELLED, State.EXPIRED}


@dataclass(frozen=True, slots=True)
class Violation:
    """A promise that was broken.

    Attributes:
        rule: its short name.
        at: when, in simulated microseconds.
        what: how.
    """

    rule: str
    at: int
    what: str

    def __str__(self) -> str:
        return f"{self.rule} at {self.at / SECOND:.3f}: {self.what}"


def check(run: Ended) -> list[Violation]:
    """Everything that the run broke, the earliest first."""
    found = list(Checker(run).violations())
    return sorted(found, key=lambda one: (one.at, one.rule, one.what))


class Checker:
    """One run's."""

    def __init__(self, run: Ended) -> None:
        self.run = run
        self.records = run.records
        self.starts = [one for one in run.world.upgrades if one.call is not None]
        self.end = run.records.timeline.now
        self.attempts = _requests_by_call(run)

    def violations(self) -> Iterator[Violation]:
        """Every rule in turn."""
        yield from self._defects()
        yield from self.starts_once()
        yield from self.inside_openings()
        yield from self.whole_batches()
        yield from self.allowed_moves()
        yield from self.everything_resolved()
        yield from self.no_job_lost()
        yield from self.agrees_with_the_cloud()
        yield from self.nothing_lost()
        yield from self.looked_before_sending()

    def _defects(self) -> Iterator[Violation]:
        for text in self.records.defects:
            yield Violation("defect", self.end, text)
        if self.run.failure is not None:
            yield Violation("defect", self.end, repr(self.run.failure))

    # ------------------------------------------------------------------ I1

    def starts_once(self) -> Iterator[Violation]:
        """A request starts at most one upgrade, and none while another of ours runs."""
        counted: Counter[tuple[int, int]] = Counter()
        for start in self.starts:
            for life in self._lives(start):
                counted[life] += 1
                if counted[life] > 1:
                    what = f"request {life[0]} started {start.job_id}, its second upgrade"
                    yield Violation("I1", start.started, what)
        for one in self.starts:
            for other in self.starts:
                if (
                    one is not other
                    and one.instance_id == other.instance_id
                    and one.started <= other.started < one.ends
                ):
                    what = f"{other.job_id} started while {one.job_id} was running"
                    yield Violation("I1", other.started, what)

    def _lives(self, start: Upgrade) -> list[tuple[int, int]]:
        """Requests that this start is for; a retry by a person begins another life."""
        return [
            (request, self._retries_before(request, at))
            for request, at in self.attempts.get((start.call or "", start.instance_id), ())
        ]

    def _retries_before(self, request: int, at: int) -> int:
        return sum(
            move.request == request and move.event == "retried" and move.at <= at
            for move in self.records.moves
        )

    # ------------------------------------------------------------------ I2

    def inside_openings(self) -> Iterator[Violation]:
        """Every first byte lies inside an opening, by the machine's clock and by the right one."""
        for byte in self.records.first_bytes:
            slack = TRUSTED if self.run.fate.traits.steps else 2 * SECOND
            # Standing still while the gate looks uses up the guard, which is there for it.
            looked = min(byte.at - byte.gate_began, DECISION_AGE)
            if not self._open(byte.at + byte.offset, 0, looked):
                yield Violation("I2", byte.at, f"{byte.call} outside, by the machine's clock")
            if not self._open(byte.at, slack, looked) and not byte.stepped:
                yield Violation("I2", byte.at, f"{byte.call} outside, by the right clock")
            yield from self._shut(byte)

    def _open(self, at: int, slack: int, looked: int) -> bool:
        day, guarded = at - at % DAY, at + GUARD - looked
        return any(
            day + one.start - slack <= at and guarded - slack < day + one.end - one.cutoff
            for one in self.run.fate.traits.openings
        )

    def _shut(self, byte: FirstByte) -> Iterator[Violation]:
        slack = TRUSTED if self.run.fate.traits.steps else 2 * SECOND
        for start, end in byte.shut:
            if start + slack <= byte.at < end - slack:
                yield Violation("I2", byte.at, f"{byte.call} while a freeze or notice ran")
        for pause in self.records.pauses:
            if pause.since <= byte.gate_began and (pause.until is None or byte.at < pause.until):
                yield Violation("I2", byte.at, f"{byte.call} while everything was paused")

    # ------------------------------------------------------------------ I3, I4

    def whole_batches(self) -> Iterator[Violation]:
        """At most ten instances a call, each once, written down before the first byte."""
        for byte in self.records.first_bytes:
            ids = byte.instance_ids
            if not 1 <= len(ids) <= BATCH_LIMIT or len(set(ids)) != len(ids):
                yield Violation("I3", byte.at, f"{byte.call} names {ids}")
            if not byte.claimed_at:
                yield Violation("I3", byte.at, f"{byte.call} was not written down before")

    def allowed_moves(self) -> Iterator[Violation]:
        """No state follows another that it may not follow, nor by the wrong hand."""
        for move in self.records.moves:
            words = f"request {move.request}: {move.before} → {move.after} by {move.by}"
            if move.after not in ALLOWED[move.before]:
                yield Violation("I4", move.at, words)
            if move.before is State.UNKNOWN and move.after is State.SUBMITTING:
                yield Violation("I4", move.at, words)
            if self._taken_back_by_another(move):
                yield Violation("I4", move.at, f"{words}, whose call it was not")
            if self._disproved(move):
                yield Violation("proof", move.at, f"{words}, although the cloud started it")

    def _taken_back_by_another(self, move: Move) -> bool:
        return (
            move.before is State.SUBMITTING
            and move.after is not State.UNKNOWN
            and move.owner != move.by
        )

    def _disproved(self, move: Move) -> bool:
        """Said not to have been started, and yet the call started it, before or after."""
        if move.after not in {State.QUEUED, State.CANCELLED} or move.event == "retried":
            return False
        if move.before not in {State.SUBMITTING, State.UNKNOWN} or move.attempt is None:
            return False
        return any(move.attempt in self._attempts_of(start) for start in self.starts)

    def _attempts_of(self, start: Upgrade) -> set[str]:
        return {
            attempt
            for batch in self.records.batches.get(start.call or "", ())
            for request, attempt in zip(batch.requests, batch.attempt_ids, strict=True)
            if request.instance_id == start.instance_id
        }

    # ------------------------------------------------------------------ I5

    def everything_resolved(self) -> Iterator[Violation]:
        """Once the trouble is over, nothing stays unknown, and nothing waits for ever."""
        for one in self.records.unresolved:
            if not self._unreadable(one):
                yield Violation("I5", self.end, f"request {one.id} is still {one.state}")
        for one in self.run.requests.values():
            if one.state not in FINISHED:
                yield Violation("I5", self.end, f"request {one.id} ended {one.state}")
        for one in self.records.reviews:
            if not self._may_be_reviewed(one):
                yield Violation("I5", self.end, f"request {one.id} needs a review without reason")

    def _unreadable(self, one: Request) -> bool:
        """Whether the instance itself says nothing: it is gone, or abnormal for long."""
        machine = self.run.world.machines.get(one.instance_id)
        return machine is None or machine.deleted is not None or machine.unsound[1] > TROUBLE

    def _may_be_reviewed(self, one: Request) -> bool:
        """Resends used up, a token, nothing to be read for two hours, or no job for as long."""
        since, waited = one.unknown_since or one.submitted_at, 0
        if since is not None and one.changed_at is not None:
            waited = span(one.changed_at - since)
        return (
            one.resends > 0
            or not self.run.fate.traits.fenced
            or waited >= 115 * MINUTE
            or self.run.fate.traits.steps
        )

    # ------------------------------------------------------------------ I6

    def no_job_lost(self) -> Iterator[Violation]:
        """Every job that a call of ours started is named by its request or its attempts."""
        named = self._named()
        for start in self.starts:
            requests = [number for number, _ in self._lives(start)]
            if start.job_id in named or not requests or self._excused(start, requests):
                continue
            what = f"{start.job_id} of request {requests} is not in the store"
            yield Violation("I6", start.started, what)

    def _named(self) -> set[str]:
        rows = [one.job_id for one in self.run.requests.values() if one.job_id]
        return {*rows, *self.run.jobs_of_history, *self._logged_jobs()}

    def _logged_jobs(self) -> set[str]:
        found: set[str] = set()
        for line in self.records.logged:
            if line["event"] == "answer_not_stored":
                jobs = line["jobs"]
                assert isinstance(jobs, dict)
                found |= {str(job) for job in jobs.values()}
            if line["event"] == "late_answer":
                found.add(str(line.get("job_id")))
        return found

    def _excused(self, start: Upgrade, requests: list[int]) -> bool:
        """Forgotten with the database, or not to be told from somebody else's."""
        elsewhere = any(
            one.call is None and one.instance_id == start.instance_id
            for one in self.run.world.upgrades
        )
        return elsewhere or all(self._left_to_people(number) for number in requests)

    def _left_to_people(self, number: int) -> bool:
        """Forgotten with a database that was put back, or withdrawn while forgotten."""
        one = self.run.requests.get(number)
        if one is None or number in self.records.forgotten:
            return True
        return self._withdrawn_after_restore(one)

    def _withdrawn_after_restore(self, one: Request) -> bool:
        """A copy of before the call has it queued: a person may take it back, or it may expire."""
        if one.state not in {State.CANCELLED, State.EXPIRED} or not self.records.restored_at:
            return False
        last = max(move.at for move in self.records.moves if move.request == one.id)
        return last > self.records.restored_at[0]

    # ------------------------------------------------------------------ I7

    def agrees_with_the_cloud(self) -> Iterator[Violation]:
        """A request that is final ended as the cloud says."""
        jobs = {one.job_id: one for one in self.run.world.upgrades}
        for one in self.run.requests.values():
            wrong = self._disagreement(one, jobs)
            if wrong:
                yield Violation("I7", self.end, f"request {one.id} {one.state}: {wrong}")

    def _disagreement(self, one: Request, jobs: dict[str, Upgrade]) -> str:
        job = jobs.get(one.job_id or "")
        if one.job_id is not None and job is None:
            return f"names {one.job_id}, which the cloud never had"
        if one.job_id in self.records.known_at_retry.get(one.id, set()):
            return f"ended by {one.job_id}, which was known before it was retried"
        if one.state is State.SUCCEEDED:
            return self._not_upgraded(one, job)
        if one.state is State.FAILED and job is not None:
            return f"{job.job_id} completed" if job.succeeds else ""
        return self._started_all_the_same(one) if one.state in FINISHED else ""

    def _not_upgraded(self, one: Request, job: Upgrade | None) -> str:
        if job is not None:
            return "" if job.succeeds and job.ends <= self.end else f"{job.job_id} failed"
        machine = self.run.world.machines.get(one.instance_id)
        current = machine is not None and machine.is_current(self.end)
        return "" if current else "the instance was never upgraded"

    def _started_all_the_same(self, one: Request) -> str:
        life = (one.id, self._retries_before(one.id, self.end))
        if one.id in self.records.forgotten or self._withdrawn_after_restore(one):
            return ""
        started = [start.job_id for start in self.starts if life in self._lives(start)]
        return f"but it started {started}" if started else ""

    # ------------------------------------------------------------------ never lost; the look

    def nothing_lost(self) -> Iterator[Violation]:
        """Every request that was added is still there."""
        for number in self.records.added:
            if number not in self.run.requests and number not in self.records.forgotten:
                yield Violation("lost", self.end, f"request {number} is gone")

    def looked_before_sending(self) -> Iterator[Violation]:
        """No call is old, nor names an instance that could have been seen to be busy for long."""
        seen_within = 90 * SECOND
        for byte in self.records.first_bytes:
            late = byte.gate_began - byte.claimed_at
            if byte.claimed_at and late > DECISION_AGE:
                what = f"{byte.call} was decided on {late / SECOND:.0f} s before"
                yield Violation("age", byte.at, what)
            for one in self.run.world.upgrades:
                busy = one.started + seen_within < byte.at < one.ends
                if one.instance_id in byte.instance_ids and busy and not self.run.fate.traits.stale:
                    what = f"{byte.call} names {one.instance_id}, busy with {one.job_id}"
                    yield Violation("look", byte.at, what)


def _requests_by_call(run: Ended) -> dict[tuple[str, str], list[tuple[int, int]]]:
    """By call and instance: the requests it was claimed for, with when."""
    when = {
        move.attempt: move.at
        for move in run.records.moves
        if move.after is State.SUBMITTING and move.attempt
    }
    found: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for call, batches in run.records.batches.items():
        for batch in batches:
            for request, attempt in zip(batch.requests, batch.attempt_ids, strict=True):
                key = (call, request.instance_id)
                found.setdefault(key, []).append((request.id, when[attempt]))
    return found

"""How a run has to end: everything resolved, no job lost, and as the cloud says."""

from collections.abc import Iterator
from typing import Final

from offpeakd.core.model import Request, State
from simulation.baton import MINUTE, span
from simulation.cloud import Upgrade
from simulation.evidence import Evidence, Violation
from simulation.fate import TROUBLE
from simulation.simulation import Ended

FINISHED: Final = {State.SUCCEEDED, State.FAILED, State.CANCELLED, State.EXPIRED}


class Endings:
    """One run's requests and jobs."""

    def __init__(self, run: Ended, evidence: Evidence) -> None:
        self.run = run
        self.records = run.records
        self.evidence = evidence
        self.end = run.records.timeline.now

    def violations(self) -> Iterator[Violation]:
        """Every rule in turn."""
        yield from self.everything_resolved()
        yield from self.no_job_lost()
        yield from self.agrees_with_the_cloud()
        yield from self.nothing_lost()

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
        for start in self.evidence.foreseeable:
            requests = [number for number, _ in self.evidence.lives(start)]
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
        return elsewhere or all(
            self._left_to_people(number)
            or self._retry_forgotten(number)
            or self._took_a_newer_one(number, start)
            or self._took_one_forgotten(number)
            for number in requests
        )

    def _retry_forgotten(self, number: int) -> bool:
        """The copy knows nothing of a retry: neither of its job, nor that there were two."""
        return any(
            move.request == number and move.event == "retried"
            for move in self.records.moves
            if any(self.records.saved_at < move.at <= at for at in self.records.restored_at)
        )

    def _took_a_newer_one(self, number: int, start: Upgrade) -> bool:
        """The copy has only the first of two requests of an instance: it takes the newest job."""
        own = self.run.requests[number].job_id
        return any(
            start.started < newer.started
            and start.instance_id == newer.instance_id
            and {one for one, _ in self.evidence.lives(newer)} <= self.records.forgotten
            for newer in self.evidence.starts
            if newer.job_id == own
        )

    def _took_one_forgotten(self, number: int) -> bool:
        """What a forgotten call started looks like what the call that is known started."""
        own = self.run.requests[number].job_id
        return any(
            one.job_id == own and self.evidence.is_forgotten(one) for one in self.evidence.starts
        )

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
        life = (one.id, self.evidence.retries_before(one.id, self.end))
        if one.id in self.records.forgotten or self._withdrawn_after_restore(one):
            return ""
        if self._retry_forgotten(one.id):
            return ""
        started = [
            start.job_id for start in self.evidence.starts if life in self.evidence.lives(start)
        ]
        return f"but it started {started}" if started else ""

    # ------------------------------------------------------------------ never lost

    def nothing_lost(self) -> Iterator[Violation]:
        """Every request that was added is still there."""
        for number in self.records.added:
            if number not in self.run.requests and number not in self.records.forgotten:
                yield Violation("lost", self.end, f"request {number} is gone")

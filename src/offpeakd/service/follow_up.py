"""Asks after a target's running jobs and writes down how they end."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import structlog

from offpeakd.core import stops
from offpeakd.core.errors import CloudError, CredentialsError
from offpeakd.core.evidence import EARLIER
from offpeakd.core.lane import Stop
from offpeakd.core.model import Request, State
from offpeakd.core.seen import Job
from offpeakd.core.settle import settle_job
from offpeakd.core.values import value
from offpeakd.ports import Clock, Cloud, Store
from offpeakd.service.job_list import LIST_SPAN
from offpeakd.service.rules import Rules

if TYPE_CHECKING:
    from offpeakd.core.change import Change

PAGE: Final = 500
"""Running requests read at a time."""

SINGLE_LOOKS: Final = 5
"""Jobs asked for one by one in a pass, when the list does not show them."""

_RUNNING: Final = frozenset({State.RUNNING})
_log = structlog.get_logger("follow_up")


@value
class Followed:
    """What one pass did.

    Attributes:
        running: requests whose jobs were asked after.
        finished: how many of them have ended.
    """

    running: int
    finished: int


@dataclass(slots=True, eq=False, repr=False)
class FollowUp:
    """One target's follow-up: a page of the job list a pass, whatever the number of jobs.

    Attributes:
        target: its name.
        store: where the running requests are.
        cloud: whom to ask.
        clock: for the list's span.
        rules: the configuration in force.
    """

    target: str
    store: Store
    cloud: Cloud
    clock: Clock
    rules: Callable[[], Rules]
    _offset: int = field(default=0, init=False)
    _seen: set[str] = field(default_factory=set, init=False)
    _overdue: set[int] = field(default_factory=set, init=False)

    def run_once(self) -> Followed:
        """Ask once.

        Raises:
            DatabaseError: the store can't be read or written.
        """
        now = self.clock.now()
        running = self._running()
        if not running or stops.in_force(self._stops(), stops.ALL_CALLS, now):
            return Followed(len(running), 0)
        try:
            found = self._ask(running)
        except (CloudError, CredentialsError) as error:
            earlier = self._stops()
            stop = stops.stop_for_error(self.target, error, now, earlier)
            if stops.in_force(earlier, frozenset({stop.kind}), now) is None:
                self.store.put_stop(stop)
            _log.warning("jobs_unread", target=self.target, kind=stop.kind, error=error.message)
            return Followed(len(running), 0)
        self._lift_passing()
        return self._settle(running, found)

    def _running(self) -> list[Request]:
        running: list[Request] = []
        after = 0
        while page := self.store.in_flight(self.target, _RUNNING, after, PAGE):
            # One without a job id is looked for by `reconcile`.
            running.extend(request for request in page if request.job_id is not None)
            after = page[-1].id
            if len(page) < PAGE:
                break
        return running

    def _ask(self, running: list[Request]) -> dict[str, Job]:
        now = self.clock.now()
        oldest = min((request.submitted_at or now for request in running), default=now)
        since = max(oldest - EARLIER, now - LIST_SPAN)
        page = self.cloud.list_jobs(since, now + EARLIER, self._offset)
        found = {job.id: job for job in page.jobs}
        self._seen.update(found)
        if page.full:
            self._offset += len(page.jobs)
            return found
        self._offset = 0
        found.update(self._ask_singly(running, self._seen))
        self._seen = set()
        return found

    def _ask_singly(self, running: list[Request], seen: set[str]) -> dict[str, Job]:
        """Jobs that a whole round of the list did not show: too young, or gone."""
        found: dict[str, Job] = {}
        missing = [one.job_id for one in running if one.job_id and one.job_id not in seen]
        for job_id in missing[:SINGLE_LOOKS]:
            job = self.cloud.find_job(job_id)
            if job is not None:
                found[job_id] = job
        return found

    def _settle(self, running: list[Request], found: dict[str, Job]) -> Followed:
        now = self.clock.now()
        changes: list[Change] = []
        for request in running:
            job = found.get(request.job_id or "")
            change = settle_job(request, job, now) if job is not None else None
            if change is not None:
                changes.append(change)
        self.store.apply(changes)
        ended = [change for change in changes if change.after.state is not State.RUNNING]
        for change in ended:
            _log.info(
                "job_ended",
                target=self.target,
                request=change.before.id,
                instance=change.before.instance_id,
                job=change.before.job_id,
                state=change.after.state.value,
                reason=change.after.error_message,
            )
        self._flag_overdue(running, {change.before.id for change in ended})
        return Followed(len(running), len(ended))

    def _flag_overdue(self, running: list[Request], ended: set[int]) -> None:
        """Say once that a job runs for long; age alone never fails it."""
        limit = self.clock.now() - self.rules().policy.overdue
        for request in running:
            late = request.submitted_at is not None and request.submitted_at < limit
            if late and request.id not in ended and request.id not in self._overdue:
                self._overdue.add(request.id)
                _log.warning(
                    "job_overdue",
                    target=self.target,
                    request=request.id,
                    instance=request.instance_id,
                    job=request.job_id,
                )
        self._overdue -= ended

    def _stops(self) -> tuple[Stop, ...]:
        return tuple(stop for stop in self.store.stops() if stop.scope in ("*", self.target))

    def _lift_passing(self) -> None:
        lapsed = frozenset(stop.kind for stop in self._stops()) & stops.PROVED_BY_READ
        if lapsed:
            self.store.lift_stop(self.target, lapsed, "offpeakd", "a read went through")

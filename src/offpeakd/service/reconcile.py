"""Finds out what became of attempts whose outcome nobody knows, by looking; sends nothing."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

import structlog

from offpeakd.core import stops
from offpeakd.core.change import Change
from offpeakd.core.errors import (
    CloudDeniedError,
    CloudError,
    CloudThrottledError,
    CloudUnreachableError,
    CredentialsError,
    OffpeakdError,
)
from offpeakd.core.evidence import EARLIER, Doubt, Look, examine, version_change
from offpeakd.core.inquiry import Inquiry
from offpeakd.core.lane import Stop
from offpeakd.core.model import Request, State
from offpeakd.core.seen import Instance
from offpeakd.core.settle_evidence import Ruling, settle_finding, settle_gone
from offpeakd.core.tally import Tally
from offpeakd.core.values import value
from offpeakd.ports import AttemptRecord, Clock, Cloud, Store
from offpeakd.service.job_list import LIST_SPAN, JobsSince, cloud_now, jobs_since
from offpeakd.service.rules import Rules

PAGE: Final = 500
"""Requests read at a time."""

INSTANCE_PAGE: Final = 100
"""Instances a page of the cloud's listing holds."""

FORGOTTEN: Final = timedelta(days=31)
"""The cloud lists jobs of the last month (DDS API reference, ListTasks)."""

GONE_LOOKS: Final = 5
"""Jobs that may be gone asked for in a pass."""

_OPEN: Final = frozenset({State.UNKNOWN, State.RUNNING})
_log = structlog.get_logger("reconcile")


@value
class Reconciled:
    """What one pass did.

    Attributes:
        rulings: one for each request that was looked at and that nobody else moved meanwhile.
        unknown: how many of them are still unknown.
        stop: why nothing was looked at; None when it was.
        error: the read that failed; None when none did.
    """

    rulings: tuple[Ruling, ...] = ()
    unknown: int = 0
    stop: Stop | None = None
    error: OffpeakdError | None = None


@value
class _Seen:
    """What one pass read of the cloud.

    Attributes:
        at: when reading began, by the cloud's clock.
        instances: by id; None for one that the cloud does not show.
        listed: jobs; None when they could not be read.
        instances_unread: why the instances could not be read.
        jobs_unread: why the jobs could not be read.
        error: the read that failed.
    """

    at: datetime
    instances: Mapping[str, Instance | None]
    listed: JobsSince | None
    instances_unread: str = ""
    jobs_unread: str = ""
    error: CloudError | CredentialsError | None = None


@value
class _Case:
    request: Request
    attempt: AttemptRecord

    @property
    def doubt(self) -> Doubt:
        return Doubt(self.attempt.signed_at, self.attempt.fenced, self.attempt.whole_version)


@dataclass(slots=True, eq=False, repr=False)
class Reconcile:
    """One target's: a listing or two a pass, however many are unknown.

    Attributes:
        target: its name.
        store: where the requests are.
        cloud: whom to ask; only read from.
        clock: for when.
        rules: the configuration in force.
    """

    target: str
    store: Store
    cloud: Cloud
    clock: Clock
    rules: Callable[[], Rules]
    _pages: int = field(default=1, init=False)

    def run_once(self) -> Reconciled:
        """Look once at every unknown request, and at those that run without a job id.

        Raises:
            DatabaseError: the store can't be read or written.
        """
        now = self.clock.now()
        cases, gone = self._open(now)
        if not cases and not gone:
            return Reconciled()
        stop = stops.in_force(self._stops(), stops.ALL_CALLS, now)
        if stop is not None:
            return Reconciled(unknown=_unknown(one.request for one in cases), stop=stop)
        seen = self._look(cases, gone)
        if seen.error is not None:
            self._stop_after(seen.error)
        else:
            self._lift_passing()
        rulings = self._written(self._rule(cases, seen))
        self._settle_gone(gone, seen)
        left = _unknown(ruling.change.after for ruling in rulings)
        return Reconciled(tuple(rulings), left, error=seen.error)

    # ------------------------------------------------------------------ what is open

    def _open(self, now: datetime) -> tuple[list[_Case], list[Request]]:
        cases: list[_Case] = []
        gone: list[Request] = []
        after = 0
        while page := self.store.in_flight(self.target, _OPEN, after, PAGE):
            after = page[-1].id
            for request in page:
                if request.state is State.UNKNOWN or request.job_id is None:
                    cases.extend(self._case(request))
                elif request.submitted_at and request.submitted_at < now - FORGOTTEN:
                    gone.append(request)
        return cases, gone[:GONE_LOOKS]

    def _case(self, request: Request) -> tuple[_Case, ...]:
        attempt = self.store.batch_of(request.attempt_id) if request.attempt_id else None
        if attempt is None:
            # Only a hand in the database does this; a person has to put it right there.
            _log.error("attempt_missing", target=self.target, request=request.id)
            return ()
        return (_Case(request, attempt),)

    # ------------------------------------------------------------------ the look

    def _look(self, cases: Sequence[_Case], gone: Sequence[Request]) -> _Seen:
        began, boot = cloud_now(self.clock, self.cloud), self.clock.boottime()
        seen = _Seen(began, {}, None)
        ids = [one.request.instance_id for one in cases] + [one.instance_id for one in gone]
        try:
            seen = replace(seen, instances=self._instances(ids))
        except (CloudError, CredentialsError) as error:
            why = str(error)
            seen = replace(seen, instances_unread=why, jobs_unread=why, error=error)
        else:
            seen = self._with_jobs(cases, seen) if cases else seen
        # The answers have told the cloud's time, refusals too; the look began as long ago as it took.
        took = self.clock.boottime() - boot
        return replace(seen, at=cloud_now(self.clock, self.cloud) - took)

    def _with_jobs(self, cases: Sequence[_Case], seen: _Seen) -> _Seen:
        since = min(one.attempt.signed_at for one in cases) - EARLIER
        try:
            return replace(seen, listed=jobs_since(self.cloud, self.clock, since))
        except (CloudError, CredentialsError) as error:
            return replace(seen, jobs_unread=str(error), error=error)

    def _instances(self, ids: Sequence[str]) -> Mapping[str, Instance | None]:
        """One by one where that takes fewer calls than the whole listing."""
        if len(ids) < self._pages:
            found = {instance_id: self.cloud.find_instance(instance_id) for instance_id in ids}
            self.store.see_instances(self.target, [one for one in found.values() if one])
            return found
        listed = self.cloud.list_instances()
        self._pages = 1 + len(listed) // INSTANCE_PAGE
        self.store.see_instances(self.target, listed)
        return {instance.id: instance for instance in listed}

    # ------------------------------------------------------------------ what follows

    def _rule(self, cases: Sequence[_Case], seen: _Seen) -> list[Ruling]:
        if not cases:
            return []
        known = self.store.known_jobs(self.target, [one.request.instance_id for one in cases])
        policy = self.rules().policy
        return [
            settle_finding(
                Inquiry(
                    request=case.request,
                    doubt=case.doubt,
                    finding=examine(case.doubt, _look_of(case, seen, known)),
                    at=seen.at,
                    now=self.clock.now(),
                    tally=Tally.read(case.attempt.result.evidence),
                    policy=policy,
                )
            )
            for case in cases
        ]

    def _written(self, rulings: Sequence[Ruling]) -> list[Ruling]:
        """Those that were written; what somebody else moved meanwhile is looked at next time."""
        lost = self.store.apply([ruling.change for ruling in rulings])
        written = [ruling for ruling in rulings if ruling.change.before.id not in lost]
        for ruling in written:
            change = ruling.change
            if not change.event:
                continue
            _log.info(
                "reconciled",
                target=self.target,
                request=change.before.id,
                instance=change.before.instance_id,
                was=change.before.state.value,
                state=change.after.state.value,
                job=change.after.job_id,
                finding=ruling.finding.sentence,
                follows=ruling.follows,
            )
        return written

    def _settle_gone(self, gone: Sequence[Request], seen: _Seen) -> None:
        """Jobs that the cloud has forgotten: the instance tells how they ended."""
        if seen.error is not None:
            return
        changes = [change for one in gone for change in self._gone(one, seen)]
        self.store.apply(changes)
        for change in changes:
            _log.warning(
                "job_gone",
                target=self.target,
                request=change.before.id,
                job=change.before.job_id,
                state=change.after.state.value,
            )

    def _gone(self, request: Request, seen: _Seen) -> tuple[Change, ...]:
        try:
            if request.job_id is None or self.cloud.find_job(request.job_id) is not None:
                return ()
        except (CloudError, CredentialsError) as error:
            _log.warning("job_unread", target=self.target, job=request.job_id, error=error.message)
            return ()
        attempt = self.store.batch_of(request.attempt_id) if request.attempt_id else None
        instance = seen.instances.get(request.instance_id)
        before = attempt.whole_version if attempt is not None else None
        changed = version_change(before, instance) if instance is not None else ""
        return (settle_gone(request, changed, instance, self.clock.now()),)

    # ------------------------------------------------------------------ stops

    def _stops(self) -> tuple[Stop, ...]:
        return tuple(stop for stop in self.store.stops() if stop.scope in ("*", self.target))

    def _stop_after(self, error: CloudError | CredentialsError) -> None:
        now = self.clock.now()
        earlier = self._stops()
        stop = stops.stop_for_error(self.target, error, now, earlier)
        _log.warning("look_failed", target=self.target, kind=stop.kind, error=error.message)
        if stops.in_force(earlier, frozenset({stop.kind}), now) is None:
            self.store.put_stop(stop)

    def _lift_passing(self) -> None:
        lapsed = frozenset(stop.kind for stop in self._stops()) & stops.PROVED_BY_READ
        if lapsed:
            self.store.lift_stop(self.target, lapsed, "offpeakd", "a read went through")


def _look_of(case: _Case, seen: _Seen, known: Mapping[str, frozenset[str]]) -> Look:
    instance_id = case.request.instance_id
    listed = seen.listed
    return Look(
        instance=seen.instances.get(instance_id),
        jobs=() if listed is None else listed.of(instance_id),
        known_jobs=known.get(instance_id, frozenset()),
        instance_unread=seen.instances_unread,
        jobs_unread=seen.jobs_unread or _jobs_missing(case.doubt, listed),
        unanswered=_is_passing(seen.error),
    )


def _is_passing(error: OffpeakdError | None) -> bool:
    """Whether a read that failed says only that nothing can be asked for now.

    A right that is missing is an answer, and so is one that nobody understands: either would be
    the same tomorrow.
    """
    if isinstance(error, CloudDeniedError):
        return not error.permission
    return isinstance(error, CloudUnreachableError | CloudThrottledError | CredentialsError)


def _jobs_missing(doubt: Doubt, listed: JobsSince | None) -> str:
    if listed is None or not listed.complete:
        return "the list of jobs has no end"
    if listed.since > doubt.signed_at - EARLIER:
        return f"the list of jobs reaches back {LIST_SPAN.days} days only"
    return ""


def _unknown(requests: Iterable[Request]) -> int:
    return sum(request.state is State.UNKNOWN for request in requests)

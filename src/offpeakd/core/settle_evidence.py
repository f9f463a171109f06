"""Turns what looks at the cloud have said into the next state of an unknown attempt. Pure.

An unknown attempt is never queued again for time alone. Its signature has to be so old that the
cloud would refuse the call if it still arrived (the fence), and several complete looks after
that, one soon after the other, have to find no trace of an upgrade.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from offpeakd.core.change import AttemptResult, Change, Detail
from offpeakd.core.clock_text import rfc3339
from offpeakd.core.evidence import Finding, Kind
from offpeakd.core.inquiry import PATIENCE, Inquiry
from offpeakd.core.model import Request, State
from offpeakd.core.seen import Instance, Job
from offpeakd.core.settle import settle_job
from offpeakd.core.values import value

MOST_RESENDS: Final = 1
"""How often an attempt that proved not started is followed by another, without a person."""

UNRESOLVED: Final = "unresolved"
"""Error code of a request about which nothing can be proved."""

RECONCILE: Final = "reconcile"


@value
class Ruling:
    """What a look makes of a request.

    Attributes:
        change: to be written; it keeps what was seen even where no state changes.
        finding: what the look found.
        follows: what comes of it, for people.
    """

    change: Change
    finding: Finding
    follows: str


def settle_finding(inquiry: Inquiry) -> Ruling:
    """What a look makes of a request.

    Raises:
        ForbiddenTransitionError: the request is in neither of the two states: a defect.
    """
    tally = inquiry.tally.noting(inquiry.at, inquiry.finding, inquiry.patient_since)
    seen = replace(inquiry, tally=tally)
    if inquiry.finding.job is not None:
        return _job(seen, inquiry.finding.job)
    match inquiry.finding.kind:
        case Kind.UPGRADING:
            return _upgrading(seen)
        case Kind.CHANGED:
            return _changed(seen)
        case Kind.NEGATIVE:
            return _negative(seen)
        case Kind.UNANSWERED:
            return _waits(seen, "the cloud gave no answer; this look counts for nothing")
        case _:
            return _inconclusive(seen)


def _job(inquiry: Inquiry, job: Job) -> Ruling:
    change = adopt(inquiry.request, job, inquiry.now, inquiry.finding.sentence)
    if inquiry.at < inquiry.fence:
        # The job may be somebody else's, and our call still on its way: nobody heard its answer.
        change = replace(change, after=replace(change.after, fenced_until=inquiry.fence))
    known = AttemptResult(
        "accepted", job_id=job.id, evidence=inquiry.tally.text(), resolved_by=RECONCILE
    )
    change = replace(change, attempt=known)
    return Ruling(change, inquiry.finding, f"{change.after.state.value} with job {job.id}")


def adopt(request: Request, job: Job, now: datetime, evidence: str) -> Change:
    """A request takes over a job that the cloud shows, with its result where there is one.

    Args:
        request: `unknown`, `running` without a job id, or `queued`.
        job: nobody else's.
        now: the present instant.
        evidence: how it was found, for people.
    """
    running = request.moved_to(
        State.RUNNING,
        now,
        job_id=job.id,
        submitted_at=request.submitted_at or job.created_at,
        unknown_since=None,
        error_code=None,
        error_message=None,
        wait_until=None,
        wait_reason=None,
        wait_detail=None,
        held_reason=None,
        cohort=None,
    )
    told = settle_job(running, job, now)
    after = running if told is None else told.after
    detail: Detail = {"job_id": job.id, "job_status": job.status, "evidence": evidence}
    return Change(request, after, "adopted", detail=detail)


def _upgrading(inquiry: Inquiry) -> Ruling:
    request = inquiry.request
    tally = replace(inquiry.tally, since=inquiry.at, silent=timedelta(0))
    follows = "running; its job id is looked for"
    if request.state is State.RUNNING:
        return _waits(replace(inquiry, tally=tally), follows)
    after = request.moved_to(
        State.RUNNING,
        inquiry.now,
        submitted_at=request.submitted_at or inquiry.doubt.signed_at,
        unknown_since=None,
        error_code=None,
        error_message=None,
        cohort=None,
    )
    detail: Detail = {"evidence": inquiry.finding.sentence, "job_id": "not seen yet"}
    known = AttemptResult("started", evidence=tally.text(), resolved_by=RECONCILE)
    return Ruling(
        Change(request, after, "adopted", detail=detail, attempt=known), inquiry.finding, follows
    )


def _changed(inquiry: Inquiry) -> Ruling:
    """A job may stay out of sight for a while, and its id must not be lost: no haste here."""
    finding, looks = inquiry.finding, inquiry.policy.looks
    if finding.complete and inquiry.counts:
        tally = inquiry.tally
        tally = replace(tally, changed=tally.changed + 1, counted_at=inquiry.at)
        inquiry = replace(inquiry, tally=tally)
    seen = inquiry.tally.changed
    if seen >= looks or inquiry.exhausted:
        change = _succeeded(inquiry)
        return Ruling(change, finding, "succeeded; no job id seen")
    when = rfc3339(inquiry.next_count)
    return _waits(inquiry, f"upgraded, {seen} of {looks} looks without a job; next counts {when}")


def _succeeded(inquiry: Inquiry) -> Change:
    request = inquiry.request
    after = request.moved_to(
        State.SUCCEEDED,
        inquiry.now,
        finished_at=inquiry.now,
        submitted_at=request.submitted_at or inquiry.doubt.signed_at,
        unknown_since=None,
        error_code=None,
        error_message=None,
        cohort=None,
    )
    detail: Detail = {"note": "no job id seen", "evidence": inquiry.finding.sentence}
    known = AttemptResult("started", evidence=inquiry.tally.text(), resolved_by=RECONCILE)
    return Change(request, after, "succeeded", detail=detail, attempt=known)


def _negative(inquiry: Inquiry) -> Ruling:
    if inquiry.request.state is State.RUNNING:
        return _without_trace(inquiry)
    looks = inquiry.policy.looks
    goes_on = inquiry.goes_on
    if inquiry.counts:
        before = inquiry.tally.negative if goes_on else 0
        tally = replace(inquiry.tally, negative=before + 1, counted_at=inquiry.at)
        inquiry = replace(inquiry, tally=tally)
    seen = inquiry.tally.negative
    if seen < looks:
        if inquiry.exhausted and not goes_on:
            why = f"no {looks} looks came close enough together for {_hours(PATIENCE)}"
            return _to_review(inquiry, why)
        when = rfc3339(inquiry.next_count)
        return _waits(inquiry, f"negative {seen} of {looks}; the next counts from {when}")
    if not inquiry.doubt.fenced:
        why = (
            "nothing shows that it was started, but a call made with a token never goes stale: "
            "it could still arrive"
        )
        return _to_review(inquiry, why)
    if inquiry.request.resends >= MOST_RESENDS:
        return _to_review(inquiry, "nothing shows that it was started, for the second time")
    return _queued_again(inquiry)


def _without_trace(inquiry: Inquiry) -> Ruling:
    """Seen running, or stated by a person; now there is neither an upgrade nor a result of one."""
    if inquiry.exhausted:
        why = (
            f"no job of it was ever listed, and for {_hours(PATIENCE)}: {inquiry.finding.sentence}"
        )
        return _to_review(inquiry, why)
    return _waits(inquiry, f"a person is asked from {rfc3339(inquiry.patience_ends)} on")


def _inconclusive(inquiry: Inquiry) -> Ruling:
    if inquiry.exhausted and inquiry.tally.inconclusive >= inquiry.policy.looks:
        why = f"nothing could be proved for {_hours(PATIENCE)}: {inquiry.finding.sentence}"
        return _to_review(inquiry, why)
    when = rfc3339(inquiry.patience_ends)
    return _waits(inquiry, f"says nothing; looks go on, a person is asked from {when} on")


def _waits(inquiry: Inquiry, follows: str) -> Ruling:
    """No state changes; what was seen is kept."""
    known = AttemptResult(None, evidence=inquiry.tally.text())
    change = Change(inquiry.request, inquiry.request, "", attempt=known)
    return Ruling(change, inquiry.finding, follows)


def _to_review(inquiry: Inquiry, why: str) -> Ruling:
    after = inquiry.request.moved_to(
        State.NEEDS_REVIEW, inquiry.now, error_code=UNRESOLVED, error_message=why
    )
    known = AttemptResult(None, error_message=why, evidence=inquiry.tally.text())
    change = Change(inquiry.request, after, "needs_review", detail={"why": why}, attempt=known)
    return Ruling(change, inquiry.finding, f"a person has to decide: {why}")


def _queued_again(inquiry: Inquiry) -> Ruling:
    request = inquiry.request
    why = f"{inquiry.tally.negative} looks after the fence found no trace of an upgrade"
    after = request.moved_to(
        State.QUEUED,
        inquiry.now,
        resends=request.resends + 1,
        unknown_since=None,
        submitted_at=None,
        error_code=None,
        error_message=None,
    )
    known = AttemptResult(
        "not_started", error_message=why, evidence=inquiry.tally.text(), resolved_by=RECONCILE
    )
    change = Change(request, after, "not_started", detail={"why": why}, attempt=known)
    return Ruling(change, inquiry.finding, f"queued again: {why}")


def settle_gone(request: Request, changed: str, instance: Instance | None, now: datetime) -> Change:
    """A running request whose job the cloud has forgotten: jobs are listed for a month.

    Args:
        request: running, with its job id.
        changed: how the instance shows that it was upgraded; empty when it does not.
        instance: as just seen; None when it is gone too.
        now: the present instant.
    """
    why = f"the cloud has forgotten job {request.job_id}"
    detail: Detail = {"job_id": request.job_id, "why": why}
    if changed:
        after = request.moved_to(State.SUCCEEDED, now, finished_at=now)
        return Change(request, after, "succeeded", detail={**detail, "evidence": changed})
    if instance is not None and instance.patch_available and not instance.actions:
        why = f"{why}, and the instance was not upgraded"
        after = request.moved_to(
            State.FAILED, now, finished_at=now, error_code="job-gone", error_message=why
        )
        return Change(request, after, "failed", detail={**detail, "message": why})
    why = f"{why}, and the instance does not show whether it was upgraded"
    after = request.moved_to(State.NEEDS_REVIEW, now, error_code=UNRESOLVED, error_message=why)
    return Change(request, after, "needs_review", detail={**detail, "why": why})


def _hours(span: timedelta) -> str:
    return f"{span / timedelta(hours=1):.0f} h"

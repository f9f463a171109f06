"""Turns what came of a call, a look or a job into a request's next state. Pure."""

from datetime import datetime, timedelta
from typing import Final, assert_never

from offpeakd.core.batch import BatchResult
from offpeakd.core.change import AttemptResult, Change, JsonScalar
from offpeakd.core.earliest import earliest, waiting_for_its_time
from offpeakd.core.model import Request, State
from offpeakd.core.outcomes import (
    Accepted,
    CloudProblem,
    ErrorKind,
    NotSent,
    Outcome,
    Refused,
    Unclear,
)
from offpeakd.core.policy import Policy
from offpeakd.core.seen import Instance, Job
from offpeakd.core.verdicts import Code

BUSY_WAIT: Final = timedelta(seconds=60)
"""How long the queue passes over an instance on which something runs."""

UNSOUND_WAIT: Final = timedelta(minutes=5)
"""How long it passes over one that is frozen or abnormal."""

_NOT_COUNTED = frozenset({ErrorKind.AUTH, ErrorKind.CONFIGURATION, ErrorKind.THROTTLED})
"""Refusals of the whole target: none of a request's own tries is spent on them."""

_ONE_OF_MANY = frozenset({ErrorKind.PARAMETER, ErrorKind.PERMANENT, ErrorKind.RETRY})


def settle(
    request: Request,
    outcome: Outcome,
    result: BatchResult,
    policy: Policy,
    cohort: str | None = None,
) -> Change:
    """What one instance's outcome makes of its request.

    Args:
        request: as claimed: `submitting`, or `unknown` when its own answer comes late.
        outcome: of its instance.
        result: of the call as a whole: when it was known, when sent.
        policy: how often to try again.
        cohort: name of the suspects, when a refusal of a whole batch may be one instance's fault.
    """
    match outcome:
        case Accepted(job_id):
            return _accepted(request, job_id, result)
        case NotSent(why):
            return _back(request, result.finished_at, "not_sent", why)
        case Unclear(why):
            return _unclear(request, why, result)
        case Refused(problem):
            return _refused(request, problem, result, policy, cohort)
    assert_never(outcome)


def concerns_one(problem: CloudProblem | None) -> bool:
    """Whether a whole-call refusal may be one instance's fault.

    DDS refuses a whole call also for the state of one instance (DDS API reference, error codes);
    which one is found by halving the batch.
    """
    return problem is not None and problem.kind in _ONE_OF_MANY and not _gateway_hiccup(problem)


def settle_cleared(request: Request, now: datetime) -> Change:
    """A queued suspect of a refused batch, when the cause was found among the others."""
    return Change(request, request.moved_to(State.QUEUED, now, cohort=None), "")


def backoff(attempts: int, policy: Policy) -> timedelta:
    """How long to wait after so many tries: doubles from `first`, up to `most`."""
    return min(policy.retry_most, policy.retry_first * (1 << min(max(attempts - 1, 0), 20)))


def _gateway_hiccup(problem: CloudProblem) -> bool:
    return problem.kind is ErrorKind.RETRY and problem.code.startswith("APIGW.")


def _accepted(request: Request, job_id: str, result: BatchResult) -> Change:
    after = request.moved_to(
        State.RUNNING,
        result.finished_at,
        job_id=job_id,
        job_status="Running",
        submitted_at=result.sent_at or result.finished_at,
        error_code=None,
        error_message=None,
        unknown_since=None,
        cohort=None,
    )
    return Change(
        request,
        after,
        "accepted",
        detail={"job_id": job_id},
        attempt=AttemptResult("accepted", job_id=job_id, resolved_by="answer"),
    )


def _back(request: Request, at: datetime, event: str, why: str) -> Change:
    after = request.moved_to(
        State.QUEUED, at, attempts=max(request.attempts - 1, 0), unknown_since=None
    )
    return Change(
        request,
        after,
        event,
        detail={"why": why},
        attempt=AttemptResult(event, error_message=why, resolved_by="answer"),
    )


def _unclear(request: Request, why: str, result: BatchResult) -> Change:
    after = request.moved_to(
        State.UNKNOWN,
        result.finished_at,
        unknown_since=request.unknown_since or result.finished_at,
        submitted_at=result.sent_at or request.submitted_at,
        error_code=None,
        error_message=why,
    )
    return Change(
        request,
        after,
        "unclear",
        detail={"why": why},
        attempt=AttemptResult(None, error_message=why),
    )


def _refused(
    request: Request, problem: CloudProblem, result: BatchResult, policy: Policy, cohort: str | None
) -> Change:
    at = result.finished_at
    known = AttemptResult(
        "refused",
        error_code=problem.code,
        error_message=problem.message,
        resolved_by="answer",
    )
    facts = {"error_code": problem.code, "error_message": problem.message, "unknown_since": None}
    detail: dict[str, JsonScalar] = {
        "code": problem.code,
        "message": problem.message,
        "status": problem.status,
    }
    if problem.kind is ErrorKind.AMBIGUOUS:
        return _unclear(request, f"{problem.code}: {problem.message}", result)
    if problem.kind is ErrorKind.DONE:
        after = request.moved_to(
            State.SUCCEEDED, at, finished_at=at, submitted_at=result.sent_at, **facts
        )
        return Change(request, after, "already_current", detail=detail, attempt=known)
    if problem.kind in _NOT_COUNTED or _gateway_hiccup(problem):
        after = request.moved_to(State.QUEUED, at, attempts=max(request.attempts - 1, 0), **facts)
        return Change(request, after, "refused", detail=detail, attempt=known)
    if cohort is not None:
        after = request.moved_to(
            State.QUEUED, at, attempts=max(request.attempts - 1, 0), cohort=cohort, **facts
        )
        return Change(request, after, "split", detail={**detail, "cohort": cohort}, attempt=known)
    if problem.kind is ErrorKind.RETRY and request.attempts < policy.retry_attempts:
        wait = backoff(request.attempts, policy)
        after = request.moved_to(
            State.QUEUED,
            at,
            wait_until=at + wait,
            wait_reason=Code.BACKOFF.value,
            wait_detail=f"try {request.attempts} of {policy.retry_attempts} was refused "
            f"({problem.code})",
            cohort=None,
            **facts,
        )
        return Change(request, after, "refused", detail=detail, attempt=known)
    after = request.moved_to(
        State.FAILED, at, finished_at=at, submitted_at=result.sent_at, cohort=None, **facts
    )
    return Change(request, after, "failed", detail=detail, attempt=known)


def settle_look(request: Request, instance: Instance | None, now: datetime) -> Change | None:
    """What a look at the instance, just before sending, makes of a queued request.

    Args:
        request: queued.
        instance: as the cloud shows it; None when it knows none of that id.
        now: the present instant.

    Returns:
        None when the request may be sent.
    """
    if instance is None:
        return _never(request, now, "instance-missing", "the cloud knows no instance of this id")
    if instance.mode == "Single":
        why = "single-node instances can't be upgraded by this call (cluster and replica set only)"
        return _never(request, now, "single-node", why)
    if instance.patch_available is False and not instance.actions:
        after = request.moved_to(State.SUCCEEDED, now, finished_at=now)
        detail = {"whole_version": instance.whole_version or ""}
        return Change(request, after, "already_current", detail=detail)
    return _later(request, instance, now)


def _never(request: Request, now: datetime, code: str, why: str) -> Change:
    after = request.moved_to(State.FAILED, now, finished_at=now, error_code=code, error_message=why)
    return Change(request, after, "failed", detail={"code": code, "message": why})


def _later(request: Request, instance: Instance, now: datetime) -> Change | None:
    unsound = [state for state in instance.node_states if state not in ("", "normal")]
    if instance.status == "frozen" or "frozen" in unsound:
        code, wait, why = Code.INSTANCE_FROZEN, UNSOUND_WAIT, "the instance is frozen"
    elif instance.actions:
        actions = ", ".join(instance.actions)
        code, wait, why = Code.INSTANCE_BUSY, BUSY_WAIT, f"the instance is busy: {actions}"
    elif instance.status != "normal":
        status = instance.status or "without a status"
        code, wait, why = Code.INSTANCE_ABNORMAL, UNSOUND_WAIT, f"the instance is {status}"
    elif unsound == ["abnormal"]:
        code, wait, why = Code.INSTANCE_ABNORMAL, UNSOUND_WAIT, "a node of the instance is abnormal"
    elif unsound:
        states = ", ".join(unsound)
        code, wait, why = Code.INSTANCE_BUSY, BUSY_WAIT, f"a node of the instance is busy: {states}"
    else:
        return None
    after = request.moved_to(
        State.QUEUED, now, wait_until=now + wait, wait_reason=code.value, wait_detail=why
    )
    return Change(request, after, "passed_over", detail={"why": why})


def settle_job(request: Request, job: Job, now: datetime) -> Change | None:
    """What the cloud says of a running request's job makes of it; None for nothing new."""
    progress = job.progress or None
    facts = {"job_status": job.status, "job_progress": progress}
    match job.status:
        case "Completed":
            after = request.moved_to(State.SUCCEEDED, now, finished_at=job.ended_at or now, **facts)
            return Change(request, after, "succeeded", detail={"job_id": job.id})
        case "Failed":
            reason = job.fail_reason or "the cloud gave no reason"
            after = request.moved_to(
                State.FAILED,
                now,
                finished_at=job.ended_at or now,
                error_code="job-failed",
                error_message=reason,
                **facts,
            )
            return Change(request, after, "failed", detail={"job_id": job.id, "message": reason})
        case _:
            if (request.job_status, request.job_progress) == (job.status, progress):
                return None
            return Change(request, request.moved_to(State.RUNNING, now, **facts), "")


def settle_expired(request: Request, now: datetime) -> Change:
    """A queued request whose deadline passed."""
    after = request.moved_to(State.EXPIRED, now, finished_at=now)
    return Change(request, after, "expired")


def settle_by_time(request: Request, now: datetime) -> Change | None:
    """What the present instant makes of a request that is about to be sent; None for nothing.

    One that was made ready before its time, as a daemon whose clock was ahead may have done, goes
    back to waiting for it.
    """
    if request.deadline is not None and request.deadline <= now:
        return settle_expired(request, now)
    if earliest(request, now) is None:
        return None
    after = waiting_for_its_time(request.moved_to(State.QUEUED, now), now)
    why = "it was made ready before its time, by a clock that was ahead"
    return Change(request, after, "passed_over", detail={"why": why})


def settle_abandoned(request: Request, now: datetime) -> Change:
    """A `submitting` request whose owner is dead: only the cloud can tell what became of it."""
    why = "the daemon that was sending it stopped before it wrote down the answer"
    after = request.moved_to(
        State.UNKNOWN, now, unknown_since=request.unknown_since or now, error_message=why
    )
    return Change(
        request,
        after,
        "unclear",
        detail={"why": why},
        attempt=AttemptResult(None, error_message=why),
    )

"""What a person decides about a request that no look can settle. Pure."""

from datetime import datetime
from enum import StrEnum

from offpeakd.core.change import AttemptResult, Change, Detail
from offpeakd.core.intake import Decision, refused
from offpeakd.core.model import Request, State
from offpeakd.core.tally import Tally


class Resolution(StrEnum):
    """What the person found out."""

    STARTED = "started"
    """The cloud started the upgrade: its job and its result are followed up."""
    NOT_STARTED = "not-started"
    """It did not: the request waits for its turn again."""
    CANCEL = "cancel"
    """Whatever became of it, nothing more is to be done."""


def resolve(
    request: Request,
    resolution: Resolution,
    now: datetime,
    actor: str,
    reason: str,
    tally: Tally,
    job_id: str | None = None,
) -> Decision:
    """Decide what became of a request.

    Args:
        request: any; only one that needs a review is changed.
        resolution: what became of it.
        now: when it is decided.
        actor: who decides.
        reason: why, for the history.
        tally: what looks have said of its attempt.
        job_id: the cloud's job, where the person knows it.
    """
    if request.state is not State.NEEDS_REVIEW:
        return refused(request, "resolved")
    detail: Detail = {"as": resolution.value, "reason": reason, "job_id": job_id}
    after, outcome = _became(request, resolution, now, job_id)
    if resolution is Resolution.STARTED:
        # Whether it ends is watched from now on, with fresh patience.
        tally = Tally(since=now, said=tally.said)
    known = AttemptResult(
        outcome, job_id=job_id, error_message=reason, evidence=tally.text(), resolved_by=actor
    )
    return Change(request, after, "resolved", actor, detail, attempt=known)


def _became(
    request: Request, resolution: Resolution, now: datetime, job_id: str | None
) -> tuple[Request, str]:
    match resolution:
        case Resolution.STARTED:
            return _started(request, now, job_id), "started"
        case Resolution.NOT_STARTED:
            return _not_started(request, now), "not_started"
        case _:
            return request.moved_to(State.CANCELLED, now, finished_at=now), "given_up"


def _started(request: Request, now: datetime, job_id: str | None) -> Request:
    job_id = job_id or request.job_id
    return request.moved_to(
        State.RUNNING,
        now,
        job_id=job_id,
        job_status="Running" if job_id else None,
        submitted_at=request.submitted_at or request.unknown_since or now,
        unknown_since=None,
        error_code=None,
        error_message=None,
        cohort=None,
    )


def _not_started(request: Request, now: datetime) -> Request:
    """As after a call that proved not started: the tries go on where they were."""
    return request.moved_to(
        State.QUEUED,
        now,
        resends=0,
        job_id=None,
        job_status=None,
        job_progress=None,
        submitted_at=None,
        unknown_since=None,
        error_code=None,
        error_message=None,
    )

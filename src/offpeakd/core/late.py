"""What an answer makes of a request that somebody moved before it could be written down. Pure."""

from dataclasses import replace
from datetime import datetime
from typing import Final

from offpeakd.core.batch import BatchResult
from offpeakd.core.change import AttemptResult, Change
from offpeakd.core.model import Request, State
from offpeakd.core.outcomes import Accepted, ErrorKind, NotSent, Outcome, Refused, Unclear
from offpeakd.core.policy import Policy
from offpeakd.core.settle import settle

LATE: Final = "late_answer"

_OPEN: Final = frozenset({State.UNKNOWN, State.NEEDS_REVIEW})


def settle_late(
    request: Request,
    attempt_id: str,
    outcome: Outcome,
    result: BatchResult,
    policy: Policy,
    cohort: str | None = None,
) -> Change | None:
    """What a late answer makes of a request.

    The answer to an attempt knows more than any look; an accepted one always leaves its job id.

    Args:
        request: as it stands now.
        attempt_id: of the attempt that is answered.
        outcome: its instance's.
        result: of the call as a whole.
        policy: how often to try again.
        cohort: as `settle`.

    Returns:
        None when the answer adds nothing.
    """
    if _proves_nothing(outcome):
        return None
    own = request.attempt_id == attempt_id
    if own and request.state in _OPEN:
        change = settle(request, outcome, result, policy, cohort)
        if isinstance(outcome, NotSent):
            # What was doubted is settled: it does not stand on a request that waits.
            cleared = replace(change.after, error_code=None, error_message=None)
            change = replace(change, after=cleared)
        return _named(change)
    if not isinstance(outcome, Accepted) or (own and request.job_id == outcome.job_id):
        return None
    if own and request.state in {State.QUEUED, State.RUNNING}:
        change = settle(request, outcome, result, policy)
        waits_no_more = replace(
            change.after, wait_until=None, wait_reason=None, wait_detail=None, held_reason=None
        )
        return _named(replace(change, after=waits_no_more))
    return _remembered(request, outcome.job_id, result.finished_at, own=own)


def _proves_nothing(outcome: Outcome) -> bool:
    if isinstance(outcome, Refused):
        return outcome.problem.kind is ErrorKind.AMBIGUOUS
    return isinstance(outcome, Unclear)


def _named(change: Change) -> Change:
    """Its event tells that the answer came late, and what it was."""
    return replace(change, event=LATE, detail={"answer": change.event, **change.detail})


def _remembered(request: Request, job_id: str, at: datetime, *, own: bool) -> Change:
    """The request has gone on: only the job id is kept, where it belongs to this attempt.

    The history is dated by the request's last change: this is one, whatever else stays.
    """
    detail = {"answer": "accepted", "job_id": job_id}
    after = replace(request, changed_at=at)
    if not own:
        return Change(request, after, LATE, detail=detail)
    after = replace(after, job_id=request.job_id or job_id)
    known = AttemptResult("accepted", job_id=job_id, resolved_by="answer")
    return Change(request, after, LATE, detail=detail, attempt=known)

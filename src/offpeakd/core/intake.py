"""What people may ask for and decide: new requests, hold, cancel, retry, acknowledge.

Every decision is a pure function from a request as it stands to a change, to "it is so already",
or to a refusal that names what is possible instead. The store writes a change only where the
request still stands as it was read.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from offpeakd.core.change import Change
from offpeakd.core.earliest import waiting_for_its_time
from offpeakd.core.errors import UsageError
from offpeakd.core.model import DEFAULT_GROUP, Request, State
from offpeakd.core.values import value


@value
class Wish:
    """One instance that somebody wants upgraded, before it is a request.

    Attributes:
        target: name of the (region, project) the instance is in.
        instance_id: the cloud's id, checked.
        group: whose windows and order apply.
        priority: lower goes first within the group.
        not_before: not released before this instant.
        deadline: expires when still waiting at this instant.
        reason: why, for people.
    """

    target: str
    instance_id: str
    group: str = DEFAULT_GROUP
    priority: int = 100
    not_before: datetime | None = None
    deadline: datetime | None = None
    reason: str = ""


def check_wish(wish: Wish, now: datetime) -> None:
    """See that a wish can come true.

    A `not_before` in the past is accepted: it holds nothing back.

    Raises:
        UsageError: its deadline has passed, or does not lie after its `not_before`.
    """
    if wish.deadline is not None and wish.deadline <= now:
        raise UsageError(
            f"the deadline {wish.deadline.isoformat()} of {wish.instance_id} has passed already",
            fix="Give a later one, or none.",
        )
    if wish.deadline is not None and wish.not_before and wish.deadline <= wish.not_before:
        raise UsageError(
            f"the deadline {wish.deadline.isoformat()} of {wish.instance_id} does not lie after "
            f"its not-before {wish.not_before.isoformat()}: it could never be released",
            fix="Give a later deadline or an earlier not-before.",
        )


def new_request(wish: Wish, now: datetime, actor: str) -> Request:
    """The request that a wish becomes.

    Raises:
        UsageError: as `check_wish`.
    """
    check_wish(wish, now)
    request = Request(
        target=wish.target,
        instance_id=wish.instance_id,
        group=wish.group,
        priority=wish.priority,
        reason=wish.reason,
        requested_by=actor,
        requested_at=now,
        not_before=wish.not_before,
        deadline=wish.deadline,
        changed_at=now,
    )
    return waiting_for_its_time(request, now)


@value
class Already:
    """Nothing to change: what was asked for is so.

    Attributes:
        what: how it stands, such as `is held already`.
    """

    what: str


@value
class Refusal:
    """The request stands where the decision is not possible.

    Attributes:
        what: how it stands, and what can't be done, such as `is running: it can't be cancelled`.
        possible: what can be done instead, as an instruction.
    """

    what: str
    possible: str


Decision = Change | Already | Refusal
Rule = Callable[[Request], Decision]
"""Decides about one request, whoever asked and why being settled before."""

_POSSIBLE: Final[Mapping[State, str]] = {
    State.QUEUED: "Possible now: cancel, hold, unhold.",
    State.SUBMITTING: "It is being sent; look again in a minute.",
    State.UNKNOWN: "Whether the cloud started it is being found out: see `offpeakd reconcile`.",
    State.RUNNING: "Wait for its result: the cloud has no call that stops an upgrade.",
    State.SUCCEEDED: "To upgrade the instance once more, add it again.",
    State.FAILED: "Possible now: retry, ack.",
    State.CANCELLED: "To upgrade the instance after all, add it again.",
    State.EXPIRED: "Possible now: retry.",
    State.NEEDS_REVIEW: "Possible now: resolve.",
}


def hold(request: Request, now: datetime, actor: str, reason: str) -> Decision:
    """Keep a queued request from being sent until somebody lifts the hold."""
    if request.state is not State.QUEUED:
        return refused(request, "held")
    if request.held_reason == reason:
        return Already("is held for that reason already")
    after = request.moved_to(State.QUEUED, now, held_reason=reason)
    return Change(request, after, "held", actor, {"reason": reason})


def unhold(request: Request, now: datetime, actor: str, reason: str) -> Decision:
    """Let a held request go."""
    if request.state is not State.QUEUED:
        return refused(request, "let go")
    if request.held_reason is None:
        return Already("is not held")
    after = request.moved_to(State.QUEUED, now, held_reason=None)
    return Change(
        request, after, "unheld", actor, {"reason": reason, "was_held": request.held_reason}
    )


def cancel(request: Request, now: datetime, actor: str, reason: str) -> Decision:
    """Take back a request that was not sent."""
    if request.state is State.CANCELLED:
        return Already("is cancelled already")
    if request.state is not State.QUEUED:
        return refused(request, "cancelled")
    after = request.moved_to(
        State.CANCELLED,
        now,
        finished_at=now,
        held_reason=None,
        wait_until=None,
        wait_reason=None,
        wait_detail=None,
    )
    return Change(request, after, "cancelled", actor, {"reason": reason})


def retry(request: Request, now: datetime, actor: str, reason: str) -> Decision:
    """Queue a failed or expired request again, as if it were new.

    Its count of attempts starts again, so that it has all its tries; what went wrong stays in
    its history. A deadline that has passed no longer applies.
    """
    if request.state is State.QUEUED:
        return Already("is queued already")
    if request.state not in {State.FAILED, State.EXPIRED}:
        return refused(request, "retried")
    deadline = request.deadline
    passed = deadline is not None and deadline <= now
    queued = request.moved_to(
        State.QUEUED,
        now,
        deadline=None if passed else deadline,
        held_reason=None,
        cohort=None,
        attempts=0,
        resends=0,
        job_id=None,
        job_status=None,
        job_progress=None,
        error_code=None,
        error_message=None,
        submitted_at=None,
        unknown_since=None,
        finished_at=None,
        acknowledged_by=None,
    )
    detail = {
        "reason": reason,
        "was": request.state.value,
        "error_code": request.error_code,
        "job_id": request.job_id,
        "deadline_dropped": passed,
    }
    return Change(request, waiting_for_its_time(queued, now), "retried", actor, detail)


def acknowledge(request: Request, now: datetime, actor: str, reason: str) -> Decision:
    """Take a failure off the follow-up list; it stays failed."""
    if request.state is not State.FAILED:
        return refused(request, "acknowledged")
    if request.acknowledged_by is not None:
        return Already(f"was acknowledged by {request.acknowledged_by} already")
    after = request.moved_to(State.FAILED, now, acknowledged_by=actor)
    return Change(request, after, "acknowledged", actor, {"reason": reason})


def stated(reason: str) -> str:
    """A reason that says something.

    Raises:
        UsageError: it is empty.
    """
    text = reason.strip()
    if not text:
        raise UsageError("the reason is empty", fix="Say why: it is kept in the history.")
    return text


def refused(request: Request, done: str) -> Refusal:
    """A decision that the request's state does not allow.

    Args:
        request: as it stands.
        done: what was to be done, such as `cancelled`.
    """
    state = request.state.value.replace("_", " ")
    return Refusal(f"is {state}: it can't be {done}", _POSSIBLE[request.state])

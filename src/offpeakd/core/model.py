"""A request, its states, and which state may follow which."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import datetime
from enum import StrEnum
from operator import attrgetter
from typing import Any, Final

from offpeakd.core.values import value

DEFAULT_GROUP: Final = "default"


class State(StrEnum):
    """Where a request stands. The comment says what it means and who moves it on."""

    QUEUED = "queued"
    """Waits; has a verdict. Left by release, cancel, expiry, 'already current', or by a job that
    the cloud has for it already."""
    SUBMITTING = "submitting"
    """Written down before the call; its owner lives. Left by the answer, per instance."""
    UNKNOWN = "unknown"
    """A call may or may not have reached the cloud. Left by evidence, never by time alone."""
    RUNNING = "running"
    """Accepted by the cloud; its job id may still be looked for. Left by the job's result, or by
    a person when the cloud shows none."""
    SUCCEEDED = "succeeded"
    """Final: the instance is upgraded, or was already."""
    FAILED = "failed"
    """Final; on the follow-up list until acknowledged or retried by a person."""
    CANCELLED = "cancelled"
    """Final: a person took it back before it was sent."""
    EXPIRED = "expired"
    """Final: its deadline passed while it waited."""
    NEEDS_REVIEW = "needs_review"
    """No automatic proof is possible. Left by a person."""


ALLOWED: Final[Mapping[State, frozenset[State]]] = {
    State.QUEUED: frozenset(
        {
            State.QUEUED,
            State.SUBMITTING,
            State.RUNNING,
            State.SUCCEEDED,
            State.FAILED,
            State.CANCELLED,
            State.EXPIRED,
        }
    ),
    State.SUBMITTING: frozenset(
        {State.QUEUED, State.RUNNING, State.SUCCEEDED, State.FAILED, State.UNKNOWN}
    ),
    State.UNKNOWN: frozenset(
        {State.UNKNOWN, State.RUNNING, State.SUCCEEDED, State.QUEUED, State.FAILED}
        | {State.NEEDS_REVIEW}
    ),
    State.RUNNING: frozenset({State.RUNNING, State.SUCCEEDED, State.FAILED, State.NEEDS_REVIEW}),
    State.NEEDS_REVIEW: frozenset(
        {State.RUNNING, State.QUEUED, State.CANCELLED, State.SUCCEEDED, State.FAILED}
    ),
    State.FAILED: frozenset({State.FAILED, State.QUEUED}),
    State.SUCCEEDED: frozenset(),
    State.CANCELLED: frozenset(),
    State.EXPIRED: frozenset({State.QUEUED}),
}
"""Which state may follow which. A state that may follow itself has facts that change in it."""


LIVE: Final = frozenset(
    {State.QUEUED, State.SUBMITTING, State.UNKNOWN, State.RUNNING, State.NEEDS_REVIEW}
)
"""States of which an instance may have only one request."""


IN_FLIGHT: Final = frozenset({State.SUBMITTING, State.UNKNOWN, State.RUNNING})
"""States that count against a target's limit of upgrades at once."""


@value
class Request:
    """One wish to upgrade one instance.

    Attributes:
        id: our number, rising in the order of asking; 0 before it is stored.
        target: name of the (region, project) it belongs to.
        instance_id: the cloud's id of the instance.
        group: name of the group whose windows and order apply.
        state: where it stands.
        priority: lower goes first within its group; 100 unless told.
        reason: why it was asked for.
        requested_by: who asked.
        requested_at: when.
        not_before: not released before this instant.
        deadline: expires when still waiting at this instant.
        held_reason: why a person holds it; None when nobody does.
        wait_until: the queue passes it over until then; None when it is ready.
        wait_reason: verdict code that goes with `wait_until`.
        wait_detail: the sentence that goes with it.
        cohort: requests that share it are sent in one call of their own; see `release`.
        attempts: calls made for it so far, without those proved unsent.
        resends: how often an unknown attempt was proved not started and queued again.
        attempt_id: the attempt that may change it, or the last one.
        batch_id: the batch of that attempt.
        job_id: the cloud's job.
        job_status: the cloud's word for it: Running, Completed, Failed, or one we don't know.
        job_progress: the cloud's text, such as `9%`.
        error_code: the code of the last refusal or failure.
        error_message: its text, or the job's fail reason.
        submitted_at: when the first byte of the accepted call was written, or of the last one.
        unknown_since: when its outcome became unknown.
        finished_at: when it reached a final state, by the cloud's clock where it told.
        acknowledged_by: who took a failure off the follow-up list.
        changed_at: when anything here changed last.
        fenced_until: until when a call that was never answered could still start an upgrade of the
            instance, where a job was taken for its own: nothing is sent before.
    """

    target: str
    instance_id: str
    requested_at: datetime
    id: int = 0
    group: str = DEFAULT_GROUP
    state: State = State.QUEUED
    priority: int = 100
    reason: str = ""
    requested_by: str = ""
    not_before: datetime | None = None
    deadline: datetime | None = None
    held_reason: str | None = None
    wait_until: datetime | None = None
    wait_reason: str | None = None
    wait_detail: str | None = None
    cohort: str | None = None
    attempts: int = 0
    resends: int = 0
    attempt_id: str | None = None
    batch_id: str | None = None
    job_id: str | None = None
    job_status: str | None = None
    job_progress: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    submitted_at: datetime | None = None
    unknown_since: datetime | None = None
    finished_at: datetime | None = None
    acknowledged_by: str | None = None
    changed_at: datetime | None = None
    fenced_until: datetime | None = None

    def moved_to(self, state: State, at: datetime, **facts: object) -> "Request":
        """The request in its next state.

        Args:
            state: the next state.
            at: when.
            **facts: other attributes that change with it.

        Raises:
            ForbiddenTransitionError: the states table does not allow it.
            UnfittingEndError: it has an end and is live, or has none and is final.
        """
        if state not in ALLOWED[self.state]:
            raise ForbiddenTransitionError(self.state, state)
        # `dataclasses.replace` looks at every field in Python: four times as slow, twenty times a call.
        values = list(values_of(self))
        for name, fact in facts.items():
            values[_PLACES[name]] = fact
        values[_STATE_AT], values[_CHANGED_AT] = state, at
        if (values[_FINISHED_AT] is None) is not (state in LIVE):
            raise UnfittingEndError(state)
        return Request(*values)


FIELDS: Final = tuple(field.name for field in fields(Request))
"""The attributes of a request, in their order."""

_PLACES: Final = {name: place for place, name in enumerate(FIELDS)}
_STATE_AT, _CHANGED_AT, _FINISHED_AT = map(FIELDS.index, ("state", "changed_at", "finished_at"))

values_of: Final[Callable[[Request], tuple[Any, ...]]] = attrgetter(*FIELDS)
"""A request's values in the order of `FIELDS`."""


class ForbiddenTransitionError(Exception):
    """A state was to follow one that it may not follow: a defect of this program."""

    def __init__(self, before: State, after: State) -> None:
        super().__init__(f"{after} may not follow {before}")


class UnfittingEndError(Exception):
    """A request was to end and be live, or be final and have no end: a defect of this program.

    The database tells live requests by their having no end (`uq_request_live`).
    """

    def __init__(self, state: State) -> None:
        super().__init__(f"{state} {'has no' if state in LIVE else 'needs an'} end")

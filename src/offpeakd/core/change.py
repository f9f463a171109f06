"""A request's next state, and what is known of its attempt."""

from collections.abc import Mapping
from dataclasses import field

from offpeakd.core.model import Request
from offpeakd.core.values import value

JsonScalar = str | int | float | bool | None


Detail = Mapping[str, JsonScalar]
"""What an event keeps beside its kind: flat, JSON."""


@value
class AttemptResult:
    """What is now known of one attempt.

    Attributes:
        outcome: `accepted refused not_sent started not_started given_up`, or None while nobody
            knows: the attempt stays open.
        job_id: the cloud's job, when accepted.
        error_code: when refused.
        error_message: when refused, or why nobody knows.
        evidence: what a reconcile look saw, as JSON text.
        resolved_by: `answer`, `reconcile`, or a person's name.
    """

    outcome: str | None
    job_id: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    evidence: str | None = None
    resolved_by: str | None = None


@value
class Change:
    """A request's next state, written only where the stored one still stands as `before`.

    The store compares state and attempt, writes the attributes that differ, closes or updates
    the attempt, and appends one event, all in one transaction.

    Attributes:
        before: the request as it was read.
        after: the request as it shall be.
        event: kind of the event, such as `accepted` or `held`.
        actor: who: a person's login name, or `offpeakd`.
        detail: further facts for the event.
        attempt: what is now known of `before.attempt_id`.
    """

    before: Request
    after: Request
    event: str
    actor: str = "offpeakd"
    detail: Detail = field(default_factory=dict[str, JsonScalar])
    attempt: AttemptResult | None = None

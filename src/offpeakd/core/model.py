"""A request, its states, and which state may follow which."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

DEFAULT_GROUP: Final = "default"
BATCH_LIMIT: Final = 10
"""Instances one call takes at the most (API page of the batch call, Request Parameters)."""

JsonScalar = str | int | float | bool | None
Detail = Mapping[str, JsonScalar]
"""What an event keeps beside its kind: flat, JSON."""


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


@dataclass(frozen=True, slots=True)
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

    def moved_to(self, state: State, at: datetime, **facts: object) -> "Request":
        """The request in its next state.

        Args:
            state: the next state.
            at: when.
            **facts: other attributes that change with it.

        Raises:
            ForbiddenTransitionError: the states table does not allow it.
        """
        if state not in ALLOWED[self.state]:
            raise ForbiddenTransitionError(self.state, state)
        return replace(self, state=state, changed_at=at, **facts)  # type: ignore[arg-type]


class ForbiddenTransitionError(Exception):
    """A state was to follow one that it may not follow: a defect of this program."""

    def __init__(self, before: State, after: State) -> None:
        super().__init__(f"{after} may not follow {before}")


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class Batch:
    """One call, as written down before it is made.

    Attributes:
        id: ours.
        target: where it goes; a batch never mixes targets.
        group: whose requests these are.
        requests: one to ten, of distinct instances, in order.
        attempt_ids: one for each request, in the same order.
        owner: random id of the daemon's present run.
        windows: names of the windows that make the opening.
        opening_start: when the opening began.
        opening_end: when it ends; None for one that never does.
        signed_at: the literal instant in the call's signature (X-Sdk-Date).
        fenced: whether the signature goes stale by itself; tokens don't.
        body_sha256: of the exact bytes of the body.
        config_hash: of the configuration that decided.
        tzdata_version: of the zone data that decided.
        instance_versions: full version of each instance at the look before, same order.
    """

    id: str
    target: str
    group: str
    requests: tuple[Request, ...]
    attempt_ids: tuple[str, ...]
    owner: str
    windows: tuple[str, ...]
    opening_start: datetime | None
    opening_end: datetime | None
    signed_at: datetime
    fenced: bool
    body_sha256: str
    config_hash: str
    tzdata_version: str
    instance_versions: tuple[str | None, ...]


def as_claimed(batch: Batch) -> tuple[Request, ...]:
    """A batch's requests as they stand once it is written down."""
    return tuple(
        replace(
            request.moved_to(State.SUBMITTING, batch.signed_at),
            attempt_id=attempt_id,
            batch_id=batch.id,
            attempts=request.attempts + 1,
        )
        for request, attempt_id in zip(batch.requests, batch.attempt_ids, strict=True)
    )


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What came of one call as a whole.

    Attributes:
        outcome: `answered refused unclear not_sent`.
        finished_at: when we knew.
        sent_at: when the first byte was written; None where none was.
        http_status: of the answer, if there was one.
        cloud_request_id: the cloud's X-Request-Id, which its support asks for.
        error_code: of a whole-call refusal.
        message: of a whole-call refusal, or why nothing is known.
        answer: the raw answer's text, cut to 16 KiB.
    """

    outcome: str
    finished_at: datetime
    sent_at: datetime | None = None
    http_status: int | None = None
    cloud_request_id: str | None = None
    error_code: str | None = None
    message: str | None = None
    answer: str | None = None


@dataclass(frozen=True, slots=True)
class Instance:
    """What the cloud's listing says of one instance.

    Attributes:
        id: the cloud's id.
        name: the user's name for it.
        mode: `Sharding`, `ReplicaSet` or `Single`.
        status: `normal`, `abnormal`, `frozen`, …; a busy instance still says `normal`.
        actions: what runs on it now.
        version: such as `4.0`.
        whole_version: such as `4.0.3.5`; None where the region doesn't tell.
        patch_available: None where the region doesn't tell.
        node_states: the distinct states of its nodes.
        tags: key to value.
        seen_at: when we looked.
    """

    id: str
    seen_at: datetime
    name: str = ""
    mode: str = ""
    status: str = "normal"
    actions: tuple[str, ...] = ()
    version: str | None = None
    whole_version: str | None = None
    patch_available: bool | None = None
    node_states: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Job:
    """What the cloud says of one job.

    Attributes:
        id: the cloud's id.
        instance_id: of the instance it works on.
        status: `Running`, `Completed`, `Failed`, or a word we don't know.
        created_at: by the cloud's clock.
        ended_at: may be filled while still running: decide by `status` alone.
        progress: such as `9%`.
        fail_reason: a sentence.
    """

    id: str
    instance_id: str
    status: str
    created_at: datetime | None = None
    ended_at: datetime | None = None
    progress: str = ""
    fail_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """Limits and patience, as configured; the sections of the configuration name them."""

    batch_size: int = BATCH_LIMIT
    poll: timedelta = timedelta(seconds=5)
    guard: timedelta = timedelta(seconds=10)
    min_notice: timedelta = timedelta(minutes=10)
    preflight: timedelta = timedelta(seconds=60)
    retry_attempts: int = 5
    retry_first: timedelta = timedelta(minutes=5)
    retry_most: timedelta = timedelta(hours=6)
    follow_up_every: timedelta = timedelta(seconds=30)
    overdue: timedelta = timedelta(hours=4)
    fence: timedelta = timedelta(minutes=18)
    reconcile_every: timedelta = timedelta(seconds=30)
    looks: int = 3
    lease_ttl: timedelta = timedelta(seconds=60)
    retention: timedelta = timedelta(days=400)


@dataclass(frozen=True, slots=True)
class Stop:
    """Release is stopped for a target, by a person or by what the cloud said.

    Attributes:
        scope: a target's name, or `*` for all.
        kind: `pause` (a person; until resumed), `credentials`, `permission`, `configuration`,
            `throttled` or `unreachable` (until `until`, then one try).
        reason: for people.
        actor: who: a person, or `offpeakd`.
        since: from when.
        until: till when; None for a pause.
        count: how often in a row.
    """

    scope: str
    kind: str
    reason: str
    actor: str
    since: datetime
    until: datetime | None = None
    count: int = 1


@dataclass(frozen=True, slots=True)
class Lane:
    """What the plan needs to know of one target's queue.

    Attributes:
        target: its name.
        ready_groups: groups with at least one request that is ready now.
        next_ready_at: the earliest `wait_until` among the queued that are not held.
        in_flight: requests submitting, unknown or running.
        stops: those of this target and of `*`.
    """

    target: str
    ready_groups: tuple[str, ...]
    next_ready_at: datetime | None
    in_flight: int
    stops: tuple[Stop, ...]

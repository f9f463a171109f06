"""One call of up to ten instances, as written down before it is made and after."""

from datetime import datetime
from typing import Final

from offpeakd.core.model import Request, State
from offpeakd.core.values import value

BATCH_LIMIT: Final = 10
"""Instances one call takes at the most (API page of the batch call, Request Parameters)."""


@value
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
        request.moved_to(
            State.SUBMITTING,
            batch.signed_at,
            attempt_id=attempt_id,
            batch_id=batch.id,
            attempts=request.attempts + 1,
        )
        for request, attempt_id in zip(batch.requests, batch.attempt_ids, strict=True)
    )


@value
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

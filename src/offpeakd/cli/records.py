"""JSON forms of our values. Their keys are a contract with scripts: only ever add to them."""

from datetime import datetime
from typing import Final

from offpeakd.cli.output import Json
from offpeakd.core.calendar import Opening
from offpeakd.core.clock_text import rfc3339
from offpeakd.core.model import Request
from offpeakd.core.tally import Tally
from offpeakd.ports import AttemptRecord, Event

REQUEST_KEYS: Final = (
    "id",
    "target",
    "instance_id",
    "group",
    "state",
    "verdict",
    "attempts",
    "batch_id",
    "job_id",
    "job_status",
    "error_code",
    "error_message",
    "reason",
    "requested_by",
    "requested_at",
    "not_before",
    "deadline",
    "submitted_at",
    "finished_at",
)


def instant(moment: datetime | None) -> str | None:
    """RFC 3339 in UTC with `Z`; null for no instant."""
    return None if moment is None else rfc3339(moment)


def request_record(request: Request, verdict: str | None) -> dict[str, Json]:
    """A request, with the code of why it waits."""
    return {
        "id": request.id,
        "target": request.target,
        "instance_id": request.instance_id,
        "group": request.group,
        "state": request.state.value,
        "verdict": verdict,
        "attempts": request.attempts,
        "batch_id": request.batch_id,
        "job_id": request.job_id,
        "job_status": request.job_status,
        "error_code": request.error_code,
        "error_message": request.error_message,
        "reason": request.reason,
        "requested_by": request.requested_by,
        "requested_at": instant(request.requested_at),
        "not_before": instant(request.not_before),
        "deadline": instant(request.deadline),
        "submitted_at": instant(request.submitted_at),
        "finished_at": instant(request.finished_at),
    }


def attempt_record(attempt: AttemptRecord) -> dict[str, Json]:
    """One call's part for one request."""
    return {
        "id": attempt.id,
        "batch_id": attempt.batch_id,
        "outcome": attempt.result.outcome,
        "job_id": attempt.result.job_id,
        "error_code": attempt.result.error_code,
        "error_message": attempt.result.error_message,
        "resolved_by": attempt.result.resolved_by,
        "signed_at": instant(attempt.signed_at),
        "sent_at": instant(attempt.sent_at),
        "finished_at": instant(attempt.finished_at),
        "http_status": attempt.http_status,
        "cloud_request_id": attempt.cloud_request_id,
        "version_before": attempt.whole_version,
        "evidence": evidence_record(attempt.result.evidence),
    }


def evidence_record(evidence: str | None) -> dict[str, Json] | None:
    """What looks at an attempt have said; null where none was made."""
    if evidence is None:
        return None
    tally = Tally.read(evidence)
    return {
        "negative": tally.negative,
        "changed": tally.changed,
        "inconclusive": tally.inconclusive,
        "counted_at": instant(tally.counted_at),
        "looks": [
            {
                "first": instant(said.first),
                "last": instant(said.last),
                "times": said.times,
                "found": said.kind.value,
                "says": said.sentence,
            }
            for said in tally.said
        ],
    }


def event_record(event: Event) -> dict[str, Json]:
    """One line of a request's history."""
    return {
        "at": instant(event.at),
        "kind": event.kind,
        "actor": event.actor,
        "state": None if event.state is None else event.state.value,
        "detail": dict(event.detail),
    }


def opening_record(opening: Opening) -> dict[str, Json]:
    """One opening; `start` is null for one that was always open, `end` for one without end."""
    return {
        "windows": list(opening.windows),
        "start": instant(opening.start),
        "end": instant(opening.end),
        "last_release": instant(opening.last_release),
        "minutes": opening.minutes,
        "notes": list(opening.notes),
    }

"""Every way of settling something, down to the last attribute: what no other test may overlook.

The other tests say why a request goes where it goes. Here stands what is written with it: times,
texts, the line of the history, and what becomes known of the attempt. Each is settled inside its
test, not while tests are collected: a mutated core shows only there.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from fakes.builders import NIGHT, NOON, a_claimed, a_request, a_result, an_id, an_instance
from offpeakd.core.change import AttemptResult, Change, Detail
from offpeakd.core.evidence import Doubt, Finding, Kind
from offpeakd.core.inquiry import Inquiry
from offpeakd.core.late import settle_late
from offpeakd.core.model import Request, State
from offpeakd.core.outcomes import Accepted, CloudProblem, ErrorKind, NotSent, Refused, Unclear
from offpeakd.core.policy import Policy
from offpeakd.core.resolve import Resolution, resolve
from offpeakd.core.seen import Job
from offpeakd.core.settle import (
    settle,
    settle_abandoned,
    settle_by_time,
    settle_cleared,
    settle_expired,
    settle_job,
    settle_look,
)
from offpeakd.core.settle_evidence import adopt, settle_finding, settle_gone
from offpeakd.core.tally import Tally

POLICY = Policy()
SENT = NIGHT - timedelta(seconds=1)
RESULT = a_result()
LATER = NIGHT + POLICY.fence

QUEUED = a_request(
    cohort="b0",
    held_reason="h",
    wait_until=NOON,
    wait_reason="backoff",
    wait_detail="w",
    error_code="E",
    error_message="old",
)
SENDING = a_claimed(cohort="b0", error_code="E", error_message="old")
DOUBTED = a_claimed(
    state=State.UNKNOWN, unknown_since=NOON, cohort="b0", error_code="E", error_message="old"
)
RUNNING = a_claimed(state=State.RUNNING, job_id="j", submitted_at=NOON)
PENDING = a_claimed(state=State.RUNNING, error_code="E", error_message="old", cohort="b0")
ENDED = a_claimed(state=State.SUCCEEDED, finished_at=NOON, changed_at=NOON)
REVIEWED = replace(DOUBTED, state=State.NEEDS_REVIEW, resends=1, job_progress="9%")


def after(request: Request, state: State, **facts: Any) -> Request:
    return replace(request, state=state, **{"changed_at": NIGHT, **facts})


def refused(kind: ErrorKind, code: str = "DBS.1") -> Refused:
    return Refused(CloudProblem(code, "no", kind, 400))


def answered(request: Request, outcome: Any, cohort: str | None = None) -> Change:
    return settle(request, outcome, RESULT, POLICY, cohort)


NO: Detail = {"code": "DBS.1", "message": "no", "status": 400}
KNOWN_NO = AttemptResult("refused", None, "DBS.1", "no", None, "answer")
CLEAR = {"unknown_since": None, "error_code": None, "error_message": None}
REFUSED = {"unknown_since": None, "error_code": "DBS.1", "error_message": "no"}
SINGLE = "single-node instances can't be upgraded by this call (cluster and replica set only)"
IDLE = {"wait_until": None, "wait_reason": None, "wait_detail": None, "held_reason": None}


@pytest.mark.parametrize(
    ("settled", "expected"),
    [
        pytest.param(
            lambda: answered(SENDING, Accepted("j")),
            Change(
                SENDING,
                after(
                    SENDING,
                    State.RUNNING,
                    job_id="j",
                    job_status="Running",
                    submitted_at=SENT,
                    cohort=None,
                    **CLEAR,
                ),
                "accepted",
                "offpeakd",
                {"job_id": "j"},
                AttemptResult("accepted", "j", resolved_by="answer"),
            ),
            id="accepted",
        ),
        pytest.param(
            lambda: answered(DOUBTED, NotSent("vetoed")),
            Change(
                DOUBTED,
                after(DOUBTED, State.QUEUED, attempts=0, unknown_since=None),
                "not_sent",
                "offpeakd",
                {"why": "vetoed"},
                AttemptResult("not_sent", error_message="vetoed", resolved_by="answer"),
            ),
            id="not sent",
        ),
        pytest.param(
            lambda: answered(SENDING, Unclear("cut")),
            Change(
                SENDING,
                after(
                    SENDING,
                    State.UNKNOWN,
                    unknown_since=NIGHT,
                    submitted_at=SENT,
                    error_code=None,
                    error_message="cut",
                ),
                "unclear",
                "offpeakd",
                {"why": "cut"},
                AttemptResult(None, error_message="cut"),
            ),
            id="unclear",
        ),
        pytest.param(
            lambda: answered(SENDING, refused(ErrorKind.AMBIGUOUS)),
            Change(
                SENDING,
                after(
                    SENDING,
                    State.UNKNOWN,
                    unknown_since=NIGHT,
                    submitted_at=SENT,
                    error_code=None,
                    error_message="DBS.1: no",
                ),
                "unclear",
                "offpeakd",
                {"why": "DBS.1: no"},
                AttemptResult(None, error_message="DBS.1: no"),
            ),
            id="refused: or not",
        ),
        pytest.param(
            lambda: answered(SENDING, refused(ErrorKind.DONE)),
            Change(
                SENDING,
                after(SENDING, State.SUCCEEDED, finished_at=NIGHT, submitted_at=SENT, **REFUSED),
                "already_current",
                "offpeakd",
                NO,
                KNOWN_NO,
            ),
            id="refused: current",
        ),
        pytest.param(
            lambda: answered(SENDING, refused(ErrorKind.THROTTLED)),
            Change(
                SENDING,
                after(SENDING, State.QUEUED, attempts=0, **REFUSED),
                "refused",
                "offpeakd",
                NO,
                KNOWN_NO,
            ),
            id="refused: not its fault",
        ),
        pytest.param(
            lambda: answered(SENDING, refused(ErrorKind.PARAMETER), "b1"),
            Change(
                SENDING,
                after(SENDING, State.QUEUED, attempts=0, **{**REFUSED, "cohort": "b1"}),
                "split",
                "offpeakd",
                {**NO, "cohort": "b1"},
                KNOWN_NO,
            ),
            id="refused: one of many",
        ),
        pytest.param(
            lambda: answered(SENDING, refused(ErrorKind.RETRY)),
            Change(
                SENDING,
                after(
                    SENDING,
                    State.QUEUED,
                    wait_until=NIGHT + POLICY.retry_first,
                    wait_reason="backoff",
                    wait_detail="try 1 of 5 was refused (DBS.1)",
                    cohort=None,
                    **REFUSED,
                ),
                "refused",
                "offpeakd",
                NO,
                KNOWN_NO,
            ),
            id="refused: later",
        ),
        pytest.param(
            lambda: answered(SENDING, refused(ErrorKind.PERMANENT)),
            Change(
                SENDING,
                after(
                    SENDING,
                    State.FAILED,
                    finished_at=NIGHT,
                    submitted_at=SENT,
                    cohort=None,
                    **REFUSED,
                ),
                "failed",
                "offpeakd",
                NO,
                KNOWN_NO,
            ),
            id="refused: for good",
        ),
        pytest.param(
            lambda: settle_late(DOUBTED, "a1", NotSent("vetoed"), RESULT, POLICY),
            Change(
                DOUBTED,
                after(DOUBTED, State.QUEUED, attempts=0, **CLEAR),
                "late_answer",
                "offpeakd",
                {"answer": "not_sent", "why": "vetoed"},
                AttemptResult("not_sent", error_message="vetoed", resolved_by="answer"),
            ),
            id="late: not sent",
        ),
        pytest.param(
            lambda: settle_late(
                replace(QUEUED, attempt_id="a1"), "a1", Accepted("j"), RESULT, POLICY
            ),
            Change(
                replace(QUEUED, attempt_id="a1"),
                after(
                    replace(QUEUED, attempt_id="a1"),
                    State.RUNNING,
                    job_id="j",
                    job_status="Running",
                    submitted_at=SENT,
                    cohort=None,
                    **CLEAR,
                    **IDLE,
                ),
                "late_answer",
                "offpeakd",
                {"answer": "accepted", "job_id": "j"},
                AttemptResult("accepted", "j", resolved_by="answer"),
            ),
            id="late: accepted after it was queued again",
        ),
        pytest.param(
            lambda: settle_late(ENDED, "a1", Accepted("j"), RESULT, POLICY),
            Change(
                ENDED,
                after(ENDED, State.SUCCEEDED, job_id="j"),
                "late_answer",
                "offpeakd",
                {"answer": "accepted", "job_id": "j"},
                AttemptResult("accepted", "j", resolved_by="answer"),
            ),
            id="late: accepted after it had ended",
        ),
        pytest.param(
            lambda: settle_late(SENDING, "a0", Accepted("j"), RESULT, POLICY),
            Change(
                SENDING,
                after(SENDING, State.SUBMITTING),
                "late_answer",
                "offpeakd",
                {"answer": "accepted", "job_id": "j"},
            ),
            id="late: accepted of an earlier attempt",
        ),
        pytest.param(
            lambda: settle_cleared(QUEUED, NIGHT),
            Change(QUEUED, after(QUEUED, State.QUEUED, cohort=None), ""),
            id="cleared",
        ),
        pytest.param(
            lambda: settle_expired(QUEUED, NIGHT),
            Change(QUEUED, after(QUEUED, State.EXPIRED, finished_at=NIGHT), "expired"),
            id="expired",
        ),
        pytest.param(
            lambda: settle_by_time(replace(QUEUED, deadline=NIGHT), NIGHT),
            Change(
                replace(QUEUED, deadline=NIGHT),
                after(
                    replace(QUEUED, deadline=NIGHT),
                    State.EXPIRED,
                    finished_at=NIGHT,
                ),
                "expired",
            ),
            id="expired just before it was to be sent",
        ),
        pytest.param(
            lambda: settle_by_time(replace(QUEUED, not_before=NOON), NIGHT),
            Change(
                replace(QUEUED, not_before=NOON),
                after(
                    replace(QUEUED, not_before=NOON),
                    State.QUEUED,
                    wait_until=NOON,
                    wait_reason="not-before",
                    wait_detail=None,
                ),
                "passed_over",
                "offpeakd",
                {"why": "it was made ready before its time, by a clock that was ahead"},
            ),
            id="back to waiting for its time",
        ),
        pytest.param(
            lambda: settle_abandoned(SENDING, NIGHT),
            Change(
                SENDING,
                after(
                    SENDING,
                    State.UNKNOWN,
                    unknown_since=NIGHT,
                    error_message="the daemon that was sending it stopped before it wrote down "
                    "the answer",
                ),
                "unclear",
                "offpeakd",
                {
                    "why": "the daemon that was sending it stopped before it wrote down the answer",
                },
                AttemptResult(
                    None,
                    error_message="the daemon that was sending it stopped before it wrote down "
                    "the answer",
                ),
            ),
            id="abandoned",
        ),
    ],
)
def test_an_answer_or_its_absence_is_written_down_whole(
    settled: Callable[[], Change | None], expected: Change
) -> None:
    assert settled() == expected


@pytest.mark.parametrize(
    ("settled", "expected"),
    [
        pytest.param(
            lambda: settle_look(QUEUED, None, NIGHT),
            Change(
                QUEUED,
                after(
                    QUEUED,
                    State.FAILED,
                    finished_at=NIGHT,
                    error_code="instance-missing",
                    error_message="the cloud knows no instance of this id",
                ),
                "failed",
                "offpeakd",
                {"code": "instance-missing", "message": "the cloud knows no instance of this id"},
            ),
            id="missing",
        ),
        pytest.param(
            lambda: settle_look(QUEUED, an_instance(mode="Single"), NIGHT),
            Change(
                QUEUED,
                after(
                    QUEUED,
                    State.FAILED,
                    finished_at=NIGHT,
                    error_code="single-node",
                    error_message=SINGLE,
                ),
                "failed",
                "offpeakd",
                {"code": "single-node", "message": SINGLE},
            ),
            id="single node",
        ),
        pytest.param(
            lambda: settle_look(QUEUED, an_instance(patch_available=False), NIGHT),
            Change(
                QUEUED,
                after(QUEUED, State.SUCCEEDED, finished_at=NIGHT),
                "already_current",
                "offpeakd",
                {"whole_version": "4.0.3.5"},
            ),
            id="current",
        ),
        pytest.param(
            lambda: settle_look(QUEUED, an_instance(actions=("RESTARTING", "RESIZE")), NIGHT),
            Change(
                QUEUED,
                after(
                    QUEUED,
                    State.QUEUED,
                    wait_until=NIGHT + timedelta(seconds=60),
                    wait_reason="instance-busy",
                    wait_detail="the instance is busy: RESTARTING, RESIZE",
                ),
                "passed_over",
                "offpeakd",
                {"why": "the instance is busy: RESTARTING, RESIZE"},
            ),
            id="busy",
        ),
        pytest.param(
            lambda: settle_job(RUNNING, Job("j", an_id(1), "Completed", NOON, NOON, "100%"), NIGHT),
            Change(
                RUNNING,
                after(
                    RUNNING,
                    State.SUCCEEDED,
                    finished_at=NOON,
                    job_status="Completed",
                    job_progress="100%",
                ),
                "succeeded",
                "offpeakd",
                {"job_id": "j"},
            ),
            id="completed",
        ),
        pytest.param(
            lambda: settle_job(RUNNING, Job("j", an_id(1), "Failed", NOON), NIGHT),
            Change(
                RUNNING,
                after(
                    RUNNING,
                    State.FAILED,
                    finished_at=NIGHT,
                    job_status="Failed",
                    error_code="job-failed",
                    error_message="the cloud gave no reason",
                ),
                "failed",
                "offpeakd",
                {"job_id": "j", "message": "the cloud gave no reason"},
            ),
            id="failed",
        ),
        pytest.param(
            lambda: settle_job(RUNNING, Job("j", an_id(1), "Running", NOON, progress="9%"), NIGHT),
            Change(
                RUNNING,
                after(RUNNING, State.RUNNING, job_status="Running", job_progress="9%"),
                "",
            ),
            id="running",
        ),
        pytest.param(
            lambda: settle_gone(RUNNING, "the version changed", None, NIGHT),
            Change(
                RUNNING,
                after(RUNNING, State.SUCCEEDED, finished_at=NIGHT),
                "succeeded",
                "offpeakd",
                {
                    "job_id": "j",
                    "why": "the cloud has forgotten job j",
                    "evidence": "the version changed",
                },
            ),
            id="gone: upgraded",
        ),
        pytest.param(
            lambda: settle_gone(RUNNING, "", an_instance(), NIGHT),
            Change(
                RUNNING,
                after(
                    RUNNING,
                    State.FAILED,
                    finished_at=NIGHT,
                    error_code="job-gone",
                    error_message="the cloud has forgotten job j, and the instance was not "
                    "upgraded",
                ),
                "failed",
                "offpeakd",
                {
                    "job_id": "j",
                    "why": "the cloud has forgotten job j",
                    "message": "the cloud has forgotten job j, and the instance was not upgraded",
                },
            ),
            id="gone: not upgraded",
        ),
        pytest.param(
            lambda: settle_gone(RUNNING, "", None, NIGHT),
            Change(
                RUNNING,
                after(
                    RUNNING,
                    State.NEEDS_REVIEW,
                    error_code="unresolved",
                    error_message="the cloud has forgotten job j, and the instance does not show "
                    "whether it was upgraded",
                ),
                "needs_review",
                "offpeakd",
                {
                    "job_id": "j",
                    "why": "the cloud has forgotten job j, and the instance does not show "
                    "whether it was upgraded",
                },
            ),
            id="gone: nobody knows",
        ),
        pytest.param(
            lambda: adopt(
                QUEUED, Job("j", an_id(1), "Running", NOON, progress="9%"), NIGHT, "seen"
            ),
            Change(
                QUEUED,
                after(
                    QUEUED,
                    State.RUNNING,
                    job_id="j",
                    job_status="Running",
                    job_progress="9%",
                    submitted_at=NOON,
                    cohort=None,
                    **CLEAR,
                    **IDLE,
                ),
                "adopted",
                "offpeakd",
                {"job_id": "j", "job_status": "Running", "evidence": "seen"},
            ),
            id="adopted",
        ),
    ],
)
def test_what_a_look_shows_is_written_down_whole(
    settled: Callable[[], Change | None], expected: Change
) -> None:
    assert settled() == expected


def found(kind: Kind, request: Request, job: Job | None = None, **counts: Any) -> Change:
    inquiry = Inquiry(
        request,
        Doubt(NIGHT, fenced=True, whole_version="4.0.3.5"),
        Finding(kind, "seen", job),
        LATER,
        NIGHT,
        Tally(**counts),
        POLICY,
    )
    return settle_finding(inquiry).change


@pytest.mark.parametrize(
    ("settled", "expected"),
    [
        pytest.param(
            lambda: found(Kind.JOB, DOUBTED, Job("j", an_id(1), "Running", NOON, progress="9%")),
            Change(
                DOUBTED,
                after(
                    DOUBTED,
                    State.RUNNING,
                    job_id="j",
                    job_status="Running",
                    job_progress="9%",
                    submitted_at=NOON,
                    cohort=None,
                    **CLEAR,
                ),
                "adopted",
                "offpeakd",
                {"job_id": "j", "job_status": "Running", "evidence": "seen"},
                AttemptResult("accepted", "j", resolved_by="reconcile"),
            ),
            id="job",
        ),
        pytest.param(
            lambda: found(Kind.UPGRADING, DOUBTED),
            Change(
                DOUBTED,
                after(DOUBTED, State.RUNNING, submitted_at=NIGHT, cohort=None, **CLEAR),
                "adopted",
                "offpeakd",
                {"evidence": "seen", "job_id": "not seen yet"},
                AttemptResult("started", resolved_by="reconcile"),
            ),
            id="upgrading",
        ),
        pytest.param(
            lambda: found(Kind.CHANGED, PENDING, changed=2),
            Change(
                PENDING,
                after(
                    PENDING,
                    State.SUCCEEDED,
                    finished_at=NIGHT,
                    submitted_at=NIGHT,
                    cohort=None,
                    **CLEAR,
                ),
                "succeeded",
                "offpeakd",
                {"note": "no job id seen", "evidence": "seen"},
                AttemptResult("started", resolved_by="reconcile"),
            ),
            id="upgraded",
        ),
        pytest.param(
            lambda: found(Kind.NEGATIVE, DOUBTED, negative=2),
            Change(
                DOUBTED,
                after(DOUBTED, State.QUEUED, resends=1, submitted_at=None, **CLEAR),
                "not_started",
                "offpeakd",
                {"why": "3 looks after the fence found no trace of an upgrade"},
                AttemptResult(
                    "not_started",
                    error_message="3 looks after the fence found no trace of an upgrade",
                    resolved_by="reconcile",
                ),
            ),
            id="not started",
        ),
        pytest.param(
            lambda: found(Kind.NEGATIVE, replace(DOUBTED, resends=1), negative=2),
            Change(
                replace(DOUBTED, resends=1),
                after(
                    replace(DOUBTED, resends=1),
                    State.NEEDS_REVIEW,
                    error_code="unresolved",
                    error_message="nothing shows that it was started, for the second time",
                ),
                "needs_review",
                "offpeakd",
                {"why": "nothing shows that it was started, for the second time"},
                AttemptResult(
                    None, error_message="nothing shows that it was started, for the second time"
                ),
            ),
            id="for a person",
        ),
        pytest.param(
            lambda: found(Kind.INCONCLUSIVE, DOUBTED),
            Change(DOUBTED, DOUBTED, "", attempt=AttemptResult(None)),
            id="nothing said",
        ),
    ],
)
def test_what_evidence_shows_is_written_down_whole(
    settled: Callable[[], Change], expected: Change
) -> None:
    change = settled()

    assert change.attempt is not None
    assert Tally.read(change.attempt.evidence).said[-1].sentence == "seen"
    assert replace(change, attempt=replace(change.attempt, evidence=None)) == expected


@pytest.mark.parametrize(
    ("resolution", "stands", "outcome"),
    [
        pytest.param(
            Resolution.STARTED,
            after(
                REVIEWED,
                State.RUNNING,
                job_id="j",
                job_status="Running",
                submitted_at=NOON,
                cohort=None,
                **CLEAR,
            ),
            "started",
            id="started",
        ),
        pytest.param(
            Resolution.NOT_STARTED,
            after(REVIEWED, State.QUEUED, resends=0, job_progress=None, **CLEAR),
            "not_started",
            id="not started",
        ),
        pytest.param(
            Resolution.CANCEL,
            after(REVIEWED, State.CANCELLED, finished_at=NIGHT),
            "given_up",
            id="cancelled",
        ),
    ],
)
def test_what_a_person_decides_is_written_down_whole(
    resolution: Resolution, stands: Request, outcome: str
) -> None:
    job_id = "j" if resolution is Resolution.STARTED else None

    change = resolve(REVIEWED, resolution, NIGHT, "kim", "why", Tally(), job_id)

    assert isinstance(change, Change)
    assert change.attempt is not None
    known = AttemptResult(
        outcome, job_id, error_message="why", evidence=change.attempt.evidence, resolved_by="kim"
    )
    detail = {"as": resolution.value, "reason": "why", "job_id": job_id}
    assert change == Change(REVIEWED, stands, "resolved", "kim", detail, known)

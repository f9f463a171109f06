"""What a call, a look or a job makes of a request."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.builders import NIGHT, NOON, a_claimed, a_request, a_result, an_instance
from offpeakd.core.model import (
    ALLOWED,
    LIVE,
    ForbiddenTransitionError,
    Request,
    State,
    UnfittingEndError,
)
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
from offpeakd.core.seen import Job
from offpeakd.core.settle import (
    BUSY_WAIT,
    UNSOUND_WAIT,
    backoff,
    concerns_one,
    settle,
    settle_abandoned,
    settle_by_time,
    settle_cleared,
    settle_expired,
    settle_job,
    settle_look,
)

POLICY = Policy()
TICK = timedelta(microseconds=1)


def refusal(kind: ErrorKind, code: str = "DBS.200011", status: int = 202) -> Refused:
    return Refused(CloudProblem(code, "the text", kind, status))


def test_an_accepted_instance_runs_under_the_clouds_job_id() -> None:
    change = settle(a_claimed(), Accepted("job-1"), a_result(), POLICY)

    assert change.after.state is State.RUNNING
    assert change.after.job_id == "job-1"
    assert change.after.submitted_at == NIGHT - timedelta(seconds=1)
    assert change.attempt is not None
    assert change.attempt.outcome == "accepted"


def test_a_late_answer_of_its_own_attempt_ends_the_unknown() -> None:
    unknown = a_claimed(state=State.UNKNOWN, unknown_since=NOON)

    change = settle(unknown, Accepted("job-1"), a_result(), POLICY)

    assert change.after.state is State.RUNNING
    assert change.after.unknown_since is None


def test_an_unsent_call_costs_no_try() -> None:
    change = settle(a_claimed(attempts=3), NotSent("no connection"), a_result(), POLICY)

    assert (change.after.state, change.after.attempts) == (State.QUEUED, 2)
    assert change.attempt is not None
    assert change.attempt.outcome == "not_sent"


@pytest.mark.parametrize(
    "outcome",
    [Unclear("read time-out"), refusal(ErrorKind.AMBIGUOUS, status=500)],
    ids=["no-answer", "ambiguous-code"],
)
def test_what_nothing_proves_becomes_unknown_and_keeps_its_attempt_open(outcome: Outcome) -> None:
    change = settle(a_claimed(), outcome, a_result(outcome="unclear"), POLICY)

    assert change.after.state is State.UNKNOWN
    assert change.after.unknown_since == NIGHT
    assert change.attempt is not None
    assert change.attempt.outcome is None


def test_an_instance_that_is_current_already_is_a_success() -> None:
    change = settle(a_claimed(), refusal(ErrorKind.DONE), a_result(), POLICY)

    assert change.after.state is State.SUCCEEDED
    assert change.after.finished_at == NIGHT


@pytest.mark.parametrize(
    "kind", [ErrorKind.AUTH, ErrorKind.CONFIGURATION, ErrorKind.THROTTLED], ids=str
)
def test_a_refusal_of_the_whole_target_costs_no_try(kind: ErrorKind) -> None:
    change = settle(a_claimed(attempts=2), refusal(kind, status=401), a_result(), POLICY)

    assert (change.after.state, change.after.attempts) == (State.QUEUED, 1)
    assert change.after.wait_until is None


def test_a_gateway_that_hiccups_costs_no_try() -> None:
    change = settle(
        a_claimed(), refusal(ErrorKind.RETRY, "APIGW.0613", 503), a_result(), POLICY, "batch"
    )

    assert (change.after.state, change.after.attempts) == (State.QUEUED, 0)


def test_a_refusal_that_may_pass_comes_back_after_a_back_off() -> None:
    change = settle(a_claimed(attempts=2), refusal(ErrorKind.RETRY), a_result(), POLICY)

    assert change.after.state is State.QUEUED
    assert change.after.wait_until == NIGHT + timedelta(minutes=10)
    assert change.after.wait_reason == "backoff"
    assert change.after.wait_detail == "try 2 of 5 was refused (DBS.200011)"


@pytest.mark.parametrize(
    ("kind", "attempts"),
    [(ErrorKind.RETRY, 5), (ErrorKind.PERMANENT, 1), (ErrorKind.PARAMETER, 1)],
    ids=["tries-used-up", "permanent", "lone-parameter"],
)
def test_a_refusal_for_good_fails_with_the_clouds_words(kind: ErrorKind, attempts: int) -> None:
    change = settle(a_claimed(attempts=attempts), refusal(kind), a_result(), POLICY)

    assert change.after.state is State.FAILED
    assert (change.after.error_code, change.after.error_message) == ("DBS.200011", "the text")


def test_one_of_a_refused_batch_waits_among_the_suspects() -> None:
    sent = a_claimed(attempts=3)

    change = settle(sent, refusal(ErrorKind.PARAMETER), a_result(), POLICY, "batch-1")

    assert change.after.state is State.QUEUED
    assert change.after.cohort == "batch-1"
    assert change.after.attempts == 2


def test_a_cleared_suspect_goes_like_any_other() -> None:
    assert settle_cleared(a_request(cohort="batch-1"), NIGHT).after.cohort is None


@pytest.mark.parametrize(
    ("problem", "expected"),
    [
        (None, False),
        (CloudProblem("DBS.200001", "", ErrorKind.PARAMETER, 400), True),
        (CloudProblem("DBS.200011", "", ErrorKind.RETRY, 403), True),
        (CloudProblem("APIGW.0201", "", ErrorKind.PARAMETER, 400), True),
        (CloudProblem("APIGW.0613", "", ErrorKind.RETRY, 503), False),
        (CloudProblem("APIGW.0301", "", ErrorKind.AUTH, 401), False),
    ],
    ids=["none", "parameter", "state", "gateway-400", "gateway-down", "key"],
)
def test_only_a_reason_that_may_be_one_instances_splits_a_batch(
    problem: CloudProblem | None, expected: bool
) -> None:
    assert concerns_one(problem) is expected


@pytest.mark.parametrize(
    ("attempts", "minutes"), [(0, 5), (1, 5), (2, 10), (3, 20), (7, 320), (8, 360), (99, 360)]
)
def test_the_back_off_doubles_up_to_its_most(attempts: int, minutes: int) -> None:
    assert backoff(attempts, POLICY) == timedelta(minutes=minutes)


def test_a_fit_instance_may_be_sent() -> None:
    assert settle_look(a_request(), an_instance(), NIGHT) is None


def test_an_instance_without_word_of_a_patch_may_be_sent() -> None:
    assert settle_look(a_request(), an_instance(patch_available=None), NIGHT) is None


def test_a_node_that_says_nothing_of_itself_is_no_reason_to_wait() -> None:
    assert settle_look(a_request(), an_instance(node_states=("", "normal")), NIGHT) is None


@pytest.mark.parametrize(
    ("facts", "code"),
    [(None, "instance-missing"), ({"mode": "Single"}, "single-node")],
    ids=["gone", "single"],
)
def test_an_instance_that_never_can_be_upgraded_fails_unsent(
    facts: dict[str, object] | None, code: str
) -> None:
    instance = None if facts is None else an_instance(**facts)

    change = settle_look(a_request(), instance, NIGHT)

    assert change is not None
    assert (change.after.state, change.after.error_code) == (State.FAILED, code)


def test_an_instance_without_a_patch_to_install_has_succeeded() -> None:
    change = settle_look(a_request(), an_instance(patch_available=False), NIGHT)

    assert change is not None
    assert change.after.state is State.SUCCEEDED


def test_a_version_that_the_cloud_does_not_tell_is_left_empty() -> None:
    silent = an_instance(patch_available=False, whole_version=None)

    change = settle_look(a_request(), silent, NIGHT)

    assert change is not None
    assert change.detail == {"whole_version": ""}


@pytest.mark.parametrize(
    ("facts", "reason", "wait", "why"),
    [
        ({"status": "frozen"}, "instance-frozen", UNSOUND_WAIT, "the instance is frozen"),
        (
            {"node_states": ("frozen",)},
            "instance-frozen",
            UNSOUND_WAIT,
            "the instance is frozen",
        ),
        (
            {"actions": ("BACKUP", "REBOOT"), "patch_available": False},
            "instance-busy",
            BUSY_WAIT,
            "the instance is busy: BACKUP, REBOOT",
        ),
        (
            {"status": "data_disk_full"},
            "instance-abnormal",
            UNSOUND_WAIT,
            "the instance is data_disk_full",
        ),
        ({"status": ""}, "instance-abnormal", UNSOUND_WAIT, "the instance is without a status"),
        (
            {"node_states": ("normal", "abnormal")},
            "instance-abnormal",
            UNSOUND_WAIT,
            "a node of the instance is abnormal",
        ),
        (
            {"node_states": ("normal", "backup")},
            "instance-busy",
            BUSY_WAIT,
            "a node of the instance is busy: backup",
        ),
        (
            {"node_states": ("abnormal", "backup", "")},
            "instance-busy",
            BUSY_WAIT,
            "a node of the instance is busy: abnormal, backup",
        ),
    ],
    ids=[
        "frozen",
        "node-frozen",
        "busy",
        "odd-status",
        "no-status",
        "node-abnormal",
        "node-busy",
        "nodes-abnormal-and-busy",
    ],
)
def test_an_instance_that_is_unfit_now_is_passed_over_for_a_while(
    facts: dict[str, object], reason: str, wait: timedelta, why: str
) -> None:
    change = settle_look(a_request(), an_instance(**facts), NIGHT)

    assert change is not None
    assert change.after.state is State.QUEUED
    assert change.after.wait_reason == reason
    assert change.after.wait_until == NIGHT + wait
    assert change.after.wait_detail == why


def running(**facts: object) -> Request:
    given: dict[str, object] = {"state": State.RUNNING, "job_id": "job-1", "job_status": "Running"}
    return a_claimed(**{**given, **facts})


def test_a_completed_job_succeeds_at_the_clouds_time() -> None:
    ended = NIGHT - timedelta(minutes=1)

    change = settle_job(running(), Job("job-1", "i", "Completed", ended_at=ended), NIGHT)

    assert change is not None
    assert (change.after.state, change.after.finished_at) == (State.SUCCEEDED, ended)


@pytest.mark.parametrize(
    ("said", "kept"),
    [("disk full", "disk full"), (None, "the cloud gave no reason")],
    ids=["with-reason", "without"],
)
def test_a_failed_job_fails_with_its_reason(said: str | None, kept: str) -> None:
    change = settle_job(running(), Job("job-1", "i", "Failed", fail_reason=said), NIGHT)

    assert change is not None
    assert change.after.state is State.FAILED
    assert (change.after.error_code, change.after.error_message) == ("job-failed", kept)
    assert change.after.finished_at == NIGHT


def test_progress_is_kept_without_an_event() -> None:
    request = running(job_progress="8%", changed_at=NOON)

    change = settle_job(request, Job("job-1", "i", "Running", progress="9%"), NIGHT)

    assert change is not None
    assert (change.after.state, change.after.job_progress) == (State.RUNNING, "9%")
    assert change.after.changed_at == NIGHT
    assert change.event == ""


def test_a_job_that_stands_as_before_changes_nothing() -> None:
    request = running(changed_at=NOON)

    assert settle_job(request, Job("job-1", "i", "Running"), NIGHT) is None


def test_a_word_we_do_not_know_keeps_it_running() -> None:
    change = settle_job(running(), Job("job-1", "i", "Pending"), NIGHT)

    assert change is not None
    assert (change.after.state, change.after.job_status) == (State.RUNNING, "Pending")


def test_a_deadline_that_passes_expires_the_request() -> None:
    assert settle_expired(a_request(), NIGHT).after.state is State.EXPIRED


@pytest.mark.parametrize(
    ("facts", "state", "waits"),
    [
        pytest.param({}, None, None, id="no times"),
        pytest.param({"deadline": NIGHT + TICK}, None, None, id="before the deadline"),
        pytest.param({"deadline": NIGHT}, "expired", None, id="at the deadline"),
        pytest.param({"deadline": NIGHT - TICK}, "expired", None, id="after the deadline"),
        pytest.param({"not_before": NIGHT + TICK}, "queued", NIGHT + TICK, id="too early"),
        pytest.param({"not_before": NIGHT}, None, None, id="at its time"),
        pytest.param({"not_before": NIGHT - TICK}, None, None, id="after its time"),
        pytest.param({"fenced_until": NIGHT + TICK}, "queued", NIGHT + TICK, id="a call is out"),
        pytest.param({"fenced_until": NIGHT}, None, None, id="no call can arrive any more"),
    ],
)
def test_a_request_about_to_be_sent_is_held_to_its_own_times(
    facts: dict[str, datetime], state: str | None, waits: datetime | None
) -> None:
    change = settle_by_time(a_request(**facts), NIGHT)

    assert (change and change.after.state.value) == state
    assert (change and change.after.wait_until) == waits


def test_what_a_dead_daemon_was_sending_is_unknown_never_queued() -> None:
    change = settle_abandoned(a_claimed(), NIGHT)

    assert change.after.state is State.UNKNOWN
    assert change.after.unknown_since == NIGHT


def test_a_forbidden_transition_is_a_defect() -> None:
    with pytest.raises(ForbiddenTransitionError, match="unknown may not follow queued"):
        a_request().moved_to(State.UNKNOWN, NIGHT)


@pytest.mark.parametrize("state", State)
def test_a_final_state_without_its_end_and_a_live_one_with_it_are_defects(state: State) -> None:
    before = a_request(state=next(one for one in State if state in ALLOWED[one]))
    right, wrong = (None, NIGHT) if state in LIVE else (NIGHT, None)

    assert before.moved_to(state, NIGHT, finished_at=right).finished_at == right
    with pytest.raises(UnfittingEndError, match=f"{state} (has no|needs an) end"):
        before.moved_to(state, NIGHT, finished_at=wrong)


outcomes = st.one_of(
    st.builds(Accepted, st.text(min_size=1)),
    st.builds(NotSent, st.text()),
    st.builds(Unclear, st.text()),
    st.builds(
        Refused,
        st.builds(
            CloudProblem,
            st.sampled_from(["DBS.200011", "APIGW.0308", "APIGW.0613"]),
            st.text(),
            st.sampled_from(ErrorKind),
            st.sampled_from([202, 400, 401, 403, 429, 500, 503]),
        ),
    ),
)


@given(
    outcome=outcomes,
    state=st.sampled_from([State.SUBMITTING, State.UNKNOWN]),
    attempts=st.integers(1, 9),
    cohort=st.none() | st.just("batch"),
)
def test_whatever_comes_of_a_call_the_next_state_is_allowed_and_no_doubt_is_queued_again(
    outcome: Outcome, state: State, attempts: int, cohort: str | None
) -> None:
    change = settle(a_claimed(state=state, attempts=attempts), outcome, a_result(), POLICY, cohort)

    assert change.after.state in ALLOWED[state]
    assert (change.after.finished_at is None) == (change.after.state in LIVE)
    doubtful = isinstance(outcome, Unclear) or (
        isinstance(outcome, Refused) and outcome.problem.kind is ErrorKind.AMBIGUOUS
    )
    if doubtful or isinstance(outcome, Accepted):
        assert change.after.state in (State.UNKNOWN, State.RUNNING)

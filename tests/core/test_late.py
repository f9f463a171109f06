"""T14: the own attempt's answer wins over looks, and never loses a job id."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from fakes.builders import NIGHT, a_request, a_result
from offpeakd.core.change import Change
from offpeakd.core.late import settle_late
from offpeakd.core.model import Request, State
from offpeakd.core.outcomes import Accepted, CloudProblem, ErrorKind, NotSent, Refused, Unclear
from offpeakd.core.policy import Policy

ACCEPTED = Accepted("job-1")
BUSY = Refused(CloudProblem("DBS.200011", "busy", ErrorKind.RETRY, 202))
UNSENT = NotSent("no connection")
OPEN = [State.UNKNOWN, State.NEEDS_REVIEW]


def standing(state: State, **facts: Any) -> Request:
    return a_request(**{"state": state, "attempt_id": "a1", "attempts": 1, **facts})


def late(request: Request, outcome: Any) -> Change | None:
    return settle_late(request, "a1", outcome, a_result(), Policy())


@pytest.mark.parametrize("state", OPEN)
@pytest.mark.parametrize(
    ("outcome", "after"),
    [(ACCEPTED, "running"), (BUSY, "queued"), (UNSENT, "queued")],
    ids=["accepted", "refused", "not-sent"],
)
def test_t14_an_own_answer_settles_what_was_in_doubt(
    state: State, outcome: object, after: str
) -> None:
    change = late(standing(state, error_code="unresolved", error_message="doubt"), outcome)

    assert change is not None
    assert change.after.state.value == after
    assert change.event == "late_answer"
    assert change.after.error_code != "unresolved"
    assert change.attempt is not None
    assert change.attempt.resolved_by == "answer"


def test_t14_a_late_refusal_of_a_batch_leaves_it_among_the_suspects() -> None:
    wrong = Refused(CloudProblem("DBS.200001", "wrong", ErrorKind.PARAMETER, 400))

    change = settle_late(standing(State.UNKNOWN), "a1", wrong, a_result(), Policy(), "b1")

    assert change is not None
    assert (change.after.state, change.after.cohort) == (State.QUEUED, "b1")
    assert (change.event, change.detail["answer"]) == ("late_answer", "split")


@pytest.mark.parametrize(
    "request_now",
    [
        standing(State.RUNNING),
        standing(State.RUNNING, job_id="adopted"),
        standing(State.QUEUED, wait_until=NIGHT, held_reason="kim"),
    ],
    ids=["id-pending", "adopted-another", "queued-again"],
)
def test_t14_an_accepted_answer_gives_its_job_id_to_what_runs_or_waits(
    request_now: Request,
) -> None:
    change = late(request_now, ACCEPTED)

    assert change is not None
    assert (change.after.state, change.after.job_id) == (State.RUNNING, "job-1")
    assert (change.after.wait_until, change.after.held_reason) == (None, None)


@pytest.mark.parametrize("state", [State.SUCCEEDED, State.FAILED, State.CANCELLED, State.EXPIRED])
def test_t14_a_request_that_ended_keeps_its_state_and_gains_the_job_id(state: State) -> None:
    change = late(standing(state, changed_at=NIGHT - timedelta(hours=1)), ACCEPTED)

    assert change is not None
    assert (change.after.state, change.after.job_id) == (state, "job-1")
    assert change.after.changed_at == NIGHT, "the history is dated by it"
    assert change.detail["job_id"] == "job-1"
    assert change.attempt is not None
    assert change.attempt.job_id == "job-1"


def test_t14_a_request_that_ended_with_a_job_keeps_that_and_notes_the_other() -> None:
    change = late(standing(State.SUCCEEDED, job_id="other"), ACCEPTED)

    assert change is not None
    assert (change.after.job_id, change.detail["job_id"]) == ("other", "job-1")


@pytest.mark.parametrize("state", [State.SUBMITTING, State.UNKNOWN, State.RUNNING])
def test_t14_another_attempt_is_left_alone_and_the_job_id_stands_in_the_history(
    state: State,
) -> None:
    request = standing(state, attempt_id="a2", changed_at=NIGHT - timedelta(hours=1))

    change = late(request, ACCEPTED)

    assert change is not None
    assert (change.before, change.after) == (request, replace(request, changed_at=NIGHT))
    assert (change.event, change.detail["job_id"], change.attempt) == ("late_answer", "job-1", None)


@pytest.mark.parametrize(
    ("request_now", "outcome"),
    [
        (standing(State.UNKNOWN), Unclear("reset")),
        (standing(State.RUNNING, job_id="job-1"), ACCEPTED),
        (standing(State.RUNNING), BUSY),
        (standing(State.QUEUED), UNSENT),
        (standing(State.QUEUED, attempt_id="a2"), BUSY),
    ],
    ids=["unclear", "known-already", "runs", "waits", "anothers"],
)
def test_t14_an_answer_that_adds_nothing_changes_nothing(
    request_now: Request, outcome: object
) -> None:
    assert late(request_now, outcome) is None


@pytest.mark.parametrize("state", State)
def test_t14_an_answer_that_proves_nothing_changes_nothing(state: State) -> None:
    odd = CloudProblem("DBS.280005", "server error", ErrorKind.AMBIGUOUS, 400)

    assert late(standing(state), Refused(odd)) is None
    assert late(standing(state), Unclear("cut")) is None

"""T17: what a person decides about a request that needs a review."""

import pytest

from fakes.builders import NIGHT, NOON, a_request
from offpeakd.core.change import Change
from offpeakd.core.evidence import Finding, Kind
from offpeakd.core.intake import Refusal
from offpeakd.core.model import State
from offpeakd.core.resolve import Resolution, resolve
from offpeakd.core.tally import Tally

REVIEW = a_request(
    state=State.NEEDS_REVIEW,
    attempt_id="a1",
    attempts=2,
    resends=1,
    unknown_since=NOON,
    error_code="unresolved",
    error_message="no proof",
)
TALLY = Tally(negative=3, since=NOON).noting(NOON, Finding(Kind.NEGATIVE, "no trace"))


def decided(resolution: Resolution, job_id: str | None = None) -> Change:
    change = resolve(REVIEW, resolution, NIGHT, "kim", "seen in the console", TALLY, job_id)
    assert isinstance(change, Change)
    return change


@pytest.mark.parametrize(
    ("resolution", "state", "outcome"),
    [
        (Resolution.STARTED, State.RUNNING, "started"),
        (Resolution.NOT_STARTED, State.QUEUED, "not_started"),
        (Resolution.CANCEL, State.CANCELLED, "given_up"),
    ],
)
def test_t17_a_person_decides_and_stands_for_it(
    resolution: Resolution, state: State, outcome: str
) -> None:
    change = decided(resolution)

    assert change.after.state is state
    assert (change.event, change.actor) == ("resolved", "kim")
    assert change.detail["reason"] == "seen in the console"
    assert change.attempt is not None
    assert change.attempt.outcome == outcome
    assert change.attempt.resolved_by == "kim"
    assert Tally.read(change.attempt.evidence).said == TALLY.said


def test_t17_started_is_watched_from_now_on() -> None:
    change = decided(Resolution.STARTED)

    assert (change.after.job_id, change.after.submitted_at) == (None, NOON)
    assert change.attempt is not None
    assert Tally.read(change.attempt.evidence) == Tally(since=NIGHT, said=TALLY.said)


def test_t17_started_with_a_job_is_followed_up_by_it() -> None:
    change = decided(Resolution.STARTED, "job-1")

    assert (change.after.job_id, change.after.job_status) == ("job-1", "Running")
    assert change.attempt is not None
    assert change.attempt.job_id == "job-1"


def test_t17_not_started_may_be_sent_and_sent_again_once_more() -> None:
    after = decided(Resolution.NOT_STARTED).after

    assert (after.resends, after.attempts, after.error_code) == (0, 2, None)


@pytest.mark.parametrize("state", [state for state in State if state is not State.NEEDS_REVIEW])
def test_t17_nothing_else_is_for_a_person_to_resolve(state: State) -> None:
    refusal = resolve(a_request(state=state), Resolution.CANCEL, NIGHT, "kim", "because", Tally())

    assert isinstance(refusal, Refusal)
    assert "can't be resolved" in refusal.what
    assert refusal.possible
